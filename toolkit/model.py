"""The values that modules pass to one another: nixpkgs, a proposal and its proofs.

This module does no I/O, and formats nothing for people.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit.errors import ToolkitError, UsageError

_SHORTEST = 7


class Oid(str):
    """A git object id: 40 lower-case hexadecimal digits (SHA-1)."""

    __slots__ = ()

    def __new__(cls, digits: str) -> Self:
        """Raise UsageError for a text that is not an id."""
        if not re.fullmatch(r"[0-9a-f]{40}", digits):
            raise UsageError(f"git object id: '{digits}' is not 40 hexadecimal digits")
        return super().__new__(cls, digits)

    @property
    def short(self) -> str:
        """The first 12 digits, for display."""
        return self[:12]

    def named(self, name: str) -> str:
        """Return the commit's name with its id.

        If the name already contains the id, return only the name.
        """
        if len(name) >= _SHORTEST and self.startswith(name):
            return self.short
        return name if self.short in name else f"{name} ({self.short})"


class Pin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known commit of nixpkgs.

    `blob` is the id of the recorded file in it; None until the commit is fetched for
    the first time.
    """

    name: str
    commit: Oid
    blob: Oid | None = None


class Upstream(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"pins": "pin"},
):
    """nixpkgs: its git URL and its known commits, the last of which is the default.

    `file` is the path in nixpkgs of the file whose blobs the pins record.
    """

    remote: str
    file: PurePosixPath
    pins: tuple[Pin, ...]


class Server(Struct, frozen=True, kw_only=True):
    """The addresses of GitHub; None stands for the value in patches/tracking.toml."""

    repository: str | None = None
    api_url: str | None = None
    raw_url: str | None = None
    token_command: str | None = None


class SourceRequest(Struct, frozen=True, kw_only=True):
    """The place from which the user wants the target file.

    If all fields are None, it comes from the default pin. `nixpkgs` is the user's text:
    `specimen`, a directory, a git clone, `<nixpkgs>`, a flake.lock, an npins
    sources.json, or a git URL. `rev` is a commit, branch or tag in it. `file` is a
    single file, and excludes the other two. `offline` forbids network access. With
    `pinned`, a lock file may only name sources that are on this machine and fixed by
    their content.
    """

    nixpkgs: str | None = None
    rev: str | None = None
    file: Path | None = None
    offline: bool = False
    pinned: bool = False


class Tier(StrEnum):
    """How much the proofs examine; each tier includes the ones before it."""

    TREE = "tree"
    BUILD = "build"


class Depth(Struct, frozen=True, kw_only=True):
    """How much the proofs examine, and their limits.

    `whole` requires a whole nixpkgs, which unlet fetches if it is not on this machine.
    `systems` are the ones to evaluate and build for; if empty, the default ones.
    `max_memory` limits all evaluations together, in MiB. `timeout` limits one
    evaluation, in seconds. `nix_options` are words for nix-build.
    """

    tier: Tier = Tier.TREE
    whole: bool = False
    systems: tuple[str, ...] = ()
    max_memory: int | None = None
    timeout: float | None = None
    nix_options: tuple[str, ...] = ()


class Source(Struct, frozen=True, kw_only=True):
    """A resolved nixpkgs: the bytes of the target file, and where the rest is.

    `origin` describes it for people. `directory` holds the target file and its
    neighbours, and `root` is the nixpkgs tree around it (None for a single file); unlet
    never writes to them. `commit` and `committed` (seconds since the epoch) are None
    without a git commit. `repository` is a git directory with the commit; without one,
    the files come from the URL `remote`. `warnings` are lines about surprises for the
    user.
    """

    origin: str
    content: bytes
    directory: Path
    root: Path | None = None
    commit: Oid | None = None
    committed: int | None = None
    repository: Path | None = None
    remote: str | None = None
    warnings: tuple[str, ...] = ()


