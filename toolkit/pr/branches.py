"""Prove a series, or those of a batch, then create their branch in a user's clone, in a separate worktree."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from msgspec.structs import replace

from toolkit.contribution import PullRequest
from toolkit.git import clone as clones
from toolkit.git import committing, worktrees
from toolkit.model import Progress
from toolkit.pr import BranchOrder, contributions, grounds
from toolkit.proposal import registry
from toolkit.proposal.requests import Request
from toolkit.report import message


def alone(target: str) -> tuple[str, ...]:
    """Return the steps of a target that each get their own pull request, the usual one first; nothing for a lift."""
    named = registry.target(target)
    return tuple(named.branches) if named is not None else ()


def branch_name(target: str, recipe: str | None = None, only: Sequence[str] = (), *, more: int = 0) -> str:
    """Return the default name of a target's branch; a file takes its directory's name if that is more specific.

    `more` is the number of further targets in a batch.
    """
    named = registry.target(target) if recipe is None else None
    if named is not None:
        return next(name for made, name in named.branches.items() if made in only or not only)
    what = PurePath(recipe).stem if recipe is not None else "overridable-parts"
    if (path := PurePath(target)).suffix == ".nix":
        target = path.parent.name if path.stem in {"package", "default"} else path.stem
    others = f"-and-{more}-more" if more else ""
    return f"{re.sub(r'[^A-Za-z0-9_]+', '-', target).strip('-')}{others}-{what}"


def create(order: BranchOrder, request: Request, *, progress: Progress) -> PullRequest:
    """Prove the series on the base, then create the branch; create nothing if a proof or anything else fails.

    The clone determines the source and the output directory of the request. Raise ToolkitError for an unusable clone,
    base, branch or place, and for a package that is alone; a batch leaves such a package out.
    """
    order = replace(order, trailers=message.checked_trailers(order.trailers))
    clone = contributions.open_clone(order.repo)
    message.require_disclosure(clones.people(clone), order.trailers)
    path = order.worktree.absolute() if order.worktree is not None else grounds.beside(clone, order.branch)
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
            made = ground.write(order, oids, messages, replacement, worktree=path)
            contributions.write(replacement.building, made.contribution)
            replacement.take_place()
    return replace(done, made=made)
