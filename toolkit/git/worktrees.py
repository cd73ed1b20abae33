"""A branch in a user's clone, with its own worktree; both are created completely or not at all.

The user's checkout, index, stash and branches stay the same. Hooks do not run; files are as committed
(program.contributing).
"""

import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import files
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, reading
from toolkit.git.clone import Clone, branch_commit
from toolkit.model import Oid

# A file in the git directory of a worktree. Unlike its path it stays when the worktree is moved.
_MARK = "unlet"

# What git keeps in the git directory of a worktree while it merges, picks, reverts, rebases or applies.
_GOING_ON = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


class Worktree(Struct, frozen=True, kw_only=True):
    """A worktree of a clone.

    `branch` is None if it has a commit checked out, as during a rebase. `made_for` is the branch for which `adding`
    created it, None if someone else did. `locked` is why it must stay.
    """

    path: Path
    commit: Oid | None
    branch: str | None
    made_for: str | None
    locked: str | None


def worktrees(clone: Clone) -> tuple[Worktree, ...]:
    """Return the worktrees of a clone, the main one first, including those whose directory is gone."""
    listed = calls.run_reading(clone.common, "worktree", "list", "--porcelain", "-z").names
    marked = _marked(clone)
    found: list[Worktree] = []
    for block in listed.removesuffix("\0").split("\0\0"):
        lines = (line.partition(" ") for line in block.strip("\0").split("\0"))
        fields = {name: value for name, _, value in lines}
        head = fields.get("HEAD")
        branch = fields.get("branch")
        path = Path(fields["worktree"])
        found.append(
            Worktree(
                path=path,
                commit=Oid(head) if head is not None and re.search(r"[^0]", head) else None,
                branch=branch.removeprefix("refs/heads/") if branch is not None else None,
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
            gitdir = os.fsdecode((mark.parent / "gitdir").read_bytes()).removesuffix("\n")
            link = os.path.normpath(mark.parent / gitdir)
            marked[Path(link).parent] = mark.read_text()
    return marked


def current(clone: Clone) -> Worktree:
    """Return the worktree from which the clone was found; raise ToolkitError if it has no branch to commit on."""
    here = next((each for each in worktrees(clone) if each.path == clone.top and each.commit is not None), None)
    if here is None:
        raise ToolkitError(f"{clone.top}: has no checkout to commit in", hint="without --commit, a worktree is made")
    going_on = next((name for name in _GOING_ON if (_git_directory(here.path) / name).exists()), None)
    if going_on is not None or here.branch is None:
        fact = f"is in the middle of something: {going_on} is there" if going_on else "has no branch checked out"
        raise ToolkitError(f"{clone.top}: {fact}", hint="git status shows more; without --commit, a worktree is made")
    return here


@contextmanager
def advancing(clone: Clone, worktree: Worktree, *, to: Oid, paths: Sequence[PurePosixPath]) -> Generator[None]:
    """Advance a checked-out branch to a commit that changes `paths`; undo that if the block raises.

    All other files, staged or not, stay the same. Raise ToolkitError if a file of `paths` differs from its commit.
    """
    path, was = worktree.path, str(worktree.commit)
    files_there = [f":(top,literal){each}" for each in paths]
    if (there := calls.run_contributing(path, "rev-parse", "HEAD").text) != was:
        raise ToolkitError(f"{path}: has moved to {there} in the meantime", hint="try again")
    asked = ("status", "--porcelain", "--untracked-files=all", "--ignored", "--ignore-submodules", "--", *files_there)
    changed = [line[3:] for line in calls.run_contributing(path, "--no-optional-locks", *asked).text.splitlines()]
    flagged = calls.run_contributing(path, "ls-files", "-v", "--full-name", "--", *files_there).text.splitlines()
    changed += [f"{line[2:]} (assume-unchanged)" for line in flagged if line[0].islower()]
    if changed:
        hint = "commit it, or stash it; without --commit, a worktree is made"
        raise ToolkitError(f"{path}: {changed[0]} is not as committed", hint=hint)
    try:
        try:
            calls.run_contributing(path, "update-index", "-q", "--refresh", ok=None)
            calls.run_contributing(path, "read-tree", "-m", "-u", was, str(to))
            calls.run_contributing(path, "update-ref", "-m", "unlet", "HEAD", str(to), was)
        except CommandError as error:
            raise _unwritten(clone, f"{path}: cannot be moved", error) from error
        yield
    except BaseException:
        _ignore_failure(path, "update-ref", "-m", "unlet", "HEAD", was, str(to))
        for each, name in zip(paths, files_there, strict=True):
            _ignore_failure(path, "reset", "--quiet", was, "--", name)
            _ignore_failure(path, "checkout-index", "--force", "--", str(each))
            if not calls.run_contributing(path, "ls-files", "--", name).text:
                files.remove(path / each)
        raise


@contextmanager
def adding(  # noqa: PLR0913 - a branch, its place, and what is to be there
    clone: Clone, *, branch: str, commit: Oid, path: Path, paths: Sequence[PurePosixPath], fetching: bool = False
) -> Generator[None]:
    """Create a branch at `commit` and check it out at `path`; undo both if the block raises.

    In a sparse or partial clone, `paths` are added to the user's sparse checkout; with `fetching`, missing objects are
    fetched. Raise ToolkitError if the branch or the path exists, or the worktree cannot be created.
    """
    try:
        # Whoever comes second fails here, and takes nothing away from the first.
        path.mkdir()
    except OSError as error:
        raise ToolkitError(f"{path}: cannot be made: {error.strerror}") from error
    taken = False
    try:
        try:
            _say(clone, "update-ref", "-m", "unlet", f"refs/heads/{branch}", str(commit), "0" * 40)
        except ToolkitError:
            taken = True
            raise
        _say(clone, "worktree", "add", "--quiet", "--no-checkout", str(path), branch)
        (_git_directory(path) / _MARK).write_text(branch)
        _check_out(clone, path, paths, fetching=fetching)
        yield
    except BaseException:
        # An interrupt may come when git has done what it was told, hence all of it is taken back.
        _ignore_failure(clone.common, "worktree", "remove", "--force", str(path))
        files.remove(path)
        if not taken:
            _ignore_failure(clone.common, "update-ref", "-d", f"refs/heads/{branch}", str(commit))
        raise


def changes(path: Path) -> tuple[str, ...]:
    """Return the paths of changed and new files in a worktree, as git quotes them."""
    asked = ("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules")
    listed = calls.run_contributing(path, "--no-optional-locks", *asked).text
    return tuple(line[3:] for line in listed.splitlines())


def move(clone: Clone, worktree: Worktree, *, to: Oid, fetching: bool = False) -> None:
    """Move the branch of a worktree, and its files; undo everything on failure.

    With `fetching`, a partial clone fetches missing objects. Raise ToolkitError if the worktree has changes, or has
    changed since it was read.
    """
    path, settings = worktree.path, _narrow(clone, worktree.path)
    head = calls.run_contributing(path, "rev-parse", "HEAD", "--symbolic-full-name", "HEAD").text
    if head != f"{worktree.commit}\nrefs/heads/{worktree.branch}" or changes(path):
        raise ToolkitError(f"{path}: has changed in the meantime", hint="try again when nothing changes there")
    # To git-reset(1) a file is a changed one until somebody has looked whether it is.
    calls.run_contributing(path, *settings, "update-index", "-q", "--refresh", ok=None)
    try:
        calls.run_contributing(path, *settings, "reset", "--quiet", "--keep", str(to), fetching=fetching)
    except BaseException as error:
        _ignore_failure(path, *settings, "reset", "--quiet", "--hard", str(worktree.commit))
        if isinstance(error, CommandError):
            raise _unwritten(clone, f"{path}: cannot be moved", error) from error
        raise


def remove(clone: Clone, *, branch: str, tip: Oid | None, path: Path | None) -> None:
    """Remove a worktree with all its changes, and a branch at `tip`; None skips the one that is gone.

    Removes both or neither. Raise ToolkitError if the branch is not at `tip`, or the worktree cannot be moved.
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
            raise ToolkitError(f"{path}: cannot be removed: {error.strerror}") from error
        raise


def recover(clone: Clone) -> None:
    """Undo each removal that was interrupted before the branch was deleted; complete those interrupted later."""
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


def _check_out(clone: Clone, path: Path, paths: Sequence[PurePosixPath], *, fetching: bool) -> None:
    if _is_set(path, "core.sparseCheckout"):
        cone = _is_set(path, "core.sparseCheckoutCone")
        # Cones are made of directories alone.
        lines = (
            [str(each.parent if each.suffix else each) for each in paths] if cone else [f"/{each}" for each in paths]
        )
        calls.run_contributing(path, "sparse-checkout", "add", "--stdin", stdin="\n".join(lines).encode())
    elif clone.partial:
        patterns = _patterns(path)
        patterns.parent.mkdir(exist_ok=True)
        patterns.write_text("".join(f"/{each}\n" for each in paths))
    try:
        calls.run_contributing(path, *_narrow(clone, path), "reset", "--quiet", "--hard", fetching=fetching)
    except CommandError as error:
        raise _unwritten(clone, f"{path}: cannot be checked out", error) from error


def _narrow(clone: Clone, path: Path) -> tuple[str, ...]:
    """Return the options by which git leaves those files alone that were not checked out of a partial clone.

    They stand in no configuration, as git-sparse-checkout would write to the one that all worktrees share.
    """
    if not clone.partial or _is_set(path, "core.sparseCheckout") or not _patterns(path).is_file():
        return ()
    return "-c", "core.sparseCheckout=true", "-c", "core.sparseCheckoutCone=false"


def _patterns(path: Path) -> Path:
    return _git_directory(path) / "info" / "sparse-checkout"


def _git_directory(path: Path) -> Path:
    return Path(calls.run_contributing(path, "rev-parse", "--absolute-git-dir").names)


def _unwritten(clone: Clone, what: str, error: CommandError) -> ToolkitError:
    hint = "--fetch gets what a partial clone lacks" if clone.partial and "promisor" in error.stderr else None
    return ToolkitError(f"{what}: {reading.fact(error.stderr)}", hint=hint)


def _is_set(path: Path, name: str) -> bool:
    return calls.run_contributing(path, "config", "--type=bool", "--get", name, ok=(0, 1)).text == "true"


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
