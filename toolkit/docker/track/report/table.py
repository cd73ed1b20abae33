"""The answer as rows of cells, which the terminal aligns and Markdown and HTML make tables of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.track.report.document import Fit, Place, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.track.report.document import Answer, Arrival, Change, Event, History, Pull, Ref, Series

Row = tuple[str, ...]

UNTOLD = "could not tell"
REF_HEAD: Row = ("ref", "state", "overridable", "rootlesskit", "TODO", "docker", "our series", "last change")
PULL_HEAD: Row = ("pull request", "state", "mergeable", "review", "does", "arrived in")
EVENT_HEAD: Row = ("date", "commit", "what")

_DAY = 10
_SHORT = 12


def refs(answer: Answer) -> list[Row]:
    """Return a row a ref, without the head."""
    return [_ref(ref) for ref in answer.refs]


def pulls(answer: Answer) -> list[Row]:
    """Return a row a pull request; a backport follows the one that it is of."""
    rows: list[Row] = []
    for top in answer.pulls:
        rows.append(pull(top))
        rows += [pull(backport, indent="  ") for backport in top.backports]
    return rows


def events(history: History) -> list[Row]:
    """Return a row an event, oldest first."""
    return [(event.date[:_DAY], event.commit[:_SHORT], event.text) for event in history.events]


def notes(answer: Answer) -> Iterator[str]:
    """Yield what does not fit in a cell: why something could not be told, where the file has gone."""
    for ref in answer.refs:
        if ref.state is State.UNKNOWN:
            yield f"{ref.name}: could not tell: {ref.reason or 'no reason is known'}"
        elif ref.reading is not None and ref.reading.reason is not None:
            yield f"{ref.name}: {ref.reading.reason}"
        if ref.moved:
            yield f"{ref.name}: the file is '{ref.path}'"
        if ref.fixed_by is not None:
            yield f"{ref.name}: fixed by {ref.fixed_by.commit[:_SHORT]} of {ref.fixed_by.date[:_DAY]}"
    yield from (f"#{each.number}: {each.reason}" for each in answer.pulls if each.reason is not None)
    decided = deciders(answer)
    if decided is not None:
        yield decided


def deciders(answer: Answer) -> str | None:
    """Return in one sentence what decided, Nix or the syntax."""
    by = {
        decider
        for ref in answer.refs
        if ref.reading is not None
        for decider in (ref.reading.overridable_by, ref.reading.rootlesskit_by)
        if decider is not None
    }
    if not by:
        return None
    words = {"evaluation": "Nix's evaluation", "syntax": "the syntax"}
    return f"decided by {' and '.join(words.get(each, each) for each in sorted(by))}"


def change(changed: Change) -> str:
    """Return what changed since last time, in one line."""
    if changed.before is None:
        return f"{changed.subject}: {changed.field} is {changed.after}"
    return f"{changed.subject}: {changed.field} was {changed.before}, is {changed.after}"


def event_source(event: Event) -> str:
    """Return where an event comes from, in one line."""
    return f"{event.commit[:_SHORT]} {event.subject}"


def _ref(ref: Ref) -> Row:
    reading = ref.reading
    if reading is None:
        return (ref.name, UNTOLD, "?", "?", "?", "?", "?", "?")
    todo = "?" if reading.todo is None else "there" if reading.todo else "none"
    changed = f"{ref.changed.date[:_DAY]} {ref.changed.commit[:_SHORT]}" if ref.changed is not None else "?"
    return (
        ref.name,
        UNTOLD if ref.state is State.UNKNOWN else ref.state.value,
        _told(reading.overridable.value),
        _told(reading.rootlesskit.value if reading.rootlesskit is not Place.BOTH else "both"),
        todo,
        " ".join(version for version in reading.releases.values() if version) or "?",
        _series(ref.series),
        changed,
    )


def _series(series: Series | None) -> str:
    if series is None or series.fit is Fit.UNKNOWN:
        return "?"
    if series.fit is Fit.OFFSET:
        return f"offset {series.detail}"
    return f"conflicts {series.detail}" if series.fit is Fit.CONFLICTS and series.detail else series.fit.value


def pull(each: Pull, *, indent: str = "") -> Row:
    """Return the row of a pull request."""
    mergeable = {True: "yes", False: "no", None: "?"}[each.mergeable] if each.state == "open" else ""
    number = f"#{each.number}" if each.number else "backport"
    return (
        f"{indent}{number}{' (draft)' if each.draft else ''}",
        UNTOLD if each.state == "unknown" else each.state,
        mergeable,
        each.review or "",
        each.effect or ("does not touch the file" if each.touches is False else "?"),
        arrived(each.arrivals),
    )


def arrived(arrivals: Sequence[Arrival]) -> str:
    """Return where a merged commit is, and where it is not yet."""
    there = [each.ref for each in arrivals if each.arrived]
    missing = [each.ref for each in arrivals if each.arrived is False]
    untold = [each.ref for each in arrivals if each.arrived is None]
    parts = [", ".join(there)] if there else []
    parts += [f"not in {', '.join(missing)}"] if missing else []
    parts += [f"could not tell for {', '.join(untold)}"] if untold else []
    return "; ".join(parts)


def _told(value: str) -> str:
    return "?" if value == State.UNKNOWN.value else value
