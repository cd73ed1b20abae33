"""What a command is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
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
