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

from toolkit import inside
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, reading
from toolkit.git.clone import Clone, branch_commit
from toolkit.model import Oid
from toolkit.writable import WritableRoot

# A file in the git directory of a worktree. Unlike its path it stays when the worktree
# is moved.
_MARK = "unlet"
_ENTRIES = "worktrees"
_GIT = ".git"
_LINE_BYTES = 1 << 16


class Worktree(Struct, frozen=True, kw_only=True):
    """A worktree of a clone.

    `branch` is None if it has a commit checked out, as during a rebase. `made_for` is
    the branch for which `adding` created it, None if someone else did. `locked` is the
    reason why it must stay. `entry` is git's record of it, a directory in the clone
    (gitrepository-layout(5), worktrees); None for the clone's own worktree.
    """

    path: Path
    commit: Oid | None
    branch: str | None
    made_for: str | None
    locked: str | None
    entry: Path | None


def worktrees(clone: Clone) -> tuple[Worktree, ...]:
    """Return the worktrees of a clone, its own first.

    They include those whose directory no longer exists.
    """
    listed = calls.run_reading(
        clone.common, "worktree", "list", "--porcelain", "-z"
    ).names
    entries = _entries(clone)
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
                made_for=_mark(entries.get(path)),
                locked=fields.get("locked"),
                entry=entries.get(path),
            )
        )
    return tuple(found)


def _entries(clone: Clone) -> dict[Path, Path]:
    """Return the directories of git's records about worktrees, by their paths."""
    entries: dict[Path, Path] = {}
    for name in WritableRoot(clone.common).names(_ENTRIES):
        entry = clone.common / _ENTRIES / name
        with suppress(ToolkitError):
            # It may be relative to where it stands, from git 2.48 on.
            gitdir = _line(inside.read(entry, "gitdir", most=_LINE_BYTES))
            entries[Path(os.path.normpath(entry / gitdir)).parent] = entry
    return entries


def _mark(entry: Path | None) -> str | None:
    if entry is None or inside.link(entry, _MARK) is not None:
        return None
    mark = inside.find(entry, _MARK, most=_LINE_BYTES)
    return None if mark is None else os.fsdecode(mark)


def _line(content: bytes) -> str:
    return os.fsdecode(content).removesuffix("\n")


def is_of(directory: Path, entry: Path) -> bool:
    """Return whether a directory is the worktree of a record: its `.git` names it.

    A record alone may name anything, such as another clone.
    """
    if directory.is_symlink() or inside.link(directory, _GIT) is not None:
        return False
    try:
        content = inside.read(directory, _GIT, most=_LINE_BYTES)
    except ToolkitError:
        return False
    named = _line(content).removeprefix("gitdir: ")
    return (directory / named).resolve() == entry.resolve()


def require_own(clone: Clone, worktree: Worktree) -> None:
    """Raise ToolkitError for a worktree that belongs to another clone, or to none.

    Accept one whose directory no longer exists.
    """
    path, entry = worktree.path, worktree.entry
    if not os.path.lexists(path) or (entry is not None and is_of(path, entry)):
        return
    raise ToolkitError(
        f"{path}: is not a worktree of '{clone.top}': its '.git' file points elsewhere",
        hint=f"look at {entry or clone.common}, which claims that place",
    )


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
        raise ToolkitError(
            f"{path}: the worktree cannot be created: {error.strerror}"
        ) from error
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
                f"{path}: git cannot check out the branch there: "
                f"{reading.fact(error.stderr)}"
            ) from error
        yield
    except BaseException:
        # An interrupt may come when git has done what it was told, hence all of it is
        # taken back.
        _ignore_failure(clone.common, "worktree", "remove", "--force", str(path))
        WritableRoot(path.parent).delete(path.name)
        if not taken:
            _ignore_failure(
                clone.common, "update-ref", "-d", f"refs/heads/{branch}", str(commit)
            )
        raise


def changes(path: Path, *names: str) -> tuple[str, ...]:
    """Return the paths of changed and new files in a worktree, as git quotes them.

    With `names`, return only these, in the directory `path`.
    """
    asked = ("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules")
    only = ("--", *(f":(literal){name}" for name in names)) if names else ()
    listed = calls.run_contributing(path, "--no-optional-locks", *asked, *only).text
    return tuple(line[3:] for line in listed.splitlines())


