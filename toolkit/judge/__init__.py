"""The judge: the effects of a change on everything that it touches, whoever made it."""

import time
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking import chunks
from toolkit.asking.packages import Times, seconds
from toolkit.judge import ground, modules
from toolkit.judge.differences import Judgement, StepVerdict
from toolkit.judge.extent import Extent
from toolkit.judge.sides import Sides
from toolkit.model import Progress
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.sources.changes import Change, ChangeStep

SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin", "cross", "static")
"""The default systems; `cross` is from x86_64-linux to aarch64-linux, `static` is pkgsStatic of x86_64-linux."""

_MODULE_SECONDS = 150.0
"""The further time for changed NixOS modules: a machine takes 3 to 10 seconds."""


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
    """Judge a change as a whole, and each commit if it has several, with separate time limits.

    Raise ToolkitError if the trees cannot be laid out.
    """
    began = time.monotonic()
    times = Times() if request.builds is None else Times(ending=inf)
    most = seconds(nixos=request.nixos)
    together = limits.seconds(limits.TOGETHER_SECONDS)
    if any(str(path).startswith(modules.MODULES) for path in change.whole.files):
        together += limits.seconds(_MODULE_SECONDS)
    with ground.opened(change.base, progress=progress) as place:
        if request.builds is not None:
            progress.step("adding the nixpkgs to the Nix store")
        spread = (
            chunks.spread(place.root, change.base.key, options=request.builds)
            if request.builds is not None
            else None
        )

        def judged(
            before: ChangeStep | None, after: ChangeStep, allowed: Allowance
        ) -> Judgement:
            if (
                request.bounded
                and not request.everything
                and not request.every_reference
                and not request.nixos
                and request.builds is None
            ):
                times.begin(together)
            sides = Sides(
                base=change.base,
                ground=place,
                before=dict(before.files) if before is not None else {},
                after=dict(after.files),
                nixos=request.nixos,
                every_reference=request.every_reference,
                progress=progress,
                times=times,
                spread=spread,
                allowed=allowed,
            )
            everything = (
                request.everything if before is None and after is change.whole else ()
            )
            return Extent(
                sides,
                request.systems,
                everything=everything,
                explained=tuple(request.why.split(".")) if request.why else None,
            ).judged()

        whole = judged(None, change.whole, limits.allowance(most))
        steps: list[StepVerdict] = []
        if len(change.steps) > 1:
            for before, after in zip((None, *change.steps), change.steps, strict=False):
                progress.step(f"judging '{after.subject}'")
                verdict = judged(before, after, Allowance(most))
                steps.append(
                    StepVerdict(
                        subject=after.subject,
                        commit=after.commit,
                        differences=verdict.differences,
                        unknown=verdict.unknown,
                        unanswered=verdict.unanswered,
                    )
                )
    return replace(
        whole,
        subject=change.subject,
        base=change.origin,
        steps=tuple(steps),
        warnings=change.warnings,
        head=change.whole.commit,
        seconds=time.monotonic() - began,
    )
