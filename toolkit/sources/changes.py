"""A change of nixpkgs by anyone: a patch, a pull request, commits, or edits.

`read` returns the tree that the change applies to, and the files of each of its steps
before and after. This module knows no package, and writes no step as a tree.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from shlex import quote

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import files, inside, patches
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError, UsageError, without_passwords
from toolkit.git import calls, diffs, fetching, history, mailing, patching, reading
from toolkit.git import clone as clones
from toolkit.git.reading import TreeFile
from toolkit.model import Commit, Oid, Progress, Source, SourceRequest
from toolkit.sources import resolve, trees
from toolkit.sources.trees import NixpkgsTree

_WHOLE = PurePosixPath("pkgs/top-level/all-packages.nix")
_RANGE = re.compile(r"(?P<base>[^.].*?)?\.\.\.?(?P<head>[^.].*)?")
_MAIN = ("master", "main")
_PULLS = "pulls"
MOST = 16 << 20
"""The size of the longest file that people edit by hand, in bytes."""


class PullRef(Struct, frozen=True, kw_only=True):
    """A pull request: `base` is the commit at which it forked.

    Both commits are None if only a clone may know them.
    """

    number: int
    title: str = ""
    base: Oid | None = None
    head: Oid | None = None


class ChangeRequest(Struct, frozen=True, kw_only=True):
    """The requested change: a `patch` for `source`, a `pull` request, or a `rev`.

    `rev` is a commit, meaning all commits since the main branch, or a range `A..B`.
    Without any of the three, the change is everything uncommitted in the clone. `clone`
    is any directory in it. unlet fetches a pull request that the clone lacks from
    `remote`, by default nixpkgs.
    """

    patch: Path | None = None
    pull: PullRef | None = None
    rev: str | None = None
    clone: Path = field(default_factory=Path)
    remote: str | None = None
    source: SourceRequest = field(default_factory=SourceRequest)


class FileEdit(Struct, frozen=True, kw_only=True):
    """A file before and after a change; None if it does not exist."""

    path: PurePosixPath
    before: TreeFile | None
    after: TreeFile | None


class ChangeStep(Struct, frozen=True, kw_only=True):
    """The tree after a commit of the change: the files that differ from the base."""

    subject: str
    commit: Oid | None = None
    edits: tuple[FileEdit, ...]

    @property
    def files(self) -> Mapping[PurePosixPath, TreeFile | None]:
        """The files that differ from the base after this step.

        None marks a deleted file.
        """
        return {edit.path: edit.after for edit in self.edits}


class Change(Struct, frozen=True, kw_only=True):
    """A change of a whole nixpkgs, in steps.

    `source` names the base for `sources.resolve`, and `base` is its whole tree.
    `warnings` are lines about surprises for the user.
    """

    subject: str
    origin: str
    source: SourceRequest
    base: NixpkgsTree
    steps: tuple[ChangeStep, ...]
    warnings: tuple[str, ...] = ()

    @property
    def whole(self) -> ChangeStep:
        """The whole change: its last step."""
        return self.steps[-1]


class ChangedFile(Struct, frozen=True, kw_only=True):
    """A file of a change: its nixpkgs before, its content after, and a diff.

    `others` are the paths of the other files that change.
    """

    source: Source
    after: bytes
    subject: str
    diff: bytes
    others: tuple[PurePosixPath, ...] = ()


def read(request: ChangeRequest, *, progress: Progress) -> Change:
    """Return the requested change.

    Raise ToolkitError if it is unavailable, does not apply, contains a merge or a
    submodule, or changes nothing.
    """
    progress.step("reading the change")
    if request.patch is not None:
        return _from_patch(request.patch, request.source, progress)
    held = _held(request, progress)
    base = trees.whole(held.source, offline=True, progress=progress)
    return Change(
        subject=held.subject,
        origin=held.source.origin,
        source=held.asked,
        base=base,
        steps=held.steps,
        warnings=base.warnings,
    )


def read_file(
    request: ChangeRequest,
    target: PurePosixPath,
    *,
    sparse: Sequence[str] = (),
    progress: Progress,
) -> ChangedFile:
    """Return a change's effect on one file, which needs no whole tree.

    Raise ToolkitError as `read` does, and if the change does not touch the file.
    """
    progress.step("reading the change")
    if request.patch is not None:
        source = resolve(
            request.source, target=target, sparse=sparse, progress=progress
        )
        diff, subject = files.read(request.patch), request.patch.name
        with patching.called(subject):
            after, others = (
                patching.apply(source.content, target, diff),
                diffs.touched(diff),
            )
    else:
        held = _held(request, progress)
        subject, edits = (
            held.subject,
            {edit.path: edit for edit in held.steps[-1].edits},
        )
        if target not in edits or edits[target].before is None:
            raise ToolkitError(f"{target}: {subject} does not change this file")
        file = edits[target].after
        if file is None:
            raise ToolkitError(f"{target}: {subject} deletes this file")
        source = resolve(held.asked, target=target, sparse=sparse, progress=progress)
        after, others = file.content, tuple(edits)
        diff = mailing.series(
            [Commit(subject=subject, body="", before=source.content, after=after)],
            target,
        ).upstream_diff
    files.check_content(str(target), after)
    others = tuple(path for path in others if path != target)
    return ChangedFile(
        source=source, after=after, subject=subject, diff=diff, others=others
    )


class _Held(Struct, frozen=True, kw_only=True):
    """A change in a clone: the commit that it applies to, and its steps."""

    subject: str
    source: Source
    steps: tuple[ChangeStep, ...]

    @property
    def asked(self) -> SourceRequest:
        """The base as a request for `sources.resolve`."""
        return SourceRequest(
            nixpkgs=str(self.source.directory),
            rev=str(self.source.commit),
            offline=True,
        )


def _held(request: ChangeRequest, progress: Progress) -> _Held:
    if request.pull is not None:
        return _from_pull(request.pull, request, progress)
    top = _top(request.clone)
    return _uncommitted(top) if request.rev is None else _from_rev(top, request.rev)


def _at(top: Path, repository: Path, commit: Oid, *, name: str) -> Source:
    return Source(
        origin=f"{top} at {name}",
        content=b"",
        directory=top,
        commit=commit,
        committed=reading.locate(repository, str(commit)).committed,
        repository=repository,
    )


def _from_patch(path: Path, asked: SourceRequest, progress: Progress) -> Change:
    diff = files.read(path)
    # Before the tree, which takes long the first time.
    with patching.called(path.name):
        paths = diffs.named(diff)
    source = resolve(asked, target=_WHOLE, sparse=(), progress=progress)
    base = trees.whole(source, offline=asked.offline, progress=progress)
    with patching.called(path.name):
        before = {each: _there(base.root, each) for each in paths}
        after = patching.outcome(
            diff, {each: file for each, file in before.items() if file is not None}
        )
        edits = _edits(before, after)
    step = ChangeStep(subject=path.name, edits=edits)
    return Change(
        subject=path.name,
        origin=source.origin,
        source=asked,
        base=base,
        steps=(step,),
        warnings=(*source.warnings, *base.warnings),
    )


def one_file(
    base: NixpkgsTree, path: PurePosixPath, content: bytes, *, source: SourceRequest
) -> Change:
    """Return a change that replaces one file's content in the tree of `source`."""
    before = reading.read_file(base.root, path)
    edit = FileEdit(path=path, before=before, after=replace(before, content=content))
    return Change(
        subject="",
        origin="",
        source=source,
        base=base,
        steps=(ChangeStep(subject="", edits=(edit,)),),
    )


