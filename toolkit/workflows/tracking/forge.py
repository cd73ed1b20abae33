"""nixpkgs on GitHub: files by raw download, all refs side by side, the rest by the REST API."""

from __future__ import annotations

import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolkit.emit.tracking.document import Arrival, Network, Pull, date
from toolkit.errors import ToolkitError
from toolkit.external import git
from toolkit.external.git.history import Step
from toolkit.external.github import GoneError, NotFoundError
from toolkit.rewrite.layout import GENERATOR
from toolkit.workflows.tracking import meaning
from toolkit.workflows.tracking.parallel import side_by_side
from toolkit.workflows.tracking.upstream import BRANCH, CHANNEL, File, Found, Heads, Past, Wanted, default_refs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.external.github import ChangedFile, GitHub, Review
    from toolkit.external.github import Pull as Request
    from toolkit.external.patches import Plan
    from toolkit.external.tracked import Tracked
    from toolkit.workflows.tracking.memory import Memory

_MOST_MOVES = 5
_MOST_CANDIDATES = 40
_SKEW_SECONDS = 86400


class Forge:
    """A repository on GitHub as an Upstream; what it knows of unchanged files is in the memory."""

    def __init__(self, github: GitHub, plan: Plan, tracked: Tracked, memory: Memory) -> None:
        self.warnings: list[str] = []
        self._github = github
        self._plan = plan
        self._tracked = tracked
        self._memory = memory
        self.source = f"{github.client.api_url}/repos/{github.repository}"

    def defaults(self) -> tuple[Wanted, ...]:
        """Return the usual refs; where the releases cannot be asked for, a warning says so."""
        names = [*self._tracked.branches, *self._tracked.channels]
        try:
            for beginnings in side_by_side(
                self._github.branches, (self._tracked.release_branch, self._tracked.release_channel)
            ):
                names += beginnings
        except ToolkitError as error:
            self.warnings.append(f"the newest releases cannot be found: {error.message}")
        return default_refs(self._tracked, names)

    def look(self, wanted: Sequence[Wanted]) -> list[Found]:
        """Return the file at each ref."""
        return side_by_side(self._look, wanted)

    def past(self, found: Found, *, most: int | None) -> Past:
        """Return the commits that changed the file; renames are followed."""
        if found.file is None:
            return Past(steps=(), notes=(found.reason or "there is no file",))
        steps: list[Step] = []
        ref, path = found.wanted.name, found.file.path
        try:
            for _ in range(_MOST_MOVES + 1):
                before = len(steps)
                for change in self._github.changes(ref, str(path)):
                    steps.append(Step(change=change, path=path, blob=None, previous=None, before=None))
                    if most is not None and len(steps) >= most:
                        return Past(steps=tuple(steps))
                if len(steps) == before:
                    break
                detail = self._github.commit(str(steps[-1].change.commit))
                previous = next((f.previous for f in detail.files if f.path == str(path) and f.previous), None)
                if previous is None or not detail.parents:
                    break
                ref, path = str(detail.parents[0]), PurePosixPath(previous)
        except ToolkitError as error:
            return Past(steps=tuple(steps), notes=(f"older versions are missing: {error.message}",))
        return Past(steps=tuple(steps))

    def contents(self, steps: Sequence[Step]) -> Iterator[tuple[Step, bytes | None]]:
        """Yield the file after each step; some at a time, so that what was read can be kept in between."""
        for start in range(0, len(steps), _MOST_CANDIDATES):
            some = steps[start : start + _MOST_CANDIDATES]
            yield from zip(some, side_by_side(self._content, some), strict=True)

    def pulls(self, numbers: Sequence[int], refs: Sequence[Found]) -> tuple[Heads, ...]:
        """Return the listed pull requests, and those that a search finds and that touch the file."""
        listed = list(numbers)
        searched = [number for number in self._search() if number not in listed]
        found = side_by_side(lambda number: self._pull(number, refs, listed=number in listed), [*listed, *searched])
        return tuple(each for each in found if each.pull.listed or each.pull.touches)

    def network(self) -> Network:
        """Return what went over the network so far."""
        traffic = self._github.client.traffic()
        return Network(
            requests=traffic.requests,
            bodies=traffic.bodies,
            unchanged=traffic.unchanged,
            bytes=traffic.bytes,
            remaining=traffic.remaining,
            limit=traffic.limit,
            reset=date(traffic.reset) if traffic.reset is not None else None,
        )

    def _look(self, wanted: Wanted) -> Found:
        try:
            git.check_rev(wanted.name)
            path, content = self._place(wanted.name)
        except ToolkitError as error:
            return Found(wanted=wanted, reason=error.message)
        blob = git.blob_id(content)
        key = f"{self._github.repository} {wanted.name} {path} {blob}"
        change = self._memory.changes.get(key)
        if change is None:
            try:
                change = self._github.last_change(wanted.name, str(path))
            except ToolkitError as error:
                self.warnings.append(f"{wanted.name}: the last change cannot be told: {error.message}")
        if change is not None:
            self._memory.changes[key] = change
            if change.committed > time.time() + _SKEW_SECONDS:
                self.warnings.append(f"{wanted.name}: its last change is dated in the future; is this clock right?")
        return Found(wanted=wanted, file=File(path=path, content=content, blob=blob, change=change))

    def _place(self, ref: str) -> tuple[PurePosixPath, bytes]:
        """Return the file's path and content at a ref; raise ToolkitError where there is none."""
        target = self._plan.target
        try:
            content = self._github.raw(ref, str(target))
        except NotFoundError:
            return self._elsewhere(ref)
        if meaning.binds_generator(content) or GENERATOR.encode() in content:
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
        for path in dict.fromkeys((*moved, *self._tracked.places)):
            content = self._raw_or_none(ref, path)
            if content is not None and meaning.binds_generator(content):
                return path, content
            fallback = (path, content) if content is not None and fallback is None else fallback
        paths = self._candidates(ref)
        for path, content in zip(paths, side_by_side(lambda p: self._raw_or_none(ref, p), paths), strict=True):
            if content is not None and meaning.binds_generator(content):
                return path, content
        if fallback is not None:
            return fallback
        gone = f"the file is gone: '{self._plan.target}' is not there, and no other file binds {GENERATOR}"
        raise ToolkitError(gone)

    def _moves(self, ref: str) -> list[PurePosixPath]:
        """Follow the file's renames by the commits that took it away; raise NotFoundError for no such ref."""
        found: list[PurePosixPath] = []
        path = str(self._plan.target)
        for _ in range(_MOST_MOVES):
            change = self._github.last_change(ref, path)
            if change is None:
                break
            new = _moved_to(self._github.commit(str(change.commit)).files, path)
            if new is None:
                break
            found.append(PurePosixPath(new))
            path = new
        return list(reversed(found))

    def _candidates(self, ref: str) -> list[PurePosixPath]:
        """List Nix files with docker or moby in their path: in the usual directories, or else in the whole tree."""
        directories = dict.fromkeys(
            (self._plan.target.parent.parent, *(place.parent.parent for place in self._tracked.places))
        )
        found: list[PurePosixPath] = []
        for directory in directories:
            try:
                files, _ = self._github.tree(ref, str(directory))
            except NotFoundError:
                continue
            found += [directory / each.path for each in files if each.kind == "blob"]
        if not any(_is_candidate(path) for path in found):
            files, truncated = self._github.tree(ref)
            found = [PurePosixPath(each.path) for each in files if each.kind == "blob"]
            if truncated:
                self.warnings.append(f"{ref}: GitHub lists only a part of its files")
        return [path for path in found if _is_candidate(path) and path != self._plan.target][:_MOST_CANDIDATES]

    def _raw_or_none(self, ref: str, path: PurePosixPath) -> bytes | None:
        try:
            return self._github.raw(ref, str(path))
        except NotFoundError:
            return None

    def _content(self, step: Step) -> bytes | None:
        try:
            return self._github.raw(str(step.change.commit), str(step.path), keep=False)
        except NotFoundError:
            return None
        except ToolkitError as error:
            self.warnings.append(f"{step.change.commit.short}: {error.message}")
            return None

    def _search(self) -> list[int]:
        """Return the numbers that the searches find; they are few requests with a limit of their own."""
        found: dict[int, None] = {}
        for words in self._tracked.searches:
            try:
                found |= dict.fromkeys(self._github.search_pulls(words, most=self._tracked.candidates))
            except ToolkitError as error:
                self.warnings.append(f"pull requests cannot be searched for: {error.message}")
                break
        return list(found)[: self._tracked.candidates]

    def _pull(self, number: int, refs: Sequence[Found], *, listed: bool) -> Heads:
        try:
            request = self._github.pull(number)
            files = self._github.pull_files(number)
        except (GoneError, NotFoundError) as error:
            return Heads(pull=Pull(number=number, listed=listed, state="unknown", reason=error.message))
        except ToolkitError as error:
            return Heads(pull=Pull(number=number, listed=listed, state="unknown", reason=error.message))
        path = self._touched(files)
        if not listed and path is None:
            return Heads(pull=_pull(request, listed=False, touches=False))
        return self._whole(request, refs, path=path, listed=listed)

    def _whole(self, request: Request, refs: Sequence[Found], *, path: str | None, listed: bool) -> Heads:
        """Ask for all that is to be known of a pull request; what cannot be told is missing."""
        reasons: list[str] = []
        file, review = None, None
        try:
            review = _standing(self._github.reviews(request.number))
            if path is not None:
                content = self._github.raw(str(request.head), path)
                file = File(path=PurePosixPath(path), content=content, blob=git.blob_id(content), change=None)
        except ToolkitError as error:
            reasons.append(error.message)
        arrivals = self._arrivals(request, refs) if request.merged else ()
        backports = self._backports(request, refs) if request.merged else ()
        pull = _pull(
            request,
            listed=listed,
            touches=path is not None,
            review=review,
            arrivals=arrivals,
            reason="; ".join(reasons) or None,
        )
        return Heads(pull=pull, file=file, backports=backports)

    def _arrivals(self, request: Request, refs: Sequence[Found]) -> tuple[Arrival, ...]:
        commit = request.merged_as
        if commit is None:
            return ()

        def arrived(found: Found) -> bool | None:
            try:
                return self._github.contains(found.wanted.name, commit)
            except ToolkitError:
                return None

        asked = [found for found in refs if found.wanted.kind in {BRANCH, CHANNEL}]
        return tuple(
            Arrival(ref=found.wanted.name, kind=found.wanted.kind, arrived=there)
            for found, there in zip(asked, side_by_side(arrived, asked), strict=True)
        )

    def _backports(self, request: Request, refs: Sequence[Found]) -> tuple[Heads, ...]:
        releases = [f.wanted.name for f in refs if f.wanted.name.startswith(self._tracked.release_branch)]
        found: list[Heads] = []
        for release in releases:
            branch = self._tracked.backport.format(number=request.number, branch=release)
            try:
                requests = self._github.pulls_from(branch)
            except ToolkitError as error:
                self.warnings.append(f"#{request.number}: backports to {release} cannot be told: {error.message}")
                continue
            for each in requests:
                arrivals = self._arrivals(each, refs) if each.merged else ()
                found.append(Heads(pull=_pull(each, listed=False, arrivals=arrivals)))
        return tuple(found)

    def _touched(self, files: Sequence[ChangedFile]) -> str | None:
        """Return where the file is after a pull request that touches it; where it is gone, what has taken its place."""
        target = str(self._plan.target)
        moved = _moved_to(files, target)
        if moved is not None:
            return moved
        names = {each.path: each.status for each in files}
        if names.get(target) == "removed":
            return next((str(place) for place in self._tracked.places if str(place) in names), None)
        return target if target in names else None