class Status(StrEnum):
    """The outcome of a proof. A proof that examined nothing is never PASSED."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


class Proof(Struct, frozen=True, kw_only=True):
    """A claim and its outcome.

    `covers` lists briefly what was examined (counts, systems), `evidence` the facts
    line by line, and `gaps` the facts about what was not examined. `reason` is why it
    failed or was not run, `commands` are the shell lines that repeat it, and `seconds`
    is its wall-clock time. `asked` is true if the proof must run: the user named it or
    its tier, or it ended at a limit.
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
        """The first fact, which summarises the others."""
        return self.evidence[0] if self.evidence else ""


class Progress(Protocol):
    """Receives the steps of long work; the command line draws them."""

    def step(self, what: str) -> None:
        """Report that a step starts.

        `what` is a short phrase with a present participle, such as `evaluating`.
        """


class Silence:
    """A Progress that ignores the steps."""

    def step(self, what: str) -> None:
        """Ignore a step."""


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A commit message without its trailers.

    `body` has lines of at most 72 characters, without a final line feed.
    """

    subject: str
    body: str
    proven: dict[str, str] = field(default_factory=dict[str, str])
    """Sentences for the end of the body, each with the proofs that it requires."""

    @property
    def whole(self) -> str:
        """The body, followed by its `proven` sentences."""
        return "\n\n".join([self.body, *self.proven.values()])

    @property
    def message(self) -> str:
        """The commit message as git stores it, with its final line feed."""
        return f"{self.subject}\n\n{self.whole.strip()}\n"

    def commit(self, before: bytes, after: bytes) -> Commit:
        """Return the change of a file with this message."""
        return Commit(
            subject=self.subject,
            body=self.body,
            proven=self.proven,
            before=before,
            after=after,
        )

    def backed(self, passed: Collection[str]) -> Self:
        """Return the message with the `proven` sentences of the named proofs only."""
        return replace(
            self,
            proven={
                proof: text for proof, text in self.proven.items() if proof in passed
            },
        )


class Commit(Message, frozen=True, kw_only=True):
    """A change of the target file: its message, and the content before and after."""

    before: bytes
    after: bytes


class Patch(Struct, frozen=True, kw_only=True):
    """A file of the series, as `git am` reads it."""

    name: str
    content: bytes


class Step(Struct, frozen=True, kw_only=True):
    """A step of a proposal: one commit, and its design.

    `reason` explains the choice, unless the user made it.
    """

    name: str
    design: str
    reason: str | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """The user's request, and the commits that it leads to.

    `package` is the attribute path in nixpkgs, `target` the path of its file, and
    `bindings` are the names that leave the let. `recipe` defines the steps. For
    somebody else's patch, `steps` are the ones that unlet recognised.
    """

    source: Source
    package: str
    target: PurePosixPath
    bindings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    commits: tuple[Commit, ...] = ()
    patches: tuple[Patch, ...] = ()
    upstream_diff: bytes = b""
    recipe: str | None = None


class Proven(Struct, frozen=True, kw_only=True):
    """The proofs about something that was written.

    `files` are names relative to its directory.
    """

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
        """The requested proofs that could not run, in order."""
        return tuple(
            proof
            for proof in self.proofs
            if proof.asked and proof.status is Status.NOT_RUN
        )


class Report(Proven, frozen=True, kw_only=True):
    """All facts about one proposal after its proofs.

    `request` describes the source, so that it can be found again.
    """

    proposal: Proposal
    request: SourceRequest | None = None


class Attempt(Struct, frozen=True, kw_only=True):
    """The result for one target: the report of the proposal, or its error.

    The proposal is in the directory `out`.
    """

    target: str
    out: Path
    result: Report | ToolkitError


class OverlayReport(Proven, frozen=True, kw_only=True):
    """The facts about a written overlay.

    `bindings` are the parts of the package `target` that it makes overridable.
    """

    target: str
    bindings: tuple[str, ...] = ()
    kind: str
    source: Source


class FileChange(Struct, frozen=True, kw_only=True):
    """A file of nixpkgs before and after a commit.

    `before` is None if the commit adds it.
    """

    path: PurePosixPath
    before: bytes | None
    after: bytes


class TreeCommit(Message, frozen=True, kw_only=True):
    """A commit of any number of files; `why` is the paragraph for reviewers."""

    files: tuple[FileChange, ...]
    why: str = ""
