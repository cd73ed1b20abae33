"""Somebody's change of the docker file: a patch, a pull request, a commit, or what is not committed in a clone."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import confined, files, git
from toolkit.docker import TARGET, meaning, staging
from toolkit.docker.track import upstream
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import history, patching, reading
from toolkit.model import Commit, Source, SourceRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.docker.requests import CheckRequest, Server
    from toolkit.model import Oid, Progress

HEAD = "HEAD"


class JudgedFile(Struct, frozen=True, kw_only=True):
    """The unchanged file with what is around it, and the changed one; `others` are further files that change."""

    source: Source
    content: bytes
    subject: str
    diff: bytes
    others: tuple[PurePosixPath, ...] = ()


def of(request: CheckRequest, progress: Progress) -> JudgedFile:
    """Return the change that is to be judged; raise ToolkitError for one that cannot be had or is none of the file."""
    progress.step("reading nixpkgs")
    if request.patch is not None:
        return _of_patch(request.patch, request.source, progress)
    if request.pull is None:
        return _of_clone(_top(request.clone or Path()), request.rev, progress)
    if request.clone is None:
        return _of_server(request.pull, request.server)
    return _of_fetched(request.pull, _top(request.clone), progress)


def _of_patch(path: Path, asked: SourceRequest, progress: Progress) -> JudgedFile:
    found = staging.nixpkgs(asked, progress=progress)
    diff = files.read(path)
    content = git.apply(found.content, TARGET, diff)
    others = tuple(file for file in patching.touched(diff) if file != TARGET)
    return JudgedFile(source=found, content=_bounded(content), subject=path.name, diff=diff, others=others)


def _of_server(number: int, server: Server) -> JudgedFile:
    """Ask GitHub for both files: at the pull request's head, and where it has left its base."""
    # Who judges a file of their own needs no network.
    from toolkit.docker.track import forge  # noqa: PLC0415
    from toolkit.forge.client import Settings  # noqa: PLC0415

    github = forge.connect(server, Settings())
    pull = github.pull(number)
    changed = github.pull_files(number)
    target = str(TARGET)
    after = upstream.moved_to(changed, target) or target
    if after not in {each.filename for each in changed if each.status != "removed"}:
        raise ToolkitError(f"#{number}: does not change '{target}'", hint="'unlet track --pull' follows it")
    base = github.merge_base(pull.base.ref, pull.head.sha)
    before, content = (
        github.raw(commit, path, most=files.MAXIMUM_BYTES) for commit, path in ((base, target), (pull.head.sha, after))
    )
    name = f"#{number}: {target}"
    files.check_content(name, before)
    files.check_content(name, content)
    source = Source(
        origin=f"{github.repository} at {base[:12]}, where #{number} has left {pull.base.ref}",
        content=before,
        # Nothing is beside the file.
        directory=Path(tempfile.gettempdir()) / "unlet-nothing",
    )
    subject = f"#{number} {' '.join(pull.title.split())}"
    others = tuple(path for each in changed if (path := PurePosixPath(each.filename)) != PurePosixPath(after))
    return _change(source, _bounded(content), subject, others)


def _of_fetched(number: int, directory: Path, progress: Progress) -> JudgedFile:
    """Read a pull request whose head the clone has, as `track --git-dir` does."""
    name = f"pull/{number}/head"
    head = clones.branches(directory, upstream.tracked().repository).commits.get(name)
    if head is None:
        hint = f"run git -C {quote(str(directory))} fetch REMOTE {quote(f'{name}:refs/{name}')}"
        raise ToolkitError(f"{directory}: has nothing of #{number}", hint=hint)
    return _of_commit(directory, head, f"#{number} as fetched", progress, strange=True)


def _of_clone(directory: Path, rev: str | None, progress: Progress) -> JudgedFile:
    """Read one's own edits: those that a commit brings, or those that are not committed."""
    if rev is not None:
        return _of_commit(directory, git.locate(directory, rev).commit, rev, progress)
    path = directory / TARGET
    source = _at(directory, HEAD, progress)
    content = files.read_target(path)
    if content == source.content:
        raise ToolkitError(
            f"{path}: has no changes that are not committed",
            hint="'unlet check REV' judges a commit, 'unlet check DIR' a proposal",
        )
    subject = f"the uncommitted changes in {directory}"
    others = history.changed(directory, HEAD)
    return _change(source, content, subject, [path for path in others if path != TARGET])


def _of_commit(directory: Path, head: Oid, subject: str, progress: Progress, *, strange: bool = False) -> JudgedFile:
    """Read what a commit and those before it have changed since they left the main branch, or if it is there itself."""
    known = clones.branches(directory, upstream.tracked().repository)
    main = known.commits.get(upstream.tracked().branches[0])
    base = history.common_ancestor(known.repository, main, head) if main is not None else None
    if base is None or base == head:
        base = git.locate(directory, f"{head}~1").commit
    source = _at(directory, str(base), progress)
    (content,) = reading.read_objects(known.repository, [f"{head}:{TARGET}"], most=files.MAXIMUM_BYTES)
    others = history.changed(directory, str(base), str(head))
    if TARGET not in others:
        raise ToolkitError(f"{directory}: '{TARGET}' is the same in {subject} and in {base.short}, where it began")
    if strange:
        content = _bounded(content)
    return _change(source, content, f"{subject} ({head.short})", [path for path in others if path != TARGET])


def _top(directory: Path) -> Path:
    """Return the top of the clone that a directory is in; one that is in none stays what it is."""
    absolute = directory.absolute()
    return next((above for above in (absolute, *absolute.parents) if (above / ".git").exists()), directory)


def _at(directory: Path, rev: str, progress: Progress) -> Source:
    asked = SourceRequest(nixpkgs=str(directory.absolute()), rev=rev, offline=True)
    return staging.nixpkgs(asked, progress=progress)


def _change(source: Source, content: bytes, subject: str, others: Sequence[PurePosixPath]) -> JudgedFile:
    made = Commit(subject=subject, body="", before=source.content, after=content)
    diff = git.series([made], TARGET).upstream_diff
    return JudgedFile(source=source, content=content, subject=subject, diff=diff, others=tuple(others))


def _bounded(content: bytes) -> bytes:
    """Return a stranger's content if it can be parsed in bounded time and memory, else raise ToolkitError."""
    (parsed,) = confined.each(meaning.read, [content])
    if parsed is None:
        raise ToolkitError(f"{TARGET}: is too large to read")
    return content
