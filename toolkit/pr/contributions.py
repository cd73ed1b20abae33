"""The branches that unlet created in a clone: their records, states and safe removal.

The proposal, pull-request.md and the record of a branch are in the clone's git
directory, in `unlet/BRANCH`, which git ignores.
"""

import hashlib
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from shlex import quote
from urllib.parse import quote as quoted
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import asdict

from toolkit import documents, files, inside, patches
from toolkit.contribution import Contribution, Removed
from toolkit.errors import ToolkitError, UsageError
from toolkit.git import clone as clones
from toolkit.git import history, worktrees
from toolkit.git.clone import Clone
from toolkit.git.worktrees import Worktree
from toolkit.model import Oid
from toolkit.writable import WritableRoot

TEXT = "pull-request.md"
NEW_TEXT = "pull-request.new.md"

_DIRECTORY = "unlet"
_KEPT = "branch.json"
_UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{8}(?:[0-9a-f]{8})?")
"""The name of a directory that a killed run left, see `replacing`."""
_SCHEMA = 3


def place(common: Path, branch: str) -> Path:
    """Return the directory of a branch's files, in the clone's git directory."""
    return common / _below(branch)


def _below(branch: str) -> PurePosixPath:
    return PurePosixPath(_DIRECTORY, quoted(branch, safe=""))


def known(common: Path) -> tuple[Contribution, ...]:
    """Return the records of all branches, by name."""
    names = WritableRoot(common).names(_DIRECTORY)
    branches = sorted(unquote(name) for name in names if not name.startswith("."))
    records = (read(common, branch) for branch in branches)
    return tuple(record for record in records if record is not None)


def read(common: Path, branch: str) -> Contribution | None:
    """Return the record of a branch; None if unlet did not create it.

    Raise ToolkitError for a damaged file.
    """
    path = _below(branch) / _KEPT
    if (content := inside.find(common, path)) is None:
        return None
    try:
        return documents.read_versioned(
            content, Contribution, schema=_SCHEMA, document=str(common / path)
        )
    except documents.BrokenError as error:
        raise ToolkitError(
            error.message, hint="delete this file, and unlet forgets the branch"
        ) from error


def write(directory: Path, contribution: Contribution) -> None:
    """Write the record of a branch to the directory of its files."""
    path = directory / _KEPT
    path.write_bytes(documents.write({"schema": _SCHEMA, **asdict(contribution)}))


def digest(content: bytes) -> str:
    """Return the SHA-256 of a text in hexadecimal, to detect edits."""
    return hashlib.sha256(content).hexdigest()


def edited_text(common: Path, contribution: Contribution) -> bytes | None:
    """Return pull-request.md if someone has edited it, else None."""
    content = inside.find(common, _below(contribution.branch) / TEXT)
    if content is None or digest(content) == contribution.text:
        return None
    return content


class DirectoryReplacement(Struct):
    """A directory under construction that will replace the one at `place`.

    Until then, it is at `building`, in the same parent directory.
    """

    place: Path
    building: Path
    put: bool = False

    def take_place(self) -> None:
        """Exchange the new directory with the old one."""
        root = WritableRoot(self.place.parent)
        root.exchange(self.building.name, self.place.name)
        self.put = True

    def give_way(self) -> None:
        """Undo `take_place`, if it was called."""
        if self.put:
            root = WritableRoot(self.place.parent)
            root.exchange(self.place.name, self.building.name)

    def delete(self) -> None:
        """Delete the directory at `building`: an older one, or an unfinished one."""
        WritableRoot(self.building.parent).delete(self.building.name)


@contextmanager
def alone(common: Path) -> Generator[None]:
    """Lock a clone against other runs of unlet during the block.

    Raise ToolkitError if another run is active there.
    """
    try:
        # Where a file system has no locks, git still lets nobody make the same branch
        # twice.
        with files.locked(common, wait=False):
            yield
    except BlockingIOError:
        hint = "try again when it has finished"
        raise ToolkitError(
            f"{common}: another unlet is already running in this clone", hint=hint
        ) from None


@contextmanager
def replacing(common: Path, branch: str) -> Generator[DirectoryReplacement]:
    """Yield a directory in which to build a proposal.

    At the end it replaces an older one; only an error undoes that. Raise ToolkitError
    for an OSError in the block, such as a full disk; see also `alone`.
    """
    root, there = WritableRoot(common), place(common, branch)
    # Of another length than what `files.whole_directory` takes for left behind.
    replacement = DirectoryReplacement(
        there, there.with_name(f".{there.name}.{os.urandom(8).hex()}")
    )
    with alone(common):
        try:
            _require_directory(common)
            root.make_directory(replacement.building.relative_to(common))
            yield replacement
        except BaseException as error:
            replacement.give_way()
            if isinstance(error, OSError):
                raise ToolkitError(
                    f"{error.filename or there}: cannot be written: {error.strerror}"
                ) from error
            raise
        finally:
            replacement.delete()
            _prune(root)


def recover(common: Path) -> None:
    """Restore the files that a killed run had moved aside, and delete its partial ones.

    Do nothing while another run of unlet is active in the clone.
    """
    root = WritableRoot(common)
    unfinished = [
        (name, match[1])
        for name in root.names(_DIRECTORY)
        if (match := _UNFINISHED.fullmatch(name)) is not None
    ]
    if not unfinished:
        return
    with suppress(ToolkitError), alone(common):
        for aside, name in unfinished:
            old, new = f"{_DIRECTORY}/{aside}", f"{_DIRECTORY}/{name}"
            is_whole = inside.is_file(common, f"{old}/{_KEPT}")
            if is_whole and not inside.is_file(common, f"{new}/{_KEPT}"):
                root.delete(new)
                root.move(old, new)
            else:
                root.delete(old)
        _prune(root)


