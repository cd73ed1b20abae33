"""A local clone of nixpkgs as the source of refs for `track`.

It needs no network and no token, and is as new as its last fetch.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from toolkit.errors import CommandError, ToolkitError
from toolkit.files import MAXIMUM_BYTES
from toolkit.git import clone as clones
from toolkit.git import history, reading
from toolkit.git.history import FileCommit
from toolkit.model import Oid
from toolkit.track.answer import RefKind
from toolkit.track.upstream import (
    Content,
    File,
    FoundFile,
    Refs,
    TrackedPackage,
    WantedRef,
    default_refs,
    usual_refs,
)


class RepositoryRefs(Refs):
    """The refs of a clone; raise ToolkitError if the directory is not a clone."""

    def __init__(
        self, directory: Path, repository: str, subject: TrackedPackage
    ) -> None:
        self._directory = directory
        self._branches = clones.branches(directory, repository)
        self.repository = self._repository = self._branches.repository
        fetched = self._branches.fetched
        age = (
            f", fetched {time.strftime('%Y-%m-%d %H:%M', time.localtime(fetched))}"
            if fetched
            else ""
        )
        super().__init__(subject, f"clone {directory}{age}")

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the default refs that the clone has.

        Record the default refs that are missing. Return HEAD if the clone has none of
        them.
        """
        found = default_refs(self._branches.commits)
        if not found:
            return (WantedRef("HEAD", RefKind.NAMED),)
        self.missing = tuple(
            each.name
            for each in usual_refs(self._branches.commits)
            if each.name not in self._branches.commits
        )
        return found

    def commit(self, name: str) -> Oid:
        """Return the commit of a ref; a remote branch has priority."""
        return (
            self._branches.commits.get(name)
            or reading.locate(self._directory, name).commit
        )

    def contents(
        self, at: str, paths: Sequence[PurePosixPath]
    ) -> Sequence[Content | None]:
        """Return the blob id and content of each path; None for a missing path.

        Raise ToolkitError if git cannot read a file, or a partial clone lacks it.
        """
        try:
            found = self._contents([f"{at}:{path}" for path in paths])
            missing = [
                path for path, each in zip(paths, found, strict=True) if each is None
            ]
            if missing and reading.entries(self._repository, Oid(at), missing):
                raise ToolkitError(
                    "this is a partial clone, which lacks the content of the file"
                )
        except CommandError as error:
            raise ToolkitError(
                f"git cannot read it: {reading.fact(error.stderr)}"
            ) from error
        return found

    def last_change(self, at: str, file: File) -> FileCommit | None:
        """Return the commit that last changed the file.

        Return None if a shallow clone lacks the commit.
        """
        try:
            change = history.last_change(self._repository, Oid(at), file.path)
        except CommandError as error:
            raise ToolkitError(reading.fact(error.stderr)) from error
        return (
            change
            if change is not None and change.commit not in self._branches.shallow
            else None
        )

    def versions(
        self, found: FoundFile, *, most: int
    ) -> Iterator[tuple[FileCommit, bytes | None]]:
        """Yield the newest commits that changed the file, each with its content."""
        if found.commit is None or found.file is None:
            return
        places = history.versions(
            self._repository, found.commit, found.file.path, most=most
        )
        contents = self._contents(
            [f"{change.commit}:{path}" for change, path in places]
        )
        yield from (
            (change, got[1] if got else None)
            for (change, _), got in zip(places, contents, strict=True)
        )

    def _contents(self, names: Sequence[str]) -> tuple[tuple[Oid, bytes] | None, ...]:
        return reading.contents(self._repository, names, most=MAXIMUM_BYTES)
