"""The rows and sentences of a result of `track`, for all output formats."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from toolkit.proposal import registry
from toolkit.track.answer import Advice, AnswerChange, Ref, TrackAnswer
from toolkit.track.readings import UNKNOWN, Overridable, State

Row = tuple[str, ...]

JUDGEMENTS = {
    Advice.KEEP: "nothing to do yet",
    Advice.UPDATE: "update your nixpkgs",
    Advice.RENEW: "make the overlay again",
    Advice.REMOVE: "remove the overlay",
    Advice.UNKNOWN: UNKNOWN,
}

MEANINGS: dict[str, str] = {
    State.FIXED: "an override reaches each part",
    State.HALF_FIXED: (
        "an override reaches only some parts, or only some uses of a part"
    ),
    State.NOT_FIXED: "no override reaches any part",
    State.NOT_APPLICABLE: "the file's let defines no package",
    State.UNKNOWN: "does not affect the verdict; the notes explain why",
    State.ABSENT: "this nixpkgs has no such package",
    Overridable.PARTLY: "an override reaches only some parts",
}


def refs(answer: TrackAnswer) -> list[Row]:
    """Return the header of the table, and a row for each ref."""
    facts = registry.tracking(answer.package).facts
    head = ("ref", "state", "overridable", *facts, answer.package, "last change")
    return [head, *(_ref(ref, facts) for ref in answer.refs)]


def glossary(answer: TrackAnswer) -> list[Row]:
    """Return the words in the table that need an explanation, as (word, meaning)."""
    cells = {cell for row in refs(answer)[1:] for cell in row[1:]}
    meanings = MEANINGS | registry.tracking(answer.package).words
    return [(word, meaning) for word, meaning in meanings.items() if word in cells]


def notes(answer: TrackAnswer) -> Iterator[str]:
    """Yield sentences that do not fit in the table.

    They explain why a state is unknown, where a file has moved, which commit fixed the
    package, and which overrides take effect.
    """
    if answer.missing:
        names = ", ".join(answer.missing)
        yield (
            f"this clone lacks some refs, so their state is unknown: {names}; fetch "
            "one with git fetch REMOTE NAME"
        )
    for ref in answer.refs:
        reading = ref.reading
        if ref.state in {State.UNKNOWN, State.ABSENT}:
            yield f"{ref.name}: {ref.state}: {ref.reason or 'no reason is known'}"
        elif reading is not None and reading.reason is not None:
            yield f"{ref.name}: {reading.reason}"
        for release, reason in reading.failed.items() if reading is not None else ():
            yield f"{ref.name}: {release} does not evaluate: {reason}"
        if ref.moved:
            yield f"{ref.name}: the file is now '{ref.path}'"
        if ref.fixed_by is not None:
            yield (
                f"{ref.name}: commit {ref.fixed_by.commit.short} of "
                f"{_day(ref.fixed_by.date)} fixed it"
            )
    yield from _methods(answer)
    yield from _deciders(answer)


def change(changed: AnswerChange) -> str:
    """Return a sentence about a change since the last run."""
    before, after = changed.before, changed.after
    if changed.field == "judgement":
        before, after = (
            JUDGEMENTS[Advice(value)] if value is not None else None
            for value in (before, after)
        )
    subject = (
        changed.subject
        if changed.field == "judgement"
        else f"{changed.subject}: {changed.field}"
    )
    return (
        f"{subject} is {after}"
        if before is None
        else f"{subject} was {before} and is now {after}"
    )


def _methods(answer: TrackAnswer) -> Iterator[str]:
    """Yield sentences about the overrides that take effect at some refs.

    Refs with the same overrides share a sentence.
    """
    found: dict[str, list[str]] = {}
    for ref in answer.refs:
        reached: dict[str, list[str]] = {}
        for component in ref.reading.components if ref.reading is not None else ():
            if component.methods:
                ways = " and ".join(
                    method.replace(component.name, "NAME")
                    for method in component.methods
                )
                reached.setdefault(ways, []).append(component.name)
        for ways, names in reached.items():
            found.setdefault(
                f"{', '.join(names)} can be overridden with {ways}", []
            ).append(ref.name)
    yield from (f"{', '.join(names)}: {fact}" for fact, names in found.items())


def _deciders(answer: TrackAnswer) -> Iterator[str]:
    """Yield a sentence on how the states were determined: by Nix, or by the syntax."""
    deciders: set[str | None] = set()
    for ref in answer.refs:
        if ref.reading is not None:
            deciders.add(ref.reading.overridable_by)
            deciders.update(fact.by for fact in ref.reading.facts.values())
    words = {"evaluation": "Nix's evaluation", "syntax": "the syntax"}
    names = [words.get(name, name) for name in sorted(filter(None, deciders))]
    if names:
        yield f"decided by {' and '.join(names)}"


def _ref(ref: Ref, facts: Sequence[str]) -> Row:
    reading = ref.reading
    if reading is None:
        return (ref.name, ref.state, "?", *("?" for _ in facts), "?", "?")
    found = (reading.overridable, *(reading.fact(name).value for name in facts))
    return (
        ref.name,
        ref.state,
        *("?" if each == State.UNKNOWN else str(each) for each in found),
        " ".join(version for version in reading.releases.values() if version) or "?",
        f"{_day(ref.changed.date)} {ref.changed.commit.short}"
        if ref.changed is not None
        else "?",
    )


def _day(date: datetime) -> str:
    return f"{date:%Y-%m-%d}"
