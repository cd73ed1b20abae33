"""What the proofs work on, and how one is run and timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit import nix
from toolkit.errors import CommandError, ToolkitError
from toolkit.model import Proof, Status, Tier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path, PurePosixPath

    from toolkit.docker.claims.deep import Deep
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Demotion, Extra, Patch, Source, TreeCommit

BEFORE, LIFTED, DEMOTED = "before", "lifted", "demoted"

SYSTEMS: tuple[tuple[str, str, str], ...] = (
    ("x86_64-linux", "x86_64-linux", "x86_64-linux"),
    ("aarch64-linux", "aarch64-linux", "aarch64-linux"),
    ("aarch64-darwin", "aarch64-darwin", "aarch64-darwin"),
    ("x86_64-linux → aarch64-linux", "x86_64-linux", "aarch64-linux"),
)
"""Label, build platform and host platform of each pair that is evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """The file at one point of the series. `directory` holds it with the files that it refers to."""

    name: str
    file: DockerFile
    content: bytes
    directory: Path

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.directory / "default.nix"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Added:
    """A commit on request: its mail, and what that does to the source's nixpkgs.

    `commit` is None where the nixpkgs around the file is not at hand, or where the mail does not apply to it; then
    `failure` is git's reason.
    """

    extra: Extra
    patch: Patch
    commit: TreeCommit | None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A series to be proven: the file before, after commit 1 (`lifted`), after commit 2 (`demoted`).

    A foreign patch may do only one of the two (the stage of the other is None) or both at once (they are the
    same stage). `question` is the JSON file that tells Nix about the stages; `own_library` says that the
    source has no `lib`. `missing` are the files beside the source that the file refers to and that are not
    there; empty ones stand in for them. `extras` follow the series. `deep` is None where no tier below the first is
    wanted.
    """

    source: Source
    target: PurePosixPath
    components: tuple[str, ...]
    entry: str
    demotion: Demotion | None
    before: Stage
    lifted: Stage | None
    demoted: Stage | None
    patches: tuple[Patch, ...]
    upstream_diff: bytes
    question: Path
    own_library: bool
    overlay: Path | None = None
    missing: tuple[str, ...] = ()
    extras: tuple[Added, ...] = ()
    deep: Deep | None = None

    @property
    def after(self) -> Stage:
        """The file at the end of the series."""
        stage = self.demoted or self.lifted
        if stage is None:
            raise AssertionError(self)
        return stage

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages there are, in order; a patch that does both at once has two."""
        return tuple(dict.fromkeys(s for s in (self.before, self.lifted, self.demoted) if s is not None))

    @property
    def before_demotion(self) -> Stage:
        """What the demotion is compared with: the file after commit 1, where that is a commit of its own."""
        return self.lifted if self.lifted is not None and self.lifted is not self.demoted else self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a proof found, before it is named and timed."""

    covers: str
    evidence: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    not_run: str | None = None
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A proof's name, the sentence that it proves, the function that does, and the tier from which on it is run."""

    name: str
    sentence: str
    check: Callable[[Case], Finding]
    tier: Tier = Tier.ISOLATED


def prove(claim: Claim, case: Case) -> Proof:
    """Run one proof. An error of Nix or git is a failure of the proof and not of the run."""
    began = time.monotonic()
    try:
        finding = claim.check(case)
    except CommandError as error:
        finding = Finding(
            covers="nothing", failures=(f"{error.argv[0]}: {nix.reason(error)}",), commands=(error.command,)
        )
    except ToolkitError as error:
        finding = Finding(covers="nothing", failures=(error.message,))
    status, why = Status.PASSED, None
    if finding.failures:
        status, why = Status.FAILED, finding.failures[0]
    elif finding.not_run is not None:
        status, why = Status.NOT_RUN, finding.not_run
    return Proof(
        name=claim.name,
        claim=claim.sentence,
        status=status,
        covers=finding.covers,
        evidence=finding.failures[1:] + finding.evidence,
        reason=why,
        commands=finding.commands,
        seconds=time.monotonic() - began,
    )
