"""nixpkgs: its known commits, where the user wants it from, and what was found there; how deep the proofs go in it."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath  # noqa: TC003 - a field of what documents are read into
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from toolkit.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


class Oid(str):
    """A git object id: 40 lower-case hexadecimal digits, as nixpkgs has them (SHA-1)."""

    __slots__ = ()

    def __new__(cls, digits: str) -> Self:
        """Raise UsageError for what is no id."""
        if not re.fullmatch(r"[0-9a-f]{40}", digits):
            raise UsageError(f"git object id: '{digits}' is not 40 hexadecimal digits, as nixpkgs has them")
        return super().__new__(cls, digits)

    @property
    def short(self) -> str:
        """The first 12 digits, for people."""
        return self[:12]


class Pin(Struct, frozen=True, kw_only=True):
    """A known nixpkgs commit.

    `blob` is the id of the recorded file in it and `newest` the newest version in that file; both are None until the
    commit was fetched once.
    """

    name: str
    commit: Oid
    about: str
    blob: Oid | None = None
    newest: str | None = None


class Upstream(Struct, frozen=True, kw_only=True):
    """nixpkgs: its git URL, the commits of it that are known, and the name of the one that is the default.

    `file` is the path in nixpkgs of the file whose blobs the pins record.
    """

    remote: str
    default_pin: str
    file: PurePosixPath
    pins: tuple[Pin, ...]


class SourceRequest(Struct, frozen=True, kw_only=True):
    """Where the user wants the target file from; all None means the default pin.

    `nixpkgs` is what the user wrote: `specimen`, a directory, a git clone, `<nixpkgs>`, a
    flake.lock, an npins sources.json, or a git URL. `rev` is a commit, branch or tag in it. `file` is a lone
    file. `pin` is the name of a known pin. `offline` forbids every network access.
    """

    nixpkgs: str | None = None
    rev: str | None = None
    file: Path | None = None
    pin: str | None = None
    offline: bool = False


class Tier(StrEnum):
    """How deep the proofs go; each tier includes those before it."""

    ISOLATED = "isolated"
    TREE = "tree"
    BUILD = "build"
    VM = "vm"

    def includes(self, other: Tier) -> bool:
        """Tell whether the proofs of `other` are run in this tier."""
        order = list(Tier)
        return order.index(other) <= order.index(self)


class Depth(Struct, frozen=True, kw_only=True):
    """How deep the proofs go, and with what.

    `by_itself` allows the tree tier, of one system, where a whole nixpkgs is at hand and no tier was asked for.
    `systems` are those of the tree tier, empty for its own choice. `max_memory` bounds all evaluations together,
    in MiB. `timeout` is for one evaluation, in seconds. `nix_options` are words for nix-build.
    """

    tier: Tier = Tier.ISOLATED
    by_itself: bool = False
    systems: tuple[str, ...] = ()
    reverse_dependencies: bool = False
    max_memory: int | None = None
    timeout: float | None = None
    nix_options: tuple[str, ...] = ()


class Source(Struct, frozen=True, kw_only=True):
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
