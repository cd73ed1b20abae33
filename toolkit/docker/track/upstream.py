"""What a place with nixpkgs' history can be asked, whether it is a clone or a server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from packaging.version import Version

from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.track.model import RefKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePosixPath

    from toolkit.docker.track.model import Pull
    from toolkit.docker.track.tracked import Tracked
    from toolkit.forge.client import Traffic
    from toolkit.git.history import Change, HistoryStep
    from toolkit.model import Oid

_BINDING = re.compile(rb"(?<![\w'-])\"?%b\"?\s*=(?!=)" % GENERATOR.encode())


@dataclass(frozen=True, slots=True)
class WantedRef:
    """A ref that is to be looked at."""

    name: str
    kind: RefKind


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The file at a ref: where it is, what is in it, the commit that last changed it."""

    path: PurePosixPath
    content: bytes
    blob: Oid
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """What was found at a ref; `reason` says why there is no file."""

    wanted: WantedRef
    commit: Oid | None = None
    file: File | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The commits that changed a file, newest first, and what is missing of them."""

    steps: tuple[HistoryStep, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """A pull request as far as it is known without reading the file at its head, and that file."""

    pull: Pull
    file: File | None = None
    backports: tuple[Heads, ...] = ()


class UpstreamReader(Protocol):
    """A clone or a server. `source` describes it for people, `warnings` collects what one should know."""

    source: str
    warnings: list[str]

    def defaults(self) -> tuple[WantedRef, ...]:
        """Return the refs that are looked at if nobody names others."""
        ...

    def look(self, wanted: Sequence[WantedRef]) -> list[FoundFile]:
        """Return the file at each ref; what cannot be told of one does not keep the others from being told."""
        ...

    def past(self, found: FoundFile, *, most: int | None) -> Past:
        """Return the commits that changed the file, at most the newest `most`."""
        ...

    def contents(self, steps: Sequence[HistoryStep]) -> Iterator[tuple[HistoryStep, bytes | None]]:
        """Yield the file after each step, None if it cannot be had."""
        ...

    def pulls(self, numbers: Sequence[int], refs: Sequence[FoundFile]) -> tuple[Heads, ...]:
        """Return what is known of pull requests: the listed ones, and those that a search finds."""
        ...

    def finish(self) -> Traffic | None:
        """Return what went over the network, None if nothing can have; the warnings are whole after it."""
        ...


def may_bind(content: bytes) -> bool:
    """Tell whether a content may be a file of the known kind, without parsing what anybody may have written."""
    return _BINDING.search(content) is not None


def kind_of(name: str) -> RefKind:
    """Return the kind of a ref that somebody names."""
    return RefKind.CHANNEL if re.fullmatch(r"(nixos|nixpkgs)-.+", name) else RefKind.NAMED


def default_refs(tracked: Tracked, names: Iterable[str]) -> tuple[WantedRef, ...]:
    """Return the refs that are looked at, of those that there are: branches, channels, the newest releases."""
    there = set(names)
    number = re.compile(rf"{re.escape(tracked.release_branch)}(\d+\.\d+)")
    releases = sorted((found[1] for name in there if (found := number.fullmatch(name))), key=Version)
    newest = releases[: -tracked.releases - 1 : -1]
    groups = (
        (RefKind.BRANCH, tracked.branches),
        (RefKind.CHANNEL, tracked.channels),
        (RefKind.BRANCH, [tracked.release_branch + version for version in newest]),
        (RefKind.CHANNEL, [tracked.release_channel + version for version in newest]),
    )
    return tuple(WantedRef(name, kind) for kind, group in groups for name in group if name in there)
