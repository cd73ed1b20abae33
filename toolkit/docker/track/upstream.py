"""What a place with nixpkgs' history can be asked, whether it is a clone or a server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import PurePosixPath

    from toolkit.docker.track.report.document import Network, Pull
    from toolkit.docker.track.tracked import Tracked
    from toolkit.git.history import Change, Step
    from toolkit.model import Oid

BRANCH, CHANNEL, NAMED, PIN = "branch", "channel", "named", "pin"

_CHANNEL = re.compile(r"(nixos|nixpkgs)-.+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ref that is to be looked at; `kind` is one of the above."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The file at a ref: where it is, what is in it, the commit that last changed it."""

    path: PurePosixPath
    content: bytes
    blob: Oid
    change: Change | None


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


class Upstream(Protocol):
    """A clone or a server. `source` describes it for people, `warnings` collects what one should know."""

    source: str
    warnings: list[str]

    def defaults(self) -> tuple[Wanted, ...]:
        """Return the refs that are looked at where nobody names others."""
        ...

    def look(self, wanted: Sequence[Wanted]) -> list[Found]:
        """Return the file at each ref; what cannot be told of one does not keep the others from being told."""
        ...

    def past(self, found: Found, *, most: int | None) -> Past:
        """Return the commits that changed the file, at most the newest `most`."""
        ...

    def contents(self, steps: Sequence[Step]) -> Iterator[tuple[Step, bytes | None]]:
        """Yield the file after each step, None where it cannot be had."""
        ...

    def pulls(self, numbers: Sequence[int], refs: Sequence[Found]) -> tuple[Heads, ...]:
        """Return what is known of pull requests: the listed ones, and those that a search finds."""
        ...

    def finish(self) -> Network | None:
        """Return what went over the network, None where nothing can have; the warnings are whole after it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """A pull request as far as it is known without reading the file at its head, and that file."""

    pull: Pull
    file: File | None = None
    backports: tuple[Heads, ...] = field(default=())


def kind_of(name: str) -> str:
    """Return the kind of a ref that somebody names."""
    return CHANNEL if _CHANNEL.fullmatch(name) else NAMED


def default_refs(tracked: Tracked, names: Iterable[str]) -> tuple[Wanted, ...]:
    """Return the refs that are looked at, of those that there are: branches, channels, the newest releases."""
    there = set(names)
    releases = sorted(
        (version, name)
        for name in there
        if (version := _release(name.removeprefix(tracked.release_branch))) is not None
        and name.startswith(tracked.release_branch)
    )
    newest = [name for _, name in reversed(releases[-tracked.releases :])] if tracked.releases else []
    channels = [tracked.release_channel + name.removeprefix(tracked.release_branch) for name in newest]
    return tuple(
        Wanted(name, kind)
        for kind, group in (
            (BRANCH, tracked.branches),
            (CHANNEL, tracked.channels),
            (BRANCH, newest),
            (CHANNEL, channels),
        )
        for name in group
        if name in there
    )


def _release(text: str) -> Version | None:
    if not re.fullmatch(r"\d+\.\d+", text):
        return None
    try:
        return Version(text)
    except InvalidVersion:
        return None


def known(found: Sequence[Found]) -> Mapping[str, Found]:
    """Return what was found by the name of the ref."""
    return {each.wanted.name: each for each in found}
