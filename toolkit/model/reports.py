"""All that is known about a proposal or an overlay in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.model.proofs import Proof, Status

if TYPE_CHECKING:
    from toolkit.model.changes import Proposal
    from toolkit.model.sources import Source, SourceRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One design in a comparison: its proofs, and the lines of its diff. `moved` lines count in both others."""

    name: str
    proofs: tuple[Proof, ...]
    added: int
    removed: int
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is known about one proposal after its proofs ran.

    `request` says how the source was asked for, so that it can be had again; `files` are the names of what
    is written, relative to the output directory.
    """

    proposal: Proposal
    proofs: tuple[Proof, ...]
    warnings: tuple[str, ...] = ()
    tools: dict[str, str] = field(default_factory=dict[str, str])
    request: SourceRequest | None = None
    files: tuple[str, ...] = ()
    comparison: tuple[Column, ...] = ()

    @property
    def failed(self) -> tuple[Proof, ...]:
        """The proofs that failed, in order."""
        return tuple(proof for proof in self.proofs if proof.status is Status.FAILED)

    @property
    def missed(self) -> tuple[Proof, ...]:
        """The proofs that were asked for and could not be run, in order."""
        return tuple(proof for proof in self.proofs if proof.asked and proof.status is Status.NOT_RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayReport:
    """What is known about an overlay that was written; `files` are names relative to its directory."""

    kind: str
    source: Source
    proofs: tuple[Proof, ...]
    files: tuple[str, ...]
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
