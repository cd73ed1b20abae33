"""nixpkgs on GitHub: files by raw download, all refs side by side, the rest by the REST API.

At a ref the file is in its usual place, where it was moved to, or wherever it is bound.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolkit import git
from toolkit.cache import default_cache
from toolkit.docker import TARGET
from toolkit.docker.parallel import side_by_side
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.track.pull_requests import PullRequests
from toolkit.docker.track.upstream import (
    File,
    FoundFile,
    Heads,
    Past,
    WantedRef,
    default_refs,
    may_bind,
    moved_to,
    tracked,
)
from toolkit.errors import ToolkitError, UsageError
from toolkit.files import MAXIMUM_BYTES
from toolkit.forge.client import Client, Settings, Traffic
from toolkit.forge.failures import NotFoundError
from toolkit.forge.github import GitHub
from toolkit.forge.token import find_token
from toolkit.git.history import Change, HistoryStep
from toolkit.model import Oid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.requests import Server
    from toolkit.docker.track.memory import Memory
    from toolkit.docker.track.tracking import TrackRequest
    from toolkit.forge.github import ApiCommit

_MOST_MOVES = 5
_MOST_CANDIDATES = 40
_AT_A_TIME = 40


class Forge:
    """A repository on GitHub as an Upstream; what it knows of unchanged files is in the memory."""

    def __init__(self, request: TrackRequest, memory: Memory) -> None:
        """Send nothing yet; raise UsageError for a repository or URL that is none."""
        self.warnings: list[str] = []
        self._github = connect(request.server, Settings(timeout=request.timeout, wait=request.wait))
        self.source = f"{self._github.client.api_url}/repos/{self._github.repository}"
        self._memory = memory
        self._places = Places(self._github)
        self._early: dict[WantedRef, FoundFile] = {}

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the usual refs; if the releases cannot be asked for, a warning says so.

        The files at those of last time are fetched meanwhile.
        """
        usual = (*tracked().branches, *tracked().channels)
        beginnings = (tracked().release_branch, tracked().release_channel)
        guessed = default_refs(self._memory.known.names.get(self._github.repository, usual))
        tasks: list[str | WantedRef] = [*beginnings, *guessed]
        outcomes = side_by_side(self._begin, tasks)
        self._early = {each.wanted: each for each in outcomes if isinstance(each, FoundFile)}
        # What begins so has been listed; that the others are there is known.
        names = [name for name in usual if not name.startswith(beginnings)]
        for outcome in outcomes:
            if isinstance(outcome, ToolkitError):
                self.warnings.append(f"the newest releases cannot be found: {outcome.message}")
                return default_refs(usual)
            if not isinstance(outcome, FoundFile):
                names += outcome
        wanted = default_refs(names)
        self._memory.known.names[self._github.repository] = [each.name for each in wanted]
        return wanted

    def look(self, wanted: Sequence[WantedRef]) -> list[FoundFile]:
        """Return the file at each ref."""
        missing = [each for each in wanted if each not in self._early]
        found = {**self._early, **{each.wanted: each for each in side_by_side(self._look, missing)}}
        return [found[each] for each in wanted]

    def past(self, found: FoundFile, *, most: int | None) -> Past:
        """Return the commits that changed the file; renames are followed."""
        if found.file is None:
            return Past(steps=(), notes=(found.reason or "there is no file",))
        steps: list[HistoryStep] = []
        ref, path = found.wanted.name, found.file.path
        try:
            for _ in range(_MOST_MOVES + 1):
                before = len(steps)
                for commit in self._github.changes(ref, str(path)):
                    steps.append(HistoryStep(change=_change(commit), path=path, blob=None, previous=None, before=None))
                    if most is not None and len(steps) >= most:
                        return Past(steps=tuple(steps))
                if len(steps) == before:
                    break
                detail = self._github.commit(str(steps[-1].change.commit))
                previous = next((f.previous_filename for f in detail.files if f.filename == str(path)), None)
                if previous is None or not detail.parents:
                    break
                ref, path = detail.parents[0].sha, PurePosixPath(previous)
        except ToolkitError as error:
            return Past(steps=tuple(steps), notes=(f"older versions are missing: {error.message}",))
        return Past(steps=tuple(steps))

    def contents(self, steps: Sequence[HistoryStep]) -> Iterator[tuple[HistoryStep, bytes | None]]:
        """Yield the file after each step; some at a time, so that what was read can be kept in between."""
        for start in range(0, len(steps), _AT_A_TIME):
            some = steps[start : start + _AT_A_TIME]
            yield from zip(some, side_by_side(self._content, some), strict=True)

    def pulls(self, numbers: Sequence[int], refs: Sequence[FoundFile]) -> tuple[Heads, ...]:
        """Return the listed pull requests, and those that a search finds."""
        requests = PullRequests(self._github, self._memory)
        found = requests.find(numbers, refs)
        self.warnings += requests.warnings
        return found

    def finish(self) -> Traffic:
        """Return what went over the network; a warning says if a kept answer was damaged."""
        self.warnings += self._places.warnings
        if damaged := self._github.client.damaged:
            self.warnings.append(f"{damaged} kept answers were damaged; set aside, and asked for again")
        return self._github.client.traffic()

    def _begin(self, task: str | WantedRef) -> list[str] | FoundFile | ToolkitError:
        """List the branches that begin so, or look at a ref; what is wrong with the list is returned."""
        if isinstance(task, WantedRef):
            return self._look(task)
        try:
            return self._github.branches(task)
        except ToolkitError as error:
            return error

    def _look(self, wanted: WantedRef) -> FoundFile:
        try:
            git.check_rev(wanted.name)
            path, content = self._places.find(wanted.name)
        except ToolkitError as error:
            return FoundFile(wanted=wanted, reason=error.message)
        blob = git.blob_id(content)
        key = f"{self._github.repository} {wanted.name} {path} {blob}"
        change = self._memory.change(key)
        if change is None:
            try:
                commit = self._github.last_change(wanted.name, str(path))
                change = _change(commit) if commit is not None else None
            except ToolkitError as error:
                self.warnings.append(f"{wanted.name}: the last change cannot be determined: {error.message}")
        if change is not None:
            self._memory.keep_change(key, change)
        return FoundFile(wanted=wanted, file=File(path=path, content=content, blob=blob, change=change))

    def _content(self, step: HistoryStep) -> bytes | None:
        try:
            return self._github.raw(str(step.change.commit), str(step.path), most=MAXIMUM_BYTES, keep=False)
        except NotFoundError:
            return None
        except ToolkitError as error:
            self.warnings.append(f"{step.change.commit.short}: {error.message}")
            return None


