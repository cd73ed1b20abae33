"""Draw on a terminal. Only this module imports rich, and only drawing imports this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.segment import Segment
from rich.spinner import Spinner as Wheel
from rich.text import Text

from toolkit.model import Status
from toolkit.report.lines import Tone
from toolkit.text import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from rich.console import ConsoleOptions, RenderableType

    from toolkit.cli.options import GlobalOptions
    from toolkit.model import Proof
    from toolkit.report.lines import Line

_STYLES = {Status.PASSED: "green", Status.FAILED: "bold red", Status.NOT_RUN: "yellow"}
_MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.NOT_RUN: "-"}


_TONES = {Tone.PROVEN: "green", Tone.NOT_RUN: "yellow", Tone.FAILED: "bold red"}


class Spinner:
    """A spinner with the current step, below the finished proofs; it disappears when the work ends."""

    def __init__(self, color: str) -> None:
        """Take `auto`, `always` or `never` for colours."""
        self._console = _Harmless(stderr=True, no_color=_no_color(color), highlight=False)
        self._done: list[RenderableType] = []
        self._step = Text("starting")
        self._wheel = Wheel("dots", text=self._step)
        self._live = Live(self._picture(), console=self._console, transient=True, refresh_per_second=10)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the picture away."""
        self._live.stop()

    def step(self, what: str) -> None:
        """Show the step beside the spinner."""
        self._wheel.update(text=Text(what))
        self._live.update(self._picture())

    def proof(self, proof: Proof) -> None:
        """Show a finished proof."""
        self._done.append(Text.assemble((_MARKS[proof.status], _STYLES[proof.status]), " ", proof.name))
        self._live.update(self._picture())

    def _picture(self) -> Group:
        return Group(*self._done, self._wheel)


def paint(lines: Iterable[Line], *, settings: GlobalOptions) -> None:
    """Print lines, each in the colour of its tone."""
    console = _stdout(settings)
    for line in lines:
        text = Text(line.text)
        text.stylize(_TONES.get(line.tone, ""), 0, line.head)
        console.print(text, soft_wrap=True)


class _Harmless(Console):
    """A console that lets nothing through but its own control codes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render as rich does, without what a terminal would act on."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)


def _stdout(settings: GlobalOptions) -> Console:
    """Return the console for stdout, which is drawn on as if it were a terminal if that is asked for."""
    return _Harmless(
        force_terminal=True if settings.color == "always" else None, no_color=_no_color(settings.color), highlight=False
    )


def _no_color(color: str) -> bool | None:
    """Return what rich calls no_color; None lets it look at NO_COLOR."""
    return {"always": False, "never": True}.get(color)
