"""Draw on a terminal. Only this module imports rich, and only drawing imports this module."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from toolkit.model import Progress, Silence
from toolkit.report.lines import Line, Tone
from toolkit.text import harmless

_TONES = {Tone.PROVEN: "green", Tone.NOT_RUN: "yellow", Tone.FAILED: "bold red"}


class _Spinning(Silence):
    """The current step beside a spinner."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def step(self, what: str) -> None:
        """Show the step."""
        self._status.update(Text(harmless(what)))


@contextmanager
def spinner() -> Generator[Progress]:
    """Draw a spinner on stderr, which disappears when the work ends."""
    console = Console(stderr=True, highlight=False)
    with console.status(Text("starting")) as status:
        yield _Spinning(status)


def paint(lines: Iterable[Line]) -> None:
    """Print lines on stdout, each in the colour of its tone; rich heeds NO_COLOR and FORCE_COLOR."""
    console = Console(highlight=False)
    for line in lines:
        text = Text(harmless(line.text))
        text.stylize(_TONES.get(line.tone, ""), 0, line.head)
        console.print(text, soft_wrap=True)
