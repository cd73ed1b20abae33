"""Docker in a real package set: what stages are evaluated in, and the claims about the set itself.

All stages of a system are evaluated by one import of the unchanged nixpkgs, into which each file is called. What goes
through all-packages.nix is compared with that once, for the last stage, with the docker of the NixOS tests.

The set may have a package called like a component, and `callPackage` fills every parameter that has a name of the set.
Whether docker uses one is seen from two sets, one in which all of these names throw, one in which they are some other
package: both must give the same docker.

What of all nixpkgs each commit rebuilds is counted on both sides of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.docker import COMPONENTS
from toolkit.docker.claims.asking import Setting
from toolkit.docker.claims.evaluation import evaluate
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError, NotRunError
from toolkit.judge import everything
from toolkit.nix import evaluator, limits, program
from toolkit.prove import Finding
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from toolkit.docker.case import DockerCase, DockerStage
    from toolkit.docker.claims.facts import Facts
    from toolkit.judge.packages import Packages
    from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "tree.nix"
ABSENT, THROWS = "absent", "throws"
CLIENT = "docker-client"

_SHOWN = 40

_WITHOUT_DOCKER = b"""# docker's file, of which nothing evaluates
{ ... }: abort "a package needs docker"
"""

Answers = dict[str, str]
"""Attribute path → drvPath, ABSENT or THROWS."""


class _Named(Struct, frozen=True, kw_only=True):
    """What the set has under a name: `kind` is text for people, ABSENT or THROWS; `file` may be empty."""

    kind: str
    alias: bool
    file: str


class _Tests(Struct, frozen=True, kw_only=True):
    """What tree.nix says of the NixOS tests: the docker of their machines, by the test's name, and that of the set."""

    docker: str
    tests: dict[str, str]


class _Names(Struct, frozen=True, kw_only=True):
    """What tree.nix says of the components' names; `captured` are those that docker takes from the set."""

    captured: tuple[str, ...]
    docker: str
    found: dict[str, _Named]


def setting(case: DockerCase) -> Setting:
    """Return the unchanged nixpkgs as what all stages are evaluated in."""
    work, pairs = case.deep, case.deep.systems
    tree = work.trees[case.before.name]
    return Setting(
        place="the specimen's package set" if tree.is_specimen else "the real package set",
        otherwise="take a nixpkgs that does, or other systems by --system",
        systems=pairs,
        parts=tuple((label,) for label, _, _ in pairs),
        jobs=work.jobs,
        tree=tree.root,
        memory=work.memory,
        timeout=_seconds(case),
        progress=work.progress,
    )


def command(case: DockerCase, stage: DockerStage, part: str, system: tuple[str, str, str]) -> Command:
    """Return the command that evaluates a part of tree.nix for one stage and system."""
    _, build, host = system
    work = case.deep
    question = {
        "releases": [release.attr for release in case.before.file.releases()],
        "components": COMPONENTS,
        "names": COMPONENTS,
    }
    arguments = {
        "tree": str(work.trees[stage.name].root),
        "system": build,
        "crossSystem": host if host != build else "",
        "question": json.dumps(question),
    }
    asked = evaluator.evaluate_command(EXPRESSION, arguments, attribute=part)
    return replace(limits.bounded(asked, work.memory), timeout=_seconds(case))


def _seconds(case: DockerCase) -> float:
    """Return how long an evaluation of all releases may take: what each of them may."""
    return case.deep.depth.timeout or limits.SECONDS * len(case.before.file.releases())


def has_what_was_evaluated(case: DockerCase) -> Finding:
    """Compare the whole patched nixpkgs, on one system, with what its file gave in the unchanged one."""
    system = _linux(case) or case.deep.systems[0]
    case.deep.progress.step(f"evaluating the whole patched nixpkgs ({system[0]})")
    asked = command(case, case.after, "packages", system)
    try:
        answer = evaluator.answer(asked)
    except CommandError as error:
        fact = f"{system[0]}: the whole patched nixpkgs does not evaluate"
        raise program.failure(error, fact) from error
    found = documents.convert(answer, Answers, document=f"evaluation of the package set, {system[0]}")
    shared = {
        release: facts
        for (label, release), facts in evaluate(case, setting(case))[case.after.name].items()
        if label == system[0]
    }
    return Finding(
        covers=f"{len(found)} attributes of {setting(case).place}, {system[0]}",
        failures=tuple(f"{system[0]}: {fact}" for fact in _differences(found, shared)),
        evidence=(f"{system[0]}: docker: {found.get('docker', ABSENT)}",),
        commands=(asked.line,),
    )


def _linux(case: DockerCase) -> tuple[str, str, str] | None:
    """Return the first Linux system that builds for itself."""
    return next((each for each in case.deep.systems if each[1] == each[2] and each[1].endswith("-linux")), None)


def _differences(found: Answers, shared: Mapping[str, Facts]) -> Iterator[str]:
    """Yield each place where the set differs from what the file gave."""
    for release, facts in shared.items():
        wanted = {release: facts.docker}
        wanted |= {f"{release}.{name}": path or ABSENT for name, path in facts.components.items()}
        for name, path in wanted.items():
            if (there := found.get(name, ABSENT)) != path:
                yield f"{name} is {there} in the package set, and {path} by the file"
    dockers = {facts.docker for facts in shared.values()}
    clients = {facts.client for facts in shared.values()}
    if (docker := found.get("docker", ABSENT)) not in dockers:
        yield f"docker is {docker} in the package set, and none of the file's"
    if (client := found.get(CLIENT, ABSENT)) not in {*clients, ABSENT}:
        yield f"{CLIENT} is {client} in the package set, and none of the file's"