def _pull(  # noqa: PLR0913 - what is known beside the request itself
    request: Request,
    *,
    listed: bool,
    touches: bool | None = None,
    review: str | None = None,
    arrivals: tuple[Arrival, ...] = (),
    reason: str | None = None,
) -> Pull:
    return Pull(
        number=request.number,
        listed=listed,
        state="merged" if request.merged else request.state,
        reason=reason,
        title=request.title,
        url=request.url,
        author=request.author,
        base=request.base,
        head=str(request.head),
        draft=request.draft,
        mergeable=None if request.merged else request.mergeable,
        review=review,
        touches=touches,
        merged_as=str(request.merged_as) if request.merged_as is not None else None,
        merged=date(request.merged_at) if request.merged_at is not None else None,
        arrivals=arrivals,
    )


def _standing(reviews: Sequence[Review]) -> str:
    """Return what the last words of all reviewers come to; a comment takes nothing back."""
    last: dict[str | None, str] = {}
    for review in reviews:
        if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"} or review.author not in last:
            last[review.author] = review.state
    states = set(last.values())
    if "CHANGES_REQUESTED" in states:
        return "changes requested"
    if "APPROVED" in states:
        return "approved"
    return "commented" if "COMMENTED" in states else "none"


def _moved_to(files: Sequence[ChangedFile], path: str) -> str | None:
    return next((file.path for file in files if file.status == "renamed" and file.previous == path), None)


def _is_candidate(path: PurePosixPath) -> bool:
    return path.suffix == ".nix" and any(word in str(path).lower() for word in ("docker", "moby"))
