"""The judge: what a change does to everything that it affects, whoever made it."""

import time
from collections.abc import Iterator
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking import chunks
from toolkit.asking.packages import Times, seconds
from toolkit.judge import ground, modules
from toolkit.judge.differences import Judgement, StepVerdict
from toolkit.judge.extent import Extent
from toolkit.judge.ground import Ground
from toolkit.judge.sides import Sides
from toolkit.model import Progress
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.sources.changes import Change, ChangeStep

SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin", "cross", "static")
"""The default systems.

`cross` is from x86_64-linux to aarch64-linux, and `static` is pkgsStatic of
x86_64-linux.
"""

_MODULE_SECONDS = 150.0
"""The further seconds for changed NixOS modules: a machine takes 3 to 10."""


class JudgeRequest(Struct, frozen=True, kw_only=True):
    """How to judge a change; `nixos` evaluates NixOS tests as well.

    On the systems of `everything`, every attribute of the set is compared, for the
    whole change only. Without them, `bounded` gives up on attributes without an answer
    in the time of one evaluation; `every_reference` has no limit. With `builds`, builds
    of Nix evaluate, which get these arguments, and which have no common time limit.
    `why` names an attribute whose build is explained.
    """

    systems: tuple[str, ...] = SYSTEMS
    nixos: bool = False
    everything: tuple[str, ...] = ()
    bounded: bool = False
    every_reference: bool = False
    builds: tuple[str, ...] | None = None
    why: str = ""


def judge(change: Change, request: JudgeRequest, *, progress: Progress) -> Judgement:
    """Judge a change as a whole, and each commit if it has several.

    The time limits are separate. Raise ToolkitError if the trees cannot be written.
    """
    began = time.monotonic()
    with ground.opened(change.base, progress=progress) as place:
        judging = _Judging(
            change=change,
            request=request,
            ground=place,
            progress=progress,
            times=Times() if request.builds is None else Times(ending=inf),
            spread=_spread(change, request, place, progress),
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
    """Return the builds of Nix that evaluate, if the user wants that."""
    if request.builds is None:
        return None
    progress.step("adding the nixpkgs to the Nix store")
    return chunks.spread(place.root, change.base.key, options=request.builds)


class _Judging(Struct, frozen=True, kw_only=True):
    """A change that is judged in one place, as a whole and step by step."""

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
        """Judge one step compared with the one before, or with the base."""
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
        """Judge each commit compared with the one before."""
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
        return request.bounded and not is_wide and request.builds is None

    @property
    def _together(self) -> float:
        """The seconds for all evaluations together."""
        together = limits.seconds(limits.TOGETHER_SECONDS)
        files = map(str, self.change.whole.files)
        if any(file.startswith(modules.MODULES) for file in files):
            together += limits.seconds(_MODULE_SECONDS)
        return together
