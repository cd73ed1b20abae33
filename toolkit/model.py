"""The values that the modules hand to one another. No I/O, no formatting for people."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol

from toolkit.errors import UsageError


@dataclass(frozen=True, slots=True)
class Oid:
    """A git object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits."""

    hex: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", self.hex):
            raise UsageError(f"git object id: '{self.hex}' is not 40 hexadecimal digits")

    def __str__(self) -> str:
        return self.hex

    @property
    def short(self) -> str:
        """The first 12 digits, for people."""
        return self.hex[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A known nixpkgs commit.

    `blob` is the id of the target file in it and `newest` the newest docker version in that file; both
    are None until the commit was fetched once.
    """

    name: str
    commit: Oid
    about: str
    blob: Oid | None = None
    newest: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """Where the user wants the target file from; all None means the default pin.

    `nixpkgs` is what the user wrote: `specimen` or `specimen:NAME`, a directory, a git clone, `<nixpkgs>`, a
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

    `systems` are those of the tree tier, empty for its own choice. `max_memory` bounds all evaluations together,
    in MiB. `timeout` is for one evaluation, in seconds. `nix_options` are words for nix-build.
    """

    tier: Tier = Tier.ISOLATED
    systems: tuple[str, ...] = ()
    reverse_dependencies: bool = False
    max_memory: int | None = None
    timeout: float | None = None
    nix_options: tuple[str, ...] = ()


class Strategy(StrEnum):
    """How the components leave the `let … in`; see toolkit.rewrite."""

    SENTINEL = "sentinel"
    IN_PLACE = "in-place"
    PARAMETER = "parameter"


class Demotion(StrEnum):
    """What becomes of rootlesskit in the wrapper's PATH."""

    SUFFIX = "suffix"
    DROP = "drop"


class Extra(StrEnum):
    """A commit that the series has on request alone, in the order in which they follow the first two."""

    NIXOS_TEST = "nixos-test"
    NIXOS_MODULE = "nixos-module"
    RELEASE_NOTE = "release-note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One change of the target file: its message and the file's whole content before and after."""

    subject: str
    body: str
    before: bytes
    after: bytes

    @property
    def message(self) -> str:
        """The commit message as git stores it, with its final line feed."""
        return f"{self.subject}\n\n{self.body.strip()}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One file of the series, as `git am` reads it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the user asked for, and the commits that came of it.

    `strategy` is None for somebody else's patch, `demotion` is None for one that leaves the wrapper alone.
    """

    source: Source
    target: PurePosixPath
    strategy: Strategy | None
    demotion: Demotion | None
    commits: tuple[Commit, ...]
    patches: tuple[Patch, ...] = ()
    upstream_diff: bytes = b""


class Status(StrEnum):
    """The outcome of a proof. Nothing is PASSED by absence."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A claim and what became of it.

    `covers` says in a few words what was looked at (counts, systems), `evidence` holds the facts line by
    line, `reason` why it failed or was not run, `commands` the shell lines that repeat it, `seconds` its
    wall-clock time.
    """

    name: str
    claim: str
    status: Status
    covers: str
    evidence: tuple[str, ...] = ()
    reason: str | None = None
    commands: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One design in a comparison: its proofs, and the lines of its diff. `moved` lines count in both others."""

    name: str
    proofs: tuple[Proof, ...]
    added: int
    removed: int
    moved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is known about one proposal after its proofs ran.

    `request` says how the source was asked for, so that it can be had again; `files` are the names of what
    is written, relative to the output directory.
    """

    proposal: Proposal
    proofs: tuple[Proof, ...]
    warnings: tuple[str, ...] = ()
    tools: dict[str, str] = field(default_factory=dict[str, str])
    request: SourceRequest | None = None
    files: tuple[str, ...] = ()
    comparison: tuple[Column, ...] = ()

    @property
    def failed(self) -> tuple[Proof, ...]:
        """The proofs that failed, in order."""
        return tuple(proof for proof in self.proofs if proof.status is Status.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A docker release that the file exports: its attribute, the version as written, its line."""

    attr: str
    version: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component package. `bound` is `let`, `parameter` or `absent`.

    `references` are the names of dockerGen's let that its definition uses, `parameters` those of dockerGen's
    parameters.
    """

    name: str
    bound: str
    line: int | None
    references: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What `unlet inspect` tells about a file. Lines count from 1.

    `state` is one line for people. `rootlesskit` is `prefix`, `suffix`, `prefix and suffix`, `absent`,
    `no wrapper` or `unknown`.
    """

    path: str
    state: str
    layout: str
    newest: str | None
    releases: tuple[Release, ...]
    components: tuple[Component, ...]
    rootlesskit: str
    rootlesskit_line: int | None
    todo_line: int | None


class Progress(Protocol):
    """Receives what long work is doing; the command line draws it, tests may record it."""

    def step(self, what: str) -> None:
        """Note that a step begins; `what` is a short phrase in the present participle, such as `evaluating`."""

    def proof(self, proof: Proof) -> None:
        """Note that a proof is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeRequest:
    """One call of `propose`. `out` appears whole or not at all; `force` lets it replace what is there."""

    source: SourceRequest
    strategy: Strategy = Strategy.SENTINEL
    demotion: Demotion = Demotion.SUFFIX
    out: Path = Path("proposal")
    force: bool = False
    extras: tuple[Extra, ...] = ()
    depth: Depth = Depth()
    compare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """One call of `check`: a proposal's directory, or a foreign patch (`patch`) for the file of `source`.

    `proofs` names the proofs to run; empty means all but the one that starts daemons. `run` adds that one.
    """

    directory: Path | None = None
    patch: Path | None = None
    source: SourceRequest = SourceRequest()
    proofs: tuple[str, ...] = ()
    depth: Depth = Depth()
    compare: bool = False
    run: bool = False


class OverlayKind(StrEnum):
    """Which overlay: `rewrap` makes a new wrapper around the finished docker, `patched` is the patched file."""

    REWRAP = "rewrap"
    PATCHED = "patched"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayRequest:
    """One call of `overlay`. `out` appears whole or not at all; `force` lets it replace what is there."""

    source: SourceRequest
    kind: OverlayKind = OverlayKind.REWRAP
    out: Path = Path("overlay")
    force: bool = False
    depth: Depth = Depth()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayReport:
    """What is known about an overlay that was written; `files` are names relative to its directory."""

    kind: OverlayKind
    source: Source
    proofs: tuple[Proof, ...]
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    tools: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def failed(self) -> tuple[Proof, ...]:
        """The proofs that failed, in order."""
        return tuple(proof for proof in self.proofs if proof.status is Status.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathOrder:
    """PATH as a wrapper composes it: `prefix` entries, then the caller's PATH, then `suffix` entries."""

    prefix: tuple[str, ...]
    suffix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to start rootless docker on NixOS: the wrapper's PATH, and the security wrapper in the caller's.

    `found` is the directory in which the program is that dockerd-rootless takes. `privileged` tells whether that is
    the security wrapper, which has the capability for ports below 1024.
    """

    name: str
    order: PathOrder
    wrapper: str
    found: str
    privileged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PathInspection:
    """The PATH of dockerd-rootless as a docker file builds it, of its newest release, by each route."""

    path: str
    release: str
    routes: tuple[Route, ...]
