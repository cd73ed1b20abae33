"""A branch in the user's own clone for a pull request about any package: ordered, made, kept, found again, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from toolkit.model import Depth

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class BranchOrder(Struct, frozen=True, kw_only=True):
    """A branch to make in the clone around `repo`.

    `worktree` is where it is checked out, None for a place beside the clone. With `in_place` the commits go on the
    branch that is checked out in `repo`, whatever `base` and `branch` are. `fetch` allows to use the network, `onto`
    are further branches to try. `signed` is as the user's git has it where it is None. With `force` a proof that fails
    is no reason to stop.
    """

    repo: Path
    base: str
    branch: str
    worktree: Path | None = None
    in_place: bool = False
    fetch: bool = False
    onto: tuple[str, ...] = ()
    trailers: tuple[str, ...] = ()
    signed: bool | None = None
    force: bool = False


class MoveOrder(Struct, frozen=True, kw_only=True):
    """A branch to move to where its base is now; what is None, or not among `designs`, stays as it is.

    `branch` None is the one that is checked out in `repo`, if this program made it, else the only one.
    """

    repo: Path
    branch: str | None = None
    base: str | None = None
    fetch: bool = False
    onto: tuple[str, ...] = ()
    designs: Mapping[str, str] = field(default_factory=dict[str, str])
    bindings: tuple[str, ...] | None = None
    follow: tuple[str, ...] | None = None
    called: Mapping[str, str] | None = None
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    only: tuple[str, ...] = ()
    extras: tuple[str, ...] | None = None
    trailers: tuple[str, ...] | None = None
    signed: bool | None = None
    depth: Depth = field(default_factory=Depth)
    compare: bool = False
    force: bool = False
