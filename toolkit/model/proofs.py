"""What was proven, and who is told while it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

INTERRUPTED = "because it was interrupted"
"""Why a proof was not run that an interrupt ended, or that would have followed it."""


class Status(StrEnum):
    """The outcome of a proof. Nothing is PASSED by absence."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A claim and what became of it.

    `covers` says in a few words what was looked at (counts, systems), `evidence` holds the facts line by
    line, `gaps` those of them about what could not be looked at, `reason` why it failed or was not run, `commands`
    the shell lines that repeat it, `seconds` its wall-clock time. `asked` tells whether the user named it, or the
    tier that it is of: then it is not enough that it was not run.
    """

    name: str
    claim: str
    status: Status
    covers: str
    evidence: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    reason: str | None = None
    commands: tuple[str, ...] = ()
    seconds: float = 0.0
    asked: bool = False

    @property
    def found(self) -> str:
        """The first fact, which sums the others up."""
        return self.evidence[0] if self.evidence else ""


class Progress(Protocol):
    """Receives what long work is doing; the command line draws it, tests may record it."""

    def step(self, what: str) -> None:
        """Note that a step begins; `what` is a short phrase in the present participle, such as `evaluating`."""

    def proof(self, proof: Proof) -> None:
        """Note that a proof is done."""
