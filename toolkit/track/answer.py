"""The result of `track` as values; `unlet schema track` describes their JSON.

A field may be added without a new SCHEMA; a removed field, or one with a new meaning,
needs a new number. None means that a value is unknown or does not apply.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

from msgspec import Struct

from toolkit.git.history import FileCommit
from toolkit.model import Oid
from toolkit.track.readings import UNKNOWN, Reading, State

SCHEMA = 6


class Advice(StrEnum):
    """The advice to the user: UPDATE nixpkgs, or KEEP, REMOVE or RENEW the overlay.

    It is UNKNOWN if unlet cannot give any advice.
    """

    KEEP = "keep"
    UPDATE = "update"
    RENEW = "renew"
    REMOVE = "remove"
    UNKNOWN = UNKNOWN


class RefKind(StrEnum):
    """The kind of a ref: a branch, a channel, the user's pin, or named by the user."""

    BRANCH = "branch"
    CHANNEL = "channel"
    NAMED = "named"
    PIN = "pin"


class Ref(Struct, frozen=True, kw_only=True):
    """A branch, channel, commit or pin of nixpkgs, and the package's file in it.

    `path` is the file's path, and `moved` is true if that is not the usual path.
    `changed` is the commit that last changed the file, `fixed_by` the commit that fixed
    the package. `reason` explains why the state is unknown.
    """

    name: str
    kind: RefKind
    state: State
    reason: str | None = None
    commit: Oid | None = None
    path: PurePosixPath | None = None
    moved: bool = False
    blob: Oid | None = None
    reading: Reading | None = None
    changed: FileCommit | None = None
    fixed_by: FileCommit | None = None


class AnswerChange(Struct, frozen=True, kw_only=True):
    """A difference from the result of the last run, in a ref or in the verdict."""

    subject: str
    field: str
    before: str | None
    after: str | None


class NextStep(Struct, frozen=True, kw_only=True):
    """A step that unlet advises: a sentence, and the command for it, if any."""

    text: str
    command: str | None = None


class TrackVerdict(Struct, frozen=True, kw_only=True):
    """The conclusion for the user: the advice, its sentence, and the next steps.

    `fixed_in` are the refs that have the fix, `unknown` the refs whose state is
    unknown.
    """

    judgement: Advice
    text: str
    next: tuple[NextStep, ...]
    fixed_in: tuple[str, ...]
    unknown: tuple[str, ...]


class TrackAnswer(Struct, frozen=True, kw_only=True):
    """The whole result of `track`.

    `first` is true if there was no earlier result to compare with. `missing` are the
    usual refs that the clone lacks, so nothing is known about them.
    """

    unlet: str
    checked: datetime
    source: str
    package: str
    target: PurePosixPath
    verdict: TrackVerdict
    refs: tuple[Ref, ...]
    missing: tuple[str, ...]
    changes: tuple[AnswerChange, ...]
    first: bool
    exit_code: int
    warnings: tuple[str, ...] = ()
    schema: int = SCHEMA
