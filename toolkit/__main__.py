"""The entry point of `unlet` and of `python -m toolkit`."""

from __future__ import annotations

import gc
import sys

from toolkit import __version__

_ALLOCATIONS = 100_000
"""How many more objects there may be before Python looks for garbage among them."""

_SECONDS = 0.0005
"""How long one thread may compute while others want to."""


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        # Half of the time of this answer would go to importing what is below.
        sys.stdout.write(f"unlet {__version__}\n")
        return 0
    # What importing and parsing make is needed to the end, most of it. To look for garbage in it as often as Python
    # does, and in all of it once more when the process ends, took a sixth of the time of `inspect`.
    gc.set_threshold(_ALLOCATIONS)
    # A thread that has waited for a program goes on at once, and not only after 5 ms, where another one computes.
    sys.setswitchinterval(_SECONDS)
    from toolkit.cli.entry import run  # noqa: PLC0415 - see above

    try:
        return run(sys.argv[1:])
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
