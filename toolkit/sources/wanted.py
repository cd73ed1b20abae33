"""What every kind of source is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from toolkit.cache import Cache
    from toolkit.model import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The target, the paths that are wanted beside it (`paths` includes its directory), and how to get them.

    `remote` is the URL of nixpkgs, for pins that say no more than a commit.
    """

    target: PurePosixPath
    paths: tuple[PurePosixPath, ...]
    remote: str
    cache: Cache
    offline: bool
    progress: Progress