def tests(case: DockerCase) -> Finding:
    """Compare the docker of the NixOS tests with what the whole patched nixpkgs gives; it takes half a minute."""
    system = _linux(case)
    if system is None:
        raise NotRunError("no Linux system is asked for")
    asked = command(case, case.after, "tests", system)
    case.deep.progress.step(f"evaluating the docker of the NixOS tests ({system[0]})")
    try:
        answer = evaluator.answer(asked)
    except CommandError as error:
        try:
            evaluator.answer(command(case, case.before, "tests", system))
        except CommandError as same:
            raise NotRunError(f"they do not evaluate, before the change either: {program.reason(same)}") from error
        if program.reached_limit(error):
            raise NotRunError(program.at_limit(error)) from error
        raise program.failure(error, "the NixOS tests do not evaluate after the change") from error
    found = documents.convert(answer, _Tests, document=f"NixOS tests, {system[0]}")
    return Finding(
        covers=f"{', '.join(f'nixosTests.{name}' for name in found.tests) or 'no test'}; {system[0]}",
        failures=tuple(
            f"nixosTests.{name} is about {path}, and docker is {found.docker}"
            for name, path in found.tests.items()
            if path != found.docker
        ),
        not_run=None if found.tests else "because this nixpkgs has no NixOS test of docker",
        evidence=(f"{system[0]}: docker: {found.docker}",),
        commands=(asked.line,),
    )


def not_captured(case: DockerCase) -> Finding:
    """Look for the components' names in the set, and for their use by docker, on the first system."""
    system = case.deep.systems[0]
    asked = command(case, case.after, "names", system)
    case.deep.progress.step("looking for the components' names in the package set")
    try:
        answer = evaluator.answer(asked)
    except CommandError as error:
        raise program.failure(error, f"{system[0]}: the names of the package set cannot be read") from error
    names = documents.convert(answer, _Names, document="names of the package set")
    root = case.deep.trees[case.after.name].root
    described = {name: _described(found, root) for name, found in names.found.items()}
    present = [name for name, text in described.items() if text != ABSENT]
    failures = [f"docker takes {name} from the package set ({described[name]})" for name in names.captured]
    if names.docker in {ABSENT, THROWS}:
        failures.append("the package set's docker does not evaluate, so nothing is known about it")
    if not described:
        failures.append("no name was looked for")
    return Finding(
        covers=f"{len(described)} names, {len(present)} in the package set, aliases and by-name included; {system[0]}",
        failures=tuple(failures),
        evidence=tuple(f"{name}: {text}" for name, text in described.items()),
        commands=(asked.line,),
    )


def _described(named: _Named, root: Path) -> str:
    """Say what the set has under a name, and in which file."""
    kind = named.kind
    if named.alias:
        kind = "an alias that throws" if kind == THROWS else f"an alias of {kind}"
    file = named.file.removeprefix(f"{root}/")
    return f"{kind} ({file})" if file else kind


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
            failures += [f"{system}: {fact}" for fact in disagreements(found[before.name], found[after.name])]
            old, new = found[before.name].derivations, found[after.name].derivations
            changed = sorted(name for name, path in old.items() if new.get(name, path) != path)
            label = f"{before.name} → {after.name}"
            covers.append(f"{system}: {label} rebuilds {len(changed)} of {len(old)}")
            evidence += [f"{system}, {label}: {len(changed)} rebuilt", *_listed(changed)]
            if changed and not may_change:
                failures.append(f"{system}: the first commit rebuilds {len(changed)} packages, such as {changed[0]}")
            if may_change and system.endswith("-linux") and "docker" not in changed:
                failures.append(f"{system}: the second commit does not change docker")
    return Finding(
        covers="; ".join(covers) or "nothing",
        failures=tuple(failures) if covers else (*failures, "no system was evaluated"),
        evidence=tuple(evidence),
        commands=("unlet check --tier tree --all --proof all",),
    )


def _found(case: DockerCase, system: str) -> dict[str, Packages]:
    """Evaluate all packages at each stage, what no docker is needed for once for all of them.

    In a nixpkgs whose docker ends the evaluation, what evaluates or throws does so at every stage; the rest is asked of
    each.
    """
    work = case.deep
    without = trees.changed(work.trees[case.before.name], {case.target: _WITHOUT_DOCKER})
    depth = work.depth
    engine = everything.Engine(max_memory=depth.max_memory, timeout=depth.timeout, options=depth.nix_options)
    same = everything.evaluate(without, system, engine, what=f"{system}, without docker", progress=work.progress)
    found: dict[str, Packages] = {}
    for stage in case.stages:
        what = f"{system}, {stage.name}"
        tree = work.trees[stage.name]
        rest = everything.evaluate(tree, system, engine, what=what, progress=work.progress, paths=same.roots)
        found[stage.name] = same.with_roots(rest)
    return found


def disagreements(old: Packages, new: Packages) -> Iterator[str]:
    """Yield where two sides did not count the same packages."""
    one, other = old.derivations.keys(), new.derivations.keys()
    if lost := sorted(one - other):
        yield f"{len(lost)} packages evaluate before only, such as {lost[0]}"
    if gained := sorted(other - one):
        yield f"{len(gained)} packages evaluate after only, such as {gained[0]}"
    if failing := sorted(set(old.failed) ^ set(new.failed)):
        yield f"{len(old.failed)} fail before, {len(new.failed)} after, {failing[0]} on one side only"
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
