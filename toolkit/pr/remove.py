"""Take a branch away again, with its worktree and all that is kept of it; what the contributor did is not lost."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import history, worktrees
from toolkit.model import Removed
from toolkit.pr import contributions, standing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolkit.git.clone import Clone
    from toolkit.pr.standing import Standing


def remove(repo: Path, branch: str | None, *, force: bool) -> Removed:
    """Remove a branch that `pr` made, by default the only one.

    Raise ToolkitError where that would lose something of the contributor's, unless `force` says that it may, and
    for a branch that is checked out elsewhere or locked.
    """
    clone = standing.open_clone(repo)
    with contributions.alone(clone.common):
        found = standing.find(clone, branch)
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
        if (fact := standing.uncommitted(found.worktree)) is not None:
            yield fact
    if (
        found.tip is not None
        and history.common_ancestor(clone.common, found.tip, found.kept.commits[-1]) != found.tip
        and not clones.is_pushed(clone, found.tip)
    ):
        yield f"{clone.top}: branch '{found.kept.branch}' has commits that unlet did not make"
    if contributions.edited_text(clone.common, found.kept) is not None:
        yield f"{contributions.place(clone.common, found.kept.branch) / contributions.TEXT}: has been edited"
