"""A local clone of nixpkgs: no network, no token, and as new as its last fetch."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from toolkit import git
from toolkit.docker import TARGET
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.track.model import Arrival, Pull, RefKind
from toolkit.docker.track.upstream import File, FoundFile, Heads, Past, WantedRef, default_refs, may_bind, tracked
from toolkit.errors import CommandError, ToolkitError
from toolkit.files import MAXIMUM_BYTES
from toolkit.git import clone as clones
from toolkit.git import history, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path, PurePosixPath

    from toolkit.git.history import Change, HistoryStep
    from toolkit.model import Oid

_MOST_MOVES = 5
_MOST_CANDIDATES = 40


class CloneUpstream:
    """A clone as an Upstream; raises ToolkitError for a directory that is none."""

    def __init__(self, directory: Path, repository: str) -> None:
        self.warnings: list[str] = []
        self._directory = directory
        self._branches = clones.branches(directory, repository)
        self._repository = self._branches.repository
        fetched = self._branches.fetched
        age = f", fetched {time.strftime('%Y-%m-%d %H:%M', time.localtime(fetched))}" if fetched else ""
        self.source = f"clone {directory}{age}"

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the usual refs, of those that the clone has; HEAD where it has none of them."""
        return default_refs(self._branches.commits) or (WantedRef("HEAD", RefKind.NAMED),)

    def look(self, wanted: Sequence[WantedRef]) -> list[FoundFile]:
        """Return the file at each ref."""
        commits: dict[WantedRef, Oid] = {}
        failures: dict[WantedRef, str] = {}
        for each in wanted:
            try:
                commits[each] = self._commit(each.name)
            except ToolkitError as error:
                failures[each] = error.message
        distinct = list(dict.fromkeys(commits.values()))
        try:
            placed = self._placed(distinct)
        except CommandError as error:
            placed = dict.fromkeys(distinct, f"git cannot read it: {git.fact(error.stderr)}")
        changes = self._changes({commit: place[0] for commit, place in placed.items() if not isinstance(place, str)})
        found: list[FoundFile] = []
        for each in wanted:
            commit = commits.get(each)
            place = placed[commit] if commit is not None else failures[each]
            if isinstance(place, str):
                found.append(FoundFile(wanted=each, commit=commit, reason=place))
                continue
            path, blob, content = place
            change = changes.get(commit) if commit is not None else None
            file = File(path=path, content=content, blob=blob, change=change)
            found.append(FoundFile(wanted=each, commit=commit, file=file))
        return found

    def past(self, found: FoundFile, *, most: int | None) -> Past:
        """Return the commits that changed the file, from the ref on back."""
        if found.commit is None or found.file is None:
            return Past(steps=(), notes=(found.reason or "there is no file",))
        steps = tuple(history.steps(self._repository, found.commit, found.file.path))
        edge = [step for step in steps if str(step.change.commit) in self._branches.shallow]
        notes = ("the clone is shallow: what came before is not in it",) if edge else ()
        return Past(steps=steps[:most], notes=notes)

    def contents(self, steps: Sequence[HistoryStep]) -> Iterator[tuple[HistoryStep, bytes | None]]:
        """Yield the file after each step."""
        there = [step for step in steps if step.blob is not None]
        for step, got in zip(there, self._contents([str(s.blob) for s in there]), strict=True):
            yield step, got[1] if got is not None else None

    def pulls(self, numbers: Sequence[int], refs: Sequence[FoundFile]) -> tuple[Heads, ...]:
        """Return the listed pull requests, as far as the clone has their heads or their merges."""
        tips = {each.wanted: each.commit for each in refs if each.commit is not None}
        backport = {number: tracked().backport.format(number=number, branch="") for number in numbers}
        words = [word for number in numbers for word in (*_merge_words(number), backport[number])]
        try:
            merges = history.merges(self._repository, list(tips.values()), words)
        except CommandError as error:
            self.warnings.append(f"{self._directory}: merges cannot be listed: {git.fact(error.stderr)}")
            merges = ()
        return tuple(self._pull(number, merges, tips, backport[number]) for number in numbers)

    def finish(self) -> None:
        """Return nothing: nothing went over a network."""

    def _pull(self, number: int, merges: Sequence[Change], tips: dict[WantedRef, Oid], backport: str) -> Heads:
        merge = next((change for change in reversed(merges) if _merges(number, change.subject)), None)
        head = self._branches.commits.get(f"pull/{number}/head")
        file = None
        if head is not None:
            place = self._placed([head])[head]
            if not isinstance(place, str):
                file = File(path=place[0], content=place[2], blob=place[1])
        reason = None
        if merge is None:
            reason = "not merged as far as the clone goes" if head is not None else "the clone has nothing of it"
        pull = Pull(
            number=number,
            listed=True,
            state="merged" if merge is not None else "unknown",
            reason=reason,
            head=head,
            merged_as=merge.commit if merge is not None else None,
            arrivals=self._arrivals(merge, tips) if merge is not None else (),
        )
        backports = tuple(
            Heads(
                pull=Pull(
                    number=_number(change.subject),
                    listed=False,
                    state="merged",
                    title=change.subject,
                    merged_as=change.commit,
                    arrivals=self._arrivals(change, tips),
                )
            )
            for change in merges
            if backport in change.subject
        )
        return Heads(pull=pull, file=file, backports=backports)

    def _arrivals(self, change: Change, tips: dict[WantedRef, Oid]) -> tuple[Arrival, ...]:
        there = history.contains(self._repository, list(tips.values()), change.commit)
        return tuple(
            Arrival(ref=wanted.name, kind=wanted.kind, arrived=arrived)
            for wanted, arrived in zip(tips, there, strict=True)
        )

    def _contents(self, names: Sequence[str]) -> tuple[tuple[Oid, bytes] | None, ...]:
        return reading.contents(self._repository, names, most=MAXIMUM_BYTES)

    def _commit(self, name: str) -> Oid:
        found = self._branches.commits.get(name)
        return found if found is not None else git.locate(self._directory, name).commit

    def _placed(self, commits: Sequence[Oid]) -> dict[Oid, tuple[PurePosixPath, Oid, bytes] | str]:
        """Return path, blob and content of the file at each commit, or why there is none."""
        names = [f"{commit}:{TARGET}" for commit in commits]
        placed: dict[Oid, tuple[PurePosixPath, Oid, bytes] | str] = {}
        for commit, got in zip(commits, self._contents(names), strict=True):
            if got is not None and may_bind(got[1]):
                placed[commit] = (TARGET, *got)
                continue
            elsewhere = self._elsewhere(commit, is_there=got is not None)
            # A file of another kind in the old place is still the best there is to say something about.
            keep = got is not None and isinstance(elsewhere, str)
            placed[commit] = (TARGET, *got) if got is not None and keep else elsewhere
        return placed

    def _elsewhere(self, commit: Oid, *, is_there: bool) -> tuple[PurePosixPath, Oid, bytes] | str:
        """Look for the file in other places of a commit: where it was moved to, what binds dockerGen, known places."""
        try:
            if not is_there and reading.entries(self._repository, commit, [TARGET]):
                return "the clone lacks the file's content: it is a partial one"
        except ToolkitError as error:
            return error.message
        candidates: list[PurePosixPath] = []
        moved: PurePosixPath | None = TARGET
        for _ in range(_MOST_MOVES):
            moved = history.renamed_to(self._repository, commit, moved) if moved is not None else None
            if moved is not None:
                candidates.append(moved)
        candidates += history.files_with(self._repository, commit, GENERATOR)[:_MOST_CANDIDATES]
        fallback = [*candidates[:_MOST_MOVES], *tracked().places]
        names = list(dict.fromkeys(path for path in (*candidates, *tracked().places) if path != TARGET))
        got = dict(zip(names, self._contents([f"{commit}:{n}" for n in names]), strict=True))
        there = {path: found for path, found in got.items() if found is not None}
        for path, (blob, content) in there.items():
            if may_bind(content):
                return path, blob, content
        last = next((path for path in reversed(fallback) if path in there), None)
        if last is not None and not is_there:
            return last, *there[last]
        return f"the file is gone: '{TARGET}' is not there, and no other file binds {GENERATOR}"

    def _changes(self, places: dict[Oid, PurePosixPath]) -> dict[Oid, Change]:
        """Return the commit that last changed the file, where the clone reaches back that far."""
        try:
            changes = history.last_changes(self._repository, list(places.items()))
        except CommandError as error:
            self.warnings.append(f"{self._directory}: the last changes cannot be determined: {git.fact(error.stderr)}")
            return {}
        return {
            commit: change
            for commit, change in zip(places, changes, strict=True)
            if change is not None and str(change.commit) not in self._branches.shallow
        }


def _merge_words(number: int) -> tuple[str, str]:
    return f"Merge pull request #{number} from ", f"(#{number})"


def _merges(number: int, subject: str) -> bool:
    """Tell whether a commit of this subject brought the pull request: as a merge, or squashed."""
    merge, squashed = _merge_words(number)
    return subject.startswith(merge) or (subject.endswith(squashed) and not subject.startswith("Revert"))


def _number(subject: str) -> int:
    """Return the number of the pull request that a merge is of, 0 where it says none."""
    found = re.match(r"Merge pull request #(\d+) ", subject)
    return int(found[1]) if found else 0
