"""A proposal as git writes it down, with what proves it; nothing of it is in its place yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from toolkit import git
from toolkit.git import reading
from toolkit.model import Commit, Proposal, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path, PurePosixPath

    from toolkit.git.reading import TreeFile
    from toolkit.model import Proof, Source, Step
    from toolkit.patches import Message
    from toolkit.prove import Case, Claim, Stage

C = TypeVar("C", bound="Case[Stage]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(Generic[C]):
    """A proposal with the messages of its commits, the case that proves it and the claims about that.

    `overlay` are the files of its overlay, by names relative to the overlay's directory. `warnings` are lines for
    whoever uses it.
    """

    proposal: Proposal
    messages: tuple[Message, ...]
    case: C
    claims: tuple[Claim[C], ...]
    overlay: Mapping[str, TreeFile]
    warnings: tuple[str, ...] = ()

    def write_overlay(self, directory: Path) -> None:
        """Write the overlay; the directory must be the one that the case names."""
        for name, file in self.overlay.items():
            reading.write_file(directory / name, file)

    def backed(self, proofs: Sequence[Proof]) -> Proposal:
        """Return the proposal with messages that say only what these proofs have proven."""
        passed = {proof.name for proof in proofs if proof.status is Status.PASSED}
        if not any(message.unbacked(passed) for message in self.messages):
            return self.proposal
        commits = tuple(
            replace(commit, body=message.backed(passed))
            for commit, message in zip(self.proposal.commits, self.messages, strict=True)
        )
        return _written(replace(self.proposal, commits=commits))


def make(  # noqa: PLR0913 - what a proposal is made of
    source: Source,
    *,
    package: str,
    target: PurePosixPath,
    bindings: tuple[str, ...],
    steps: Sequence[Step],
    messages: Sequence[Message],
    contents: Sequence[bytes],
) -> Proposal:
    """Return the proposal whose steps lead to `contents`, the target file after each, as git writes it down."""
    states = pairwise((source.content, *contents))
    commits = tuple(
        Commit(subject=message.subject, body=message.whole, before=before, after=after)
        for message, (before, after) in zip(messages, states, strict=True)
    )
    return _written(
        Proposal(source=source, package=package, target=target, bindings=bindings, steps=tuple(steps), commits=commits)
    )


def _written(proposal: Proposal) -> Proposal:
    made = git.series(proposal.commits, proposal.target, committed=proposal.source.committed)
    return replace(proposal, patches=made.patches, upstream_diff=made.upstream_diff)