def _from_pull(pull: PullRef, request: ChangeRequest, progress: Progress) -> _Held:
    """Read a pull request from the clone, or fetch both of its commits."""
    subject = " ".join([f"#{pull.number}", *pull.title.split()])
    if (found := _in_clone(pull, request.clone, subject)) is not None:
        return found
    if pull.base is None or pull.head is None:
        name = f"pull/{pull.number}/head"
        hint = (
            f"git -C {quote(str(request.clone))} fetch REMOTE "
            f"{quote(f'{name}:refs/{name}')}"
        )
        raise ToolkitError(
            f"{request.clone}: this clone has no commits of #{pull.number}", hint=hint
        )
    repository = _fetched(
        request.remote or patches.upstream().remote, pull.base, pull.head, progress
    )
    return _between(repository, repository, pull.base, pull.head, subject)


def _in_clone(pull: PullRef, directory: Path, subject: str) -> _Held | None:
    """Return a pull request from a clone, or None if the clone lacks a commit of it."""
    try:
        top = _top(directory)
        known = clones.branches(top, _upstream())
        head = pull.head or known.commits.get(f"pull/{pull.number}/head")
        if head is None:
            return None
        reading.locate(top, str(head))
        base = reading.locate(top, str(pull.base or _left(known, head))).commit
    except ToolkitError:
        if pull.base is None:
            raise
        return None
    return _between(top, known.repository, base, head, subject)


