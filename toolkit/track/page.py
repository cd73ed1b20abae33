"""The answer as a page of HTML that needs nothing else, and as Markdown for an issue or a summary of a job.

What comes from upstream is text in both, and nothing else: it is no markup, mentions nobody, and turns nothing around.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from msgspec import Struct, field

from toolkit.proposal import registry
from toolkit.report.markdown import cell, unlinked
from toolkit.text import harmless
from toolkit.track import table
from toolkit.track.model import moment
from toolkit.track.readings import Overridable, Place, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolkit.track.model import History, TrackAnswer, Version

GOOD, BAD, HALF, NOTE, NONE, UNTOLD = "good", "bad", "half", "note", "none", "untold"

LANE = 26
"""How high a bar is, in units of the picture."""

_TOP, _BOTTOM, _BETWEEN, _TITLE, _ROW = 38, 26, 14, 16, 15
_BESIDE = 600
_LETTER, _SMALL_LETTER = 6.6, 6.1
_NARROWEST = 2.0
_DAY = 86400.0
_TWO_YEARS, _HALF_A_YEAR, _YEAR = 24, 6, 12

_OVERRIDABLE = {
    Overridable.YES: (GOOD, "overridable"),
    Overridable.PARTLY: (HALF, "partly"),
    Overridable.NO: (BAD, "in the let"),
    Overridable.NOT_APPLICABLE: (NONE, "no moby"),
    Overridable.UNKNOWN: (UNTOLD, "could not tell"),
}
_REACHED = _OVERRIDABLE | {
    Overridable.NO: (BAD, "out of reach"),
    Overridable.YES: (GOOD, "within reach"),
    Overridable.NOT_APPLICABLE: (NONE, "none"),
}
_PLACES = {
    Place.SUFFIX: (GOOD, "PATH suffix"),
    Place.ABSENT: (GOOD, "not in PATH"),
    Place.BOTH: (BAD, "prefix and suffix"),
    Place.PREFIX: (BAD, "PATH prefix"),
    Place.NO_WRAPPER: (NONE, "no wrapper"),
    Place.UNKNOWN: (UNTOLD, "could not tell"),
}
_TODO = {True: (NOTE, "comment there"), False: (NONE, "no comment"), None: (UNTOLD, "could not tell")}

_WIDTHS = {"wide": 1040, "narrow": 360}

_MARKS = {
    State.FIXED: GOOD,
    State.HALF_FIXED: HALF,
    State.NOT_FIXED: BAD,
    State.NOT_APPLICABLE: NONE,
    State.ABSENT: NONE,
    table.UNTOLD: UNTOLD,
}


def to_html(answer: TrackAnswer) -> bytes:
    """Return the page; no script, no font, no picture comes from anywhere."""
    return _rendered("page.html.jinja", answer, harmless)


def to_markdown(answer: TrackAnswer) -> bytes:
    """Return the Markdown."""
    text = _rendered("answer.md.jinja", answer, _plain).decode()
    return re.sub(r"\n{3,}", "\n\n", text).encode()


def _rendered(template: str, answer: TrackAnswer, show: Callable[[str], str]) -> bytes:
    history = answer.history
    told = list(zip(history.events, table.events(history), strict=True)) if history is not None else []
    notes = [*table.notes(answer), *(f"warning: {warning}" for warning in answer.warnings)]
    text = (
        _environment(show)
        .get_template(template)
        .render(
            answer=answer,
            checked=f"{answer.checked:%Y-%m-%d %H:%M:%S} UTC",
            changes=[table.change(change) for change in answer.changes],
            ref_head=table.ref_head(answer),
            refs=table.refs(answer),
            glossary=table.glossary(answer),
            pull_head=table.PULL_HEAD,
            pulls=table.pulls(answer),
            history=history,
            event_head=table.EVENT_HEAD,
            told=told,
            pictures=_pictures(answer),
            lane=LANE,
            notes=notes,
            marks=_MARKS,
            is_https=_is_https,
        )
    )
    return text.encode(errors="backslashreplace")


def _pictures(answer: TrackAnswer) -> list[Picture]:
    if answer.history is None:
        return []
    drawn = [
        timeline(answer.history, until=answer.checked, width=width, name=name, package=answer.package)
        for name, width in _WIDTHS.items()
    ]
    return [each for each in drawn if each is not None]


@cache
def _environment(show: Callable[[str], str]) -> Environment:
    def finalize(value: object) -> object:
        return show(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(cell=_cell, code=_code)
    return environment


def _plain(text: str) -> Markup:
    """Return text in which nothing is Markdown; `@name` and `#1` become no mention and no link."""
    escaped = re.sub(r"([\\`*_\[\]<>~&])", r"\\\1", " ".join(harmless(text).split()))
    return Markup(unlinked(escaped))  # noqa: S704 - it is Markdown


def _cell(text: str) -> Markup:
    return Markup(cell(_plain(text)))  # noqa: S704 - it is Markdown


def _code(text: str) -> Markup:
    """Return a command as code, whatever it holds."""
    shown = " ".join(harmless(text).split())
    ticks = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return Markup(f"{ticks}{pad}{shown}{pad}{ticks}")  # noqa: S704 - it is Markdown


def _is_https(url: str | None) -> bool:
    return url is not None and url.startswith("https://")


class Label(Struct, frozen=True, kw_only=True):
    """A text whose line begins at a place, or ends there with the `anchor` end."""

    x: float
    y: float
    text: str
    anchor: str = "start"


class Bar(Struct, frozen=True, kw_only=True):
    """A time in which one thing was so. Its label is in it, or below it at the end of a line from its middle."""

    x: float
    y: float
    width: float
    kind: str
    when: str
    label: Label
    inside: bool


class Lane(Struct, frozen=True, kw_only=True):
    """One thing over time."""

    title: Label
    bars: tuple[Bar, ...]


class Picture(Struct, frozen=True, kw_only=True):
    """All parts; `name` tells it from others on the page. `ticks` stand above the lanes, `years` below them."""

    name: str
    width: int
    height: float
    bottom: float
    summary: str
    lanes: tuple[Lane, ...] = ()
    ticks: tuple[Label, ...] = ()
    years: tuple[Label, ...] = ()
    top: float = field(default=_TOP)


class _Scale(Struct, frozen=True, kw_only=True):
    """From times, in seconds since the epoch, to columns between `left` and `right`."""

    first: float
    last: float
    left: float
    right: float

    def x(self, seconds: float) -> float:
        return self.left + (seconds - self.first) / (self.last - self.first) * (self.right - self.left)


def timeline(history: History, *, until: datetime, width: int, name: str, package: str) -> Picture | None:
    """Return the picture, `width` units wide; `until` is the date of its right end. None if there is no version.

    Below 600 units the lanes' names stand above them, else beside them.
    """
    versions = [version for version in history.versions if version.mainline]
    if not versions:
        return None
    beside = width >= _BESIDE
    times = _times(versions)
    end = max(until.timestamp(), times[-1] + _DAY)
    scale = _Scale(first=min(times[0], end - _DAY), last=end, left=116.0 if beside else 4.0, right=width - 6.0)
    lanes: list[Lane] = []
    y = float(_TOP)
    for title, column in _columns(versions, package).items():
        y += 0 if beside else _TITLE
        bars, rows = _bars(_merged(column, times, end), scale, y)
        place = Label(x=0.0, y=y + LANE * 0.68, text=title) if beside else Label(x=scale.left, y=y - 5, text=title)
        lanes.append(Lane(title=place, bars=tuple(bars)))
        y += LANE + rows * _ROW + _BETWEEN
    return Picture(
        name=name,
        width=width,
        height=y + _BOTTOM,
        bottom=y,
        summary="; ".join(f"{lane.title.text}: {lane.bars[-1].label.text}" for lane in lanes),
        lanes=tuple(lanes),
        ticks=tuple(_ticks(versions, times, scale, package)),
        years=tuple(_years(scale, y + 15)),
    )


def _columns(versions: Sequence[Version], package: str) -> dict[str, list[tuple[str, str]]]:
    if not registry.is_named(package):
        return {"bindings": [_REACHED[version.reading.overridable] for version in versions]}
    return {
        "components": [_OVERRIDABLE[version.reading.overridable] for version in versions],
        "rootlesskit": [_PLACES[version.reading.rootlesskit] for version in versions],
        "the TODO": [_TODO[version.reading.todo] for version in versions],
    }


def _merged(
    column: Sequence[tuple[str, str]], times: Sequence[float], end: float
) -> list[tuple[float, float, str, str]]:
    """Return the times in which a value stays the same: from, to, kind, label."""
    starts = [index for index in range(len(column)) if index == 0 or column[index] != column[index - 1]]
    ends = [*(times[index] for index in starts[1:]), end]
    return [(times[index], until, *column[index]) for index, until in zip(starts, ends, strict=True)]


def _bars(spans: Sequence[tuple[float, float, str, str]], scale: _Scale, y: float) -> tuple[list[Bar], int]:
    """Return the bars of a lane, and how many rows of labels there are below them."""
    places = [(scale.x(start), max(scale.x(end) - scale.x(start), _NARROWEST)) for start, end, _, _ in spans]
    inside = [len(label) * _LETTER + 10 < width for (*_, label), (_, width) in zip(spans, places, strict=True)]
    below = {
        index: (x + width / 2, len(spans[index][-1]) * _SMALL_LETTER + 4)
        for index, (x, width) in enumerate(places)
        if not inside[index]
    }
    rows = _rows(below, scale.right)
    bars: list[Bar] = []
    for index, ((start, end, kind, label), (x, width)) in enumerate(zip(spans, places, strict=True)):
        text = Label(x=x + 6, y=y + LANE * 0.66, text=label)
        if index in rows:
            row, turned = rows[index]
            middle = x + width / 2
            text = Label(
                x=middle - 3 if turned else middle + 3,
                y=y + LANE + (row + 1) * _ROW - 3,
                text=label,
                anchor="end" if turned else "start",
            )
        when = f"{moment(start):%Y-%m-%d} to {moment(end):%Y-%m-%d}: {label}"
        bars.append(Bar(x=x, y=y, width=width, kind=kind, when=when, label=text, inside=inside[index]))
    return bars, max((row + 1 for row, _ in rows.values()), default=0)


def _rows(below: dict[int, tuple[float, float]], right: float) -> dict[int, tuple[int, bool]]:
    """Return the row of each label, and whether it ends at its line; `below` has the lines' columns and the lengths.

    No line crosses a label. A label that has no room to the right of its line, or whose line would cross one without
    room, ends there; those are placed from left to right, and the others from right to left. So the line of a label
    crosses none that is placed before, and the label goes below the lines that would cross it.
    """
    turned: dict[int, tuple[float, float]] = {}
    for index, (line, length) in reversed(below.items()):
        if line + length > right or any(begin < line <= end for begin, end in turned.values()):
            turned[index] = (line - length, line)
    spans = {index: (line, line + length) for index, (line, length) in below.items()} | turned
    rows: dict[int, int] = {}
    for index in (*sorted(turned), *(index for index in reversed(below) if index not in turned)):
        begin, end = spans[index]
        crossing = [
            row
            for other, row in rows.items()
            if (spans[other][0] <= end and begin <= spans[other][1]) or begin <= below[other][0] <= end
        ]
        rows[index] = max(crossing, default=-1) + 1
    return {index: (row, index in turned) for index, row in rows.items()}


def _ticks(versions: Sequence[Version], times: Sequence[float], scale: _Scale, package: str) -> Iterator[Label]:
    """Yield the newest release of each time, where it changes its major version and there is room."""
    free, last = scale.left - 1, None
    for version, time in zip(versions, times, strict=True):
        major = (version.reading.newest or "").partition(".")[0]
        if not major or major == last:
            continue
        last = major
        x = scale.x(time)
        label = f"{package} {major}" if free < scale.left else major
        if x < free or x + len(label) * _LETTER > scale.right:
            continue
        free = x + (len(label) + 1) * _LETTER
        yield Label(x=x, y=14, text=label)


def _years(scale: _Scale, y: float) -> Iterator[Label]:
    """Yield the years, or the months where there are few of them."""
    start, end = moment(scale.first), moment(scale.last)
    months = end.year * 12 + end.month - start.year * 12 - start.month
    step = _YEAR if months > _TWO_YEARS else 3 if months > _HALF_A_YEAR else 1
    free = scale.left - 1
    for month in range(start.year * 12, end.year * 12 + 12, step):
        first = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        label = f"{first:%Y}" if step == _YEAR else f"{first:%Y-%m}"
        x = scale.x(first.timestamp())
        if start <= first <= end and x >= free and x + len(label) * _LETTER <= scale.right:
            free = x + (len(label) + 1.5) * _LETTER
            yield Label(x=x, y=y, text=label)


def _times(versions: Sequence[Version]) -> list[float]:
    """Return when each version came; one that is dated before its predecessor came with it."""
    times: list[float] = []
    for version in versions:
        seconds = version.commit.date.timestamp()
        times.append(max(seconds, times[-1]) if times else seconds)
    return times
