"""A proposal and what was proven of it: commits, patches, proofs, reports; and who is told while they are made."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from toolkit.model.sources import Source, SourceRequest

INTERRUPTED = "because it was interrupted"
"""Why a proof was not run that an interrupt ended, or that would have followed it."""


class Status(StrEnum):
    """The outcome of a proof. Nothing is PASSED by absence."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


class Proof(Struct, frozen=True, kw_only=True):
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


class Commit(Struct, frozen=True, kw_only=True):
    """One change of the target file: its message and the file's whole content before and after."""

    subject: str
    body: str
    before: bytes
    after: bytes

    @property
    def message(self) -> str:
        """The commit message as git stores it, with its final line feed."""
        return f"{self.subject}\n\n{self.body.strip()}\n"


class Patch(Struct, frozen=True, kw_only=True):
    """One file of the series, as `git am` reads it."""

    name: str
    content: bytes


class Step(Struct, frozen=True, kw_only=True):
    """One step of a proposal, a commit, and the design by which it is made.

    `reason` is why that one, where nobody asked for it.
    """

    name: str
    design: str
    reason: str | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """What the user asked for, and the commits that came of it.

    `package` is the attribute path in nixpkgs, `target` the path of its file, `bindings` are the names that leave the
    let. Of somebody else's patch, `steps` are those that it was seen to make; the design may be unknown.
    """

    source: Source
    package: str
    target: PurePosixPath
    bindings: tuple[str, ...]
    steps: tuple[Step, ...]
    commits: tuple[Commit, ...]
    patches: tuple[Patch, ...] = ()
    upstream_diff: bytes = b""

    def design(self, step: str) -> str | None:
        """Return the design of the step of that name, None if there is no such step."""
        return next((each.design for each in self.steps if each.name == step), None)


class Column(Struct, frozen=True, kw_only=True):
    """One design in a comparison: its proofs, and the lines of its diff. `moved` lines count in both others."""

    name: str
    proofs: tuple[Proof, ...]
    added: int
    removed: int
    moved: int


class Proven(Struct, frozen=True, kw_only=True):
    """What was proven of something that was written; `files` are names relative to its directory."""

    proofs: tuple[Proof, ...]
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tools: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def failed(self) -> tuple[Proof, ...]:
        """The proofs that failed, in order."""
        return tuple(proof for proof in self.proofs if proof.status is Status.FAILED)

    @property
    def missed(self) -> tuple[Proof, ...]:
        """The proofs that were asked for and could not be run, in order."""
        return tuple(proof for proof in self.proofs if proof.asked and proof.status is Status.NOT_RUN)


class Report(Proven, frozen=True, kw_only=True):
    """All that is known about one proposal after its proofs ran.

    `request` says how the source was asked for, so that it can be had again.
    """

    proposal: Proposal
    request: SourceRequest | None = None
    comparison: tuple[Column, ...] = ()


class OverlayReport(Proven, frozen=True, kw_only=True):
    """What is known about an overlay that was written."""

    kind: str
    source: Source