def connect(server: Server, settings: Settings) -> GitHub:
    """Return a repository on GitHub, of which nothing is asked yet; raise UsageError for one or a URL that is none."""
    repository = server.repository or tracked().repository
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", repository):
        raise UsageError(f"--repo: '{repository}' is not OWNER/NAME")
    api_url = server.api_url or tracked().api_url
    client = Client(
        api_url=api_url,
        raw_url=server.raw_url or tracked().raw_url,
        token=find_token(server.token_command, host=urlsplit(api_url).netloc),
        cache=default_cache(),
        settings=settings,
    )
    return GitHub(client, repository)


def _change(commit: ApiCommit) -> Change:
    committed = int(commit.commit.committer.date.timestamp())
    return Change(commit=Oid(commit.sha), committed=committed, subject=commit.subject)


class Places:
    """Finds the file. `warnings` says if GitHub has left something out."""

    def __init__(self, github: GitHub) -> None:
        self.warnings: list[str] = []
        self._github = github

    def find(self, ref: str) -> tuple[PurePosixPath, bytes]:
        """Return the file's path and content at a ref; raise ToolkitError if there is none."""
        target = TARGET
        try:
            content = self._github.raw(ref, str(target), most=MAXIMUM_BYTES)
        except NotFoundError:
            return self._elsewhere(ref)
        if may_bind(content):
            return target, content
        try:
            return self._elsewhere(ref)
        except ToolkitError:
            return target, content

    def _elsewhere(self, ref: str) -> tuple[PurePosixPath, bytes]:
        """Look for the file in other places: where it was moved to, in the usual directories, in the whole tree."""
        try:
            moved = self._moves(ref)
        except NotFoundError:
            raise NotFoundError(f"there is no branch, tag or commit '{ref}' in {self._github.repository}") from None
        fallback: tuple[PurePosixPath, bytes] | None = None
        for path in dict.fromkeys((*moved, *tracked().places)):
            content = self._raw_or_none(ref, path)
            if content is not None and may_bind(content):
                return path, content
            fallback = (path, content) if content is not None and fallback is None else fallback
        paths = self._candidates(ref)
        for path, content in zip(paths, side_by_side(lambda p: self._raw_or_none(ref, p), paths), strict=True):
            if content is not None and may_bind(content):
                return path, content
        if fallback is not None:
            return fallback
        gone = f"the file is gone: '{TARGET}' is not there, and no other file binds {GENERATOR}"
        raise ToolkitError(gone)

    def _moves(self, ref: str) -> list[PurePosixPath]:
        """Follow the file's renames by the commits that took it away; raise NotFoundError for no such ref."""
        found: list[PurePosixPath] = []
        path = str(TARGET)
        for _ in range(_MOST_MOVES):
            change = self._github.last_change(ref, path)
            if change is None:
                break
            new = moved_to(self._github.commit(change.sha).files, path)
            if new is None:
                break
            found.append(PurePosixPath(new))
            path = new
        return list(reversed(found))

    def _candidates(self, ref: str) -> list[PurePosixPath]:
        """List Nix files with docker or moby in their path: in the usual directories, or else in the whole tree."""
        directories = dict.fromkeys((TARGET.parent.parent, *(place.parent.parent for place in tracked().places)))
        found: list[PurePosixPath] = []
        for directory in directories:
            try:
                files = self._github.tree(ref, str(directory)).tree
            except NotFoundError:
                continue
            found += [directory / each.path for each in files if each.type == "blob"]
        if not any(_is_candidate(path) for path in found):
            whole = self._github.tree(ref)
            found = [PurePosixPath(each.path) for each in whole.tree if each.type == "blob"]
            if whole.truncated:
                self.warnings.append(f"{ref}: GitHub lists only a part of its files")
        return [path for path in found if _is_candidate(path) and path != TARGET][:_MOST_CANDIDATES]

    def _raw_or_none(self, ref: str, path: PurePosixPath) -> bytes | None:
        try:
            return self._github.raw(ref, str(path), most=MAXIMUM_BYTES)
        except NotFoundError:
            return None


def _is_candidate(path: PurePosixPath) -> bool:
    return path.suffix == ".nix" and any(word in str(path).lower() for word in ("docker", "moby"))
