"""nixpkgs, a proposal for it and what was proven of it: the values that the modules hand to one another.

No I/O, no formatting for people.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

from msgspec import Struct, field

from toolkit.errors import UsageError

_SHORTEST = 7


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
        """The first 12 digits, for display."""
        return self[:12]

    def named(self, name: str) -> str:
        """Return a name of the commit with its id, and the id once if the name has it."""
        if len(name) >= _SHORTEST and self.startswith(name):
            return self.short
        return name if self.short in name else f"{name} ({self.short})"


class Pin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known nixpkgs commit.

    `blob` is the id of the recorded file in it, None until the commit was fetched once.
    """

    name: str
    commit: Oid
    about: str
    blob: Oid | None = None


class Upstream(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"default_pin": "default", "pins": "pin"}
):
    """nixpkgs: its git URL, the commits of it that are known, and the name of the one that is the default.

    `file` is the path in nixpkgs of the file whose blobs the pins record.
    """

    remote: str
    default_pin: str
    file: PurePosixPath
    pins: tuple[Pin, ...]


class Server(Struct, frozen=True, kw_only=True):
    """Where pull requests are asked for; what is None is as patches/tracking.toml has it."""

    repository: str | None = None
    api_url: str | None = None
    raw_url: str | None = None
    token_command: str | None = None


class SourceRequest(Struct, frozen=True, kw_only=True):
    """Where the user wants the target file from; all None means the default pin.

    `nixpkgs` is what the user wrote: `specimen`, a directory, a git clone, `<nixpkgs>`, a
    flake.lock, an npins sources.json, or a git URL. `rev` is a commit, branch or tag in it. `file` is a lone
    file. `pin` is the name of a known pin. `offline` forbids every network access. With `pinned` a lock file counts
    only for what it pins by its content, and that has to be on this machine.
    """

    nixpkgs: str | None = None
    rev: str | None = None
    file: Path | None = None
    pin: str | None = None
    offline: bool = False
    pinned: bool = False


class Tier(StrEnum):
    """How deep the proofs go; each tier includes those before it."""

    TREE = "tree"
    BUILD = "build"

    def includes(self, other: Tier) -> bool:
        """Return whether the proofs of `other` are run in this tier."""
        order = list(Tier)
        return order.index(other) <= order.index(self)


class Depth(Struct, frozen=True, kw_only=True):
    """How deep the proofs go, and with what.

    A `whole` nixpkgs has to be asked, and fetched if it is not at hand. `systems` are what is evaluated and built for,
    empty for the usual ones.
    `max_memory` bounds all evaluations together, in MiB. `timeout` is for one evaluation, in seconds. `nix_options` are
    words for nix-build.
    """

    tier: Tier = Tier.TREE
    whole: bool = False
    systems: tuple[str, ...] = ()
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


INTERRUPTED = "because it was interrupted"
"""Why a proof was not run that an interrupt ended, or that would have followed it."""


class Status(StrEnum):
    """The outcome of a proof. Nothing is PASSED by absence."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


class Proof(Struct, frozen=True, kw_only=True):
    """A claim and what became of it.

    `covers` says in a few words what was looked at (counts, systems), `evidence` holds the facts line by
    line, `gaps` those of them about what could not be looked at, `reason` why it failed or was not run, `commands`
    the shell lines that repeat it, `seconds` its wall-clock time. `asked` shows whether the user named it, or the
    tier that it is of, or it ended at a limit: then it is not enough that it was not run.
    """

    name: str
    claim: str
    status: Status
    covers: str
    evidence: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    reason: str | None = None
    commands: tuple[str, ...] = ()
    seconds: float = 0.0
    asked: bool = False

    @property
    def found(self) -> str:
        """The first fact, which sums the others up."""
        return self.evidence[0] if self.evidence else ""


class Progress(Protocol):
    """Receives what long work is doing; the command line draws it, tests may record it."""

    def step(self, what: str) -> None:
        """Note that a step begins; `what` is a short phrase in the present participle, such as `evaluating`."""

    def proof(self, proof: Proof) -> None:
        """Note that a proof is done."""


class Silence:
    """Progress that nobody looks at."""

    def step(self, what: str) -> None:
        """Pass over a step."""

    def proof(self, proof: Proof) -> None:
        """Pass over a proof."""


class CommitMessage(Struct, frozen=True, kw_only=True):
    """What a commit says of itself; `body` has no trailers."""

    subject: str
    body: str

    @property
    def message(self) -> str:
        """The commit message as git stores it, with its final line feed."""
        return f"{self.subject}\n\n{self.body.strip()}\n"


class Commit(CommitMessage, frozen=True, kw_only=True):
    """One change of the target file: its message and the file's whole content before and after."""

    before: bytes
    after: bytes


class Patch(Struct, frozen=True, kw_only=True):
    """One file of the series, as `git am` reads it."""

    name: str
    content: bytes


class Step(Struct, frozen=True, kw_only=True):
    """One step of a proposal, a commit, and the design by which it is made.

    `reason` is why it was chosen, if the user did not.
    """

    name: str
    design: str
    reason: str | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """What the user asked for, and the commits that came of it.

    `package` is the attribute path in nixpkgs, `target` the path of its file, `bindings` are the names that leave the
    let. `recipe` and `settings` are what the steps were named by, `author` is `NAME <EMAIL>` of whom the mails are to
    be, None for git's user. Of somebody else's patch, `steps` are those that it was seen to make; the design may be
    unknown.
    """

    source: Source
    package: str
    target: PurePosixPath
    bindings: tuple[str, ...]
    steps: tuple[Step, ...]
    commits: tuple[Commit, ...]
    patches: tuple[Patch, ...] = ()
    upstream_diff: bytes = b""
    recipe: str | None = None
    settings: dict[str, str] = {}
    author: str | None = None

    def design(self, step: str) -> str | None:
        """Return the design of the step of that name, None if there is no such step."""
        return next((each.design for each in self.steps if each.name == step), None)


class Proven(Struct, frozen=True, kw_only=True):
    """What was proven of something that was written; `files` are names relative to its directory."""

    proofs: tuple[Proof, ...]
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tools: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def failed(self) -> tuple[Proof, ...]:
        """The proofs that failed, in order."""
        return tuple(proof for proof in self.proofs if proof.status is Status.FAILED)

    @property
    def missed(self) -> tuple[Proof, ...]:
        """The proofs that were asked for and could not be run, in order."""
        return tuple(proof for proof in self.proofs if proof.asked and proof.status is Status.NOT_RUN)


class Report(Proven, frozen=True, kw_only=True):
    """All that is known about one proposal after its proofs ran.

    `request` describes how the source was asked for, so that it can be had again.
    """

    proposal: Proposal
    request: SourceRequest | None = None


class OverlayReport(Proven, frozen=True, kw_only=True):
    """What is known about an overlay that was written; `bindings` of the package `target` are those in reach."""

    target: str
    bindings: tuple[str, ...] = ()
    kind: str
    source: Source


class FileChange(Struct, frozen=True, kw_only=True):
    """A file of nixpkgs before and after a commit; `before` is None for one that the commit adds."""

    path: PurePosixPath
    before: bytes | None
    after: bytes


class TreeCommit(CommitMessage, frozen=True, kw_only=True):
    """A commit of any number of files; `why` is the paragraph for the reviewer."""

    files: tuple[FileChange, ...]
    why: str = ""
