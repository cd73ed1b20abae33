"""A branch that was made before: which one is meant, where it is checked out, and what the contributor did to it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit import patches
from toolkit.errors import ToolkitError, UsageError
from toolkit.git import clone as clones
from toolkit.git import worktrees
from toolkit.pr import contributions

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.git.clone import Clone
    from toolkit.git.worktrees import Worktree
    from toolkit.model import Contribution, Oid


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
