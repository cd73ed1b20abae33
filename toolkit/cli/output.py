"""Print results to stdout, and progress and messages to stderr.

All printed text passes through `harmless`, which escapes control characters. The module
toolkit.cli.proofs formats a report.
"""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import contextmanager
from itertools import accumulate
from threading import Event, Thread
from typing import TYPE_CHECKING, Self, TextIO

from toolkit.errors import ToolkitError, reason_of
from toolkit.text import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from _typeshed import ReadableBuffer

    from toolkit.cli.options import GlobalOptions
    from toolkit.model import Progress
    from toolkit.report.lines import Line


_OUTPUT, _ERRORS = 1, 2

FIRST_LINE, NEXT_LINE = 1.0, 10.0
"""The seconds until the first line shows the current step, and between two later lines.
"""

_TONES = {"proven": "green", "not run": "yellow", "failed": "bold red"}


@contextmanager
def working(settings: GlobalOptions) -> Generator[Progress, None, None]:
    """Yield a Progress that shows the current work on stderr.

    A terminal gets a spinner; a pipe, CI, a dumb terminal and NO_COLOR get lines. With
    --verbose, each step is a comment and each command a line to paste.
    """
    if settings.verbose:
        from toolkit.process import echoing  # noqa: PLC0415 - only --verbose needs the import

        with echoing(say):
            yield _Steps(lambda what: say(f"# {what}"))
    elif settings.quiet:
        yield _Steps(lambda _: None)
    elif not _is_animated():
        with _Lines() as lines:
            yield lines
    else:
        from rich.console import Console  # noqa: PLC0415 - rich takes longer to import than most work takes
        from rich.text import Text  # noqa: PLC0415 - rich takes longer to import than most work takes

        with Console(stderr=True, highlight=False).status(Text("starting")) as status:
            yield _Steps(lambda what: status.update(Text(harmless(what))))


class _Steps:
    """A Progress that passes each step to a function."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show

    def step(self, what: str) -> None:
        """Pass a step to the function."""
        self._show(what)


class _Lines:
    """A Progress that prints the current step as a line at intervals.

    The first line is printed after FIRST_LINE seconds, so a quick command prints none.
    """

    def __init__(self) -> None:
        self._current = self._printed = ""
        self._ended = Event()
        self._printer = Thread(target=self._print, daemon=True)

    def __enter__(self) -> Self:
        self._printer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._printer.join()

    def step(self, what: str) -> None:
        """Store a step, which the next line will show."""
        self._current = what

    def _print(self) -> None:
        seconds = FIRST_LINE
        while not self._ended.wait(seconds):
            if (current := self._current) != self._printed:
                say(f"unlet: {current}")
                self._printed = current
            seconds = NEXT_LINE


def _is_animated() -> bool:
    """Return whether stderr is a terminal on which a spinner may be shown."""
    wants_lines = any(map(os.environ.get, ("NO_COLOR", "CI")))
    is_dumb = os.environ.get("TERM", "dumb") in {"", "dumb", "unknown"}
    return sys.stderr.isatty() and not wants_lines and not is_dumb


def table(rows: Sequence[Sequence[str]], *, widest: int | None = None) -> Iterator[str]:
    """Yield rows as lines with aligned columns.

    A cell longer than `widest` does not widen its column; it shifts the rest of its own
    line.
    """
    fitting = (
        [len(text) for text in column if widest is None or len(text) <= widest]
        for column in zip(*rows, strict=True)
    )
    widths = [max(lengths, default=0) for lengths in fitting]
    starts = [0, *accumulate(width + 2 for width in widths)]
    for row in rows:
        line = ""
        for start, text in zip(starts, row, strict=False):
            line = (f"{line}  " if line else "").ljust(start) + text
        yield line.rstrip()


def write_json(value: object) -> None:
    """Print one JSON document."""
    from toolkit import documents  # noqa: PLC0415 - only --json needs the import

    write(documents.write(value))


def write_lines(lines: Iterable[str]) -> None:
    """Print lines of text to stdout in its encoding.

    Line feeds within a line are escaped.
    """
    sys.stdout.write("".join(f"{_line(line)}\n" for line in lines))
    sys.stdout.flush()


def write_toned(lines: Iterable[Line]) -> None:
    """Print lines to stdout, each in the colour of its tone on a terminal.

    FORCE_COLOR also sets colours elsewhere; NO_COLOR turns them off.
    """
    if not sys.stdout.isatty() and not os.environ.get("FORCE_COLOR"):
        write_lines(line.text for line in lines)
        return
    from rich.console import Console  # noqa: PLC0415 - rich takes longer to import than most work takes
    from rich.text import Text  # noqa: PLC0415 - rich takes longer to import than most work takes

    console = Console(highlight=False)
    for line in lines:
        text = Text(harmless(line.text))
        text.stylize(_TONES.get(line.tone, ""), 0, line.head)
        console.print(text, soft_wrap=True)


def write(document: bytes) -> None:
    """Print a document to stdout as UTF-8, whatever the encoding of stdout."""
    sys.stdout.flush()
    sys.stdout.buffer.write(harmless(document.decode()).encode())
    sys.stdout.buffer.flush()


def say(*lines: str) -> None:
    """Print lines on stderr."""
    sys.stderr.write("".join(f"{_line(line)}\n" for line in lines))
    sys.stderr.flush()


def _line(text: str) -> str:
    # Show a byte of a file's name that is not UTF-8 as an escape.
    shown = re.sub(
        "[\udc80-\udcff]",
        lambda found: f"\\x{ord(found[0]) & 0xFF:02x}",
        harmless(text),
    )
    return shown.replace("\n", "\\n")


def install() -> None:
    """Replace the standard streams with safe ones, also for libraries that print.

    If a standard stream is closed, reserve its file descriptor, so that no opened file
    gets that number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # A later write to standard output has to fail; one to standard error is
            # ignored.
            os.open(os.devnull, os.O_WRONLY if number == _ERRORS else os.O_RDONLY)
    sys.stdout, sys.stderr = _stream(_OUTPUT, sys.stdout), _stream(_ERRORS, sys.stderr)


def _stream(number: int, old: TextIO | None) -> io.TextIOWrapper:
    raw = _Standard(number)
    encoding = old.encoding if old is not None else "utf-8"
    is_prompt = number == _ERRORS or raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding,
        errors="backslashreplace",
        line_buffering=is_prompt,
    )


class _Standard(io.FileIO):
    """Standard output or standard error as a file.

    A closed reader is not a failure: the exit code is still that of the command.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)

    def write(self, content: ReadableBuffer, /) -> int:
        """Write the text unchanged.

        Raise ToolkitError if standard output cannot be written, for example on a full
        disk.
        """
        try:
            return super().write(content)
        except OSError as error:
            # Redirect the stream to /dev/null, because the interpreter flushes its
            # remaining output when it ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if self.fileno() == _OUTPUT and not isinstance(error, BrokenPipeError):
                raise ToolkitError(
                    f"standard output: cannot be written: {reason_of(error)}"
                ) from None
        return memoryview(content).nbytes
