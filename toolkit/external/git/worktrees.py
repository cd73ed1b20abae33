"""A branch in a clone of the user's, in a worktree of its own; all of it is there, or nothing.

The user's own checkout, index, stash and branches take no part. Hooks do not run, and files are as in the commit
(program.contributing).
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import CommandError, ToolkitError
from toolkit.external import files
from toolkit.external.git import program, reading
from toolkit.model import Oid

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import PurePosixPath

    from toolkit.external.git.clone import Clone


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktree:
    """A worktree of a clone: `branch` is None where it has a commit checked out, `locked` why it must stay."""

    path: Path
    commit: Oid | None
    branch: str | None
    locked: str | None


def worktrees(clone: Clone) -> tuple[Worktree, ...]:
    """Return the worktrees of a clone, the main one first; one whose directory is gone counts."""
    listed = program.run_reading(clone.common, "worktree", "list", "--porcelain", "-z").text
    found: list[Worktree] = []
    for block in listed.removesuffix("\0").split("\0\0"):
        fields = dict(line.partition(" ")[::2] for line in block.strip("\0").split("\0"))
        head = fields.get("HEAD")
        branch = fields.get("branch")
        found.append(
            Worktree(
                path=Path(fields["worktree"]),
                commit=Oid(head) if head is not None and re.search(r"[^0]", head) else None,
                branch=branch.removeprefix("refs/heads/") if branch is not None else None,
                locked=fields.get("locked"),
            )
        )
    return tuple(found)


@contextmanager
def adding(clone: Clone, *, branch: str, commit: Oid, path: Path, paths: Sequence[PurePosixPath]) -> Generator[None]:
    """Make a branch at `commit` and check it out at `path`; both are gone again where the block raises.

    Where the clone is sparse or partial, `paths` are checked out beside what the user has in each worktree, nothing
    else. Raises ToolkitError where the branch is there already, or the worktree cannot be made.
    """
    _update_ref(clone, branch, commit, before=None)
    try:
        _say(clone, "worktree", "add", "--quiet", "--no-checkout", str(path), branch)
        try:
            _check_out(clone, path, paths)
            yield
        except BaseException:
            _ignore_failure(clone.common, "worktree", "remove", "--force", str(path))
            files.remove(path)
            raise
    except BaseException:
        _ignore_failure(clone.common, "update-ref", "-d", f"refs/heads/{branch}", str(commit))
        raise


def changes(path: Path) -> tuple[str, ...]:
    """Return the paths of a worktree whose files are not as in its commit, such as new ones, as git quotes them."""
    listed = program.run_contributing(path, "--no-optional-locks", "status", "--porcelain", "--ignore-submodules").text
    return tuple(line[3:] for line in listed.splitlines())


def move(path: Path, *, before: Oid, after: Oid) -> None:
    """Move the branch that is checked out at `path`, and its files; all is as before where that fails.

    The worktree must have no changes.
    """
    try:
        program.run_contributing(path, "reset", "--quiet", "--keep", str(after))
    except BaseException as error:
        _ignore_failure(path, "reset", "--quiet", "--hard", str(before))
        if isinstance(error, CommandError):
            raise ToolkitError(f"{path}: cannot be moved: {reading.fact(error.stderr)}") from error
        raise


def remove(clone: Clone, *, branch: str | None, path: Path | None) -> None:
    """Take away a worktree with what was changed in there, and a branch; None for what is gone already."""
    if path is not None:
        _say(clone, "worktree", "remove", "--force", str(path))
    if branch is not None:
        _say(clone, "branch", "--quiet", "-D", "--", branch)


def _update_ref(clone: Clone, branch: str, commit: Oid, *, before: Oid | None) -> None:
    was = str(before) if before is not None else "0" * len(str(commit))
    _say(clone, "update-ref", "-m", "unlet", f"refs/heads/{branch}", str(commit), was)


def _check_out(clone: Clone, path: Path, paths: Sequence[PurePosixPath]) -> None:
    settings: tuple[str, ...] = ()
    if _is_set(path, "core.sparseCheckout"):
        cone = _is_set(path, "core.sparseCheckoutCone")
        # Cones are made of directories alone.
        lines = (
            [str(each.parent if each.suffix else each) for each in paths] if cone else [f"/{each}" for each in paths]
        )
        program.run_contributing(path, "sparse-checkout", "add", "--stdin", stdin="\n".join(lines).encode())
    elif clone.partial:
        # Not by git-sparse-checkout, which would write to the configuration that all worktrees share.
        settings = ("-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false")
        git_directory = program.run_contributing(path, "rev-parse", "--absolute-git-dir").text
        patterns = Path(git_directory) / "info" / "sparse-checkout"
        patterns.parent.mkdir(exist_ok=True)
        patterns.write_text("".join(f"/{each}\n" for each in paths))
    try:
        program.run_contributing(path, *settings, "reset", "--quiet", "--hard")
    except CommandError as error:
        raise ToolkitError(f"{path}: cannot be checked out: {reading.fact(error.stderr)}") from error


def _is_set(path: Path, name: str) -> bool:
    return program.run_contributing(path, "config", "--type=bool", "--get", name, ok=(0, 1)).text == "true"


def _say(clone: Clone, *arguments: str) -> None:
    """Run git in the clone; raise ToolkitError with its own reason where it fails."""
    try:
        program.run_contributing(clone.common, *arguments)
    except CommandError as error:
        raise ToolkitError(f"{clone.top}: {reading.fact(error.stderr)}") from error


def _ignore_failure(place: Path, *arguments: str) -> None:
    """Run git on the way back from another failure, which is the one to tell of."""
    with suppress(ToolkitError):
        program.run_contributing(place, *arguments)
