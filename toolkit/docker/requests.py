"""What a command is asked for, where docker is what it is about."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

from toolkit.docker.plan import Demotion, Extra, OverlayKind, Strategy
from toolkit.forge.nixpkgs import Server
from toolkit.model import Depth, SourceRequest
from toolkit.pr import BranchOrder


class ProposeRequest(Struct, frozen=True, kw_only=True):
    """One call of `propose`. `out` appears whole or not at all; `force` lets it replace what is there.

    With no `strategy` the one is taken that the builder allows. `only` is the name of a step to make alone.
    """

    source: SourceRequest
    strategy: Strategy | None = None
    demotion: Demotion = Demotion.SUFFIX
    only: str | None = None
    out: Path = Path("proposal")
    force: bool = False
    extras: tuple[Extra, ...] = ()
    depth: Depth = field(default_factory=Depth)
    compare: bool = False


class CheckRequest(Struct, frozen=True, kw_only=True):
    """One call of `check`: a proposal's `directory`, or somebody's change of the file.

    That is a `patch` for the file of `source`, the number of a `pull` request, read from `clone` or else from `server`,
    or the commit `rev` of `clone` (by default the directory one stands in), without which what is not committed there
    counts. `proofs` names the proofs to run; empty means all but the one that starts daemons. `run` adds that one.
    """

    directory: Path | None = None
    patch: Path | None = None
    pull: int | None = None
    rev: str | None = None
    clone: Path | None = None
    server: Server = field(default_factory=Server)
    source: SourceRequest = field(default_factory=SourceRequest)
    proofs: tuple[str, ...] = ()
    depth: Depth = field(default_factory=Depth)
    compare: bool = False
    run: bool = False


class OverlayRequest(Struct, frozen=True, kw_only=True):
    """One call of `overlay`. `out` appears whole or not at all; `force` lets it replace what is there."""

    source: SourceRequest
    kind: OverlayKind = OverlayKind.REWRAP
    out: Path = Path("overlay")
    force: bool = False
    depth: Depth = field(default_factory=Depth)


class BranchRequest(BranchOrder, frozen=True, kw_only=True):
    """One call of `pr` that makes a branch with docker's series."""

    strategy: Strategy | None = None
    demotion: Demotion = Demotion.SUFFIX
    only: str | None = None
    extras: tuple[Extra, ...] = ()
    depth: Depth = field(default_factory=Depth)
    compare: bool = False


class UpdateRequest(Struct, frozen=True, kw_only=True):
    """One call of `pr` that moves a branch; what is None stays as it is.

    `branch` None is the one that is checked out in `repo`, if this program made it, else the only one.
    """

    repo: Path
    branch: str | None = None
    base: str | None = None
    fetch: bool = False
    onto: tuple[str, ...] = ()
    strategy: Strategy | None = None
    demotion: Demotion | None = None
    only: str | None = None
    extras: tuple[Extra, ...] | None = None
    trailers: tuple[str, ...] | None = None
    signed: bool | None = None
    depth: Depth = field(default_factory=Depth)
    compare: bool = False
    force: bool = False
