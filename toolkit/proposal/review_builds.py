"""The steps after a judgement: ask binary caches for its packages, or build them."""

from collections.abc import Sequence

from toolkit.judge import ground
from toolkit.judge.differences import BuildPlan
from toolkit.judge.rebuilding import SETS, NextSteps, PackageBuild
from toolkit.model import Progress
from toolkit.proposal import outputs
from toolkit.proposal.requests import BuildRequest
from toolkit.sources.changes import Change
from toolkit.sources.trees import NixpkgsTree


def follow(
    plan: BuildPlan | None,
    change: Change,
    request: BuildRequest,
    *,
    progress: Progress,
) -> NextSteps:
    """Take the requested steps; a build runs code of the tree.

    Raise UnreachableError if a cache does not answer.
    """
    if plan is None:
        return NextSteps(cached=() if request.caches else None)
    cached = _cached(plan, request.caches, progress) if request.caches else None
    builds = _builds(plan, change, request.words, progress) if request.builds else ()
    return NextSteps(builds=builds, cached=cached)


def _cached(
    plan: BuildPlan, caches: Sequence[str], progress: Progress
) -> tuple[str, ...]:
    from toolkit.forge import binary_caches  # noqa: PLC0415 - for --substituters alone

    names = {package.output: package.attribute for package in plan.packages}
    wanted = {*names} - {""}
    held = set[str]()
    for url in caches:
        progress.step(f"asking {url}")
        held |= binary_caches.held(url, wanted - held)
    return tuple(name for output, name in names.items() if output in held)


def _builds(
    plan: BuildPlan, change: Change, words: Sequence[str], progress: Progress
) -> tuple[PackageBuild, ...]:
    """Build packages in the changed tree; those that fail also in the base."""
    tree = ground.changed(change.base, change.whole.files)
    system, prefix = SETS.get(plan.system, (plan.system, ""))

    def failure(name: str, place: NixpkgsTree) -> str:
        result = outputs.package(
            f"{prefix}{name}", place, system, words=words, progress=progress
        )
        return " ".join(result.failures)

    builds: list[PackageBuild] = []
    for number, package in enumerate(plan.packages, 1):
        name = package.attribute
        progress.step(f"building {name}, {number} of {len(plan.packages)}")
        reason = failure(name, tree)
        builds.append(
            PackageBuild(
                attribute=name,
                failure=reason,
                no_regression=bool(reason)
                and not package.is_new
                and bool(failure(name, change.base)),
            )
        )
    return tuple(builds)
