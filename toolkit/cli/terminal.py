"""Drawing on a terminal. The only importer of rich, and imported only when something is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.segment import Segment
from rich.spinner import Spinner as Wheel
from rich.table import Table
from rich.text import Text

from toolkit.cli import report as told
from toolkit.model import Status
from toolkit.report import comparison
from toolkit.report.explanation import Tone
from toolkit.text import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from rich.console import ConsoleOptions, RenderableType

    from toolkit.cli.options import Settings
    from toolkit.model import Proof, Report
    from toolkit.report.explanation import Line

_STYLES = {Status.PASSED: "green", Status.FAILED: "bold red", Status.NOT_RUN: "yellow"}
_MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.NOT_RUN: "-"}


_TONES = {
    Tone.COMMIT: "bold",
    Tone.PLACE: "cyan",
    Tone.ADDED: "green",
    Tone.REMOVED: "red",
    Tone.UNKNOWN: "bold yellow",
    Tone.PASSED: "dim",
    Tone.NOT_RUN: "yellow",
    Tone.FAILED: "bold red",
}


class Spinner:
    """Progress as a spinner with the current step, below the proofs that are done; gone when the work is."""

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
        """Tick off a proof."""
        self._done.append(Text.assemble(_status(proof.status), " ", proof.name))
        self._live.update(self._picture())

    def _picture(self) -> Group:
        return Group(*self._done, self._wheel)


def draw(report: Report, *, settings: Settings, out: Path | None) -> None:
    """Print a report, as toolkit.cli.report tells it in lines."""
    console = _stdout(settings)
    for part in _parts(report, settings=settings, out=out):
        console.print(part)


def paint(lines: Iterable[Line], *, settings: Settings) -> None:
    """Print the lines of an explanation, each in the colour of its tone."""
    console = _stdout(settings)
    for line in lines:
        console.print(Text(line.text, style=_TONES.get(line.tone, "")), soft_wrap=True)


class _Harmless(Console):
    """A console that lets nothing through but its own control codes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render as rich does, without what a terminal would act on."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)


def _stdout(settings: Settings) -> Console:
    """Return the console for stdout, which is drawn on as if it were a terminal if that is asked for."""
    return _Harmless(
        force_terminal=True if settings.color == "always" else None,
        no_color=_no_color(settings.color),
        highlight=False,
    )


def _comparison(report: Report) -> Table:
    head, *rows = comparison.table(report.comparison)
    table = Table(*head, box=None, pad_edge=False)
    styles: dict[str, str] = {status.value: style for status, style in _STYLES.items()}
    for name, *cells in rows:
        table.add_row(name, *(Text(cell, style=styles.get(cell, "")) for cell in cells))
    return table


def _parts(report: Report, *, settings: Settings, out: Path | None) -> Iterator[RenderableType]:
    if not settings.quiet:
        yield from map(Text, told.heading(report))
    proofs = told.shown(report, settings)
    if proofs:
        yield _table(proofs)
    for proof in proofs:
        for number, line in enumerate(told.details(proof)):
            yield Text(line, style=_STYLES[proof.status] if number == 0 else "")
    if report.comparison and not settings.quiet:
        yield _comparison(report)
    for warning in report.warnings:
        yield Text.assemble(("warning: ", "bold yellow"), warning)
    if not settings.quiet:
        yield from _footer(report, out)


def _footer(report: Report, out: Path | None) -> Iterator[RenderableType]:
    if out is not None and report.files:
        yield Text(f"\nwrote {len(report.files)} files to {out}")
        yield Text("\n".join(f"  {name}" for name in report.files), style="dim")
    if report.failed:
        yield Text(f"\n{len(report.failed)} of {len(report.proofs)} proofs failed", style="bold red")
    elif out is not None:
        yield Text()
        grid = Table.grid(padding=(0, 2))
        for who, what in told.next_steps(report, out):
            # Folded where it is too long: a line to copy must not lose its end.
            grid.add_row(Text(who, style="bold"), Text(what, overflow="fold"))
        yield grid


def _table(proofs: tuple[Proof, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("proof", no_wrap=True)
    table.add_column("covers", overflow="fold")
    table.add_column("seconds", justify="right", no_wrap=True)
    for proof in proofs:
        status = Text.assemble(_status(proof.status), (f" {proof.status}", _STYLES[proof.status]))
        table.add_row(status, Text(proof.name), Text(proof.covers), f"{proof.seconds:.2f}")
    return table


def _status(status: Status) -> Text:
    return Text(_MARKS[status], style=_STYLES[status])


def _no_color(color: str) -> bool | None:
    """Return what rich calls no_color; None lets it look at NO_COLOR."""
    return {"always": False, "never": True}.get(color)
