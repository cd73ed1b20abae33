"""Proofs: their cases, claims and findings, and the one runner of all proofs."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from toolkit import inside, process
from toolkit.errors import (
    CommandError,
    FullError,
    NotRunError,
    ToolkitError,
    UsageError,
    did_you_mean,
)
from toolkit.model import Progress, Proof, Proposal, Status, Tier
from toolkit.nix import limits, program
from toolkit.nix.limits import sealed
from toolkit.parallel import side_by_side

C_contra = TypeVar("C_contra", bound="Case[Stage]", contravariant=True)

S_co = TypeVar("S_co", bound="Stage", covariant=True)


class Finding(Struct, frozen=True, kw_only=True):
    """The result of a proof, without its name and time.

    `gaps` are the things that the proof could not examine.
    """

    covers: str
    evidence: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    not_run: str | None = None
    commands: tuple[str, ...] = ()


class Subject(StrEnum):
    """The subject of a claim: a series, a recipe, a change, or an overlay.

    A recipe of the kind `rebuild` may change derivations.
    """

    SERIES = "series"
    RECIPE = "recipe"
    REBUILD = "rebuild"
    CHANGE = "change"
    OVERLAY = "overlay"


ANY = frozenset(Subject)
OURS = frozenset([Subject.SERIES, Subject.RECIPE, Subject.REBUILD])


class Claim(Struct, Generic[C_contra], frozen=True):
    """A proof's name, its sentence, the function that proves it, and its lowest tier.

    `applies_to` are its subjects. If it is `wide`, its sentence names the requested
    systems. The claims of one `queue` share answers of Nix and run one after another.
    """

    name: str
    sentence: str
    check: Callable[[C_contra], Finding]
    tier: Tier = Tier.TREE
    applies_to: frozenset[Subject] = ANY
    queue: str = ""
    wide: bool = False


def narrowed(
    claims: Iterable[Claim[C_contra]], systems: Sequence[str]
) -> tuple[Claim[C_contra], ...]:
    """Return the claims for these systems only; empty means all."""
    where = f" on {', '.join(systems)}"
    return tuple(
        replace(claim, sentence=f"{claim.sentence}{where}")
        if systems and claim.wide
        else claim
        for claim in claims
    )


def run(
    claims: Sequence[Claim[C_contra]],
    case: C_contra,
    names: Collection[str] = (),
    *,
    progress: Progress,
) -> tuple[Proof, ...]:
    """Prove the named claims, by default all, in their order.

    Evaluations of the tier tree are sealed, see `toolkit.nix.limits`. Claims count as
    requested if they are named, belong to the tier build, or ended at a limit. Claims
    without a queue run side by side; then come the queues, then the builds. Raise
    UsageError for an unknown name.
    """
    known = [claim.name for claim in claims]
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"proof: there is no proof '{unknown[0]}'",
            hint=did_you_mean(
                unknown[0], known, otherwise=f"the proofs are {', '.join(known)}"
            ),
        )
    chosen = [claim for claim in claims if not names or claim.name in names]
    proofs = _proofs(chosen, case, progress)
    asked = {*names, *(claim.name for claim in chosen if claim.tier is Tier.BUILD)}
    proofs.sort(key=lambda proof: known.index(proof.name))
    return tuple(
        replace(proof, asked=proof.asked or proof.name in asked) for proof in proofs
    )


def _proofs(
    claims: Sequence[Claim[C_contra]], case: C_contra, progress: Progress
) -> list[Proof]:
    """Prove claims: those without a queue at once, then queues, then builds."""
    queues: dict[str, list[Claim[C_contra]]] = defaultdict(list)
    for claim in claims:
        queues[Tier.BUILD if claim.tier is Tier.BUILD else claim.queue].append(claim)
    beside, builds = queues.pop("", []), queues.pop(Tier.BUILD, [])

    def one_by_one(queue: Iterable[Claim[C_contra]]) -> list[Proof]:
        proofs: list[Proof] = []
        for claim in queue:
            progress.step(f"proving {claim.name}")
            proofs.append(_prove(claim, case))
        return proofs

    with process.ending_together():
        end = inf
        if case.bounded:
            end = time.monotonic() + limits.seconds(limits.TOGETHER_SECONDS)
        for claim in beside:
            progress.step(f"proving {claim.name}")
        proofs = side_by_side(lambda claim: _prove(claim, case, end), beside)
        for queued in side_by_side(one_by_one, [*queues.values()]):
            proofs += queued
        return proofs + one_by_one(builds)


def _prove(claim: Claim[C_contra], case: C_contra, end: float = inf) -> Proof:
    """Run one proof.

    An error of Nix or git fails the proof, but not the run. Its sealed evaluations end
    at the time `end` of the monotonic clock.
    """
    began = time.monotonic()
    limited = False
    try:
        with (
            sealed(*case.reach, seconds=max(end - began, 0))
            if claim.tier is Tier.TREE
            else nullcontext()
        ):
            finding = claim.check(case)
    except CommandError as error:
        limited = program.reached_limit(error)
        finding = replace(
            _unfinished(program.failure(error, error.argv[0])),
            commands=(error.command,),
        )
    except FullError:
        raise
    except ToolkitError as error:
        limited = isinstance(error, NotRunError) and error.limited
        finding = _unfinished(error)
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
        evidence=finding.failures[1:] + finding.gaps + finding.evidence,
        gaps=finding.gaps,
        reason=why,
        commands=finding.commands,
        seconds=time.monotonic() - began,
        asked=limited,
    )


def _unfinished(error: ToolkitError) -> Finding:
    if isinstance(error, NotRunError):
        return Finding(covers="nothing", not_run=f"because {error.message}")
    return Finding(covers="nothing", failures=(error.message,))


class Stage(Struct, frozen=True, kw_only=True, eq=False):
    """The target file at one point of the series, in its own copy at `path`.

    `steps` names the proposal's steps since the stage before; the first stage has none.
    """

    name: str
    content: bytes
    path: Path
    steps: frozenset[str] = frozenset()


class Case(Proposal, Generic[S_co], frozen=True, kw_only=True, eq=False):
    """A proposal to prove.

    Somebody else's patch has no `patches`, only a diff.
    """

    stages: tuple[S_co, ...]
    """The stages in order.

    The first has the unchanged file; each is compared with the one before it.
    """

    @property
    def before(self) -> S_co:
        """The unchanged file."""
        return self.stages[0]

    @property
    def after(self) -> S_co:
        """The file after the series."""
        return self.stages[-1]

    @property
    def bounded(self) -> bool:
        """Return whether the evaluations of parallel claims share one time limit."""
        return True

    @property
    def reach(self) -> tuple[Path, ...]:
        """Further readable paths of evaluations: the stages, and nixpkgs' library."""
        root, library = self.source.root, list[Path]()
        if root is not None:
            for name in ("lib", ".version"):
                real = inside.within(root, name)
                if real is not None:
                    library += [root / name, root / real]
        return (*(stage.path.parent for stage in self.stages), *dict.fromkeys(library))
