"""The requests of commands, for any target."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from toolkit.judge import JudgeRequest
from toolkit.model import Depth, Server, SourceRequest
from toolkit.sources.changes import ChangeRequest

LIFT = "lift"
"""The step whose design a user may choose for any target."""


class Request(Struct, frozen=True, kw_only=True):
    """A request to propose one target.

    `out` is written completely or not at all; `force` replaces an older one.

    `bindings` are the parts to lift, by default all that no override reaches. `designs`
    maps a step to its design; Nix chooses for other steps. A moved definition takes the
    attributes in `follow` from the package; `called` maps a binding to the name of its
    attribute. `only` names the steps to make, by default all. `recipe` is a name or
    path. `own` is for the user's overlay, which may have a form that upstream does not
    want.
    """

    target: str
    source: SourceRequest = field(default_factory=SourceRequest)
    bindings: tuple[str, ...] = ()
    designs: Mapping[str, str] = field(default_factory=dict[str, str])
    follow: tuple[str, ...] = ()
    called: Mapping[str, str] = field(default_factory=dict[str, str])
    recipe: str | None = None
    only: tuple[str, ...] = ()
    depth: Depth = field(default_factory=Depth)
    own: bool = False
    out: Path = Path("proposal")
    force: bool = False
    limit: int | None = None
    """The most packages of a recipe at once; None for as many as reviewers accept."""


def command(name: str, request: Request, *options: str) -> str:
    """Return the command line, such as `overlay …`, for a request."""
    source = request.source
    given = {"--nixpkgs": source.nixpkgs, "--rev": source.rev, "--file": source.file}
    words: list[str] = []
    for option, value in given.items():
        if value is not None:
            words += [option, str(value)]
    words += [word for name in request.bindings for word in ("--binding", name)]
    words += [
        word for pair in request.called.items() for word in ("--as", "=".join(pair))
    ]
    return shlex.join(["unlet", name, request.target, *words, *options])


class BuildRequest(Struct, frozen=True, kw_only=True):
    """The steps to take; `words` are arguments of nix-build, `caches` are URLs."""

    builds: bool = False
    words: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()


class CheckRequest(Struct, frozen=True, kw_only=True):
    """A request to `check`: about a proposal, or somebody's change of a package.

    `target` is the package whose claims are proven, empty for none.
    """

    target: str = ""
    directory: Path | None = None
    """The directory of a proposal."""
    change: ChangeRequest = field(default_factory=ChangeRequest)
    """The change; its source is the nixpkgs of a proposal, too."""
    server: Server | None = None
    """The server with the commits of a pull request; None if a clone has them."""
    judging: JudgeRequest = field(default_factory=JudgeRequest)
    """How a review judges the whole change."""
    following: BuildRequest = field(default_factory=BuildRequest)
    """The steps after the judgement of a review."""
    bindings: tuple[str, ...] = ()
    """The parts that overrides must reach, by default all let-bound packages."""
    proofs: tuple[str, ...] = ()
    """The names of the proofs to run, by default all."""
    depth: Depth = field(default_factory=Depth)

    def proposed(self) -> Request:
        """Return the request for a proposal about the same nixpkgs."""
        return Request(
            target=self.target,
            source=self.change.source,
            bindings=self.bindings,
            depth=self.depth,
        )
