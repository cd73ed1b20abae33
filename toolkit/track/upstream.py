"""The interface of a clone and a server: the refs to look at, and the file at each."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeAlias

from msgspec import Struct
from packaging.version import Version

from toolkit.errors import ToolkitError
from toolkit.git.history import FileCommit
from toolkit.model import Oid
from toolkit.patches import tracked
from toolkit.track.answer import Pull, RefKind
from toolkit.track.readings import Reading

Content: TypeAlias = tuple[Oid, bytes]

MOST_CANDIDATES = 40


class WantedRef(Struct, frozen=True):
    """A ref to look at."""

    name: str
    kind: RefKind


class File(Struct, frozen=True, kw_only=True):
    """The file at a ref: its path, its content, the commit that last changed it."""

    path: PurePosixPath
    content: bytes
    blob: Oid
    change: FileCommit | None = None


class FoundFile(Struct, frozen=True, kw_only=True):
    """The result of the search at a ref; `reason` explains a missing file, `tree` is the whole nixpkgs if available.

    `absent`: the ref has no such package.
    """

    wanted: WantedRef
    commit: Oid | None = None
    file: File | None = None
    reason: str | None = None
    tree: Path | None = None
    absent: bool = False


class NoPackageError(ToolkitError):
    """A ref has no such package."""


class TrackedPackage(Protocol):
    """The tracked package, whose file usually is at `target`.

    A file that may be the package's contains `word`.
    """

    package: str
    target: PurePosixPath
    word: str

    @property
    def words(self) -> Sequence[str]:
        """Words in the paths of files that may be the package's."""
        ...

    def find(
        self,
        there: Content | None,
        *,
        candidates: Callable[[], Sequence[PurePosixPath]],
        read: Callable[[Sequence[PurePosixPath]], Sequence[Content | None]],
    ) -> File:
        """Return the file at a ref; raise ToolkitError if it cannot be found, AbsentError if there is no such package.

        `there` is the content of the usual place, `candidates` lists other possible files.
        """
        ...

    def readings(self, found: Sequence[FoundFile], repository: Path | None) -> list[Reading | None]:
        """Return the meaning of each file, None if there is none; `repository` has the refs' commits."""
        ...

    def read(self, contents: Mapping[str, bytes]) -> dict[str, Reading]:
        """Return the meanings of versions by content alone, by blob."""
        ...


class Refs(Protocol):
    """A clone or a server; `missing` are usual refs that it lacks, `repository` is the clone's.

    A failure to read a ref is its reason; other failures are among `warnings`.
    """

    repository: Path | None
    warnings: list[str]
    missing: tuple[str, ...]
    source: str

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the default refs."""
        ...

    def look(self, wanted: Sequence[WantedRef]) -> list[FoundFile]:
        """Return the file at each ref."""
        ...

    def versions(self, found: FoundFile, *, most: int) -> Iterator[tuple[FileCommit, bytes | None]]:
        """Yield the commits that changed the file, newest first, each with the file's content then."""
        ...

    def pulls(self, numbers: Sequence[int], refs: Sequence[FoundFile]) -> list[tuple[Pull, File | None]]:
        """Return the facts about pull requests, each with the file at its head."""
        ...


def kind_of(name: str) -> RefKind:
    """Return the kind of a ref that the user named."""
    return RefKind.CHANNEL if re.fullmatch(r"(nixos|nixpkgs)-.+", name) else RefKind.NAMED


def usual_refs(names: Iterable[str]) -> tuple[WantedRef, ...]:
    """Return the default refs: branches, channels, and those of the newest releases.

    `names` are existing refs: a release counts if its branch or channel is among them.
    """
    what = tracked()
    number = re.compile(rf"(?:{re.escape(what.release_branch)}|{re.escape(what.release_channel)})(\d+\.\d+)")
    releases = sorted({found[1] for name in names if (found := number.fullmatch(name))}, key=Version)
    newest = releases[: -what.releases - 1 : -1]
    groups = (
        (RefKind.BRANCH, what.branches),
        (RefKind.CHANNEL, what.channels),
        (RefKind.BRANCH, [what.release_branch + version for version in newest]),
        (RefKind.CHANNEL, [what.release_channel + version for version in newest]),
    )
    return tuple(WantedRef(name, kind) for kind, group in groups for name in group)


def default_refs(names: Collection[str]) -> tuple[WantedRef, ...]:
    """Return the default refs that exist."""
    return tuple(wanted for wanted in usual_refs(names) if wanted.name in names)
