"""Prove the series of a branch, then create or move the branch in a user's clone."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from shlex import quote

from msgspec.structs import replace

from toolkit.contribution import Contribution, PullRequest
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import committing, worktrees
from toolkit.git.clone import Clone
from toolkit.git.worktrees import Worktree
from toolkit.model import Oid, Progress
from toolkit.pr import CHOICES, BranchOrder, contributions, edits, grounds
from toolkit.pr.contributions import Standing
from toolkit.pr.grounds import BranchWork
from toolkit.proposal import recipes, registry
from toolkit.proposal.requests import Request
from toolkit.report import message

_DROPPED = "your commit '{}' was dropped, because the new base already contains it"


def alone(target: str) -> tuple[str, ...]:
    """Return the steps of a target that get their own pull requests; none for a lift.

    The usual one comes first.
    """
    named = registry.named().get(target)
    return tuple(named.branches) if named is not None else ()


def branch_name(
    target: str, recipe: str | None = None, only: Sequence[str] = (), *, more: int = 0
) -> str:
    """Return the default name of a target's branch.

    For a file, it is the name of its directory if that is more specific. `more` is the
    number of further targets in a batch.
    """
    named = registry.named().get(target) if recipe is None else None
    if named is not None:
        return next(
            name for made, name in named.branches.items() if made in only or not only
        )
    what = PurePath(recipe).stem if recipe is not None else "overridable-parts"
    if (path := PurePath(target)).suffix == ".nix":
        target = path.parent.name if path.stem in {"package", "default"} else path.stem
    others = f"-and-{more}-more" if more else ""
    return f"{re.sub(r'[^A-Za-z0-9_]+', '-', target).strip('-')}{others}-{what}"


def create(order: BranchOrder, request: Request, *, progress: Progress) -> PullRequest:
    """Prove the series on the base, then create the branch.

    If a proof or anything else fails, create nothing. The clone determines the source
    and the output directory of the request. Raise ToolkitError if the clone, base,
    branch or place cannot be used, or if the only package cannot; a batch omits such a
    package.
    """
    order = replace(order, trailers=message.checked_trailers(order.trailers))
    clone = contributions.open_clone(order.repo)
    message.require_disclosure(clones.people(clone), order.trailers)
    path = (
        order.worktree.absolute()
        if order.worktree is not None
        else grounds.beside(clone, order.branch)
    )
    grounds.require_free(clone, order.branch, path)
    with contributions.replacing(clone.common, order.branch) as replacement:
        ground = grounds.find(clone, order, request, progress=progress)
        ground = ground.written(order, replacement, is_new=True, progress=progress)
        done = ground.outcome(ground.prove_whole({}, progress=progress))
        if not ground.made or (done.failed and not order.force):
            return done
        progress.step("committing")
        messages = grounds.messages(ground.commits, order.trailers)
        with committing.workshop(clone) as shop:
            oids = ground.committed(shop, messages)
            shop.keep()
        progress.step(f"checking out {path}")
        with worktrees.adding(clone, branch=order.branch, commit=oids[-1], path=path):
            made = ground.write(
                order, oids, messages, replacement, BranchWork(worktree=path)
            )
            contributions.write(replacement.building, made.contribution)
            replacement.take_place()
    return replace(done, made=made)


def update(asked: BranchOrder, request: Request, *, progress: Progress) -> PullRequest:
    """Rewrite the file on the new base, prove it, and move the branch and its worktree.

    Do everything or nothing. Empty fields of the order and the request keep their old
    values. Raise ToolkitError if the contributor's work would be lost, or if one of
    their commits conflicts.
    """
    clone = contributions.open_clone(asked.repo)
    found = contributions.find(clone, asked.branch or None)
    tip, worktree = _require_movable(clone, found)
    _require_named(request.recipe, found.kept)
    order, kept = _order(asked, found.kept), _request(found.kept)
    wanted = _wanted(request, kept)
    message.require_disclosure(clones.people(clone), order.trailers)
    edited = contributions.edited_text(clone.common, found.kept)
    with (
        contributions.replacing(clone.common, order.branch) as replacement,
        committing.workshop(clone) as shop,
    ):
        ground = grounds.find(clone, order, wanted, progress=progress)
        was = edits.find(
            shop, found.kept, kept, tip, ground.base.commit, progress=progress
        )
        ground = ground.written(order, replacement, progress=progress)
        done = replace(ground.outcome(()), before=tip)
        if not ground.made or (done.failed and not order.force):
            return done
        progress.step("committing")
        written = grounds.messages(ground.commits, order.trailers)
        messages = was.kept_messages(
            found.kept, [series.package for series, _ in ground.made], written
        )
        oids = ground.committed(shop, messages)
        if was.are_like(shop.recorded(ground.base.commit, oids[-1])):
            oids = tuple(Oid(commit.hexsha) for commit in was.ours)
        own, dropped = edits.carry(shop, was, oids[-1])
        moved = own[-1][0] if own else oids[-1]
        contents = {
            series.target: shop.content(moved, series.target)
            for series, _ in ground.made
        }
        shop.keep()
        proofs = ground.prove_whole(contents, progress=progress)
        work = BranchWork(worktree=worktree.path, own=own, edited=edited)
        made = ground.write(order, oids, messages, replacement, work)
        contributions.write(replacement.building, made.contribution)
        replacement.take_place()
        progress.step(f"moving {worktree.path}")
        worktrees.move(worktree, to=moved)
    lost = tuple(map(_DROPPED.format, dropped))
    return replace(done, made=made, warnings=lost, own_proofs=proofs)


def _require_movable(clone: Clone, found: Standing) -> tuple[Oid, Worktree]:
    """Return the state of the branch, and its worktree.

    Raise ToolkitError if the branch cannot be moved without losing something.
    """
    name = found.kept.branch
    if found.tip is None:
        again = f"unlet pr --repo {quote(str(clone.top))} --branch {quote(name)}"
        hint = (
            f"run {again} --remove, then the same without --remove to create it again"
        )
        raise ToolkitError(f"{clone.top}: branch '{name}' no longer exists", hint=hint)
    contributions.require_apart(clone, found)
    worktree = found.worktree
    if worktree is None or not worktree.path.is_dir() or worktree.branch is None:
        hint = (
            f"run git worktree add DIR {quote(name)}, or git switch {quote(name)} in "
            "the worktree that was made for it"
        )
        raise ToolkitError(
            f"{clone.top}: branch '{name}' is not checked out in any worktree",
            hint=hint,
        )
    if (fact := contributions.uncommitted(worktree)) is not None:
        raise ToolkitError(
            fact, hint=f"git -C {quote(str(worktree.path))} commit, or stash"
        )
    return found.tip, worktree


def _order(asked: BranchOrder, kept: Contribution) -> BranchOrder:
    """Return the order that creates the branch again, with the user's new choices."""
    return replace(
        asked,
        base=asked.base or kept.base,
        branch=kept.branch,
        packages=kept.packages if kept.others else (),
        trailers=message.checked_trailers(asked.trailers)
        if asked.trailers
        else kept.trailers,
    )


def _require_named(recipe: str | None, kept: Contribution) -> None:
    """Raise ToolkitError for a recipe's file that only the clone's record names.

    A stranger's clone could name any file.
    """
    if kept.recipe is None or not recipes.is_path(kept.recipe):
        return
    if recipe != kept.recipe:
        raise ToolkitError(
            f"{kept.branch}: the recipe '{kept.recipe}' created this branch",
            hint=(
                f"if that recipe is your file, add --branch {quote(kept.branch)} "
                f"--recipe {quote(kept.recipe)}"
            ),
        )


def _request(kept: Contribution) -> Request:
    """Return the request from which a branch was created."""
    designs = (
        {step.name: step.design for step in kept.steps} if kept.recipe is None else {}
    )
    return Request(
        target=kept.target,
        designs=designs,
        **{name: getattr(kept, name) for name in CHOICES},
    )


def _wanted(asked: Request, kept: Request) -> Request:
    """Return the request of a branch with the user's new choices."""
    choices = {
        name: getattr(asked, name) or getattr(kept, name)
        for name in CHOICES
        if name != "recipe"
    }
    return replace(
        kept, designs={**kept.designs, **asked.designs}, depth=asked.depth, **choices
    )
