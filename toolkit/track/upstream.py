"""The refs of nixpkgs to examine, and the package's file at each ref.

The refs are in a clone or on a server.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import Version

from toolkit.errors import ToolkitError
from toolkit.git.history import FileCommit
from toolkit.model import Oid
from toolkit.parallel import side_by_side
from toolkit.patches import tracked
from toolkit.sources.package_files import ALL_PACKAGES
from toolkit.track.answer import RefKind
from toolkit.track.readings import Reading

Content: TypeAlias = tuple[Oid, bytes]
Reader: TypeAlias = Callable[[Sequence[PurePosixPath]], Sequence[Content | None]]


class WantedRef(Struct, frozen=True):
    """A ref of nixpkgs to examine."""

    name: str
    kind: RefKind


class File(Struct, frozen=True, kw_only=True):
    """A package's file at a ref: its path, its content, and its last change."""

    path: PurePosixPath
    content: bytes
    blob: Oid
    change: FileCommit | None = None


class FoundFile(Struct, frozen=True, kw_only=True):
    """The result of looking for a package's file at a ref.

    `reason` explains why the file is missing, and `tree` is the whole nixpkgs if it is
    available. `absent` is true if the ref has no such package.
    """

    wanted: WantedRef
    commit: Oid | None = None
    file: File | None = None
    reason: str | None = None
    tree: Path | None = None
    absent: bool = False


class NoPackageError(ToolkitError):
    """A ref of nixpkgs has no package of this name."""


class TrackedPackage(Protocol):
    """The package to track, whose file is usually at the path `target`."""

    package: str
    target: PurePosixPath

    def find(self, read: Reader) -> File:
        """Return the package's file at a ref.

        `read` returns the contents of files at that ref. Raise ToolkitError if the file
        cannot be found, and NoPackageError if the package does not exist.
        """
        ...

    def readings(
        self, found: Sequence[FoundFile], repository: Path | None
    ) -> list[Reading | None]:
        """Return the state of the package in each file; None for a missing file.

        `repository` is the clone with the refs' commits, if there is one.
        """
        ...

    def read(self, contents: Mapping[str, bytes]) -> dict[str, Reading]:
        """Return the state of each version by its syntax; keys are blob ids."""
        ...


class Refs(ABC):
    """The refs of nixpkgs in a clone or on a server, for `unlet track`.

    `missing` are usual refs that the source lacks, and `repository` is the path of the
    clone. If a ref cannot be read, the error becomes the reason of that ref; other
    errors become `warnings`. `at` is a ref's commit, or its name on a server.
    """

    missing: tuple[str, ...] = ()
    repository: Path | None = None

    def __init__(self, subject: TrackedPackage, source: str) -> None:
        self.subject = subject
        self.source = source
        self.warnings: list[str] = []

    def look(self, wanted: Sequence[WantedRef]) -> list[FoundFile]:
        """Return the package's file at each ref."""
        return side_by_side(self._look, wanted)

    def _look(self, wanted: WantedRef) -> FoundFile:
        commit = None
        try:
            commit = self.commit(wanted.name)
            at = commit or wanted.name
            file = self.subject.find(lambda paths: self.contents(at, paths))
        except ToolkitError as error:
            absent = isinstance(error, NoPackageError)
            return FoundFile(
                wanted=wanted, commit=commit, reason=error.message, absent=absent
            )
        try:
            file = replace(file, change=self.last_change(at, file))
        except ToolkitError as error:
            self.warnings.append(
                f"{wanted.name}: unlet cannot determine the last change: "
                f"{error.message}"
            )
        return FoundFile(wanted=wanted, commit=commit, file=file)

    @abstractmethod
    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the refs to examine if the user names no refs."""

    @abstractmethod
    def commit(self, name: str) -> Oid | None:
        """Return the commit of a ref, or None if the server accepts its name.

        Raise ToolkitError for an invalid name.
        """

    @abstractmethod
    def contents(
        self, at: str, paths: Sequence[PurePosixPath]
    ) -> Sequence[Content | None]:
        """Return the blob id and content of each path; None for a missing path."""

    @abstractmethod
    def last_change(self, at: str, file: File) -> FileCommit | None:
        """Return the commit that last changed a file, or None if unknown."""

    @abstractmethod
    def versions(
        self, found: FoundFile, *, most: int
    ) -> Iterator[tuple[FileCommit, bytes | None]]:
        """Yield the newest commits that changed the file, each with its content."""


def kind_of(name: str) -> RefKind:
    """Return the kind of a ref that the user named: a channel, or another name."""
    return (
        RefKind.CHANNEL if re.fullmatch(r"(nixos|nixpkgs)-.+", name) else RefKind.NAMED
    )


def usual_refs(names: Iterable[str]) -> tuple[WantedRef, ...]:
    """Return the refs that are examined by default.

    They are branches and channels, including those of the newest releases. `names` are
    existing refs, from which the newest releases are determined.
    """
    what = tracked()
    number = re.compile(
        rf"(?:{re.escape(what.release_branch)}|{re.escape(what.release_channel)})(\d+\.\d+)"
    )
    releases = sorted(
        {found[1] for name in names if (found := number.fullmatch(name))}, key=Version
    )
    newest = releases[: -what.releases - 1 : -1]
    groups = (
        (RefKind.BRANCH, what.branches),
        (RefKind.CHANNEL, what.channels),
        (RefKind.BRANCH, [what.release_branch + version for version in newest]),
        (RefKind.CHANNEL, [what.release_channel + version for version in newest]),
    )
    return tuple(WantedRef(name, kind) for kind, group in groups for name in group)


def default_refs(names: Collection[str]) -> tuple[WantedRef, ...]:
    """Return the refs to examine by default, without refs that do not exist."""
    return tuple(wanted for wanted in usual_refs(names) if wanted.name in names)


def all_packages(read: Reader) -> str:
    """Return the text of all-packages.nix at a ref.

    Raise ToolkitError if the ref has no such file.
    """
    (found,) = read([ALL_PACKAGES])
    if found is None:
        raise ToolkitError(
            "the repository has no such branch, tag or commit, or it lacks '"
            f"{ALL_PACKAGES}'"
        )
    return found[1].decode(errors="replace")