def move(worktree: Worktree, *, to: Oid) -> None:
    """Move the branch of a worktree and its files; undo everything on failure.

    Raise ToolkitError if the worktree has changes, or has changed since unlet read it.
    """
    path = worktree.path
    head = calls.run_contributing(
        path, "rev-parse", "HEAD", "--symbolic-full-name", "HEAD"
    ).text
    if head != f"{worktree.commit}\nrefs/heads/{worktree.branch}" or changes(path):
        raise ToolkitError(
            f"{path}: changed while unlet was running",
            hint="try again once nothing else changes it",
        )
    # To git-reset(1) a file is a changed one until somebody has looked whether it is.
    calls.run_contributing(path, "update-index", "-q", "--refresh", ok=None)
    try:
        calls.run_contributing(path, "reset", "--quiet", "--keep", str(to))
    except BaseException as error:
        _ignore_failure(path, "reset", "--quiet", "--hard", str(worktree.commit))
        if isinstance(error, CommandError):
            raise ToolkitError(
                f"{path}: git cannot move the branch: {reading.fact(error.stderr)}"
            ) from error
        raise


def remove(
    clone: Clone, *, branch: str, tip: Oid | None, worktree: Worktree | None
) -> None:
    """Remove a worktree with all its changes, and a branch at `tip`.

    Either may be None if it no longer exists. Remove both or neither. Raise
    ToolkitError if the branch is not at `tip`, or the worktree cannot be moved or
    belongs to another clone.
    """
    path = None if worktree is None else worktree.path
    if worktree is not None:
        require_own(clone, worktree)
    try:
        if path is not None and path.is_dir():
            WritableRoot(path.parent).move(path.name, _aside(path).name)
        if tip is not None:
            _say(clone, "update-ref", "-d", f"refs/heads/{branch}", str(tip))
        _finish(clone, branch, worktree)
    except BaseException as error:
        # An interrupt may come when git has done what it was told.
        recover(clone)
        if isinstance(error, OSError):
            raise ToolkitError(
                f"{path}: the worktree cannot be removed: {error.strerror}"
            ) from error
        raise


def recover(clone: Clone) -> None:
    """Undo each removal that was interrupted before the branch was deleted.

    Complete each one that was interrupted later.
    """
    for worktree in worktrees(clone):
        branch = worktree.branch or worktree.made_for
        if branch is None or os.path.lexists(worktree.path):
            continue
        is_aside = _is_aside(worktree)
        if branch_commit(clone, branch) is None:
            if is_aside or worktree.made_for is not None:
                _finish(clone, branch, worktree)
        elif is_aside:
            root = WritableRoot(worktree.path.parent)
            root.move(_aside(worktree.path).name, worktree.path.name)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.unlet-removed")


def _finish(clone: Clone, branch: str, worktree: Worktree | None) -> None:
    """Delete the rest of a branch and of its worktree, and at last git's record."""
    _ignore_failure(clone.common, "config", "--remove-section", f"branch.{branch}")
    if worktree is not None:
        if _is_aside(worktree):
            _delete(_aside(worktree.path))
        _say(clone, "worktree", "remove", "--force", str(worktree.path))


def _is_aside(worktree: Worktree) -> bool:
    """Return whether the place for removed worktrees has this one, or parts of it."""
    aside = _aside(worktree.path)
    if worktree.entry is None or aside.is_symlink() or not aside.is_dir():
        return False
    return is_of(aside, worktree.entry) or not inside.listed(aside)


def _delete(aside: Path) -> None:
    """Delete a worktree; its `.git` shows to the end whose it is."""
    root = WritableRoot(aside.parent)
    for entry in inside.listed(aside):
        if entry.path != _GIT:
            root.delete(f"{aside.name}/{entry.path}")
    root.delete(aside.name)


def _say(clone: Clone, *arguments: str) -> None:
    """Run git in the clone; raise ToolkitError with git's reason if it fails."""
    try:
        calls.run_contributing(clone.common, *arguments)
    except CommandError as error:
        raise ToolkitError(f"{clone.top}: {reading.fact(error.stderr)}") from error


def _ignore_failure(place: Path, *arguments: str) -> None:
    """Run git to undo after a failure, and ignore its own failures."""
    with suppress(ToolkitError):
        calls.run_contributing(place, *arguments)
