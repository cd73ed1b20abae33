"""The timeline of the defects as a picture: SVG that stands in a page, whose style sheet has its colours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from toolkit.docker.track.report.document import Overridable, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.track.report.document import History, Version

GOOD, BAD, HALF, NONE, UNTOLD = "good", "bad", "half", "none", "untold"

_LANE, _GAP, _TOP, _AXIS = 26, 30, 34, 30
_LETTER = 6.6
_NARROWEST = 2.0
_DAY = 86400.0

_OVERRIDABLE = {
    Overridable.YES: (GOOD, "overridable"),
    Overridable.PARTLY: (HALF, "partly"),
    Overridable.NO: (BAD, "in the let"),
    Overridable.NOT_APPLICABLE: (NONE, "no moby"),
    Overridable.UNKNOWN: (UNTOLD, "could not tell"),
}
_PLACES = {
    Place.SUFFIX: (GOOD, "PATH suffix"),
    Place.ABSENT: (GOOD, "not in PATH"),
    Place.BOTH: (BAD, "prefix and suffix"),
    Place.PREFIX: (BAD, "PATH prefix"),
    Place.NO_WRAPPER: (NONE, "no wrapper"),
    Place.UNKNOWN: (UNTOLD, "could not tell"),
}
_HATCH = (
    '<defs><pattern id="{name}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" class="hatch-ground"/>'
    '<rect width="2" height="6" class="hatch-line"/></pattern></defs>'
)

_TODO = {True: (BAD, "there"), False: (NONE, "not there"), None: (UNTOLD, "could not tell")}


@dataclass(frozen=True, slots=True)
class _Span:
    """A time in which one thing was so; in seconds since the epoch."""

    start: float
    end: float
    kind: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """From times to columns between `left` and `right`."""

    first: float
    last: float
    left: float
    right: float

    def x(self, seconds: float) -> float:
        return self.left + (seconds - self.first) / (self.last - self.first) * (self.right - self.left)


def timeline(history: History, *, until: str, width: int, name: str) -> str:
    """Return the picture, `width` units wide; `until` is the date of its right end, `name` tells it from others.

    Below 600 units the lanes' names stand above them, else beside them. Nothing for a history without versions.
    """
    versions = [version for version in history.versions if version.mainline]
    if not versions:
        return ""
    beside = width >= 600  # noqa: PLR2004 - where there is room for both
    left = 116.0 if beside else 4.0
    times = _times(versions)
    end = max(_seconds(until), times[-1] + _DAY)
    scale = _Scale(first=min(times[0], end - _DAY), last=end, left=left, right=width - 6.0)
    step = _LANE + _GAP if not beside else _LANE + 14
    lanes = _lanes(versions, times, end)
    top = float(_TOP)
    height = top + step * len(lanes) + _AXIS - 8
    # First, so that the lanes lie on its lines.
    body = [*_dockers(versions, times, scale), *_axis(scale, _TOP, height - _AXIS + 2)]
    for title, spans in lanes:
        base = top if beside else top + 16
        if beside:
            body.append(_text(0, base + _LANE * 0.68, title, "lane"))
        else:
            body.append(_text(left, base - 5, title, "lane"))
        body += _spans(spans, scale, base)
        top += step
    summary = "; ".join(f"{title}: {spans[-1].label}" for title, spans in lanes)
    head = (
        f'<svg class="timeline {name}" viewBox="0 0 {width} {height:.0f}" width="{width}" height="{height:.0f}" '
        f'role="img" aria-labelledby="{name}-title">'
    )
    return "\n".join(
        [
            head,
            f'<title id="{name}-title">The defects over time. At the end, {escape(summary)}.</title>',
            _HATCH.format(name=name),
            *(part.replace("url(#hatch)", f"url(#{name}-hatch)") for part in body),
            "</svg>",
        ]
    )


def _lanes(versions: Sequence[Version], times: Sequence[float], end: float) -> list[tuple[str, list[_Span]]]:
    values = {
        "components": [_OVERRIDABLE[version.overridable] for version in versions],
        "rootlesskit": [_PLACES[version.rootlesskit] for version in versions],
        "the TODO": [_TODO[version.todo] for version in versions],
    }
    return [(title, list(_merged(column, times, end))) for title, column in values.items()]


def _merged(column: Sequence[tuple[str, str]], times: Sequence[float], end: float) -> Iterator[_Span]:
    """Yield the times in which a value stays the same."""
    start = 0
    for index in range(1, len(column) + 1):
        if index < len(column) and column[index] == column[start]:
            continue
        kind, label = column[start]
        yield _Span(times[start], times[index] if index < len(column) else end, kind, label)
        start = index


def _spans(spans: Sequence[_Span], scale: _Scale, top: float) -> Iterator[str]:
    for span in spans:
        x = scale.x(span.start)
        # What was so for a day must be seen as well.
        width = max(scale.x(span.end) - x, _NARROWEST)
        fill = ' fill="url(#hatch)"' if span.kind == UNTOLD else ""
        when = f"{_date(span.start)} to {_date(span.end)}: {span.label}"
        yield (
            f'<g><title>{escape(when)}</title><rect class="span {span.kind}" x="{x:.1f}" y="{top:.1f}" '
            f'width="{width:.1f}" height="{_LANE}" rx="3"{fill}/>'
        )
        if len(span.label) * _LETTER + 10 < width:
            yield _text(x + 6, top + _LANE * 0.66, span.label, f"label on-{span.kind}")
        yield "</g>"


def _dockers(versions: Sequence[Version], times: Sequence[float], scale: _Scale) -> Iterator[str]:
    """Yield the newest docker of each time above the lanes, where it changes its major version and there is room."""
    free, last = scale.left - 1, None
    for version, time in zip(versions, times, strict=True):
        major = (version.newest or "").partition(".")[0]
        if not major or major == last:
            continue
        last = major
        x = scale.x(time)
        label = f"docker {major}" if free < scale.left else major
        if x < free or x + len(label) * _LETTER > scale.right:
            continue
        free = x + (len(label) + 1) * _LETTER
        yield f'<line class="tick" x1="{x:.1f}" y1="20" x2="{x:.1f}" y2="{_TOP - 4}"/>'
        yield _text(x, 14, label, "docker")


def _axis(scale: _Scale, top: float, bottom: float) -> Iterator[str]:
    """Yield the years, or the months where there are few of them, at the bottom."""
    free = scale.left - 1
    for label, seconds in _ticks(scale.first, scale.last):
        x = scale.x(seconds)
        if x < free or x + len(label) * _LETTER > scale.right:
            continue
        free = x + (len(label) + 1.5) * _LETTER
        yield f'<line class="year" x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
        yield _text(x, bottom + 15, label, "axis")


def _ticks(first: float, last: float) -> Iterator[tuple[str, float]]:
    start, end = _moment(first), _moment(last)
    months = end.year * 12 + end.month - start.year * 12 - start.month
    step = 12 if months > 24 else 3 if months > 6 else 1  # noqa: PLR2004 - two years, half a year
    for month in range(start.year * 12, end.year * 12 + 12, step):
        moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if first <= moment.timestamp() <= last:
            yield (str(moment.year) if step == 12 else f"{moment:%Y-%m}"), moment.timestamp()  # noqa: PLR2004 - a year


def _times(versions: Sequence[Version]) -> list[float]:
    """Return when each version came; one that is dated before its predecessor came with it."""
    times: list[float] = []
    for version in versions:
        seconds = _seconds(version.date)
        times.append(max(seconds, times[-1]) if times else seconds)
    return times


def _seconds(date: str) -> float:
    return datetime.fromisoformat(date).timestamp()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _date(seconds: float) -> str:
    return f"{_moment(seconds):%Y-%m-%d}"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
