"""nixpkgs, a proposal for it and its proofs: the values that the modules pass to one another.

No I/O, no formatting for people.
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
    """A git object id: 40 lower-case hexadecimal digits, as nixpkgs has them (SHA-1)."""

    __slots__ = ()

    def __new__(cls, digits: str) -> Self:
        """Raise UsageError for what is no id."""
        if not re.fullmatch(r"[0-9a-f]{40}", digits):
            raise UsageError(
                f"git object id: '{digits}' is not 40 hexadecimal digits, as nixpkgs "
                "has them"
            )
        return super().__new__(cls, digits)

    @property
    def short(self) -> str:
        """The first 12 digits, for display."""
        return self[:12]

    def named(self, name: str) -> str:
        """Return the commit's name with its id.

        The id only once if the name contains it.
        """
        if len(name) >= _SHORTEST and self.startswith(name):
            return self.short
        return name if self.short in name else f"{name} ({self.short})"


class Pin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known nixpkgs commit.

    `blob` is the id of the recorded file in it, None until the commit is fetched for
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
    """nixpkgs: its git URL, and its known commits, of which the last one is the default.

    `file` is the path in nixpkgs of the file whose blobs the pins record.
    """

    remote: str
    file: PurePosixPath
    pins: tuple[Pin, ...]


class Server(Struct, frozen=True, kw_only=True):
    """GitHub; None means the value of patches/tracking.toml."""

    repository: str | None = None
    api_url: str | None = None
    raw_url: str | None = None
    token_command: str | None = None


class SourceRequest(Struct, frozen=True, kw_only=True):
    """Where the user wants the target file from.

    If all fields are None, from the default pin.

    `nixpkgs` is the user's text: `specimen`, a directory, a git clone, `<nixpkgs>`, a
    flake.lock, an npins sources.json, or a git URL. `rev` is a commit, branch or tag in
    it. `file` is a lone file, without the two others. `offline` forbids every network
    access. With `pinned`, a lock file may only name sources by content that are here.
    """

    nixpkgs: str | None = None
    rev: str | None = None
    file: Path | None = None
    offline: bool = False
    pinned: bool = False


class Tier(StrEnum):
    """How deep the proofs go; each tier includes those before it."""

    TREE = "tree"
    BUILD = "build"


class Depth(Struct, frozen=True, kw_only=True):
    """How deep the proofs go, and their limits.

    `whole` requires a whole nixpkgs, which is fetched if it is not on this machine.
    `systems` are those to evaluate and build for, empty for the default ones.
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
    """A resolved nixpkgs: the target file's bytes, and the places of everything around it.

    `origin` describes it for people. `directory` holds the target file and the files
    beside it, `root` is the nixpkgs tree around it (None for a lone file); neither is
    ever written to. `commit` and `committed` (seconds since the epoch) are None without
    a git commit. `repository` is a git directory with the commit, else the URL `remote`
    has the files that were not fetched. `warnings` are lines about differences from
    what the user may expect.
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

    `covers` lists in a few words the examined things (counts, systems), `evidence` the
    facts line by line, `gaps` the facts about unexamined things, `reason` why it failed
    or was not run, `commands` the shell lines that repeat it, `seconds` its wall-clock
    time. `asked`: the user named the proof or its tier, or it ended at a limit: it must
    run.
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
        """Note the start of a step.

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
    """The sentences at its end, by the proofs that they require."""

    @property
    def whole(self) -> str:
        """The body with its `proven` sentences."""
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
        """Return the message with only those `proven` sentences that the named proofs support."""
        return replace(
            self,
            proven={
                proof: text for proof, text in self.proven.items() if proof in passed
            },
        )


class Commit(Message, frozen=True, kw_only=True):
    """A change of the target file: its message, and the file's content before and after."""

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
    """The user's request, and the resulting commits.

    `package` is the attribute path in nixpkgs, `target` the path of its file,
    `bindings` are the names that leave the let. `recipe` defines the steps. For someone
    else's patch, `steps` are the recognised ones.
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
    """The proofs of something that was written.

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
    """The result for one target: the report of the proposal in `out`, or the error that prevents it."""

    target: str
    out: Path
    result: Report | ToolkitError


class OverlayReport(Proven, frozen=True, kw_only=True):
    """The facts about a written overlay.

    `bindings` are the overridable ones of the package `target`.
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
    """A commit of any number of files; `why` is the paragraph for the reviewer."""

    files: tuple[FileChange, ...]
    why: str = ""
