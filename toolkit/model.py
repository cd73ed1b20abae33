"""The values that modules pass to one another, about nixpkgs, proposals and proofs.

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
        """Raise UsageError if `digits` is not an object id."""
        if not re.fullmatch(r"[0-9a-f]{40}", digits):
            raise UsageError(f"git object id: '{digits}' is not 40 hexadecimal digits")
        return super().__new__(cls, digits)

    @property
    def short(self) -> str:
        """The first 12 digits, for display."""
        return self[:12]

    def named(self, name: str) -> str:
        """Return a commit's display name: `name`, with the short id in parentheses.

        If `name` already contains the short id, return only `name`. If `name` is the
        beginning of the id, return only the short id.
        """
        if len(name) >= _SHORTEST and self.startswith(name):
            return self.short
        return name if self.short in name else f"{name} ({self.short})"


class Pin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known commit of nixpkgs.

    `blob` is the git id of one recorded file in that commit; it is None until the
    commit is fetched for the first time.
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
    """The git URL of nixpkgs and its known commits, the last of which is the default.

    `file` is the path in nixpkgs of the file whose blobs the pins record.
    """

    remote: str
    file: PurePosixPath
    pins: tuple[Pin, ...]


class Server(Struct, frozen=True, kw_only=True):
    """The addresses of GitHub; a field that is None uses patches/tracking.toml."""

    repository: str | None = None
    api_url: str | None = None
    raw_url: str | None = None
    token_command: str | None = None


class SourceRequest(Struct, frozen=True, kw_only=True):
    """The user's choice of the nixpkgs from which unlet reads the package's file.

    If all fields are None, unlet uses the default pin. `nixpkgs` is the user's text:
    `specimen`, a directory, a git clone, `<nixpkgs>`, a flake.lock, an npins
    sources.json, or a git URL. `rev` is a commit, branch or tag in that nixpkgs. `file`
    is a single file, and excludes `nixpkgs` and `rev`. `offline` forbids network
    access. With `pinned`, a lock file may only name sources that are on this machine
    and fixed by their content.
    """

    nixpkgs: str | None = None
    rev: str | None = None
    file: Path | None = None
    offline: bool = False
    pinned: bool = False


class Tier(StrEnum):
    """How much the proofs examine; each tier includes the tiers before it."""

    TREE = "tree"
    BUILD = "build"


class Depth(Struct, frozen=True, kw_only=True):
    """How much the proofs examine, and the limits of their evaluations and builds.

    `whole` requires a whole nixpkgs, which unlet fetches if it is not on this machine.
    `systems` are the systems to evaluate and build for; if empty, the default systems.
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
    """A nixpkgs that unlet has located: the bytes of the package's file, and its tree.

    `origin` describes the nixpkgs for people. `directory` holds the package's file and
    its neighbours, and `root` is the nixpkgs tree around the file (None for a single
    file); unlet never writes to either directory. `commit` and `committed` (seconds
    since the epoch) are None without a git commit. `repository` is a git directory with
    the commit; without one, the files come from the URL `remote`. `warnings` are lines
    for the user about anything unexpected.
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
    """A claim, the statement that a proof checks, with its outcome.

    `covers` lists briefly what was examined (counts, systems), `evidence` the facts
    line by line, and `gaps` the facts about what was not examined. `reason` explains
    why the proof failed or did not run. `commands` are the shell lines that repeat the
    proof, and `seconds` is its wall-clock time. `asked` is true if the proof must run:
    the user named it or its tier, or it ended at a limit.
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
        """The first line of `evidence`, which summarises the other lines."""
        return self.evidence[0] if self.evidence else ""


class Progress(Protocol):
    """An observer of the steps of a long task; the command line draws them."""

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
        """The text of `body`, followed by the `proven` sentences."""
        return "\n\n".join([self.body, *self.proven.values()])

    @property
    def message(self) -> str:
        """The commit message as git stores it, with its final line feed."""
        return f"{self.subject}\n\n{self.whole.strip()}\n"

    def commit(self, before: bytes, after: bytes) -> Commit:
        """Return a commit with this message that replaces `before` by `after`."""
        return Commit(
            subject=self.subject,
            body=self.body,
            proven=self.proven,
            before=before,
            after=after,
        )

    def backed(self, passed: Collection[str]) -> Self:
        """Return this message with only the `proven` sentences of the passed proofs."""
        return replace(
            self,
            proven={
                proof: text for proof, text in self.proven.items() if proof in passed
            },
        )


class Commit(Message, frozen=True, kw_only=True):
    """A change of the package's file: its message, and the content before and after."""

    before: bytes
    after: bytes


class Patch(Struct, frozen=True, kw_only=True):
    """A file of the series that `unlet propose` writes, in the format of `git am`."""

    name: str
    content: bytes


class Step(Struct, frozen=True, kw_only=True):
    """A step of a proposal: one commit, and the design of its rewrite.

    `reason` explains why unlet chose the design; it is None if the user chose it.
    """

    name: str
    design: str
    reason: str | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """The user's request, and the commits that implement it.

    `package` is the attribute path in nixpkgs, `target` the path of its file, and
    `bindings` are the names of the let-bound packages that leave the let. `recipe`
    defines the steps. For a patch that unlet did not write, `steps` are the ones that
    it recognised in the patch.
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
    """The proofs about a directory of results that unlet has written.

    `files` are names relative to that directory.
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

    `request` describes the source, so that unlet can find the source again.
    """

    proposal: Proposal
    request: SourceRequest | None = None


class Attempt(Struct, frozen=True, kw_only=True):
    """The result for one package: the report of the proposal, or its error.

    The proposal is in the directory `out`.
    """

    target: str
    out: Path
    result: Report | ToolkitError


class OverlayReport(Proven, frozen=True, kw_only=True):
    """The facts about a written overlay.

    `bindings` are the let-bound packages of the package `target` that the overlay makes
    overridable.
    """

    target: str
    bindings: tuple[str, ...] = ()
    kind: str
    source: Source


class FileChange(Struct, frozen=True, kw_only=True):
    """A file of nixpkgs before and after a commit.

    `before` is None if the commit adds the file.
    """

    path: PurePosixPath
    before: bytes | None
    after: bytes


class TreeCommit(Message, frozen=True, kw_only=True):
    """A commit of any number of files; `why` is the paragraph for reviewers."""

    files: tuple[FileChange, ...]
    why: str = ""
