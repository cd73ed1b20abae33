"""The entry point of `unlet` and of `python -m toolkit`."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        from toolkit.cli import output  # noqa: PLC0415 - an interrupt may come while modules are imported

        output.install()
        if sys.argv[1:] == ["--version"]:
            # Half of the time of this answer would go to importing what is below.
            return _version()
        from toolkit.cli.commands import run  # noqa: PLC0415 - as above

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("unlet: interrupted\n")
        return 130
    finally:
        # All is done: an interrupt of what Python does when it ends needs no traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _version() -> int:
    from toolkit import __version__  # noqa: PLC0415 - as above
    from toolkit.errors import ToolkitError  # noqa: PLC0415

    try:
        sys.stdout.write(f"unlet {__version__}\n")
        sys.stdout.flush()
    except ToolkitError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
