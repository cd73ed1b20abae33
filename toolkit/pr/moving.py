"""Move a branch to a newer base: rewrite the file there again, then apply the contributor's own commits."""

from shlex import quote

from msgspec.structs import replace

from toolkit import __version__, files
from toolkit.contribution import Contribution, PullRequest, Unchanged
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import committing, worktrees
from toolkit.git.clone import Clone
from toolkit.git.worktrees import Worktree
from toolkit.model import Depth, Oid, Progress
from toolkit.pr import BranchOrder, contributions, edits, grounds
from toolkit.pr.contributions import Standing
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
        ground = ground.written(order, replacement, progress=progress)
        done = replace(ground.outcome(()), before=tip)
        if not ground.made or (done.failed and not order.force):
            return done
        progress.step("committing")
        written = grounds.messages(ground.commits, order.trailers)
        messages = was.kept_messages(found.kept, [series.package for series, _ in ground.made], written)
        oids = ground.committed(shop, messages)
        if was.are_like(shop.recorded(ground.base.commit, oids[-1])):
            oids = tuple(Oid(commit.hexsha) for commit in was.ours)
        own, dropped = edits.carry(shop, was, oids[-1])
        moved = own[-1][0] if own else oids[-1]
        contents = {series.target: shop.content(moved, series.target) for series, _ in ground.made}
        difference = shop.range_diff((was.fork, tip), (ground.base.commit, moved))
        shop.keep()
        proofs = ground.prove_whole(contents, progress=progress)
        made = ground.write(
            order,
            oids,
            messages,
            replacement,
            worktree=worktree.path,
            own=own,
            edited=edited,
        )
        contributions.write(replacement.building, made.contribution)
        replacement.take_place()
        progress.step(f"moving {worktree.path}")
        worktrees.move(worktree, to=moved)
    lost = (f"your commit '{subject}' was dropped: the new base contains all of it" for subject in dropped)
    return replace(done, made=made, warnings=(*ground.warnings, *lost), own_proofs=proofs, range_diff=difference)


def _require_movable(clone: Clone, found: Standing) -> tuple[Oid, Worktree]:
    """Return where the branch is, and its worktree; raise ToolkitError where it cannot be moved without a loss."""
    name = found.kept.branch
    if found.tip is None:
        again = f"unlet pr --repo {quote(str(clone.top))} --branch {quote(name)}"
        hint = f"{again} --remove, then the same without --remove makes it again"
        raise ToolkitError(f"{clone.top}: branch '{name}' is gone", hint=hint)
    contributions.require_apart(clone, found)
    worktree = found.worktree
    if worktree is None or not worktree.path.is_dir() or worktree.branch is None:
        hint = f"git worktree add DIR {quote(name)}, or git switch {quote(name)} in the one that was made for it"
        raise ToolkitError(f"{clone.top}: branch '{name}' is not checked out anywhere", hint=hint)
    if (fact := contributions.uncommitted(worktree)) is not None:
        raise ToolkitError(fact, hint=f"git -C {quote(str(worktree.path))} commit, or stash")
    return found.tip, worktree


def _unchanged(clone: Clone, kept: Contribution, tip: Oid) -> Unchanged | None:
    """Return the branch if it and its base are as they were when this version of the program made it."""
    base = clones.find_base(clone, kept.base)
    if (*kept.commits[-1:], kept.base_commit) != (tip, base.commit):
        return None
    for name in kept.packages if kept.others else ("",):
        place = contributions.place(clone.common, kept.branch) / name / files.REPORT
        try:
            document = reports.from_json(place.read_bytes(), name=str(place))
        except (OSError, ToolkitError):
            return None
        if document.unlet != __version__ or document.result == "failed":
            return None
    return Unchanged(clone=clone.top, branch=kept.branch, commit=tip, base_name=base.name, base=base.commit)


def _order(asked: BranchOrder, kept: Contribution) -> BranchOrder:
    """Return the order that makes the branch anew: as it was made, but for what is asked for now."""
    return replace(
        asked,
        base=asked.base or kept.base,
        branch=kept.branch,
        packages=kept.packages if kept.others else (),
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
        only=asked.only or kept.only,
        depth=asked.depth,
    )
