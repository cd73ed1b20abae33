"""Prove a series, then create its branch in a user's clone, in a separate worktree."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from msgspec.structs import replace

from toolkit.contribution import PullRequest
from toolkit.git import clone as clones
from toolkit.git import committing, worktrees
from toolkit.model import Progress
from toolkit.pr import BranchOrder, contributions, grounds, making
from toolkit.proposal import proposing, registry, writing
from toolkit.proposal.requests import Request
from toolkit.report import message


def alone(target: str) -> tuple[str, ...]:
    """Return the steps of a target that each get their own pull request, the usual one first; nothing for a lift."""
    named = registry.target(target)
    return tuple(named.branches) if named is not None else ()


def branch_name(target: str, recipe: str | None = None, only: Sequence[str] = ()) -> str:
    """Return the default name of a target's branch; a file takes its directory's name if that is more specific."""
    named = registry.target(target) if recipe is None else None
    if named is not None:
        return next(name for made, name in named.branches.items() if made in only or not only)
    what = PurePath(recipe).stem if recipe is not None else "overridable-parts"
    if (path := PurePath(target)).suffix == ".nix":
        target = path.parent.name if path.stem in {"package", "default"} else path.stem
    return f"{re.sub(r'[^A-Za-z0-9_]+', '-', target).strip('-')}-{what}"


def create(order: BranchOrder, request: Request, *, progress: Progress) -> PullRequest:
    """Prove the series on the base, then create the branch; create nothing if a proof or anything else fails.

    The clone determines the source and the output directory of the request. Raise ToolkitError for an unusable clone,
    base, branch or place.
    """
    order = replace(order, trailers=message.checked_trailers(order.trailers))
    clone = contributions.open_clone(order.repo)
    message.require_disclosure(clones.people(clone), order.trailers)
    here = making.here(clone) if order.in_place else None
    if here is not None:
        order = replace(order, branch=here.branch or "", base=str(here.commit))
        path = here.path
    else:
        path = order.worktree.absolute() if order.worktree is not None else making.beside(clone, order.branch)
        making.require_free(clone, order.branch, path)
    with contributions.replacing(clone.common, order.branch) as replacement:
        ground = grounds.find(clone, order, request, progress=progress)
        registry.leaf_for(ground.chosen).require_upstream(ground.chosen)
        report = proposing.write_down(ground.chosen, replacement.building, at=replacement.place, progress=progress)
        if report.failed and not order.force:
            return PullRequest(clone=clone.top, report=report, made=None, warnings=ground.warnings)
        commits = writing.tree_commits(ground.chosen, report.proposal.commits)
        progress.step("committing")
        with committing.workshop(clone) as shop:
            composed = making.messages(commits, order.trailers)
            files = [commit.files for commit in commits]
            oids = shop.series(ground.base.commit, list(zip(files, composed, strict=True)))
            shop.keep()
        progress.step(f"checking out {path}")
        changed = tuple(dict.fromkeys(file.path for commit in commits for file in commit.files))
        directory = report.proposal.target.parent
        paths = (directory, *(file for file in changed if file.parent != directory))
        with (
            worktrees.advancing(clone, here, to=oids[-1], paths=changed)
            if here is not None
            else worktrees.adding(
                clone, branch=order.branch, commit=oids[-1], path=path, paths=paths, fetching=order.fetch
            )
        ):
            subjects = [commit.subject for commit in commits]
            made = ground.write(order, report, oids, replacement, subjects=subjects, worktree=path)
            if here is None:
                contributions.write(replacement.building, made.contribution)
            replacement.keep()
    before = here.commit if here is not None else None
    return PullRequest(clone=clone.top, report=report, made=made, warnings=ground.warnings, before=before)
