"""The values of a diagnosis. Their JSON and their lines are made by the command."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.docker.doctor.sight import View


class Role(StrEnum):
    """What a condition means: CAUSE has to be fixed, EFFECT goes away with the causes, UNKNOWN was not examined."""

    CAUSE = "cause"
    EFFECT = "effect"
    UNKNOWN = "unknown"
    NOTE = "note"
    OK = "ok"


class Health(StrEnum):
    """The conclusion: UNCLEAR if no cause was found, but something that could be one could not be examined."""

    HEALTHY = "healthy"
    ILL = "ill"
    UNCLEAR = "unclear"


class Examined(Struct, frozen=True, kw_only=True):
    """One thing that was examined: the fact in a line, the evidence for it, and the remedies, the best one first."""

    name: str
    role: Role
    fact: str
    evidence: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


class Observation(Struct, frozen=True, kw_only=True):
    """What one look at the machine gives, before it is named.

    `words` fill the remedies that symptoms.toml has for the condition: a cause, or what may be one, gets those unless
    it has `remedies` of its own.
    """

    role: Role
    fact: str
    evidence: tuple[str, ...] = ()
    remedies: tuple[str, ...] | None = None
    words: Mapping[str, str] = field(default_factory=dict[str, str])


def ok(fact: str, *evidence: str) -> Observation:
    """Return the answer that all is well."""
    return Observation(role=Role.OK, fact=fact, evidence=evidence)


def note(fact: str, *evidence: str, remedies: tuple[str, ...] = ()) -> Observation:
    """Return an answer that is worth knowing and needs nothing to be done."""
    return Observation(role=Role.NOTE, fact=fact, evidence=evidence, remedies=remedies)


def cause(fact: str, *evidence: str, **words: str) -> Observation:
    """Return the answer that something has to be fixed."""
    return Observation(role=Role.CAUSE, fact=fact, evidence=evidence, words=words)


class Suspect(Struct, frozen=True, kw_only=True):
    """A possible cause of a line in a log; a condition of the same name shows whether this machine has it.

    `check` tells it apart from the others. `here` is None if the condition was not examined. `remedies` are for a
    machine like this one, `on_nixos` is set if the machine of the log is unknown.
    """

    name: str
    fact: str
    check: str
    here: bool | None
    remedies: tuple[str, ...]
    on_nixos: tuple[str, ...] = ()


class LogEntry(Struct, frozen=True, kw_only=True):
    """A known symptom in a log: the last line that shows it, counted from 1, and how many do."""

    name: str
    line: int
    count: int
    text: str
    suspects: tuple[Suspect, ...]


class Log(Struct, frozen=True, kw_only=True):
    """A log that was read. The first entry is the one to look at first."""

    name: str
    lines: int
    entries: tuple[LogEntry, ...]


class Diagnosis(Struct, frozen=True, kw_only=True):
    """All of it. `verdict` is one line, `port` the one that was asked about."""

    health: Health
    verdict: str
    port: int
    views: tuple[View, ...] = ()
    conditions: tuple[Examined, ...] = ()
    log: Log | None = None

    @property
    def causes(self) -> tuple[str, ...]:
        """The names of the conditions that have to be fixed, the most important one first."""
        return tuple(condition.name for condition in self.conditions if condition.role is Role.CAUSE)
