"""What a command is asked for, whatever the target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from toolkit.forge.nixpkgs import Server
from toolkit.model import Depth, SourceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping


class Request(Struct, frozen=True, kw_only=True):
    """What is proposed of one target. `out` appears whole or not at all; `force` lets it replace what is there.

    `bindings` leave their let, none for all that an override does not reach. `designs` are by the name of the step; a
    step that is not among them has the design that Nix says is right. `follow` are attributes that definitions take
    over, `called` names of attributes by their bindings. `only` are the names of what to make, none for every step,
    `extras` those of commits on request. `recipe` is the name or the path of one whose steps are made instead, with
    `settings` for their options. `author` is `NAME <EMAIL>` of whom the mails are to be, None for git's user.
    """

    target: str
    source: SourceRequest = field(default_factory=SourceRequest)
    bindings: tuple[str, ...] = ()
    designs: Mapping[str, str] = field(default_factory=dict[str, str])
    follow: tuple[str, ...] = ()
    called: Mapping[str, str] = field(default_factory=dict[str, str])
    recipe: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    only: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    depth: Depth = field(default_factory=Depth)
    compare: bool = False
    author: str | None = None
    out: Path = Path("proposal")
    force: bool = False


class CheckRequest(Struct, frozen=True, kw_only=True):
    """One call of `check`: a proposal's `directory`, or somebody's change of the file of `target`.

    That is a `patch` for the file of `source`, the number of a `pull` request, read from `clone` or else from `server`,
    or the commit `rev` of `clone` (by default the directory one stands in), without which what is not committed there
    counts. An override has to reach `bindings`, by default all packages of the lets. `proofs` names the proofs to run;
    empty means all but those on request, of which `also` names some.
    """

    target: str
    directory: Path | None = None
    patch: Path | None = None
    pull: int | None = None
    rev: str | None = None
    clone: Path | None = None
    server: Server = field(default_factory=Server)
    source: SourceRequest = field(default_factory=SourceRequest)
    bindings: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    depth: Depth = field(default_factory=Depth)
    compare: bool = False
