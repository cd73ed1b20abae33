"""Standard output and standard error, made safe to write to, whatever is behind them.

That is done once, before anything is printed, so that it holds for the libraries that print as well.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_OUTPUT, _ERRORS = 1, 2


def install() -> None:
    """Replace the standard streams. One that is closed takes none of the numbers of files that are opened later."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Writing to standard output has to fail; nobody reads standard error.
            os.open(os.devnull, os.O_WRONLY if number == _ERRORS else os.O_RDONLY)
    sys.stdout, sys.stderr = _stream(_Output(), sys.stdout), _stream(_Errors(), sys.stderr)


def _stream(raw: io.FileIO, old: TextIO | None) -> io.TextIOWrapper:
    encoding = old.encoding if old is not None else "utf-8"
    is_prompt = raw.fileno() == _ERRORS or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=is_prompt)


class _Output(io.FileIO):
    """Standard output. That its reader is gone is no failure: the exit code is still that of the work."""

    def __init__(self) -> None:
        super().__init__(_OUTPUT, "wb", closefd=False)

    def write(self, content: ReadableBuffer, /) -> int:
        """Write as it is; raise ToolkitError if that fails for a reason such as a full disk."""
        try:
            return super().write(content)
        except BrokenPipeError:
            _give_up(_OUTPUT)
        except OSError as error:
            _give_up(_OUTPUT)
            raise ToolkitError(
                f"standard output: cannot be written: {(error.strerror or str(error)).lower()}"
            ) from None
        return memoryview(content).nbytes


class _Errors(io.FileIO):
    """Standard error. If it cannot be written there is nobody to hear of it."""

    def __init__(self) -> None:
        super().__init__(_ERRORS, "wb", closefd=False)

    def write(self, content: ReadableBuffer, /) -> int:
        """Write as it is, or drop it."""
        try:
            return super().write(content)
        except OSError:
            _give_up(_ERRORS)
        return memoryview(content).nbytes


def _give_up(number: int) -> None:
    """Send all that follows nowhere: the interpreter writes what it has left when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