def forget(common: Path, branch: str) -> None:
    """Delete a branch's files in .git/unlet."""
    root = WritableRoot(common)
    root.delete(_below(branch))
    _prune(root)


def _prune(root: WritableRoot) -> None:
    with suppress(OSError):
        root.prune(_DIRECTORY)


def _require_directory(common: Path) -> None:
    place = common / _DIRECTORY
    if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
        fact = "is not a directory that unlet created"
        raise ToolkitError(f"{place}: {fact}", hint="move it away")


class Standing(Struct, frozen=True, kw_only=True):
    """The current state of a branch that `pr` created.

    `tip` is None if the branch no longer exists. `worktree` has it checked out, or was
    created for it and now has no branch checked out; None if no such worktree exists.
    """

    kept: Contribution
    tip: Oid | None
    worktree: Worktree | None


def open_clone(repo: Path) -> Clone:
    """Open a clone, and repair what a killed run left, unless another run is active.

    Raise ToolkitError if it is not a git repository.
    """
    clone = clones.open_clone(repo, patches.upstream().remote)
    recover(clone.common)
    with suppress(ToolkitError):
        # What is kept of a branch is the last of it to go.
        if known(clone.common):
            with alone(clone.common):
                worktrees.recover(clone)
    return clone


def find(clone: Clone, branch: str | None) -> Standing:
    """Return the named branch, else that of the current worktree, else the only one.

    Raise ToolkitError if there is none, and UsageError if there are several.
    """
    all_known, there = known(clone.common), worktrees.worktrees(clone)
    names = ", ".join(each.branch for each in all_known)
    here = next(
        (each.branch or each.made_for for each in there if each.path == clone.top), None
    )
    found = [each for each in all_known if each.branch == (branch or here)]
    if branch is None and len(found := found or [*all_known]) > 1:
        fact = f"unlet made several branches: {names}"
        raise UsageError(f"{clone.top}: {fact}", hint="choose one with --branch NAME")
    if not found:
        makes = f"unlet pr --repo {quote(str(clone.top))} creates one"
        hint = (
            f"choose one of unlet's branches with --branch: {names}" if names else makes
        )
        name = f" '{branch}'" if branch is not None else ""
        raise ToolkitError(
            f"{clone.top}: unlet has created no branch{name} here", hint=hint
        )
    (kept,) = found
    own = [each for each in there if each.branch == kept.branch]
    if len(own) > 1:
        places = " and ".join(str(each.path) for each in own)
        raise ToolkitError(
            f"{clone.top}: branch '{kept.branch}' is checked out in {places}"
        )
    own += [
        each for each in there if each.made_for == kept.branch and each.branch is None
    ]
    return Standing(
        kept=kept,
        tip=clones.branch_commit(clone, kept.branch),
        worktree=next(iter(own), None),
    )


def require_apart(clone: Clone, found: Standing) -> None:
    """Raise ToolkitError if a checkout that unlet did not create has the branch."""
    if found.worktree is not None and found.worktree.entry is not None:
        worktrees.require_own(clone, found.worktree)
    if (
        found.worktree is not None
        and found.worktree.path == worktrees.worktrees(clone)[0].path
    ):
        fact = f"branch '{found.kept.branch}' is checked out in your own clone"
        raise ToolkitError(
            f"{clone.top}: {fact}", hint="check out another branch there first"
        )


def uncommitted(worktree: Worktree) -> str | None:
    """Return which changes of a worktree are uncommitted, or None."""
    changed = worktrees.changes(worktree.path)
    return (
        f"{worktree.path}: '{changed[0]}' has uncommitted changes" if changed else None
    )


def remove(repo: Path, branch: str | None, *, force: bool) -> Removed:
    """Remove a branch that `pr` created, by default the only one.

    Raise ToolkitError if that would lose work, unless `force` permits it, or if the
    branch is in use elsewhere.
    """
    clone = open_clone(repo)
    with alone(clone.common):
        found = find(clone, branch)
        name, worktree = found.kept.branch, found.worktree
        if worktree is not None and worktree.locked is not None:
            hint = f"git worktree unlock {quote(str(worktree.path))}"
            raise ToolkitError(
                f"{worktree.path}: the worktree is locked, so branch '{name}' stays",
                hint=hint,
            )
        require_apart(clone, found)
        if not force and (lost := next(_lost(clone, found), None)) is not None:
            raise ToolkitError(
                f"{lost}, which would be lost", hint="--force removes it nevertheless"
            )
        worktrees.remove(clone, branch=name, tip=found.tip, worktree=worktree)
        path = worktree.path if worktree is not None else None
        forget(clone.common, name)
    return Removed(clone=clone.top, branch=name, worktree=path, commit=found.tip)


def _lost(clone: Clone, found: Standing) -> Iterator[str]:
    """Yield the contributor's work on the branch that exists nowhere else."""
    if found.worktree is not None and found.worktree.path.is_dir():
        if found.worktree.branch is None:
            yield (
                f"{found.worktree.path}: this worktree has another branch than '"
                f"{found.kept.branch}' checked out"
            )
        if (fact := uncommitted(found.worktree)) is not None:
            yield fact
    if (
        found.tip is not None
        and history.common_ancestor(clone.common, found.tip, found.kept.commits[-1])
        != found.tip
        and not clones.is_pushed(clone, found.tip)
    ):
        yield (
            f"{clone.top}: branch '{found.kept.branch}' has commits that unlet did "
            "not create"
        )
    if edited_text(clone.common, found.kept) is not None:
        yield (
            f"{place(clone.common, found.kept.branch) / TEXT}: you have edited "
            "this text"
        )
