"""Branches of a clone: the base of a new one, and one that was made before.

Which one is meant, where it is checked out, what the contributor did to it, and how it is removed without losing that.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING

from toolkit import patches
from toolkit.errors import ToolkitError, UsageError
from toolkit.git import clone as clones
from toolkit.git import history, worktrees
from toolkit.model import Removed
from toolkit.pr import contributions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from toolkit.git.clone import Base, Clone
    from toolkit.git.worktrees import Worktree
    from toolkit.model import Contribution, Oid, Progress
    from toolkit.pr.writing import BranchOrder

_OLD_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A branch that `pr` made, as it is now.

    `tip` is None where the branch is gone. `worktree` has it checked out, or was made for it and has a commit checked
    out now, and no other branch; None where there is neither.
    """

    kept: Contribution
    tip: Oid | None
    worktree: Worktree | None


def open_clone(repo: Path) -> Clone:
    """Look at a clone, and put right what a run that was killed has left in it, unless another one is at work there.

    Raise ToolkitError for what is no repository of git.
    """
    clone = clones.open_clone(repo, patches.upstream().remote)
    contributions.recover(clone.common)
    with suppress(ToolkitError):
        # What is kept of a branch is the last of it to go.
        if contributions.known(clone.common):
            with contributions.alone(clone.common):
                worktrees.recover(clone)
    return clone


def find(clone: Clone, branch: str | None) -> Standing:
    """Return the branch of that name, or else the one whose worktree the clone was found from, or the only one.

    Raise ToolkitError where there is none, UsageError where there are several to choose from.
    """
    if branch is None:
        known = contributions.known(clone.common)
        here = next(
            (each.branch or each.made_for for each in worktrees.worktrees(clone) if each.path == clone.top), None
        )
        if len(known) > 1 and here not in {each.branch for each in known}:
            names = ", ".join(each.branch for each in known)
            raise UsageError(f"{clone.top}: unlet made several branches: {names}", hint="choose one with --branch NAME")
        if not known:
            raise ToolkitError(f"{clone.top}: unlet made no branch here", hint="unlet pr --repo DIR makes one")
        kept = next((each for each in known if each.branch == here), known[0])
    else:
        tip = clones.branch_commit(clone, branch)
        found = contributions.read(clone.common, branch)
        if found is None:
            fact = f"branch '{branch}' was not made by unlet" if tip is not None else f"there is no branch '{branch}'"
            known = contributions.known(clone.common)
            hint = f"it made {', '.join(each.branch for each in known)}" if known else None
            raise ToolkitError(f"{clone.top}: {fact}", hint=hint)
        kept = found
    return Standing(kept=kept, tip=clones.branch_commit(clone, kept.branch), worktree=_worktree(clone, kept.branch))


def _worktree(clone: Clone, branch: str) -> Worktree | None:
    """Return the worktree of a branch; raise ToolkitError for a branch that several have checked out."""
    there = worktrees.worktrees(clone)
    on_it = [each for each in there if each.branch == branch]
    if len(on_it) > 1:
        places = " and ".join(str(each.path) for each in on_it)
        raise ToolkitError(f"{clone.top}: branch '{branch}' is checked out in {places}")
    left = (each for each in there if each.made_for == branch and each.branch is None)
    return on_it[0] if on_it else next(left, None)


def uncommitted(worktree: Worktree) -> str | None:
    """Return the error's text for changes in a worktree that are in no commit, None where there are none."""
    changed = worktrees.changes(worktree.path)
    if not changed:
        return None
    first, *others = changed
    more = f" and {len(others)} more" if others else ""
    return f"{worktree.path}: '{first}'{more} is not committed"


def find_bases(clone: Clone, order: BranchOrder, *, progress: Progress) -> tuple[Base, Mapping[str, Base]]:
    """Return the base that is asked for, and the further branches by name, after a fetch if one is asked for.

    Raise ToolkitError for one that the clone has not.
    """
    if order.fetch:
        progress.step("fetching")
        clones.fetch_branches(clone, (*(() if order.in_place else (order.base,)), *order.onto))
    base = clones.find_base(clone, order.base)
    if order.in_place and (upstream := clones.followed(clone, order.branch)) is not None:
        base = replace(base, remote=upstream[0], branch=upstream[1])
    return base, {name: clones.find_base(clone, name) for name in order.onto}


def age_warnings(base: Base) -> tuple[str, ...]:
    """Say that a base was fetched long ago."""
    if base.fetched is None:
        return ()
    days = int((time.time() - base.fetched) / 86400)
    return (f"{base.name}: was fetched {days} days ago; --fetch gets a newer one",) if days >= _OLD_DAYS else ()


def remove(repo: Path, branch: str | None, *, force: bool) -> Removed:
    """Remove a branch that `pr` made, by default the only one.

    Raise ToolkitError where that would lose something of the contributor's, unless `force` says that it may, and
    for a branch that is checked out elsewhere or locked.
    """
    clone = open_clone(repo)
    with contributions.alone(clone.common):
        found = find(clone, branch)
        name, worktree = found.kept.branch, found.worktree
        if worktree is not None and worktree.locked is not None:
            hint = f"git worktree unlock {quote(str(worktree.path))}"
            raise ToolkitError(f"{worktree.path}: is locked, so branch '{name}' stays", hint=hint)
        if worktree is not None and worktree.path == worktrees.worktrees(clone)[0].path:
            hint = "check out another branch there first"
            raise ToolkitError(f"{clone.top}: branch '{name}' is what your own checkout has", hint=hint)
        if not force and (lost := next(_lost(clone, found), None)) is not None:
            raise ToolkitError(f"{lost}, which would be lost", hint="--force removes it anyway")
        path = worktree.path if worktree is not None else None
        worktrees.remove(clone, branch=name, tip=found.tip, path=path)
        contributions.forget(clone.common, name)
    return Removed(clone=clone.top, branch=name, worktree=path, commit=found.tip)


def _lost(clone: Clone, found: Standing) -> Iterator[str]:
    """Yield what the contributor has done to the branch, and is nowhere else."""
    if found.worktree is not None and found.worktree.path.is_dir():
        if found.worktree.branch is None:
            yield f"{found.worktree.path}: does not have branch '{found.kept.branch}' checked out"
        if (fact := uncommitted(found.worktree)) is not None:
            yield fact
    if (
        found.tip is not None
        and history.common_ancestor(clone.common, found.tip, found.kept.commits[-1]) != found.tip
        and not clones.is_pushed(clone, found.tip)
    ):
        yield f"{clone.top}: branch '{found.kept.branch}' has commits that unlet did not make"
    if contributions.edited_text(clone.common, found.kept) is not None:
        yield f"{contributions.place(clone.common, found.kept.branch) / contributions.TEXT}: has been edited"
