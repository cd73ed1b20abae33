"""Move a branch to a newer base: rewrite the file there again, then apply the contributor's own commits."""

from collections.abc import Sequence
from shlex import quote

from msgspec.structs import replace

from toolkit import __version__, files
from toolkit.contribution import Contribution, PullRequest, Unchanged
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import committing, worktrees
from toolkit.git.clone import Clone
from toolkit.git.committing import Workshop
from toolkit.git.worktrees import Worktree
from toolkit.model import Depth, Oid, Progress, Report
from toolkit.pr import BranchOrder, contributions, edits, grounds, making
from toolkit.pr.contributions import Standing
from toolkit.pr.edits import Edits
from toolkit.pr.grounds import BranchGround
from toolkit.proposal import proposing, writing
from toolkit.proposal.registry import leaf_of
from toolkit.proposal.requests import Request
from toolkit.report import message
from toolkit.report import report as reports


def update(asked: BranchOrder, request: Request, *, progress: Progress) -> PullRequest | Unchanged:
    """Rewrite the file on the new base, prove it, and move the branch and its worktree; everything or nothing.

    Empty fields of the order and the request keep their old values. If nothing changed, nothing is run. Raise
    ToolkitError if the contributor's work would be lost, and if one of their commits conflicts.
    """
    clone = contributions.open_clone(asked.repo)
    found = contributions.find(clone, asked.branch or None)
    _require_known(clone, found.kept)
    tip, worktree = _require_movable(clone, found)
    order, kept = _order(asked, found.kept), _request(found.kept)
    wanted = _wanted(request, kept)
    plain = BranchOrder(repo=asked.repo, branch=asked.branch, fetch=asked.fetch, force=asked.force)
    same = asked == plain and replace(wanted, depth=kept.depth) == kept
    if same and request.depth == Depth():
        if asked.fetch:
            clones.fetch_branches(clone, (order.base,))
        if (unchanged := _unchanged(clone, found.kept, tip)) is not None:
            return unchanged
    message.require_disclosure(clones.people(clone), order.trailers)
    edited = contributions.edited_text(clone.common, found.kept)
    with contributions.replacing(clone.common, order.branch) as replacement, committing.workshop(clone) as shop:
        ground = grounds.find(clone, order, wanted, progress=progress)
        was = edits.find(shop, found.kept, kept, tip, ground.base.commit, progress=progress)
        report = proposing.write_down(ground.chosen, replacement.building, at=replacement.place, progress=progress)
        if report.failed and not order.force:
            return PullRequest(clone=clone.top, report=report, made=None, warnings=ground.warnings, before=tip)
        progress.step("committing")
        oids, subjects = _committed(shop, was, ground, report, order.trailers)
        carried = edits.carry(shop, was, oids[-1])
        final = shop.content(carried.tip, report.proposal.target)
        difference = shop.range_diff((was.fork, tip), (ground.base.commit, carried.tip))
        shop.keep()
        own = ground.prove_own(final, progress=progress)
        made = ground.write(
            order,
            report,
            oids,
            replacement,
            subjects=subjects,
            worktree=worktree.path,
            own=list(zip(carried.own, carried.subjects, strict=True)),
            edited=edited,
        )
        contributions.write(replacement.building, made.contribution)
        replacement.take_place()
        progress.step(f"moving {worktree.path}")
        worktrees.move(clone, worktree, to=carried.tip, fetching=order.fetch)
        replacement.keep()
    return PullRequest(
        clone=clone.top,
        report=report,
        made=made,
        warnings=(
            *ground.warnings,
            *(f"your commit '{subject}' was dropped: the new base contains all of it" for subject in carried.dropped),
        ),
        own_proofs=own,
        before=tip,
        range_diff=difference,
    )


def _committed(
    shop: Workshop, was: Edits, ground: BranchGround, report: Report, trailers: Sequence[str]
) -> tuple[tuple[Oid, ...], list[str]]:
    """Commit the series on the base, with the contributor's messages; return the commits and their subjects.

    Commits that are there already stay.
    """
    commits = writing.tree_commits(ground.chosen, report.proposal.commits)
    messages = was.kept_messages(making.messages(commits, trailers))
    oids = shop.series(ground.base.commit, list(zip((commit.files for commit in commits), messages, strict=True)))
    if was.are_like(shop.recorded(ground.base.commit, oids[-1])):
        oids = tuple(Oid(commit.hexsha) for commit in was.ours)
    return oids, [text.partition("\n")[0] for text in messages]


def _require_known(clone: Clone, kept: Contribution) -> None:
    """Raise ToolkitError for a branch that was made in a way which is not known."""
    try:
        leaf_of(kept.target, kept.recipe).require_known(kept.steps)
    except ToolkitError as error:
        raise ToolkitError(f"{contributions.place(clone.common, kept.branch)}: {error.message}") from None


def _require_movable(clone: Clone, found: Standing) -> tuple[Oid, Worktree]:
    """Return where the branch is, and its worktree; raise ToolkitError where it cannot be moved without a loss."""
    name = found.kept.branch
    if found.tip is None:
        again = f"unlet pr --repo {quote(str(clone.top))} --branch {quote(name)}"
        hint = f"{again} --remove, then the same without --remove makes it again"
        raise ToolkitError(f"{clone.top}: branch '{name}' is gone", hint=hint)
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


def _unchanged(clone: Clone, kept: Contribution, tip: Oid) -> Unchanged | None:
    """Return the branch if it and its base are as they were when this version of the program made it."""
    base = clones.find_base(clone, kept.base)
    place = contributions.place(clone.common, kept.branch) / files.REPORT
    try:
        document = reports.from_json(place.read_bytes(), name=str(place))
    except (OSError, ToolkitError):
        return None
    if (*kept.commits[-1:], kept.base_commit) != (tip, base.commit) or document.unlet != __version__:
        return None
    if document.result == "failed":
        return None
    return Unchanged(clone=clone.top, branch=kept.branch, commit=tip, base_name=base.name, base=base.commit)


def _order(asked: BranchOrder, kept: Contribution) -> BranchOrder:
    """Return the order that makes the branch anew: as it was made, but for what is asked for now."""
    return replace(
        asked,
        base=asked.base or kept.base,
        branch=kept.branch,
        trailers=message.checked_trailers(asked.trailers) if asked.trailers else kept.trailers,
    )


def _request(kept: Contribution) -> Request:
    """Return the request that a branch was made by."""
    return Request(
        target=kept.target,
        bindings=kept.bindings,
        follow=kept.follow,
        called=kept.called,
        designs={step.name: step.design for step in kept.steps} if kept.recipe is None else {},
        recipe=kept.recipe,
        settings=kept.settings,
        only=kept.only,
    )


def _wanted(asked: Request, kept: Request) -> Request:
    """Return the request of a branch with what is asked for now."""
    return replace(
        kept,
        bindings=asked.bindings or kept.bindings,
        follow=asked.follow or kept.follow,
        called=asked.called or kept.called,
        designs={**kept.designs, **asked.designs},
        settings={**kept.settings, **asked.settings},
        only=asked.only or kept.only,
        depth=asked.depth,
    )
