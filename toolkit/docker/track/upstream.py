"""What is looked at, as patches/tracking.toml says, and where the file is at a ref.

An Upstream is a place with nixpkgs' history: a clone or a server, which answer the same questions.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePosixPath  # noqa: TC003 - a field of what the file is read into
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.version import Version

from toolkit import patches
from toolkit.docker import TARGET
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.track.model import RefKind
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from toolkit.docker.track.clone import CloneUpstream
    from toolkit.docker.track.forge import Forge
    from toolkit.forge.github import ChangedFile
    from toolkit.git.history import Change, HistoryStep
    from toolkit.model import Oid

    Upstream: TypeAlias = CloneUpstream | Forge
    Content: TypeAlias = tuple[Oid, bytes]

MOST_MOVES = 5
MOST_CANDIDATES = 40
_BINDING = re.compile(rb"(?<![\w'-])\"?%b\"?\s*=(?!=)" % GENERATOR.encode())


class NamedPull(Struct, frozen=True, kw_only=True):
    """A pull request, and what it is about."""

    number: int
    about: str


class Tracked(Struct, frozen=True, kw_only=True):
    """Where nixpkgs is, which of its branches and pull requests count.

    `releases` is how many of the newest releases count; their branch and channel begin as `release_branch` and
    `release_channel`. `places` are paths where the file may be in another layout. `naming` and `touching` are words
    for GitHub's search, of which the first `candidates` findings are looked at; those of the second count where they
    touch the file. `backport` has `{number}` and `{branch}` in it.
    """

    repository: str
    api_url: str
    raw_url: str
    branches: tuple[str, ...]
    channels: tuple[str, ...]
    release_branch: str
    release_channel: str
    releases: int
    places: tuple[PurePosixPath, ...]
    naming: str
    touching: str
    candidates: int
    backport: str
    pull: tuple[NamedPull, ...] = ()

    @property
    def pulls(self) -> tuple[int, ...]:
        """The numbers of the pull requests that are always looked at."""
        return tuple(pull.number for pull in self.pull)


@cache
def tracked() -> Tracked:
    """Read patches/tracking.toml; raise ToolkitError where it is missing or not as it should be."""
    return read(patches.shipped() / "tracking.toml")


def read(path: Path) -> Tracked:
    """Read a file like patches/tracking.toml; raise ToolkitError as `tracked` does."""
    return patches.read_toml(path, Tracked)


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


def moved_to(files: Sequence[ChangedFile], path: str) -> str | None:
    """Return where a file went in a commit or a pull request that renamed it."""
    renamed = (file for file in files if file.status == "renamed" and file.previous_filename == path)
    return next((file.filename for file in renamed), None)


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
