"""Where the target file came from, and what is around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.model.pins import Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A resolved nixpkgs: the target file's bytes, and where everything around it can be read.

    `origin` describes it for people. `directory` holds the target file and the files beside it, `root` is
    the nixpkgs tree around it (None for a lone file); neither is ever written to. `commit` and `committed`
    (seconds since the epoch) are None for what is no git commit. `repository` is a git directory that has
    the commit, but not all of its files where `remote` says from which URL it came. `fetched` counts the bytes
    that came over the network for it. `warnings` say, a line each, what the user may have expected otherwise.
    """

    origin: str
    content: bytes
    directory: Path
    root: Path | None = None
    commit: Oid | None = None
    committed: int | None = None
    repository: Path | None = None
    remote: str | None = None
    fetched: int = 0
    warnings: tuple[str, ...] = ()
