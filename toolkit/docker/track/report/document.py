"""What `track` answers, as values: they are the schema of its JSON, which docs/track.md describes.

A field may be added without a new SCHEMA; one that changes its meaning or goes needs a new number. Dates are ISO 8601
in UTC, ids are hexadecimal, and null means that it could not be told or does not apply.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

SCHEMA = 1
UNKNOWN = "unknown"


class State(StrEnum):
    """What a version of the file is, both defects together. UNKNOWN is never taken for NOT_FIXED."""

    FIXED = "fixed"
    HALF_FIXED = "half fixed"
    NOT_FIXED = "not fixed"
    NOT_APPLICABLE = "not applicable"
    UNKNOWN = UNKNOWN


class Overridable(StrEnum):
    """Whether `docker.override` reaches the components; NOT_APPLICABLE before there was a moby."""

    YES = "yes"
    NO = "no"
    PARTLY = "partly"
    NOT_APPLICABLE = "not applicable"
    UNKNOWN = UNKNOWN


class Place(StrEnum):
    """Where rootlesskit is in the PATH of dockerd-rootless; PREFIX and BOTH are the defect."""

    PREFIX = "prefix"
    SUFFIX = "suffix"
    BOTH = "prefix and suffix"
    ABSENT = "absent"
    NO_WRAPPER = "no wrapper"
    UNKNOWN = UNKNOWN


class Fit(StrEnum):
    """Whether the series applies to a file."""

    CLEAN = "clean"
    OFFSET = "offset"
    CONFLICTS = "conflicts"
    SUPERFLUOUS = "superfluous"
    UNKNOWN = UNKNOWN


class Judgement(StrEnum):
    """What is to be done about the overlay."""

    KEEP = "keep"
    UPDATE = "update"
    REMOVE = "remove"
    UNKNOWN = UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component: `bound` is let, parameter or absent; `overridable` is null where that could not be told."""

    name: str
    bound: str
    overridable: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A version of the file by its meaning.

    `…_by` says what decided: `evaluation` (Nix), or `syntax`. `releases` maps attribute to docker version. `reason`
    says why something could not be told, or why Nix did not decide.
    """

    state: State
    overridable: Overridable
    overridable_by: str | None
    rootlesskit: Place
    rootlesskit_by: str | None
    todo: bool | None
    layout: str | None
    newest: str | None
    releases: dict[str, str | None]
    components: tuple[Component, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit: id, the committer's date, the first line of its message."""

    commit: str
    date: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Whether our series applies: `detail` names the lines, `made_for` the file that it was made for."""

    fit: Fit
    detail: str | None = None
    made_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """One branch, channel, commit or pin, and the file there.

    `kind` is branch, channel, pin or named. `path` is where the file is, `moved` whether that is another place than
    the usual one, `changed` the commit that last changed it, `fixed_by` the one since which it is fixed. `reason` says
    why it could not be told.
    """

    name: str
    kind: str
    state: State
    reason: str | None = None
    commit: str | None = None
    path: str | None = None
    moved: bool = False
    blob: str | None = None
    reading: Reading | None = None
    changed: Commit | None = None
    fixed_by: Commit | None = None
    series: Series | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Whether a merged commit is in a ref; null where that could not be told."""

    ref: str
    kind: str
    arrived: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request.

    `listed` tells one of patches/ from one that was searched for. `state` is open, closed, merged or unknown, `review`
    approved, changes requested, commented or none. `effect` says in words what its head does to each defect.
    `backports` are the pull requests that bring it to a release.
    """

    number: int
    listed: bool
    state: str
    reason: str | None = None
    title: str | None = None
    url: str | None = None
    author: str | None = None
    base: str | None = None
    head: str | None = None
    draft: bool = False
    mergeable: bool | None = None
    review: str | None = None
    touches: bool | None = None
    reading: Reading | None = None
    effect: str | None = None
    merged_as: str | None = None
    merged: str | None = None
    arrivals: tuple[Arrival, ...] = ()
    backports: tuple[Pull, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the file in its history. `mainline` is false for one that a merge has superseded."""

    commit: str
    date: str
    subject: str
    path: str
    blob: str | None
    state: State
    overridable: Overridable
    rootlesskit: Place
    todo: bool | None
    layout: str | None
    newest: str | None
    mainline: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A version in which the meaning changed. `what` is file, components, rootlesskit, todo or layout."""

    commit: str
    date: str
    subject: str
    what: str
    before: str | None
    after: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The versions of the file, oldest first, and what happened in them; `notes` say what it lacks."""

    ref: str
    versions: tuple[Version, ...]
    events: tuple[Event, ...]
    read: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is another answer than last time: of a ref, of a pull request (`#NUMBER`), or of the verdict."""

    subject: str
    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer in one line. `fixed_in` are the refs that are fixed, `unknown` those that could not be told."""

    judgement: Judgement
    text: str
    fixed_in: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What went over the network, and what the rate limit leaves until `reset`."""

    requests: int
    bodies: int
    unchanged: int
    bytes: int
    remaining: int | None
    limit: int | None
    reset: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All that `track` answers. `first` says that there was no answer of last time to compare with."""

    unlet: str
    checked: str
    source: str
    target: str
    verdict: Verdict
    refs: tuple[Ref, ...]
    pulls: tuple[Pull, ...]
    changes: tuple[Change, ...]
    first: bool
    exit_code: int
    history: History | None = None
    network: Network | None = None
    warnings: tuple[str, ...] = ()


def to_json(answer: Answer) -> bytes:
    """Return the answer as one JSON document."""
    value = {"schema": SCHEMA, **asdict(answer)}
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def date(seconds: float) -> str:
    """Return a date as the document has it; what is out of the calendar's range becomes its nearest end."""
    try:
        return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return "1970-01-01T00:00:00Z" if seconds < 0 else "9999-12-31T23:59:59Z"
