"""Keep the last result of `track` in a user's file, and compare it with a new one.

If a value is unknown in this run, its old value stays: unknown is not a change.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from toolkit import documents, files
from toolkit.errors import ToolkitError, reason_of
from toolkit.proposal import registry
from toolkit.track.answer import AnswerChange, Ref, RefKind, TrackVerdict
from toolkit.track.readings import UNKNOWN

# The pin's own name contains its commit, so the name changes with each update.
_OWN = "your nixpkgs"
_SCHEMA = 1
_KIND = "unlet track"

Facts = dict[str, dict[str, str]]
"""The facts of a result, by ref (or `verdict`) and by field. Unknown values are left
out.
"""


class _StateDocument(Struct, frozen=True, kw_only=True):
    schema: int
    kind: str
    facts: Facts
    package: str = field(default_factory=registry.usual)


def load(path: Path, package: str) -> Facts | None:
    """Return the facts in a state file, or None if it does not exist or is empty.

    Raise ToolkitError for a damaged file, another kind of file, or another package's
    state.
    """
    place = files.place_of(path)
    if not place.exists() or not (content := files.read(place)):
        return None
    document = documents.read(content, _StateDocument, document=str(path))
    if (document.schema, document.kind, document.package) != (_SCHEMA, _KIND, package):
        hint = "a state file belongs to one package: choose another file with --state"
        raise ToolkitError(
            f"{path}: is not a state file of 'unlet track {package}'", hint=hint
        )
    return document.facts


def save(path: Path, facts: Facts, package: str) -> None:
    """Write a state file atomically; raise ToolkitError if that fails."""
    document = _StateDocument(schema=_SCHEMA, kind=_KIND, facts=facts, package=package)
    try:
        files.replace(path, documents.write(document))
    except OSError as error:
        raise ToolkitError(f"{path}: cannot be written: {reason_of(error)}") from error


def facts_of(refs: Sequence[Ref], verdict: TrackVerdict) -> Facts:
    """Return the facts of a result that the state file stores.

    Dates, numbers and hashes are left out.
    """
    facts: Facts = {
        _OWN if ref.kind is RefKind.PIN else ref.name: dict(_ref(ref)) for ref in refs
    }
    if verdict.judgement.value != UNKNOWN:
        facts["verdict"] = {"judgement": verdict.judgement.value}
    return facts


def changes(before: Facts | None, now: Facts) -> tuple[AnswerChange, ...]:
    """Return the differences between two runs, for refs that both runs examined."""
    if before is None:
        return ()
    differences: list[AnswerChange] = []
    for subject in filter(before.__contains__, now):
        for name, value in now[subject].items():
            old = before[subject].get(name)
            if old != value:
                differences.append(
                    AnswerChange(subject=subject, field=name, before=old, after=value)
                )
    return tuple(differences)


def merged(before: Facts | None, now: Facts) -> Facts:
    """Return the facts to store: new ones, and old ones that have no new value."""
    old = before if before is not None else {}
    return {
        subject: {**old.get(subject, {}), **now.get(subject, {})}
        for subject in {**old, **now}
    }


def _ref(ref: Ref) -> Iterator[tuple[str, str]]:
    reading = ref.reading
    if ref.state.value != UNKNOWN:
        yield "state", ref.state.value
    if ref.path is not None:
        yield "path", str(ref.path)
    if reading is None:
        return
    facts = {name: fact.value for name, fact in reading.facts.items()}
    for name, value in {"overridable": reading.overridable.value, **facts}.items():
        if value != UNKNOWN:
            yield name, value
