"""Pull requests on a server: what each is, what its head has, where its commit has arrived."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolkit import git
from toolkit.docker.track.parallel import side_by_side
from toolkit.docker.track.places import moved_to
from toolkit.docker.track.report.document import Arrival, Pull, date
from toolkit.docker.track.upstream import BRANCH, CHANNEL, File, Found, Heads
from toolkit.errors import ToolkitError
from toolkit.files import MAXIMUM_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from toolkit.docker.plan import Plan
    from toolkit.docker.track.tracked import Tracked
    from toolkit.forge.github import ChangedFile, GitHub, Review
    from toolkit.forge.github import Pull as Request


class PullRequests:
    """Asks for pull requests, side by side; what cannot be told of one keeps no other back."""

    def __init__(self, github: GitHub, plan: Plan, tracked: Tracked) -> None:
        self.warnings: list[str] = []
        self._github = github
        self._plan = plan
        self._tracked = tracked

    def find(self, listed: Sequence[int], refs: Sequence[Found]) -> tuple[Heads, ...]:
        """Return the listed ones, those that name the TODO, and the open ones about docker that touch the file."""
        naming, touching = self._search()
        wanted = list(dict.fromkeys((*listed, *naming, *touching)))
        only_touching = set(touching) - {*listed, *naming}

        def ask(number: int) -> Heads | None:
            return self._pull(number, refs, listed=number in listed, touching=only_touching)

        return tuple(found for found in side_by_side(ask, wanted) if found is not None)

    def _search(self) -> tuple[list[int], list[int]]:
        """Return what the two searches find; they are few requests with a limit of their own."""
        found: list[list[int]] = []
        for words in (self._tracked.naming, self._tracked.touching):
            try:
                found.append(list(self._github.search_pulls(words, most=self._tracked.candidates)))
            except ToolkitError as error:
                self.warnings.append(f"pull requests cannot be searched for: {error.message}")
                found.append([])
        naming, touching = found
        return naming, touching

    def _pull(self, number: int, refs: Sequence[Found], *, listed: bool, touching: Collection[int]) -> Heads | None:
        """Return one, None for one that would have to touch the file and does not."""
        try:
            request = self._github.pull(number)
            files = self._github.pull_files(number)
        except ToolkitError as error:
            return Heads(pull=Pull(number=number, listed=listed, state="unknown", reason=error.message))
        path = self._touched(files, refs)
        if number in touching and path is None:
            return None
        return self._whole(request, refs, path=path, listed=listed)

    def _whole(self, request: Request, refs: Sequence[Found], *, path: str | None, listed: bool) -> Heads:
        """Ask for all that is to be known of a pull request; what cannot be told is missing."""
        reasons: list[str] = []
        file, review = None, None
        try:
            review = _standing(self._github.reviews(request.number))
            if path is not None:
                content = self._github.raw(request.head.sha, path, most=MAXIMUM_BYTES)
                file = File(path=PurePosixPath(path), content=content, blob=git.blob_id(content), change=None)
        except ToolkitError as error:
            reasons.append(error.message)
        arrivals = self._arrivals(request, refs) if request.merged_at else ()
        backports = self._backports(request, refs) if request.merged_at else ()
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
        commit = request.merge_commit_sha
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
                self.warnings.append(f"#{request.number}: backports to {release} cannot be determined: {error.message}")
                continue
            for each in requests:
                arrivals = self._arrivals(each, refs) if each.merged_at else ()
                found.append(Heads(pull=_pull(each, listed=False, arrivals=arrivals)))
        return tuple(found)

    def _touched(self, files: Sequence[ChangedFile], refs: Sequence[Found]) -> str | None:
        """Return where the file is after a pull request that touches it; where it is gone, what has taken its place."""
        names = {each.filename: each.status for each in files}
        there = (found.file.path for found in refs if found.file is not None)
        for path in dict.fromkeys(map(str, (self._plan.target, *there))):
            moved = moved_to(files, path)
            if moved is not None:
                return moved
            if names.get(path) == "removed":
                return next((str(place) for place in self._tracked.places if str(place) in names), None)
            if path in names:
                return path
        return None


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
        state="merged" if request.merged_at else request.state,
        reason=reason,
        title=request.title,
        url=request.html_url,
        author=request.user.login if request.user is not None else None,
        base=request.base.ref,
        head=request.head.sha,
        draft=request.draft,
        mergeable=None if request.merged_at else request.mergeable,
        review=review,
        touches=touches,
        merged_as=request.merge_commit_sha if request.merged_at else None,
        merged=date(request.merged_at.timestamp()) if request.merged_at is not None else None,
        arrivals=arrivals,
    )


def _standing(reviews: Sequence[Review]) -> str:
    """Return what the last words of all reviewers come to; a comment takes nothing back."""
    last: dict[str | None, str] = {}
    for review in reviews:
        author = review.user.login if review.user is not None else None
        if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"} or author not in last:
            last[author] = review.state
    states = set(last.values())
    if "CHANGES_REQUESTED" in states:
        return "changes requested"
    if "APPROVED" in states:
        return "approved"
    return "commented" if "COMMENTED" in states else "none"