def _fetched(url: str, base: Oid, head: Oid, progress: Progress) -> Path:
    """Return a repository in the cache with two commits and all their files."""

    def make(into: Path) -> None:
        progress.step(
            f"fetching {base.short} and {head.short} from {without_passwords(url)}"
        )
        into.mkdir(exist_ok=True)
        fetching.fetch(url, base, into / "repository", more=(head,))

    return (
        default_cache().obtain(
            _PULLS, f"{base}-{head}", make=make, check=lambda _: True
        )
        / "repository"
    )


def _from_rev(top: Path, rev: str) -> _Held:
    """Read a range with each commit as a step, or all commits since the main branch."""
    if (ends := _RANGE.fullmatch(rev)) is None:
        head = reading.locate(top, rev)
        known = clones.branches(top, _upstream())
        return _between(
            top, known.repository, _left(known, head.commit), head.commit, rev
        )
    one, other = (
        reading.locate(top, ends[name] or "HEAD") for name in ("base", "head")
    )
    parted = history.common_ancestor(one.repository, one.commit, other.commit)
    if parted is None:
        hint = "a shallow clone may lack it: run git fetch --deepen"
        raise ToolkitError(f"{top}: '{rev}' and the base share no commit", hint=hint)
    return _between(top, one.repository, parted, other.commit, rev)


def _left(known: clones.Branches, head: Oid) -> Oid:
    """Return the commit at which a commit left the main branch, or its parent."""
    main = next(filter(None, map(known.commits.get, _MAIN)), None)
    found = (
        history.common_ancestor(known.repository, main, head)
        if main is not None
        else None
    )
    if found is not None and found != head:
        return found
    try:
        return reading.locate(known.repository, f"{head}~1").commit
    except ToolkitError as error:
        raise ToolkitError(
            f"{head.short}: the clone has no parent of this commit to compare it with",
            hint="name a range A..B, or, in a shallow clone, run git fetch --deepen=1",
        ) from error


def _between(top: Path, repository: Path, base: Oid, head: Oid, subject: str) -> _Held:
    commits = history.commits(repository, base, head)
    merge = next((commit for commit in commits if commit.merges), None)
    if merge is not None:
        hint = "rebase the branch, or name a range without this commit"
        raise ToolkitError(
            f"{top}: {merge.commit.short} is a merge commit ('{merge.subject}')",
            hint=hint,
        )
    steps = [
        ChangeStep(
            subject=each.subject,
            commit=each.commit,
            edits=_committed(repository, base, each.commit),
        )
        for each in commits
    ]
    if not steps or not steps[-1].edits:
        raise ToolkitError(
            f"{top}: '{subject}' changes nothing compared with {base.short}"
        )
    source = _at(top, repository, base, name=base.short)
    return _Held(subject=subject, source=source, steps=tuple(steps))


