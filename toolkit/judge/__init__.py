"""The judge: compare the package set of nixpkgs before and after a change.

The judge evaluates every attribute that the change affects. `unlet check` prints its
result.
"""

import time
from collections.abc import Iterator
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking import chunks
from toolkit.asking.packages import Times, seconds
from toolkit.errors import ToolkitError
from toolkit.judge import ground, modules
from toolkit.judge.differences import Judgement, StepVerdict
from toolkit.judge.extent import Extent
from toolkit.judge.ground import Ground
from toolkit.judge.sides import Sides
from toolkit.model import Progress, Silence
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.sources.changes import Change, ChangeStep

SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin", "cross", "static")
"""The default systems to compare.

`cross` compiles on x86_64-linux for aarch64-linux, and `static` is pkgsStatic of
x86_64-linux.
"""

_MODULE_SECONDS = 150.0
"""The additional seconds for changed NixOS modules; evaluating a NixOS configuration
takes 3 to 10.
"""


class ChunkBuilds(Struct, frozen=True, kw_only=True):
    """How Nix builds evaluate the questions; they have no common time limit."""

    options: tuple[str, ...] = ()
    """The user's arguments for `nix-store --realise`."""
    required: bool = True
    """If false, and if Nix cannot build in a sandbox, processes evaluate instead."""


class JudgeRequest(Struct, frozen=True, kw_only=True):
    """The options for judging a change of nixpkgs, such as the systems to compare.

    With `nixos`, NixOS tests are evaluated, too. On the systems in `everything`, all
    attributes of the package set are compared, for the whole change only. With
    `bounded`, unlet gives up on attributes that have no answer after the time of one
    evaluation. With `every_reference`, all attributes that use a changed one are
    compared. With `builds`, Nix builds run the evaluations. `why` names an attribute
    whose rebuild is explained.
    """

    systems: tuple[str, ...] = SYSTEMS
    nixos: bool = False
    everything: tuple[str, ...] = ()
    bounded: bool = False
    every_reference: bool = False
    builds: ChunkBuilds | None = None
    why: str = ""


def judge(change: Change, request: JudgeRequest, *, progress: Progress) -> Judgement:
    """Return the differences that a change makes, as a whole and for each commit.

    Each of these comparisons has its own time limit. Raise ToolkitError if the trees
    cannot be written.
    """
    began = time.monotonic()
    with ground.opened(change.base, progress=progress) as place:
        spread = _spread(change, request, place, progress)
        judging = _Judging(
            change=change,
            request=request,
            ground=place,
            progress=progress,
            times=Times() if spread is None else Times(ending=inf),
            spread=spread,
        )
        whole = judging.judged(
            None,
            change.whole,
            limits.allowance(seconds(nixos=request.nixos)),
            everything=request.everything,
        )
        steps = tuple(judging.steps()) if len(change.steps) > 1 else ()
    return replace(
        whole,
        subject=change.subject,
        base=change.origin,
        steps=steps,
        warnings=change.warnings,
        head=change.whole.commit,
        seconds=time.monotonic() - began,
    )


def _spread(
    change: Change, request: JudgeRequest, place: Ground, progress: Progress
) -> chunks.Spread | None:
    """Add the tree and the programs that Nix builds need to the Nix store.

    Return None if evaluations run in processes instead of builds.
    """
    if request.builds is None:
        return None
    progress.step("asking Nix for a build with a sandbox")
    try:
        programs = chunks.programs(request.builds.options)
        programs.require_sandbox(Silence())
    except ToolkitError as error:
        if request.builds.required:
            raise
        progress.step(f"evaluating on this machine, without builds: {error.message}")
        return None
    progress.step("adding the nixpkgs to the Nix store")
    return chunks.spread(place.root, change.base.key, programs)


class _Judging(Struct, frozen=True, kw_only=True):
    """One run of the judge: a change, compared as a whole and commit by commit."""

    change: Change
    request: JudgeRequest
    ground: Ground
    progress: Progress
    times: Times
    spread: chunks.Spread | None

    def judged(
        self,
        before: ChangeStep | None,
        after: ChangeStep,
        allowed: Allowance,
        *,
        everything: tuple[str, ...] = (),
    ) -> Judgement:
        """Return the differences between a commit and the one before, or the base."""
        request = self.request
        if self._is_bounded:
            self.times.begin(self._together)
        sides = Sides(
            base=self.change.base,
            ground=self.ground,
            before=dict(before.files) if before is not None else {},
            after=dict(after.files),
            nixos=request.nixos,
            every_reference=request.every_reference,
            progress=self.progress,
            times=self.times,
            spread=self.spread,
            allowed=allowed,
        )
        return Extent(
            sides,
            request.systems,
            everything=everything,
            explained=tuple(request.why.split(".")) if request.why else None,
        ).judged()

    def steps(self) -> Iterator[StepVerdict]:
        """Yield the differences that each commit makes, compared with its parent."""
        steps = self.change.steps
        most = seconds(nixos=self.request.nixos)
        for before, after in zip((None, *steps), steps, strict=False):
            self.progress.step(f"judging '{after.subject}'")
            verdict = self.judged(before, after, Allowance(most))
            yield StepVerdict(
                subject=after.subject,
                commit=after.commit,
                differences=verdict.differences,
                unknown=verdict.unknown,
                unanswered=verdict.unanswered,
            )

    @property
    def _is_bounded(self) -> bool:
        """Whether all evaluations together have a time limit."""
        request = self.request
        is_wide = request.everything or request.every_reference or request.nixos
        return request.bounded and not is_wide and self.spread is None

    @property
    def _together(self) -> float:
        """The time limit of all evaluations together, in seconds."""
        together = limits.seconds(limits.TOGETHER_SECONDS)
        files = map(str, self.change.whole.files)
        if any(file.startswith(modules.MODULES) for file in files):
            together += limits.seconds(_MODULE_SECONDS)
        return together
