"""Make a branch with docker's series in the user's clone, move it to a newer base, explain its hunks.

On the newer base the rewrite is run again, and the contributor's own commits follow it.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import files
from toolkit.contribution import ExplainedCommit, Explanation, PullRequest
from toolkit.docker import TARGET
from toolkit.docker.plan import Demotion, demotion_of, extras_of, strategy_of
from toolkit.docker.pr import edits, grounds
from toolkit.docker.requests import BranchRequest
from toolkit.docker.rewrite import reasons
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import committing, worktrees
from toolkit.model import Oid
from toolkit.pr import contributions, making
from toolkit.pr.making import Making
from toolkit.report import message
from toolkit.report import report as reports

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.contribution import Contribution
    from toolkit.docker.plan import Extra
    from toolkit.docker.requests import UpdateRequest
    from toolkit.git.clone import Clone
    from toolkit.git.worktrees import Worktree
    from toolkit.model import Progress, Step
    from toolkit.pr import BranchOrder
    from toolkit.pr.contributions import Standing


def create(request: BranchRequest, *, progress: Progress) -> PullRequest:
    """Prove the series on the base, then make the branch; raise ToolkitError as `toolkit.pr.making` does."""

    def find(clone: Clone, order: BranchOrder) -> Making:
        asked = replace(request, branch=order.branch, base=order.base, trailers=order.trailers)
        ground = grounds.find(clone, asked, progress=progress)
        return Making(
            base=ground.base,
            warnings=ground.warnings,
            prove=lambda at: ground.prove(asked, at=at, progress=progress),
            port=lambda report: ground.port_onto(report, progress=progress),
            commits=lambda report: ground.commits(report.proposal.commits, report.proposal.steps, asked.extras),
            facts=lambda report, commits, ported: ground.facts(asked, report, commits, ported),
        )

    return making.create(request, find, progress=progress)


def update(request: UpdateRequest, *, progress: Progress) -> PullRequest:
    """Run the rewrite on the new base, prove it, and move the branch and its worktree; all of it, or nothing.

    Raise ToolkitError where something of the contributor's would be lost, and where one of their commits conflicts.
    """
    clone = contributions.open_clone(request.repo)
    people = clones.people(clone)
    found = contributions.find(clone, request.branch)
    grounds.require_docker(clone, found.kept)
    tip, worktree = _require_movable(clone, found)
    wanted = _wanted(request, found.kept)
    message.require_disclosure(people, wanted.trailers)
    edited = contributions.edited_text(clone.common, found.kept)
    ground = grounds.find(clone, wanted, progress=progress)
    with (
        contributions.replacing(clone.common, wanted.branch) as replacement,
        committing.workshop(clone, signed=request.signed) as shop,
    ):
        was = edits.find(shop, found.kept, tip, ground.base.commit, progress=progress)
        report = ground.prove(wanted, at=replacement.place, progress=progress)
        if report.failed and not request.force:
            return PullRequest(clone=clone.top, report=report, made=None, warnings=ground.warnings, before=tip)
        ported = ground.port_onto(report, progress=progress)
        commits = ground.commits(report.proposal.commits, report.proposal.steps, wanted.extras)
        progress.step("committing")
        changes = [commit.files for commit in commits]
        messages = was.kept_messages(making.messages(commits, wanted.trailers))
        oids = shop.series(ground.base.commit, list(zip(changes, messages, strict=True)))
        if was.are_like(shop.recorded(ground.base.commit, oids[-1])):
            oids = tuple(Oid(commit.hexsha) for commit in was.ours)
        carried = edits.carry(shop, was, oids[-1])
        final = shop.content(carried.tip, TARGET)
        difference = shop.range_diff((was.fork, tip), (ground.base.commit, carried.tip))
        shop.keep()
        own = ground.prove_own(report, final, progress=progress)
        facts = ground.facts(wanted, report, commits, ported)
        made = making.write(
            clone,
            ground.base,
            wanted,
            facts,
            oids,
            subjects=[text.partition("\n")[0] for text in messages],
            worktree=worktree.path,
            own=list(zip(carried.own, carried.subjects, strict=True)),
            edited=edited,
        )
        contributions.write(clone.common, made.contribution)
        progress.step(f"moving {worktree.path}")
        worktrees.move(clone, worktree, to=carried.tip, fetching=request.fetch)
        replacement.keep()
    return PullRequest(
        clone=clone.top,
        report=report,
        made=made,
        matrix=ported,
        warnings=(
            *ground.warnings,
            *(f"your commit '{subject}' was dropped: the new base contains all of it" for subject in carried.dropped),
        ),
        own_proofs=own,
        before=tip,
        range_diff=difference,
    )


def explain(repo: Path, branch: str | None, *, progress: Progress) -> Explanation:
    """Explain the commits of a branch that `pr` made, by default the only one.

    No reason is given for what the contributor has changed. Raise ToolkitError where there is no such branch.
    """
    clone = contributions.open_clone(repo)
    found = contributions.find(clone, branch)
    grounds.require_docker(clone, found.kept)
    if found.tip is None:
        raise ToolkitError(f"{clone.top}: branch '{found.kept.branch}' is gone", hint="unlet pr --remove forgets it")
    base = clones.find_base(clone, found.kept.base)
    place = contributions.place(clone.common, found.kept.branch) / files.REPORT
    with committing.workshop(clone) as shop:
        was = edits.find(shop, found.kept, found.tip, base.commit, progress=progress)
        commits = shop.recorded(was.fork, found.tip)
        ours: list[Step | Extra | None] = [*found.kept.steps, *extras_of(found.kept.extras)]
        makers = [*ours[: len(was.ours)], *[None] * (len(commits) - len(was.ours))]
        explained = tuple(
            ExplainedCommit(
                subject=str(commit.summary),
                hunks=reasons.explain(shop.diff(commit), shop.changes(commit), maker=maker),
                oid=Oid(commit.hexsha),
            )
            for commit, maker in zip(commits, makers, strict=True)
        )
    try:
        document = reports.from_json(place.read_bytes(), name=str(place))
    except OSError as error:
        raise ToolkitError(
            f"{place}: cannot be read: {error.strerror}", hint="unlet pr --update proves again"
        ) from error
    proofs = {proof.name: proof for proof in document.proofs}
    return Explanation(clone=clone.top, branch=found.kept.branch, commits=explained, proofs=proofs)


def _require_movable(clone: Clone, found: Standing) -> tuple[Oid, Worktree]:
    """Return where the branch is, and its worktree; raise ToolkitError where it cannot be moved without a loss."""
    name = found.kept.branch
    if found.tip is None:
        raise ToolkitError(
            f"{clone.top}: branch '{name}' is gone", hint="unlet pr --remove, then unlet pr makes it again"
        )
    if found.worktree is None or not found.worktree.path.is_dir():
        hint = f"git -C {quote(str(clone.top))} worktree add DIR {quote(name)}"
        raise ToolkitError(f"{clone.top}: branch '{name}' is not checked out anywhere", hint=hint)
    path = found.worktree.path
    if found.worktree.branch is None:
        here = f"git -C {quote(str(path))}"
        hint = f"{here} status shows what is going on; {here} switch {quote(name)} goes back"
        raise ToolkitError(f"{path}: has a commit checked out, not branch '{name}'", hint=hint)
    if path == worktrees.worktrees(clone)[0].path:
        hint = f"check out another branch there, then git worktree add DIR {quote(name)}"
        raise ToolkitError(f"{clone.top}: branch '{name}' is what your own checkout has", hint=hint)
    if (fact := contributions.uncommitted(found.worktree)) is not None:
        raise ToolkitError(fact, hint=f"git -C {quote(str(path))} commit, or stash")
    return found.tip, found.worktree


def _wanted(request: UpdateRequest, kept: Contribution) -> BranchRequest:
    """Return the request that makes the branch anew: as it was made, but for what is asked for now."""
    trailers = request.trailers
    return BranchRequest(
        repo=request.repo,
        base=request.base or kept.base,
        branch=kept.branch,
        fetch=request.fetch,
        onto=request.onto,
        strategy=request.strategy or strategy_of(kept.steps),
        demotion=request.demotion or demotion_of(kept.steps) or Demotion.SUFFIX,
        only=request.only or (kept.steps[0].name if len(kept.steps) == 1 else None),
        extras=request.extras if request.extras is not None else extras_of(kept.extras),
        trailers=message.checked_trailers(trailers) if trailers is not None else kept.trailers,
        signed=request.signed,
        depth=request.depth,
        compare=request.compare,
        force=request.force,
    )
