"""Draw on a terminal. Only this module imports rich, and only drawing imports this module."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from toolkit.model import Progress, Silence
from toolkit.report.lines import Line, Tone
from toolkit.text import harmless

_TONES = {Tone.PROVEN: "green", Tone.NOT_RUN: "yellow", Tone.FAILED: "bold red"}


class _Harmless(Console):
    """A console that lets nothing through but its own control codes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render as rich does, without what a terminal would act on."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)


class _Spinning(Silence):
    """The current step beside a spinner."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def step(self, what: str) -> None:
        """Show the step."""
        self._status.update(Text(what))


@contextmanager
def spinner() -> Generator[Progress]:
    """Draw a spinner on stderr, which disappears when the work ends."""
    console = _Harmless(stderr=True, highlight=False)
    with console.status(Text("starting")) as status:
        yield _Spinning(status)


def paint(lines: Iterable[Line]) -> None:
    """Print lines on stdout, each in the colour of its tone; rich heeds NO_COLOR and FORCE_COLOR."""
    console = _Harmless(highlight=False)
    for line in lines:
        text = Text(line.text)
        text.stylize(_TONES.get(line.tone, ""), 0, line.head)
        console.print(text, soft_wrap=True)
