"""nixpkgs on GitHub: files as raw downloads, the rest through the REST API.

It reads refs in parallel.
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

    Facts about unchanged files come from the memory.
    """

    def __init__(
        self, server: Server, subject: TrackedPackage, memory: Memory, *, timeout: float
    ) -> None:
        """Send no request yet.

        Raise UsageError for an invalid repository or URL. `timeout` is in seconds.
        """
        self._github = connect(server, timeout=timeout)
        super().__init__(
            subject, f"{self._github.client.api_url}/repos/{self._github.repository}"
        )
        self._memory = memory

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the usual refs; warn if the releases cannot be determined."""
        beginnings = (tracked().release_branch, tracked().release_channel)
        usual = (*tracked().branches, *tracked().channels)
        try:
            listed = side_by_side(self._github.branches, beginnings)
        except ToolkitError as error:
            self.warnings.append(
                f"unlet cannot find the newest releases: {error.message}"
            )
            return default_refs(usual)
        # What begins so has been listed; that the others are there is known.
        return default_refs(
            [
                *(name for name in usual if not name.startswith(beginnings)),
                *chain(*listed),
            ]
        )

    def versions(
        self, found: FoundFile, *, most: int
    ) -> Iterator[tuple[FileCommit, bytes | None]]:
        """Yield the newest commits that changed the file, with its content then."""
        if found.file is None:
            return
        path = str(found.file.path)
        changes = islice(self._github.changes(found.wanted.name, path), most)

        def content(commit: ApiCommit) -> bytes:
            return self._github.raw(commit.sha, path, most=MAXIMUM_BYTES)

        while some := list(islice(changes, _AT_A_TIME)):
            yield from zip(map(_change, some), side_by_side(content, some), strict=True)

    def commit(self, name: str) -> Oid | None:
        """Return None, because the server knows a ref by its name.

        Raise UsageError if the name cannot be that of a ref.
        """
        reading.check_rev(name)
        return None

    def contents(
        self, at: str, paths: Sequence[PurePosixPath]
    ) -> Sequence[Content | None]:
        """Return the contents of these paths."""

        def read(path: PurePosixPath) -> Content | None:
            try:
                content = self._github.raw(at, str(path), most=MAXIMUM_BYTES)
            except NotFoundError:
                return None
            return reading.blob_id(content), content

        return side_by_side(read, paths)

    def last_change(self, at: str, file: File) -> FileCommit | None:
        """Return the commit that last changed a file, asked once for each content."""
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
