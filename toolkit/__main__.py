"""The entry point of `unlet` and of `python -m toolkit`."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

_INTERRUPTED = 130
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> NoReturn:
    """Run the command line of this process, and exit with its exit code.

    If a signal ends the process at any moment, the exit code is 130. `sys.exit` would
    restore the default effect of signals too early.
    """
    # A plain `kill` and a closed terminal run the same cleanup as Ctrl-C. Signals that
    # nohup ignores stay ignored.
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    status = _run()
    sys.stderr.flush()
    os._exit(status)


def _run() -> int:
    try:
        from toolkit.cli import output  # noqa: PLC0415 - an interrupt may come while modules are imported

        output.install()
        if sys.argv[1:] == ["--version"]:
            # The imports below would double the time of `--version`.
            return _version()
        from toolkit.cli.commands import run  # noqa: PLC0415 - an interrupt may come while modules are imported

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("unlet: interrupted\n")
        return _INTERRUPTED
    finally:
        for number in _ENDING:
            if callable(signal.getsignal(number)):
                signal.signal(number, _leave)


def _leave(*_: object) -> NoReturn:
    os._exit(_INTERRUPTED)


def _version() -> int:
    from toolkit import __version__  # noqa: PLC0415 - only --version needs the import
    from toolkit.errors import ToolkitError  # noqa: PLC0415

    try:
        sys.stdout.write(f"unlet {__version__}\n")
        sys.stdout.flush()
    except ToolkitError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    main()
