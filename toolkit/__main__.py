"""The entry point of `unlet` and of `python -m toolkit`."""

from __future__ import annotations

import sys

from toolkit import __version__


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        # Half of the time of this answer would go to importing what is below.
        sys.stdout.write(f"unlet {__version__}\n")
        return 0
    from toolkit.cli.entry import run  # noqa: PLC0415 - see above

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
