"""What a place with nixpkgs' history can be asked, whether it is a clone or a server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from packaging.version import Version

from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.track.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePosixPath

    from toolkit.docker.track.model import Pull
    from toolkit.docker.track.tracked import Tracked
    from toolkit.forge.client import Traffic
    from toolkit.git.history import Change, Step
    from toolkit.model import Oid

_BINDING = re.compile(rb"(?<![\w'-])\"?%b\"?\s*=(?!=)" % GENERATOR.encode())


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ref that is to be looked at."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The file at a ref: where it is, what is in it, the commit that last changed it."""

    path: PurePosixPath
    content: bytes
    blob: Oid
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found at a ref; `reason` says why there is no file."""

    wanted: Wanted
    commit: Oid | None = None
    file: File | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The commits that changed a file, newest first, and what is missing of them."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """A pull request as far as it is known without reading the file at its head, and that file."""

    pull: Pull
    file: File | None = None
    backports: tuple[Heads, ...] = ()


class Upstream(Protocol):
    """A clone or a server. `source` describes it for people, `warnings` collects what one should know."""

    source: str
    warnings: list[str]

    def defaults(self) -> tuple[Wanted, ...]:
        """Return the refs that are looked at if nobody names others."""
        ...

    def look(self, wanted: Sequence[Wanted]) -> list[Found]:
        """Return the file at each ref; what cannot be told of one does not keep the others from being told."""
        ...

    def past(self, found: Found, *, most: int | None) -> Past:
        """Return the commits that changed the file, at most the newest `most`."""
        ...

    def contents(self, steps: Sequence[Step]) -> Iterator[tuple[Step, bytes | None]]:
        """Yield the file after each step, None if it cannot be had."""
        ...

    def pulls(self, numbers: Sequence[int], refs: Sequence[Found]) -> tuple[Heads, ...]:
        """Return what is known of pull requests: the listed ones, and those that a search finds."""
        ...

    def finish(self) -> Traffic | None:
        """Return what went over the network, None if nothing can have; the warnings are whole after it."""
        ...


def may_bind(content: bytes) -> bool:
    """Tell whether a content may be a file of the known kind, without parsing what anybody may have written."""
    return _BINDING.search(content) is not None


def kind_of(name: str) -> Kind:
    """Return the kind of a ref that somebody names."""
    return Kind.CHANNEL if re.fullmatch(r"(nixos|nixpkgs)-.+", name) else Kind.NAMED


def default_refs(tracked: Tracked, names: Iterable[str]) -> tuple[Wanted, ...]:
    """Return the refs that are looked at, of those that there are: branches, channels, the newest releases."""
    there = set(names)
    number = re.compile(rf"{re.escape(tracked.release_branch)}(\d+\.\d+)")
    releases = sorted((found[1] for name in there if (found := number.fullmatch(name))), key=Version)
    newest = releases[: -tracked.releases - 1 : -1]
    groups = (
        (Kind.BRANCH, tracked.branches),
        (Kind.CHANNEL, tracked.channels),
        (Kind.BRANCH, [tracked.release_branch + version for version in newest]),
        (Kind.CHANNEL, [tracked.release_channel + version for version in newest]),
    )
    return tuple(Wanted(name, kind) for kind, group in groups for name in group if name in there)
