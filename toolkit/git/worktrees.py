"""A branch in a user's clone, with its own worktree.

Both are created completely or not at all.

The user's checkout, index, stash and branches stay the same. Hooks do not run; files
are as committed.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from toolkit import files
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, reading
from toolkit.git.clone import Clone, branch_commit
from toolkit.model import Oid

# A file in the git directory of a worktree. Unlike its path it stays when the worktree
# is moved.
_MARK = "unlet"


class Worktree(Struct, frozen=True, kw_only=True):
    """A worktree of a clone.

    `branch` is None if it has a commit checked out, as during a rebase. `made_for` is
    the branch for which `adding` created it, None if someone else did. `locked` is why
    it must stay.
    """

    path: Path
    commit: Oid | None
    branch: str | None
    made_for: str | None
    locked: str | None


def worktrees(clone: Clone) -> tuple[Worktree, ...]:
    """Return the worktrees of a clone, the main one first, including those whose directory is gone."""
    listed = calls.run_reading(
        clone.common, "worktree", "list", "--porcelain", "-z"
    ).names
    marked = _marked(clone)
    found: list[Worktree] = []
    for block in listed.removesuffix("\0").split("\0\0"):
        lines = (line.partition(" ") for line in block.strip("\0").split("\0"))
        fields = {name: value for name, _, value in lines}
        head, path = fields.get("HEAD", ""), Path(fields["worktree"])
        found.append(
            Worktree(
                path=path,
                commit=Oid(head) if head.strip("0") else None,
                branch=fields.get("branch", "").removeprefix("refs/heads/") or None,
                made_for=marked.get(path),
                locked=fields.get("locked"),
            )
        )
    return tuple(found)


def _marked(clone: Clone) -> dict[Path, str]:
    """Return the branches that worktrees were made for, by their paths."""
    marked: dict[Path, str] = {}
    for mark in clone.common.glob(f"worktrees/*/{_MARK}"):
        with suppress(OSError):
            # It may be relative to where it stands, from git 2.48 on.
            gitdir = os.fsdecode((mark.parent / "gitdir").read_bytes()).removesuffix(
                "\n"
            )
            link = os.path.normpath(mark.parent / gitdir)
            marked[Path(link).parent] = mark.read_text()
    return marked


@contextmanager
def adding(clone: Clone, *, branch: str, commit: Oid, path: Path) -> Generator[None]:
    """Create a branch at `commit` and check it out at `path`.

    Undo both if the block raises.

    Raise ToolkitError if the branch or the path exists, or the worktree cannot be
    created.
    """
    try:
        # Whoever comes second fails here, and takes nothing away from the first.
        path.mkdir()
    except OSError as error:
        raise ToolkitError(f"{path}: cannot be made: {error.strerror}") from error
    taken = False
    try:
        try:
            _say(
                clone,
                "update-ref",
                "-m",
                "unlet",
                f"refs/heads/{branch}",
                str(commit),
                "0" * 40,
            )
        except ToolkitError:
            taken = True
            raise
        _say(clone, "worktree", "add", "--quiet", "--no-checkout", str(path), branch)
        own = calls.run_contributing(path, "rev-parse", "--absolute-git-dir").names
        (Path(own) / _MARK).write_text(branch)
        try:
            calls.run_contributing(path, "reset", "--quiet", "--hard")
        except CommandError as error:
            raise ToolkitError(
                f"{path}: cannot be checked out: {reading.fact(error.stderr)}"
            ) from error
        yield
    except BaseException:
        # An interrupt may come when git has done what it was told, hence all of it is
        # taken back.
        _ignore_failure(clone.common, "worktree", "remove", "--force", str(path))
        files.remove(path)
        if not taken:
            _ignore_failure(
                clone.common, "update-ref", "-d", f"refs/heads/{branch}", str(commit)
            )
        raise


def changes(path: Path) -> tuple[str, ...]:
    """Return the paths of changed and new files in a worktree, as git quotes them."""
    asked = ("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules")
    listed = calls.run_contributing(path, "--no-optional-locks", *asked).text
    return tuple(line[3:] for line in listed.splitlines())


def move(worktree: Worktree, *, to: Oid) -> None:
    """Move the branch of a worktree, and its files; undo everything on failure.

    Raise ToolkitError if the worktree has changes, or has changed since it was read.
    """
    path = worktree.path
    head = calls.run_contributing(
        path, "rev-parse", "HEAD", "--symbolic-full-name", "HEAD"
    ).text
    if head != f"{worktree.commit}\nrefs/heads/{worktree.branch}" or changes(path):
        raise ToolkitError(
            f"{path}: has changed in the meantime",
            hint="try again when nothing changes there",
        )
    # To git-reset(1) a file is a changed one until somebody has looked whether it is.
    calls.run_contributing(path, "update-index", "-q", "--refresh", ok=None)
    try:
        calls.run_contributing(path, "reset", "--quiet", "--keep", str(to))
    except BaseException as error:
        _ignore_failure(path, "reset", "--quiet", "--hard", str(worktree.commit))
        if isinstance(error, CommandError):
            raise ToolkitError(
                f"{path}: cannot be moved: {reading.fact(error.stderr)}"
            ) from error
        raise


def remove(clone: Clone, *, branch: str, tip: Oid | None, path: Path | None) -> None:
    """Remove a worktree with all its changes, and a branch at `tip`.

    None skips the one that is gone.

    Removes both or neither. Raise ToolkitError if the branch is not at `tip`, or the
    worktree cannot be moved.
    """
    try:
        if path is not None and path.is_dir():
            path.rename(_aside(path))
        if tip is not None:
            _say(clone, "update-ref", "-d", f"refs/heads/{branch}", str(tip))
        _finish(clone, branch, path)
    except BaseException as error:
        # An interrupt may come when git has done what it was told.
        recover(clone)
        if isinstance(error, OSError):
            raise ToolkitError(
                f"{path}: cannot be removed: {error.strerror}"
            ) from error
        raise


def recover(clone: Clone) -> None:
    """Undo each removal that was interrupted before the branch was deleted.

    Complete those interrupted later.
    """
    for worktree in worktrees(clone):
        branch, aside = worktree.branch or worktree.made_for, _aside(worktree.path)
        if branch is None or worktree.path.exists():
            continue
        if branch_commit(clone, branch) is None:
            if aside.is_dir() or worktree.made_for is not None:
                _finish(clone, branch, worktree.path)
        elif aside.is_dir():
            aside.rename(worktree.path)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.unlet-removed")


def _finish(clone: Clone, branch: str, path: Path | None) -> None:
    """Delete the rest of a branch and of its worktree; what git knows of the worktree goes last."""
    _ignore_failure(clone.common, "config", "--remove-section", f"branch.{branch}")
    if path is not None:
        files.remove(_aside(path))
        _say(clone, "worktree", "remove", "--force", str(path))


def _say(clone: Clone, *arguments: str) -> None:
    """Run git in the clone; raise ToolkitError with its own reason where it fails."""
    try:
        calls.run_contributing(clone.common, *arguments)
    except CommandError as error:
        raise ToolkitError(f"{clone.top}: {reading.fact(error.stderr)}") from error


def _ignore_failure(place: Path, *arguments: str) -> None:
    """Run git on the way back from another failure, which is the one to report."""
    with suppress(ToolkitError):
        calls.run_contributing(place, *arguments)
