"""nixpkgs on GitHub: files by raw download, the rest by the REST API; refs and pull requests in parallel."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import PurePosixPath

from toolkit.errors import ToolkitError
from toolkit.files import MAXIMUM_BYTES
from toolkit.forge.client import budget
from toolkit.forge.failures import NotFoundError
from toolkit.forge.github import ApiCommit, PullFile, PullReview, connect
from toolkit.git import reading
from toolkit.git.history import FileCommit
from toolkit.model import Oid, Server
from toolkit.parallel import side_by_side
from toolkit.patches import tracked
from toolkit.track.answer import Arrival, Pull, RefKind
from toolkit.track.memory import Memory
from toolkit.track.upstream import (
    Content,
    File,
    FoundFile,
    Refs,
    TrackedPackage,
    WantedRef,
    default_refs,
)

_AT_A_TIME = 8


class ServerRefs(Refs):
    """The refs of a repository on GitHub; facts about unchanged files come from the memory."""

    def __init__(self, server: Server, subject: TrackedPackage, memory: Memory, *, timeout: float) -> None:
        """Send nothing yet; raise UsageError for a repository or URL that is none. `timeout` is in seconds."""
        self._github = connect(server, timeout=timeout)
        super().__init__(subject, f"{self._github.client.api_url}/repos/{self._github.repository}")
        self._memory = memory

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the usual refs; warn if the releases cannot be requested."""
        beginnings = (tracked().release_branch, tracked().release_channel)
        usual = (*tracked().branches, *tracked().channels)
        try:
            listed = side_by_side(self._github.branches, beginnings)
        except ToolkitError as error:
            self.warnings.append(f"the newest releases cannot be found: {error.message}")
            return default_refs(usual)
        # What begins so has been listed; that the others are there is known.
        return default_refs([*(name for name in usual if not name.startswith(beginnings)), *chain(*listed)])

    def versions(self, found: FoundFile, *, most: int) -> Iterator[tuple[FileCommit, bytes | None]]:
        """Yield the newest commits that changed the file at its present path, each with the file's content then."""
        if found.file is None:
            return
        path = str(found.file.path)
        changes = islice(self._github.changes(found.wanted.name, path), most)

        def content(commit: ApiCommit) -> bytes:
            return self._github.raw(commit.sha, path, most=MAXIMUM_BYTES)

        while some := list(islice(changes, _AT_A_TIME)):
            yield from zip(map(_change, some), side_by_side(content, some), strict=True)

    def pulls(self, numbers: Sequence[int], refs: Sequence[FoundFile]) -> list[tuple[Pull, File | None]]:
        """Return the facts about each pull request; a failure does not affect the others.

        All together share the time limit of one answer.
        """
        with budget(self._github.client.timeout):
            return side_by_side(lambda number: self._pull(number, refs), numbers)

    def commit(self, name: str) -> Oid | None:
        """Return None: the server knows a ref by its name; raise UsageError if it cannot be one."""
        reading.check_rev(name)
        return None

    def contents(self, at: str, paths: Sequence[PurePosixPath]) -> Sequence[Content | None]:
        """Return what stands at these paths."""

        def read(path: PurePosixPath) -> Content | None:
            try:
                content = self._github.raw(at, str(path), most=MAXIMUM_BYTES)
            except NotFoundError:
                return None
            return reading.blob_id(content), content

        return side_by_side(read, paths)

    def last_change(self, at: str, file: File) -> FileCommit | None:
        """Return the commit that last changed a file; ask for each content once."""
        changes, key = self._memory.known.changes, f"{self._github.repository} {at} {file.path} {file.blob}"
        if key not in changes and (commit := self._github.last_change(at, str(file.path))) is not None:
            changes[key] = _change(commit)
        return changes.get(key)

    def _pull(self, number: int, refs: Sequence[FoundFile]) -> tuple[Pull, File | None]:
        """Return one; what cannot be read of it is missing."""
        file, review, reason = None, None, None
        try:
            request = self._github.pull(number)
            path = _touched(self._github.pull_files(number), self.subject.target, refs)
        except ToolkitError as error:
            return Pull(number=number, state="unknown", reason=error.message), None
        try:
            review = _standing(self._github.reviews(number))
            if path is not None:
                content = self._github.raw(request.head.sha, path, most=MAXIMUM_BYTES)
                file = File(path=PurePosixPath(path), content=content, blob=reading.blob_id(content))
        except ToolkitError as error:
            reason = error.message
        merged = request.merged_at is not None
        pull = Pull(
            number=request.number,
            state="merged" if merged else request.state,
            reason=reason,
            title=request.title,
            url=request.html_url,
            base=request.base.ref,
            head=Oid(request.head.sha),
            draft=request.draft,
            mergeable=None if merged else request.mergeable,
            review=review,
            touches=path is not None,
            merged=request.merged_at,
            arrivals=self._arrivals(request.merge_commit_sha, refs) if merged and request.merge_commit_sha else (),
        )
        return pull, file

    def _arrivals(self, commit: str, refs: Sequence[FoundFile]) -> tuple[Arrival, ...]:
        def arrived(found: FoundFile) -> bool | None:
            try:
                return self._github.contains(found.wanted.name, commit)
            except ToolkitError:
                return None

        asked = [found for found in refs if found.wanted.kind in {RefKind.BRANCH, RefKind.CHANNEL}]
        return tuple(
            Arrival(ref=found.wanted.name, kind=found.wanted.kind, arrived=there)
            for found, there in zip(asked, side_by_side(arrived, asked), strict=True)
        )


def _change(commit: ApiCommit) -> FileCommit:
    return FileCommit(commit=Oid(commit.sha), date=commit.commit.committer.date, subject=commit.subject)


def _touched(files: Sequence[PullFile], target: PurePosixPath, refs: Sequence[FoundFile]) -> str | None:
    """Return where the file is after a pull request that touches it; if it is gone, what has taken its place."""
    names = {each.filename: each.status for each in files}
    renamed = {each.previous_filename: each.filename for each in files if each.status == "renamed"}
    there = (found.file.path for found in refs if found.file is not None)
    for path in dict.fromkeys(map(str, (target, *there))):
        if path in renamed:
            return renamed[path]
        if names.get(path) == "removed":
            return next((str(place) for place in tracked().places if str(place) in names), None)
        if path in names:
            return path
    return None


def _standing(reviews: Sequence[PullReview]) -> str:
    """Return what the last words of all reviewers come to; a comment takes nothing back."""
    last: dict[str | None, str] = {}
    for review in reviews:
        author = review.user.login if review.user is not None else None
        if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"} or author not in last:
            last[author] = review.state
    states = set(last.values())
    words = {"CHANGES_REQUESTED": "changes requested", "APPROVED": "approved", "COMMENTED": "commented"}
    return next((word for state, word in words.items() if state in states), "none")
