"""Printing: results on stdout, progress on stderr. What a report looks like is told by toolkit.cli.report."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from toolkit.cli.options import Settings
    from toolkit.model import Progress, Proof


@contextmanager
def working(settings: Settings) -> Generator[Progress, None, None]:
    """Yield what shows the progress of the work within, on stderr.

    A spinner on a terminal; with --verbose every step as a comment and every command as a line to paste;
    nothing otherwise.
    """
    if settings.verbose:
        from toolkit.process import echoing  # noqa: PLC0415 - for --verbose alone

        lines = Lines()
        with echoing(lines.print):
            yield lines
    elif settings.quiet or not sys.stderr.isatty():
        yield Silence()
    else:
        from toolkit.cli.terminal import Spinner  # noqa: PLC0415 - rich takes longer to import than most work takes

        with Spinner(settings.color) as spinner:
            yield spinner


class Silence:
    """Progress that nobody looks at."""

    def step(self, what: str) -> None:
        """Pass over a step."""

    def proof(self, proof: Proof) -> None:
        """Pass over a proof."""


class Lines:
    """Progress in the form of a shell script: comments and commands."""

    def step(self, what: str) -> None:
        """Print a step as a comment."""
        self.print(f"# {what}")

    def proof(self, proof: Proof) -> None:
        """Print a proof's outcome as a comment."""
        self.print(f"# {proof.name}: {proof.status}")

    def print(self, line: str) -> None:
        """Print a line; commands may be started from several threads."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def drawn(settings: Settings) -> bool:
    """Tell whether stdout is drawn on with rich: where it is a terminal, or where colours are wanted anyway."""
    return settings.color == "always" or sys.stdout.isatty()


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with aligned columns; nothing for no rows."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def size(count: int) -> str:
    """Return a number of bytes for people."""
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:  # noqa: PLR2004 - the SI prefixes' step
        value /= 1000
        del units[0]
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def write_json(value: object) -> None:
    """Print one JSON document."""
    import json  # noqa: PLC0415 - for --json alone

    write((json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))


def write_lines(lines: Iterable[str]) -> None:
    """Print lines of text."""
    write_text("".join(f"{line}\n" for line in lines))


def write_text(text: str) -> None:
    """Print text in the encoding of stdout."""
    write(text.encode(sys.stdout.encoding or "utf-8", errors="backslashreplace"))


def write(content: bytes) -> None:
    """Print bytes. Where the reader is gone, drop them, so that the exit code is still that of the work.

    Raise ToolkitError where stdout cannot be written for another reason, such as a full disk.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        discard()
    except OSError as error:
        discard()
        raise ToolkitError(f"standard output: cannot be written: {error.strerror or error}") from error


def flush() -> None:
    """Write out what is still in a buffer."""
    write(b"")


def discard() -> None:
    """Send all further output nowhere: the interpreter flushes once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