def _committed(repository: Path, base: Oid, head: Oid) -> tuple[FileEdit, ...]:
    """Return the files that differ between two commits."""
    listed = history.differing(repository, base, head)
    modules = [
        path
        for path, *entries in listed
        if any(entry is not None and entry.is_submodule for entry in entries)
    ]
    if modules:
        raise ToolkitError(
            f"{head.short}: '{modules[0]}' is a submodule, which Nix cannot evaluate"
        )
    sides = (entry for _, *entries in listed for entry in entries)
    wanted = [str(entry.blob) for entry in sides if entry is not None]
    contents = dict(
        zip(wanted, reading.read_objects(repository, wanted, most=MOST), strict=True)
    )

    def file(entry: reading.TreeEntry | None) -> TreeFile | None:
        return (
            TreeFile(content=contents[str(entry.blob)], mode=entry.mode)
            if entry is not None
            else None
        )

    return tuple(
        FileEdit(path=path, before=file(before), after=file(after))
        for path, before, after in listed
    )


def _uncommitted(top: Path) -> _Held:
    """Read the uncommitted changes, and new files that git does not ignore."""
    located = reading.locate(top)
    # It refuses a worktree that is elsewhere, before git looks for new files there.
    changed = history.changed(top)
    listed = calls.run_listing_new(top).stdout
    new = (PurePosixPath(os.fsdecode(name)) for name in listed.split(b"\0") if name)
    paths = dict.fromkeys((*changed, *new))
    if not paths:
        hint = "run 'unlet check REV' for a commit, or 'unlet check DIR' for a proposal"
        raise ToolkitError(f"{top}: has no uncommitted changes", hint=hint)
    entries = {
        entry.path: entry
        for entry in reading.entries(located.repository, located.commit, [*paths])
    }
    blobs = {
        path: str(entry.blob)
        for path, entry in entries.items()
        if path in paths and not entry.is_submodule
    }
    contents = reading.read_objects(located.repository, [*blobs.values()], most=MOST)
    before: dict[PurePosixPath, TreeFile | None] = dict.fromkeys(paths)
    for path, content in zip(blobs, contents, strict=True):
        before[path] = TreeFile(content=content, mode=entries[path].mode)
    after = {path: file for path in paths if (file := _there(top, path)) is not None}
    subject = "the uncommitted changes"
    return _Held(
        subject=subject,
        source=_at(
            top,
            located.repository,
            located.commit,
            name=f"HEAD ({located.commit.short})",
        ),
        steps=(ChangeStep(subject=subject, edits=_edits(before, after)),),
    )


def _edits(
    before: Mapping[PurePosixPath, TreeFile | None],
    after: Mapping[PurePosixPath, TreeFile],
) -> tuple[FileEdit, ...]:
    paths = sorted(before.keys() | after.keys())
    edits = (
        FileEdit(path=path, before=before.get(path), after=after.get(path))
        for path in paths
    )
    return tuple(edit for edit in edits if edit.before != edit.after)


def _there(root: Path, path: PurePosixPath) -> TreeFile | None:
    """Return a file of a tree, or None if it does not exist.

    Raise ToolkitError if a link points outside the tree.
    """
    if inside.leads_out(root, path.parent):
        raise ToolkitError(f"{path}: a link points outside the tree")
    if inside.link(root, path) is None and (
        inside.is_directory(root, path) or not inside.exists(root, path)
    ):
        return None
    return reading.read_file(root, path, most=MOST)


def _top(directory: Path) -> Path:
    """Return the top directory of the clone around a directory."""
    absolute = directory.absolute()
    top = next(
        (above for above in (absolute, *absolute.parents) if (above / ".git").exists()),
        None,
    )
    if top is None and not reading.is_repository(absolute):
        raise UsageError(
            f"{directory}: is not inside a git clone",
            hint="name a clone with --git-dir, or use --patch FILE --nixpkgs DIR",
        )
    return top or absolute


def _upstream() -> str:
    return clones.owner_and_name(patches.upstream().remote) or "/"
