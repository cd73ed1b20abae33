"""Where nixpkgs is developed: its server, and which of its branches and pull requests count. Nothing is asked here."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath  # noqa: TC003 - a field of what the file is read into
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import patches

if TYPE_CHECKING:
    from pathlib import Path


class Server(Struct, frozen=True, kw_only=True):
    """Where pull requests are asked for; what is None is as patches/tracking.toml has it."""

    repository: str | None = None
    api_url: str | None = None
    raw_url: str | None = None
    token_command: str | None = None


class NamedPull(Struct, frozen=True, kw_only=True):
    """A pull request, and what it is about."""

    number: int
    about: str


class Tracked(Struct, frozen=True, kw_only=True):
    """Where nixpkgs is, which of its branches and pull requests count.

    `releases` is how many of the newest releases count; their branch and channel begin as `release_branch` and
    `release_channel`. `places` are paths where the file may be in another layout. `backport` has `{number}` and
    `{branch}` in it.
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
