"""Where nixpkgs is developed: its server, and which of its branches and pull requests count. Nothing is asked here."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath  # noqa: TC003 - a field of what the file is read into

from msgspec import Struct

from toolkit import patches


class Server(Struct, frozen=True, kw_only=True):
    """Where pull requests are asked for; what is None is as patches/tracking.toml has it."""

    repository: str | None = None
    api_url: str | None = None
    raw_url: str | None = None
    token_command: str | None = None


class Tracked(Struct, frozen=True, kw_only=True):
    """Where nixpkgs is, which of its branches and pull requests count.

    `releases` is how many of the newest releases count; their branch and channel begin as `release_branch` and
    `release_channel`. `places` are paths where the file may be in another layout, `pulls` the pull requests
    that are always looked at.
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
    pulls: tuple[int, ...] = ()


@cache
def tracked() -> Tracked:
    """Read patches/tracking.toml; raise ToolkitError where it is missing or not as it should be."""
    return patches.read_toml(patches.shipped() / "tracking.toml", Tracked)
