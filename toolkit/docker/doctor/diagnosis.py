"""What `unlet doctor` found, as a document: for people line by line, and as JSON.

Diagnosis and the classes below it are the schema. A field may be added without a new SCHEMA; one that changes its
meaning or goes needs a new number. So do the names of findings and symptoms, but for new ones.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from toolkit import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = 1


class State(StrEnum):
    """What a finding means: CAUSE is to be mended, EFFECT goes away with the causes, UNKNOWN could not be seen."""

    CAUSE = "cause"
    EFFECT = "effect"
    UNKNOWN = "unknown"
    NOTE = "note"
    OK = "ok"


class Health(StrEnum):
    """The verdict: UNCLEAR where no cause was found, but something that could be one was not seen."""

    HEALTHY = "healthy"
    ILL = "ill"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: the fact in a line, what shows it, and what to do where it is a cause."""

    name: str
    state: State
    fact: str
    evidence: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Who looks for rootlesskit: `service`, `daemon` (the one that runs) or `shell`.

    `path` is the PATH that dockerd-rootless has there. `taken` is the program that it finds first, None for none;
    `hidden` are those which would be taken without it.
    """

    seen_by: str
    path: tuple[str, ...]
    taken: str | None
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """What may be behind a line of a log: `name` is the finding that is about it.

    `check` tells it from the others. `here` says whether this host has it, None where that was not seen.
    """

    name: str
    fact: str
    check: str
    here: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """A known text in a log: its first line that says so, counted from 1, and how many do."""

    name: str
    line: int
    count: int
    text: str
    suspects: tuple[Suspect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log that was read."""

    name: str
    lines: int
    symptoms: tuple[Symptom, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The whole of it. `verdict` is one line, `port` the one that is asked about."""

    health: Health
    verdict: str
    port: int
    views: tuple[View, ...] = ()
    findings: tuple[Finding, ...] = ()
    log: Log | None = None

    @property
    def causes(self) -> tuple[str, ...]:
        """The names of the findings that are to be mended, the most telling one first."""
        return tuple(finding.name for finding in self.findings if finding.state is State.CAUSE)


def to_json(diagnosis: Diagnosis) -> bytes:
    """Return the document: UTF-8, sorted keys."""
    value = {"schema": SCHEMA, "unlet": __version__, **asdict(diagnosis), "causes": diagnosis.causes}
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def ordered(diagnosis: Diagnosis, *, brief: bool) -> tuple[Finding, ...]:
    """Return the findings as they are told: causes first; `brief` leaves out what needs no attention."""
    states = list(State)[: 3 if brief else None]
    return tuple(finding for state in states for finding in diagnosis.findings if finding.state is state)


def details(finding: Finding) -> Iterator[str]:
    """Yield the lines below a finding: evidence, and what to do."""
    yield from finding.evidence
    if finding.remedy:
        yield f"do: {finding.remedy}"


def symptom_lines(symptom: Symptom) -> Iterator[str]:
    """Yield the lines below a symptom: its text, and each suspect with the check that tells it from the others."""
    more = f" (and {symptom.count - 1} more)" if symptom.count > 1 else ""
    yield f"line {symptom.line}{more}: {symptom.text}"
    for suspect in symptom.suspects:
        here = {True: "this host has it", False: "not on this host", None: f"check: {suspect.check}"}[suspect.here]
        yield f"{suspect.name}: {suspect.fact} — {here}"
