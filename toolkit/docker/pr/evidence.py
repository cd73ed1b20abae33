"""What stands behind a branch: its proofs, the commits that they are about, and the text that cites them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import files
from toolkit.docker import TARGET, extras
from toolkit.docker.claims import registry as proofs
from toolkit.docker.plan import Demotion, demotion_of, plan
from toolkit.docker.porting import port
from toolkit.docker.propose import draft, propose
from toolkit.docker.propose import facts as facts_of
from toolkit.docker.requests import ProposeRequest
from toolkit.docker.rewrite.layout import docker_file
from toolkit.model import FileChange, Status, TreeCommit
from toolkit.report import contribution

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from toolkit.contribution import Ported
    from toolkit.docker.plan import Extra
    from toolkit.docker.pr.grounds import Ground
    from toolkit.docker.requests import BranchRequest
    from toolkit.model import Progress, Proof, Report, Step
    from toolkit.report.pull_request import DraftFacts


_BEHAVIOUR = {
    Demotion.SUFFIX: "from then on, any other rootlesskit on the caller's PATH takes precedence",
    Demotion.DROP: "without another rootlesskit on the caller's PATH the daemon no longer starts",
}

_MAIN = "master"
"""The branch of nixpkgs that a pull request goes to where its base is no branch."""


def prove(ground: Ground, request: BranchRequest, *, at: Path, progress: Progress) -> Report:
    """Write the proposal for the base to `at`, and prove it."""
    return propose(
        ProposeRequest(
            source=ground.request,
            strategy=request.strategy,
            demotion=request.demotion,
            only=request.only,
            out=at,
            extras=request.extras,
            depth=request.depth,
            compare=request.compare,
        ),
        progress=progress,
    )


def commits(ground: Ground, request: BranchRequest, report: Report) -> tuple[TreeCommit, ...]:
    """Return the commits to make: those that were proven, which say what was proven of them, and the extras."""
    passed = {proof.name for proof in report.proofs if proof.status is Status.PASSED}
    contents = [commit.after for commit in report.proposal.commits]
    return tree_commits(ground, report.proposal.steps, request.extras, contents, passed=passed)


def tree_commits(
    ground: Ground,
    steps: Sequence[Step],
    wanted: Sequence[Extra],
    contents: Sequence[bytes],
    *,
    passed: Collection[str] | None = None,
) -> tuple[TreeCommit, ...]:
    """Return the commits that lead to `contents`, one a step, which say what the proofs `passed` have proven.

    None means all of it.
    """
    said = [plan().message(step) for step in steps]
    states = pairwise((ground.source.content, *contents))
    series = tuple(
        TreeCommit(
            subject=each.subject,
            body=each.whole if passed is None else each.backed(passed),
            files=(FileChange(path=TARGET, before=before, after=after),),
        )
        for each, (before, after) in zip(said, states, strict=True)
    )
    return (
        *series,
        *extras.prepare(wanted, ground.source, demotion_of(steps) or Demotion.SUFFIX),
    )


def port_onto(ground: Ground, report: Report, *, progress: Progress) -> tuple[Ported, ...]:
    """Carry the series over to the further branches of the ground."""
    if not ground.onto:
        return ()
    ported = port(
        report.proposal,
        repository=ground.clone.top,
        branches=[base.name for base in ground.onto.values()],
        progress=progress,
    )
    by_name = {each.branch: each for each in ported}
    return tuple(replace(by_name[base.name], branch=name) for name, base in ground.onto.items())


def prove_own(ground: Ground, report: Report, final: bytes, *, progress: Progress) -> tuple[Proof, ...]:
    """Prove the file as it is after the contributor's own commits, in the place of the last of ours.

    Raise ToolkitError where that is no docker file any more.
    """
    *earlier, last = (commit.after for commit in report.proposal.commits)
    if final == last:
        return ()
    name = str(TARGET)
    with files.temporary() as directory:
        prepared = draft(
            [*(content.decode() for content in earlier), docker_file(final, name=name).text],
            docker_file(ground.source.content, name=name),
            ground.source,
            report.proposal.steps,
            at=directory,
        )
        prepared.write_overlay(directory)
        return proofs.run(prepared.case, (), progress=progress)


def facts(
    ground: Ground, request: BranchRequest, report: Report, made: Sequence[TreeCommit], ported: Sequence[Ported]
) -> DraftFacts:
    """Return what the text of the pull request is made from."""
    matrix_text = _matrix_text(ported, report.proposal.steps, request.branch)
    return replace(facts_of(report, ground.source, made), matrix=matrix_text)


def _matrix_text(ported: Sequence[Ported], steps: Sequence[Step], branch: str) -> str | None:
    if not ported:
        return None
    demotion = demotion_of(steps)
    said = contribution.backports(ported, _BEHAVIOUR[demotion], branch=branch) if demotion is not None else ()
    return "\n".join([*contribution.markdown(ported), "", *said])
