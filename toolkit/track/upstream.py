"""A place with nixpkgs' history, as a clone and a server both are; which refs are looked at, and where the file is."""

from __future__ import annotations

import re
from pathlib import PurePosixPath  # noqa: TC003 - a field of what the file is read into
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from packaging.version import Version

from toolkit.docker import TARGET
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.errors import ToolkitError
from toolkit.forge.nixpkgs import tracked
from toolkit.track.model import RefKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from toolkit.forge.client import Traffic
    from toolkit.git.history import Change, HistoryStep
    from toolkit.model import Oid
    from toolkit.track.model import Pull

    Content: TypeAlias = tuple[Oid, bytes]

MOST_MOVES = 5
MOST_CANDIDATES = 40
_BINDING = re.compile(rb"(?<![\w'-])\"?%b\"?\s*=(?!=)" % GENERATOR.encode())


class WantedRef(Struct, frozen=True):
    """A ref that is to be looked at."""

    name: str
    kind: RefKind


class File(Struct, frozen=True, kw_only=True):
    """The file at a ref: where it is, what is in it, the commit that last changed it."""

    path: PurePosixPath
    content: bytes
    blob: Oid
    change: Change | None = None


class FoundFile(Struct, frozen=True, kw_only=True):
    """What was found at a ref; `reason` says why there is no file."""

    wanted: WantedRef
    commit: Oid | None = None
    file: File | None = None
    reason: str | None = None


class Past(Struct, frozen=True, kw_only=True):
    """The commits that changed a file, newest first, and what is missing of them."""

    steps: tuple[HistoryStep, ...]
    notes: tuple[str, ...] = ()


class Upstream(Protocol):
    """A clone or a server. What cannot be told of a ref is its reason; what else is missing is among `warnings`."""

    warnings: list[str]
    source: str

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the refs that are looked at if nobody names any."""
        ...

    def look(self, wanted: Sequence[WantedRef]) -> list[FoundFile]:
        """Return the file at each ref."""
        ...

    def past(self, found: FoundFile, *, most: int | None) -> Past:
        """Return the commits that changed the file, newest first; renames are followed."""
        ...

    def contents(self, steps: Sequence[HistoryStep]) -> Iterator[tuple[HistoryStep, bytes | None]]:
        """Yield the file after each step."""
        ...

    def pulls(self, numbers: Sequence[int], refs: Sequence[FoundFile]) -> list[tuple[Pull, File | None]]:
        """Return what is known of pull requests, each with the file at its head."""
        ...

    def finish(self) -> Traffic | None:
        """Return what went over a network, None if nothing can."""
        ...


def find_file(
    there: Content | None,
    *,
    follow: Callable[[PurePosixPath], PurePosixPath | None],
    candidates: Callable[[], Sequence[PurePosixPath]],
    read: Callable[[Sequence[PurePosixPath]], Sequence[Content | None]],
) -> File:
    """Return the file at a ref: in its usual place, where it was moved to, in a known place, or wherever it is bound.

    `there` is what stands in the usual place, `follow` returns where a file went, `candidates` are asked for last. A
    file of another kind, where it might be, is still the best there is to say something about. Raise ToolkitError if
    there is none either.
    """
    usual = File(path=TARGET, blob=there[0], content=there[1]) if there is not None else None
    if usual is not None and _may_bind(usual.content):
        return usual
    fallback = usual
    try:
        moved: list[PurePosixPath] = []
        while len(moved) < MOST_MOVES and (path := follow(moved[0] if moved else TARGET)) is not None:
            moved.insert(0, path)
        known = dict.fromkeys((*moved, *tracked().places))
        for places in (lambda: known, candidates):
            paths = [path for path in places() if path != TARGET]
            for path, found in zip(paths, read(paths), strict=True):
                file = File(path=path, blob=found[0], content=found[1]) if found is not None else None
                if file is not None and _may_bind(file.content):
                    return file
                if fallback is None and path in known:
                    fallback = file
    except ToolkitError:
        if usual is None:
            raise
    if fallback is None:
        raise ToolkitError(f"the file is gone: '{TARGET}' is not there, and no other file binds {GENERATOR}")
    return fallback


def _may_bind(content: bytes) -> bool:
    """Tell whether a content may be a file of the known kind, without parsing what anybody may have written."""
    return _BINDING.search(content) is not None


def kind_of(name: str) -> RefKind:
    """Return the kind of a ref that somebody names."""
    return RefKind.CHANNEL if re.fullmatch(r"(nixos|nixpkgs)-.+", name) else RefKind.NAMED


def default_refs(names: Iterable[str]) -> tuple[WantedRef, ...]:
    """Return the refs that are looked at, of those that there are: branches, channels, the newest releases."""
    what, there = tracked(), set(names)
    number = re.compile(rf"{re.escape(what.release_branch)}(\d+\.\d+)")
    releases = sorted((found[1] for name in there if (found := number.fullmatch(name))), key=Version)
    newest = releases[: -what.releases - 1 : -1]
    groups = (
        (RefKind.BRANCH, what.branches),
        (RefKind.CHANNEL, what.channels),
        (RefKind.BRANCH, [what.release_branch + version for version in newest]),
        (RefKind.CHANNEL, [what.release_channel + version for version in newest]),
    )
    return tuple(WantedRef(name, kind) for kind, group in groups for name in group if name in there)
