"""A local clone of nixpkgs as a source of refs: no network, no token, and as new as its last fetch."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from toolkit.errors import CommandError, ToolkitError
from toolkit.files import MAXIMUM_BYTES
from toolkit.git import clone as clones
from toolkit.git import history, reading
from toolkit.git.history import FileCommit
from toolkit.model import Oid
from toolkit.track.answer import Arrival, Pull, RefKind
from toolkit.track.upstream import (
    MOST_CANDIDATES,
    Content,
    File,
    FoundFile,
    NoPackageError,
    TrackedPackage,
    WantedRef,
    default_refs,
    usual_refs,
)


class RepositoryRefs:
    """The refs of a clone; raise ToolkitError if the directory is not a clone."""

    def __init__(self, directory: Path, repository: str, subject: TrackedPackage) -> None:
        self.warnings: list[str] = []
        self.missing: tuple[str, ...] = ()
        self._subject = subject
        self._directory = directory
        self._branches = clones.branches(directory, repository)
        self._repository = self._branches.repository
        self.repository: Path | None = self._repository
        fetched = self._branches.fetched
        age = f", fetched {time.strftime('%Y-%m-%d %H:%M', time.localtime(fetched))}" if fetched else ""
        self.source = f"clone {directory}{age}"

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the usual refs in the clone, and record the others as missing; HEAD if it has none of them."""
        found = default_refs(self._branches.commits)
        if not found:
            return (WantedRef("HEAD", RefKind.NAMED),)
        self.missing = tuple(
            each.name for each in usual_refs(self._branches.commits) if each.name not in self._branches.commits
        )
        return found

    def look(self, wanted: Sequence[WantedRef]) -> list[FoundFile]:
        """Return the file at each ref."""
        commits: dict[WantedRef, Oid] = {}
        reasons: dict[WantedRef, ToolkitError] = {}
        for each in wanted:
            try:
                known = self._branches.commits.get(each.name)
                commits[each] = known or reading.locate(self._directory, each.name).commit
            except ToolkitError as error:
                reasons[each] = error
        files = self._files(list(dict.fromkeys(commits.values())))
        changes = self._changes({commit: file.path for commit, file in files.items() if isinstance(file, File)})
        found: list[FoundFile] = []
        for each in wanted:
            commit = commits.get(each)
            file = files[commit] if commit is not None else reasons[each]
            if isinstance(file, File) and commit is not None:
                file = replace(file, change=changes.get(commit))
                found.append(FoundFile(wanted=each, commit=commit, file=file))
            elif isinstance(file, ToolkitError):
                absent = isinstance(file, NoPackageError)
                found.append(FoundFile(wanted=each, commit=commit, reason=file.message, absent=absent))
        return found

    def versions(self, found: FoundFile, *, most: int) -> Iterator[tuple[FileCommit, bytes | None]]:
        """Yield the newest commits that changed the file, each with the file's content then."""
        if found.commit is None or found.file is None:
            return
        places = history.versions(self._repository, found.commit, found.file.path, most=most)
        contents = self._contents([f"{change.commit}:{path}" for change, path in places])
        yield from ((change, got[1] if got else None) for (change, _), got in zip(places, contents, strict=True))

    def pulls(self, numbers: Sequence[int], refs: Sequence[FoundFile]) -> list[tuple[Pull, File | None]]:
        """Return the listed pull requests, as far as the clone has their heads or merges."""
        tips = {each.wanted: each.commit for each in refs if each.commit is not None}
        words = [word for number in numbers for word in _merge_words(number)]
        try:
            merges = history.merges(self._repository, list(tips.values()), words)
        except CommandError as error:
            self.warnings.append(f"{self._directory}: merges cannot be listed: {reading.fact(error.stderr)}")
            merges = ()
        return [self._pull(number, merges, tips) for number in numbers]

    def _pull(self, number: int, merges: Sequence[FileCommit], tips: dict[WantedRef, Oid]) -> tuple[Pull, File | None]:
        head = self._branches.commits.get(f"pull/{number}/head")
        file = self._files([head])[head] if head is not None else None
        merge = next((change for change in reversed(merges) if _merges(number, change.subject)), None)
        if merge is not None:
            pull = Pull(number=number, state="merged", head=head, arrivals=self._arrivals(merge, tips))
        else:
            reason = "not merged as far as the clone goes" if head is not None else "the clone has nothing of it"
            pull = Pull(number=number, state="unknown", reason=reason, head=head)
        return pull, file if isinstance(file, File) else None

    def _arrivals(self, merge: FileCommit, tips: dict[WantedRef, Oid]) -> tuple[Arrival, ...]:
        there = history.contains(self._repository, list(tips.values()), merge.commit)
        return tuple(
            Arrival(ref=wanted.name, kind=wanted.kind, arrived=arrived)
            for wanted, arrived in zip(tips, there, strict=True)
        )

    def _contents(self, names: Sequence[str]) -> tuple[tuple[Oid, bytes] | None, ...]:
        return reading.contents(self._repository, names, most=MAXIMUM_BYTES)

    def _files(self, commits: Sequence[Oid]) -> dict[Oid, File | ToolkitError]:
        """Return the file at each commit, or why there is none."""
        files: dict[Oid, File | ToolkitError] = {}
        for commit, there in self._usual(commits).items():
            if isinstance(there, ToolkitError):
                files[commit] = there
                continue
            try:
                files[commit] = self._file(commit, there)
            except CommandError as error:
                files[commit] = ToolkitError(f"git cannot read it: {reading.fact(error.stderr)}")
            except ToolkitError as error:
                files[commit] = error
        return files

    def _usual(self, commits: Sequence[Oid]) -> dict[Oid, Content | ToolkitError | None]:
        """Return what stands in the usual place at each commit; one that git cannot read keeps no other from it."""
        names = [f"{commit}:{self._subject.target}" for commit in commits]
        try:
            return dict(zip(commits, self._contents(names), strict=True))
        except CommandError as error:
            if len(commits) == 1:
                return {commits[0]: ToolkitError(f"git cannot read it: {reading.fact(error.stderr)}")}
            return {commit: found for each in commits for commit, found in self._usual([each]).items()}

    def _file(self, commit: Oid, there: Content | None) -> File:
        def candidates() -> Sequence[PurePosixPath]:
            return history.files_with(self._repository, commit, self._subject.word)[:MOST_CANDIDATES]

        if there is None and reading.entries(self._repository, commit, [self._subject.target]):
            raise ToolkitError("the clone lacks the file's content: it is a partial one")
        return self._subject.find(
            there, candidates=candidates, read=lambda paths: self._contents([f"{commit}:{path}" for path in paths])
        )

    def _changes(self, places: dict[Oid, PurePosixPath]) -> dict[Oid, FileCommit]:
        """Return the commit that last changed the file, where the clone reaches back that far."""
        try:
            changes = history.last_changes(self._repository, list(places.items()))
        except CommandError as error:
            self.warnings.append(
                f"{self._directory}: the last changes cannot be determined: {reading.fact(error.stderr)}"
            )
            return {}
        return {
            commit: change
            for commit, change in zip(places, changes, strict=True)
            if change is not None and str(change.commit) not in self._branches.shallow
        }


def _merge_words(number: int) -> tuple[str, str]:
    return f"Merge pull request #{number} from ", f"(#{number})"


def _merges(number: int, subject: str) -> bool:
    """Return whether a commit of this subject brought the pull request: as a merge, or squashed."""
    merge, squashed = _merge_words(number)
    return subject.startswith(merge) or (subject.endswith(squashed) and not subject.startswith("Revert"))
