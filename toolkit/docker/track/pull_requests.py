"""Pull requests on a server: what each is, what its head has, where its commit has arrived."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolkit import git
from toolkit.docker import TARGET
from toolkit.docker.parallel import side_by_side
from toolkit.docker.track.model import Arrival, Pull, RefKind
from toolkit.docker.track.upstream import File, FoundFile, Heads, moved_to, tracked
from toolkit.errors import ToolkitError
from toolkit.files import MAXIMUM_BYTES
from toolkit.forge.client import budget
from toolkit.forge.failures import SilentError
from toolkit.model import Oid

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from toolkit.docker.track.memory import Memory
    from toolkit.forge.github import ApiPull as Request
    from toolkit.forge.github import ChangedFile, GitHub, Review

# What did not answer last time is asked again, but not for long.
_SHORT_SECONDS = 3.0


class PullRequests:
    """Asks for pull requests, side by side; what cannot be told of one keeps no other back.

    All together have the time of one answer. One that took it all has little of it the next day.
    """

    def __init__(self, github: GitHub, memory: Memory) -> None:
        self.warnings: list[str] = []
        self._github = github
        self._memory = memory

    def find(self, listed: Sequence[int], refs: Sequence[FoundFile]) -> tuple[Heads, ...]:
        """Return the listed ones, those that name the TODO, and the open ones about docker that touch the file."""
        with budget(self._github.client.settings.timeout):
            naming, touching = side_by_side(self._search, [tracked().naming, tracked().touching])
            wanted = list(dict.fromkeys((*listed, *naming, *touching)))
            only_touching = set(touching) - {*listed, *naming}

            def ask(number: int) -> Heads | None:
                return self._pull(number, refs, listed=number in listed, touching=only_touching)

            return tuple(found for found in side_by_side(ask, wanted) if found is not None)

    def _search(self, words: str) -> list[int]:
        """Return what a search finds; it has a rate limit of its own."""
        try:
            return self._github.search_pulls(words, most=tracked().candidates)
        except ToolkitError as error:
            self.warnings.append(f"pull requests cannot be searched for: {error.message}")
            return []

    def _pull(self, number: int, refs: Sequence[FoundFile], *, listed: bool, touching: Collection[int]) -> Heads | None:
        """Return one, None for one that would have to touch the file and does not."""
        name = f"{self._github.repository}#{number}"
        seconds = _SHORT_SECONDS if self._memory.is_silent(name) else self._github.client.settings.timeout
        with budget(seconds):
            try:
                request = self._github.pull(number)
                path = self._touched(self._github.pull_files(number), refs)
            except ToolkitError as error:
                self._memory.heard(name, silent=isinstance(error, SilentError))
                return Heads(pull=Pull(number=number, listed=listed, state="unknown", reason=error.message))
            if number in touching and path is None:
                self._memory.heard(name, silent=False)
                return None
            return self._whole(name, request, refs, path=path, listed=listed)

    def _whole(
        self, name: str, request: Request, refs: Sequence[FoundFile], *, path: str | None, listed: bool
    ) -> Heads:
        """Ask for all that is to be known of a pull request; what cannot be told is missing."""
        reason, file, review = None, None, None
        silent = False
        try:
            review = _standing(self._github.reviews(request.number))
            if path is not None:
                content = self._github.raw(request.head.sha, path, most=MAXIMUM_BYTES)
                file = File(path=PurePosixPath(path), content=content, blob=git.blob_id(content))
        except ToolkitError as error:
            reason, silent = error.message, isinstance(error, SilentError)
        self._memory.heard(name, silent=silent)
        backports = self._backports(request, refs) if request.merged_at is not None else ()
        pull = self._described(request, refs, listed=listed, touches=path is not None, review=review, reason=reason)
        return Heads(pull=pull, file=file, backports=backports)

    def _described(  # noqa: PLR0913 - what is known beside the request itself
        self,
        request: Request,
        refs: Sequence[FoundFile],
        *,
        listed: bool = False,
        touches: bool | None = None,
        review: str | None = None,
        reason: str | None = None,
    ) -> Pull:
        merged = request.merged_at is not None
        merged_as = Oid(request.merge_commit_sha) if merged and request.merge_commit_sha is not None else None
        return Pull(
            number=request.number,
            listed=listed,
            state="merged" if merged else request.state,
            reason=reason,
            title=request.title,
            url=request.html_url,
            author=request.user.login if request.user is not None else None,
            base=request.base.ref,
            head=Oid(request.head.sha),
            draft=request.draft,
            mergeable=None if merged else request.mergeable,
            review=review,
            touches=touches,
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

    def _backports(self, request: Request, refs: Sequence[FoundFile]) -> tuple[Heads, ...]:
        found: list[Heads] = []
        for release in (f.wanted.name for f in refs if f.wanted.name.startswith(tracked().release_branch)):
            branch = tracked().backport.format(number=request.number, branch=release)
            try:
                requests = self._github.pulls_from(branch)
            except ToolkitError as error:
                self.warnings.append(f"#{request.number}: backports to {release} cannot be determined: {error.message}")
                continue
            found += [Heads(pull=self._described(each, refs)) for each in requests]
        return tuple(found)

    def _touched(self, files: Sequence[ChangedFile], refs: Sequence[FoundFile]) -> str | None:
        """Return where the file is after a pull request that touches it; if it is gone, what has taken its place."""
        names = {each.filename: each.status for each in files}
        there = (found.file.path for found in refs if found.file is not None)
        for path in dict.fromkeys(map(str, (TARGET, *there))):
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
