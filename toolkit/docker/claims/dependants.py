"""The claim about reverse dependencies: what of all nixpkgs each commit rebuilds, counted on both sides of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.claims import all_packages
from toolkit.prove import Finding
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.docker.claims.all_packages import Packages
    from toolkit.docker.claims.case import DockerCase, DockerStage

_SHOWN = 40

_WITHOUT_DOCKER = b"""# docker's file, of which nothing evaluates
{ ... }: abort "a package needs docker"
"""


def counted(case: DockerCase) -> Finding:
    """Evaluate all packages at each stage, and count what differs.

    A side that was evaluated in part only, or that counts other packages than the other, fails the claim.
    """
    work = case.deep
    failures: list[str] = []
    evidence: list[str] = []
    covers: list[str] = []
    native = list(dict.fromkeys(host for _, build, host in case.deep.systems if build == host))
    # Minutes and gigabytes each: only what was named, else one.
    for system in native if work.depth.systems else native[:1]:
        found = _found(case, system)
        evidence += [f"{system}, {name}: {packages.counts()}" for name, packages in found.items()]
        failures += [f"{system}: {fact}" for name, packages in found.items() for fact in _partial(name, packages)]
        for before, after, may_change in _commits(case):
            old, new = found[before.name], found[after.name]
            failures += [f"{system}: {fact}" for fact in disagreements(old, new)]
            changed = sorted(name for name, path in old.derivations.items() if new.derivations.get(name, path) != path)
            label = f"{before.name} → {after.name}"
            covers.append(f"{system}: {label} rebuilds {len(changed)} of {len(old.derivations)}")
            evidence += [f"{system}, {label}: {len(changed)} rebuilt", *_listed(changed)]
            if changed and not may_change:
                failures.append(f"{system}: the first commit rebuilds {len(changed)} packages, such as {changed[0]}")
            if may_change and system.endswith("-linux") and "docker" not in changed:
                failures.append(f"{system}: the second commit does not change docker")
    return Finding(
        covers="; ".join(covers) or "nothing",
        failures=tuple(failures) if covers else (*failures, "no system was evaluated"),
        evidence=tuple(evidence),
        commands=("unlet check --tier tree --reverse-dependencies --proof reverse-dependencies",),
    )


def _found(case: DockerCase, system: str) -> dict[str, Packages]:
    """Evaluate all packages at each stage, what no docker is needed for once for all of them.

    In a nixpkgs whose docker ends the evaluation, what evaluates or throws does so at every stage; the rest is asked of
    each.
    """
    work = case.deep
    without = trees.changed(work.trees[case.before.name], {case.target: _WITHOUT_DOCKER})
    same = all_packages.evaluate(without, system, work.depth, progress=work.progress, what=f"{system}, without docker")
    found: dict[str, Packages] = {}
    for stage in case.stages:
        what = f"{system}, {stage.name}"
        tree = work.trees[stage.name]
        rest = all_packages.evaluate(tree, system, work.depth, progress=work.progress, what=what, paths=same.roots)
        found[stage.name] = same.with_roots(rest)
    return found


def disagreements(old: Packages, new: Packages) -> Iterator[str]:
    """Yield where two sides did not count the same packages."""
    if lost := sorted(old.derivations.keys() - new.derivations.keys()):
        yield f"{len(lost)} packages evaluate before only, such as {lost[0]}"
    if gained := sorted(new.derivations.keys() - old.derivations.keys()):
        yield f"{len(gained)} packages evaluate after only, such as {gained[0]}"
    if other := sorted(set(old.failed) ^ set(new.failed)):
        yield f"{len(old.failed)} fail before, {len(new.failed)} after, {other[0]} on one side only"
    if old.skipped != new.skipped:
        yield f"{old.skipped} attributes were not packages before, {new.skipped} are not after"


def _commits(case: DockerCase) -> Iterator[tuple[DockerStage, DockerStage, bool]]:
    """Yield both sides of each commit, and whether it may rebuild anything."""
    if case.lifted is not None and case.lifted is not case.demoted:
        yield case.before, case.lifted, False
    if case.demoted is not None:
        yield case.before_demotion, case.demoted, True


def _partial(name: str, packages: Packages) -> Iterator[str]:
    if packages.partial:
        advice = "raise --max-memory or --timeout"
        yield f"{name}: {len(packages.partial)} attributes were not evaluated: {packages.partial[0]}; {advice}"
    if not packages.derivations:
        yield f"{name}: no package was evaluated"


def _listed(names: list[str]) -> Iterator[str]:
    yield from (f"  {name}" for name in names[:_SHOWN])
    if len(names) > _SHOWN:
        yield f"  … and {len(names) - _SHOWN} more"
