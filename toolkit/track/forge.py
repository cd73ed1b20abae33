"""nixpkgs on GitHub: files by raw download, the rest by the REST API, all refs and all pull requests side by side."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit.errors import ToolkitError
from toolkit.files import MAXIMUM_BYTES
from toolkit.forge.client import Settings, Traffic, budget
from toolkit.forge.failures import NotFoundError, SilentError
from toolkit.forge.github import connect, moved_to
from toolkit.forge.nixpkgs import tracked
from toolkit.git import reading
from toolkit.git.history import Change
from toolkit.model import Oid
from toolkit.parallel import side_by_side
from toolkit.track.model import Arrival, Pull, RefKind
from toolkit.track.upstream import (
    MOST_CANDIDATES,
    AbsentError,
    File,
    FoundFile,
    WantedRef,
    default_refs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolkit.forge.github import ApiCommit, ChangedFile, Review
    from toolkit.forge.github import ApiPull as Request
    from toolkit.forge.nixpkgs import Server
    from toolkit.track.memory import Memory
    from toolkit.track.upstream import Content, Subject

_AT_A_TIME = 8

# What did not answer last time is asked again, but not for long.
_SHORT_SECONDS = 3.0


class Forge:
    """A repository on GitHub as an Upstream; what it knows of unchanged files is in the memory."""

    def __init__(self, server: Server, subject: Subject, memory: Memory, *, timeout: float, wait: float) -> None:
        """Send nothing yet; raise UsageError for a repository or URL that is none. Both times are seconds."""
        self.warnings: list[str] = []
        self.repository: Path | None = None
        self.missing: tuple[str, ...] = ()
        self._subject = subject
        self._github = connect(server, Settings(timeout=timeout, wait=wait))
        self.source = f"{self._github.client.api_url}/repos/{self._github.repository}"
        self._memory = memory

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the usual refs; if the releases cannot be asked for, a warning reports it."""
        beginnings = (tracked().release_branch, tracked().release_channel)
        usual = (*tracked().branches, *tracked().channels)
        try:
            listed = side_by_side(self._github.branches, beginnings)
        except ToolkitError as error:
            self.warnings.append(f"the newest releases cannot be found: {error.message}")
            return default_refs(usual)
        # What begins so has been listed; that the others are there is known.
        return default_refs([*(name for name in usual if not name.startswith(beginnings)), *chain(*listed)])

    def look(self, wanted: Sequence[WantedRef]) -> list[FoundFile]:
        """Return the file at each ref."""
        return side_by_side(self._look, wanted)

    def versions(self, found: FoundFile, *, most: int) -> Iterator[tuple[Change, bytes | None]]:
        """Yield the newest commits that changed the file at its present path, each with what is in it then."""
        if found.file is None:
            return
        path = str(found.file.path)
        changes = islice(self._github.changes(found.wanted.name, path), most)

        def content(commit: ApiCommit) -> bytes:
            return self._github.raw(commit.sha, path, most=MAXIMUM_BYTES)

        while some := list(islice(changes, _AT_A_TIME)):
            yield from zip(map(_change, some), side_by_side(content, some), strict=True)

    def pulls(self, numbers: Sequence[int], refs: Sequence[FoundFile]) -> list[tuple[Pull, File | None]]:
        """Return what is known of each; one that cannot be read keeps no other back.

        All together have the time of one answer; one that took it all
        has little of it the next day.
        """
        with budget(self._github.client.settings.timeout):
            return side_by_side(lambda number: self._pull(number, refs), numbers)

    def finish(self) -> Traffic:
        """Return what went over the network; a warning says if a kept answer was damaged."""
        if damaged := self._github.client.damaged:
            self.warnings.append(f"{damaged} kept answers were damaged; set aside, and asked for again")
        return self._github.client.traffic()

    def _look(self, wanted: WantedRef) -> FoundFile:
        try:
            reading.check_rev(wanted.name)
            file = self._file(wanted.name)
        except ToolkitError as error:
            return FoundFile(wanted=wanted, reason=error.message, absent=isinstance(error, AbsentError))
        key = f"{self._github.repository} {wanted.name} {file.path} {file.blob}"
        change = self._memory.known.changes.get(key)
        if change is None:
            try:
                commit = self._github.last_change(wanted.name, str(file.path))
                change = _change(commit) if commit is not None else None
            except ToolkitError as error:
                self.warnings.append(f"{wanted.name}: the last change cannot be determined: {error.message}")
        if change is not None:
            self._memory.known.changes[key] = change
        return FoundFile(wanted=wanted, file=replace(file, change=change))

    def _file(self, ref: str) -> File:
        def follow(path: PurePosixPath) -> PurePosixPath | None:
            try:
                change = self._github.last_change(ref, str(path))
                new = moved_to(self._github.commit(change.sha).files, str(path)) if change is not None else None
            except NotFoundError:
                reason = f"there is no branch, tag or commit '{ref}' in {self._github.repository}"
                raise NotFoundError(reason) from None
            return PurePosixPath(new) if new is not None else None

        def read(path: PurePosixPath) -> Content | None:
            try:
                content = self._github.raw(ref, str(path), most=MAXIMUM_BYTES)
            except NotFoundError:
                return None
            return reading.blob_id(content), content

        return self._subject.find(
            read(self._subject.target),
            follow=follow,
            candidates=lambda: self._candidates(ref),
            read=lambda paths: side_by_side(read, paths),
        )

    def _candidates(self, ref: str) -> list[PurePosixPath]:
        """List Nix files whose path has a word of the subject: in the usual directories, or else in the whole tree."""
        places = (self._subject.target, *tracked().places)
        directories = dict.fromkeys(place.parent.parent for place in places)
        found: list[PurePosixPath] = []
        for directory in directories:
            try:
                files = self._github.tree(ref, str(directory)).tree
            except NotFoundError:
                continue
            found += [directory / each.path for each in files if each.type == "blob"]
        if not any(self._is_candidate(path) for path in found):
            whole = self._github.tree(ref)
            found = [PurePosixPath(each.path) for each in whole.tree if each.type == "blob"]
            if whole.truncated:
                self.warnings.append(f"{ref}: GitHub lists only a part of its files")
        return [path for path in found if self._is_candidate(path)][:MOST_CANDIDATES]

    def _is_candidate(self, path: PurePosixPath) -> bool:
        return path.suffix == ".nix" and any(word in str(path).lower() for word in self._subject.words)

    def _pull(self, number: int, refs: Sequence[FoundFile]) -> tuple[Pull, File | None]:
        """Return one; what cannot be read of it is missing."""
        name = f"{self._github.repository}#{number}"
        file, review, failure = None, None, None
        with budget(_SHORT_SECONDS if self._memory.is_silent(name) else self._github.client.settings.timeout):
            try:
                request = self._github.pull(number)
                path = _touched(self._github.pull_files(number), self._subject.target, refs)
            except ToolkitError as error:
                self._memory.heard(name, silent=isinstance(error, SilentError))
                return Pull(number=number, state="unknown", reason=error.message), None
            try:
                review = _standing(self._github.reviews(number))
                if path is not None:
                    content = self._github.raw(request.head.sha, path, most=MAXIMUM_BYTES)
                    file = File(path=PurePosixPath(path), content=content, blob=reading.blob_id(content))
            except ToolkitError as error:
                failure = error
            self._memory.heard(name, silent=isinstance(failure, SilentError))
            pull = replace(
                self._described(request, refs),
                touches=path is not None,
                review=review,
                reason=failure.message if failure is not None else None,
                backports=self._backports(request, refs) if request.merged_at is not None else (),
            )
            return pull, file

    def _described(self, request: Request, refs: Sequence[FoundFile]) -> Pull:
        merged = request.merged_at is not None
        merged_as = Oid(request.merge_commit_sha) if merged and request.merge_commit_sha is not None else None
        return Pull(
            number=request.number,
            state="merged" if merged else request.state,
            title=request.title,
            url=request.html_url,
            author=request.user.login if request.user is not None else None,
            base=request.base.ref,
            head=Oid(request.head.sha),
            draft=request.draft,
            mergeable=None if merged else request.mergeable,
            merged_as=merged_as,
            merged=request.merged_at,
            arrivals=self._arrivals(merged_as, refs) if merged_as is not None else (),
        )

    def _arrivals(self, commit: Oid, refs: Sequence[FoundFile]) -> tuple[Arrival, ...]:
        def arrived(found: FoundFile) -> bool | None:
            try:
                return self._github.contains(found.wanted.name, str(commit))
            except ToolkitError:
                return None

        asked = [found for found in refs if found.wanted.kind in {RefKind.BRANCH, RefKind.CHANNEL}]
        return tuple(
            Arrival(ref=found.wanted.name, kind=found.wanted.kind, arrived=there)
            for found, there in zip(asked, side_by_side(arrived, asked), strict=True)
        )

    def _backports(self, request: Request, refs: Sequence[FoundFile]) -> tuple[Pull, ...]:
        found: list[Pull] = []
        for release in (each.wanted.name for each in refs if each.wanted.name.startswith(tracked().release_branch)):
            branch = tracked().backport.format(number=request.number, branch=release)
            try:
                found += [self._described(each, refs) for each in self._github.pulls_from(branch)]
            except ToolkitError as error:
                self.warnings.append(f"#{request.number}: backports to {release} cannot be determined: {error.message}")
        return tuple(found)


def _change(commit: ApiCommit) -> Change:
    committed = int(commit.commit.committer.date.timestamp())
    return Change(commit=Oid(commit.sha), committed=committed, subject=commit.subject)


def _touched(files: Sequence[ChangedFile], target: PurePosixPath, refs: Sequence[FoundFile]) -> str | None:
    """Return where the file is after a pull request that touches it; if it is gone, what has taken its place."""
    names = {each.filename: each.status for each in files}
    there = (found.file.path for found in refs if found.file is not None)
    for path in dict.fromkeys(map(str, (target, *there))):
        moved = moved_to(files, path)
        if moved is not None:
            return moved
        if names.get(path) == "removed":
            return next((str(place) for place in tracked().places if str(place) in names), None)
        if path in names:
            return path
    return None


def _standing(reviews: Sequence[Review]) -> str:
    """Return what the last words of all reviewers come to; a comment takes nothing back."""
    last: dict[str | None, str] = {}
    for review in reviews:
        author = review.user.login if review.user is not None else None
        if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"} or author not in last:
            last[author] = review.state
    states = set(last.values())
    words = {"CHANGES_REQUESTED": "changes requested", "APPROVED": "approved", "COMMENTED": "commented"}
    return next((word for state, word in words.items() if state in states), "none")
