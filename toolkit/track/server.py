"""nixpkgs on GitHub as the source of refs for `track`.

Files are raw downloads, and all other facts come from the REST API. Refs are read in
parallel.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import PurePosixPath

from toolkit.errors import ToolkitError
from toolkit.files import MAXIMUM_BYTES
from toolkit.forge.client import NotFoundError
from toolkit.forge.github import ApiCommit, connect
from toolkit.git import reading
from toolkit.git.history import FileCommit
from toolkit.model import Oid, Server
from toolkit.parallel import side_by_side
from toolkit.patches import tracked
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
    """The refs of a repository on GitHub.

    Facts about unchanged files come from the cache of earlier runs.
    """

    def __init__(
        self, server: Server, subject: TrackedPackage, memory: Memory, *, timeout: float
    ) -> None:
        """Store the server's addresses, without sending a request.

        Raise UsageError for an invalid repository or URL. `timeout` is in seconds.
        """
        self._github = connect(server, timeout=timeout)
        super().__init__(
            subject, f"{self._github.client.api_url}/repos/{self._github.repository}"
        )
        self._memory = memory

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the refs to examine by default.

        Add a warning if the newest releases cannot be determined.
        """
        beginnings = (tracked().release_branch, tracked().release_channel)
        usual = (*tracked().branches, *tracked().channels)
        try:
            listed = side_by_side(self._github.branches, beginnings)
        except ToolkitError as error:
            self.warnings.append(
                f"unlet cannot find the newest releases: {error.message}"
            )
            return default_refs(usual)
        # The releases have been listed; the other usual refs are known to exist.
        return default_refs(
            [
                *(name for name in usual if not name.startswith(beginnings)),
                *chain(*listed),
            ]
        )

    def versions(
        self, found: FoundFile, *, most: int
    ) -> Iterator[tuple[FileCommit, bytes | None]]:
        """Yield the newest commits that changed the file, each with its content."""
        if found.file is None:
            return
        path = str(found.file.path)
        changes = islice(self._github.changes(found.wanted.name, path), most)

        def content(commit: ApiCommit) -> bytes:
            return self._github.raw(commit.sha, path, most=MAXIMUM_BYTES)

        while some := list(islice(changes, _AT_A_TIME)):
            yield from zip(map(_change, some), side_by_side(content, some), strict=True)

    def commit(self, name: str) -> Oid | None:
        """Return None, because GitHub accepts the name of a ref as it is.

        Raise UsageError if the name is not a valid name of a ref.
        """
        reading.check_rev(name)
        return None

    def contents(
        self, at: str, paths: Sequence[PurePosixPath]
    ) -> Sequence[Content | None]:
        """Return the blob id and content of each path; None for a missing path."""

        def read(path: PurePosixPath) -> Content | None:
            try:
                content = self._github.raw(at, str(path), most=MAXIMUM_BYTES)
            except NotFoundError:
                return None
            return reading.blob_id(content), content

        return side_by_side(read, paths)

    def last_change(self, at: str, file: File) -> FileCommit | None:
        """Return the commit that last changed a file.

        The server is asked only once for each content of the file.
        """
        changes, key = (
            self._memory.known.changes,
            f"{self._github.repository} {at} {file.path} {file.blob}",
        )
        if key not in changes and (
            commit := next(self._github.changes(at, str(file.path), at_once=1), None)
        ):
            changes[key] = _change(commit)
        return changes.get(key)


def _change(commit: ApiCommit) -> FileCommit:
    return FileCommit(
        commit=Oid(commit.sha),
        date=commit.commit.committer.date,
        subject=commit.subject,
    )
