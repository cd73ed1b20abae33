"""Prove the other designs as well, so that a reviewer can compare them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit import files
from toolkit.docker.choices import LIFT, Extra, Strategy, strategy_of
from toolkit.docker.claims import registry as proofs
from toolkit.docker.preparing import prepare
from toolkit.errors import RefusalError
from toolkit.git import patching
from toolkit.model import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Progress, Proof, Proposal, Source, Step


def column(name: str, proposal: Proposal, proven: Sequence[Proof]) -> Column:
    """Return the column of a proposal whose proofs ran; lines are those of its whole diff.

    What is proven of commits on request is left out: it is the same for each design.
    """
    counted = patching.count_lines(proposal.upstream_diff)
    of_design = tuple(proof for proof in proven if proof.name not in set(Extra))
    return Column(name=name, proofs=of_design, added=counted.added, removed=counted.removed, moved=counted.moved)


def others(
    file: DockerFile, source: Source, steps: Sequence[Step], *, done: str | None, progress: Progress
) -> tuple[Column, ...]:
    """Propose and prove the lift of `steps` by each design but `done`; one that refuses the file has no column."""
    columns: list[Column] = []
    for strategy in Strategy if strategy_of(steps) is not None else ():
        if strategy == done:
            continue
        instead = [replace(step, design=strategy, reason=None) if step.name == LIFT else step for step in steps]
        progress.step(f"comparing with {strategy}")
        with files.temporary() as directory:
            try:
                prepared = prepare(file, source, instead, at=directory)
            except RefusalError:
                continue
            prepared.write_overlay(directory)
            columns.append(column(strategy, prepared.proposal, proofs.run(prepared.case, (), progress=_Silent())))
    return tuple(columns)


class _Silent:
    """Takes no notice: the proofs of a comparison are not those that were asked for."""

    def step(self, what: str) -> None:
        """Ignore the step."""

    def proof(self, proof: Proof) -> None:
        """Ignore the proof."""
