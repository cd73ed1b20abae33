"""What is looked at besides the file itself, as patches/tracking.toml says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolkit import patches

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
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
    pulls: tuple[int, ...]


@cache
def tracked() -> Tracked:
    """Read patches/tracking.toml; raise ToolkitError where it is missing or not as it should be."""
    return read(patches.shipped() / "tracking.toml")


def read(path: Path) -> Tracked:
    """Read a file like patches/tracking.toml; raise ToolkitError as `tracked` does."""
    record = patches.read_toml(path)
    record.only(
        *("repository", "api-url", "raw-url", "branches", "channels", "release-branch", "release-channel"),
        *("releases", "places", "search-naming", "search-touching", "candidates", "backport", "pull"),
    )
    pulls: list[int] = []
    for pull in record.records("pull") if "pull" in record else ():
        pull.only("number", "about")
        pulls.append(pull.integer("number"))
    return Tracked(
        repository=record.text("repository"),
        api_url=record.text("api-url"),
        raw_url=record.text("raw-url"),
        branches=record.texts("branches"),
        channels=record.texts("channels"),
        release_branch=record.text("release-branch"),
        release_channel=record.text("release-channel"),
        releases=record.integer("releases"),
        places=tuple(PurePosixPath(place) for place in record.texts("places")),
        naming=record.text("search-naming"),
        touching=record.text("search-touching"),
        candidates=record.integer("candidates"),
        backport=record.text("backport"),
        pulls=tuple(pulls),
    )
