"""Docker in a real package set: what stages are evaluated in, and the claim that the set has what was evaluated.

All stages of a system are evaluated by one import of the unchanged nixpkgs, into which each file is called. What goes
through all-packages.nix is compared with that once, for the last stage, with the docker of the NixOS tests.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit import limits, nix, process
from toolkit.docker.claims.case import SYSTEMS
from toolkit.docker.claims.evaluation import Setting, evaluate
from toolkit.docker.claims.record import Record
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError, ToolkitError
from toolkit.prove import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.docker.claims.case import DockerCase, DockerStage
    from toolkit.docker.claims.deep import Deep
    from toolkit.docker.claims.facts import Facts
    from toolkit.process import Command, Completed

EXPRESSION = EXPRESSIONS / "tree.nix"
ABSENT, THROWS = "absent", "throws"
CLIENT = "docker-client"

Answers = dict[str, str]
"""Attribute path → drvPath, ABSENT or THROWS."""


def deep(case: DockerCase) -> Deep:
    """Return what the case has for the deeper tiers."""
    if case.deep is None:
        raise AssertionError(case)
    return case.deep


def systems(case: DockerCase) -> tuple[tuple[str, str, str], ...]:
    """Return label, build and host platform of what is evaluated: what the user named, or the isolated tier's."""
    given = deep(case).depth.systems
    return tuple((name, name, name) for name in given) if given else SYSTEMS


def setting(case: DockerCase) -> Setting:
    """Return the unchanged nixpkgs as what all stages are evaluated in."""
    work, pairs = deep(case), systems(case)
    tree = work.trees[case.before.name]
    return Setting(
        place="the specimen's package set" if tree.is_specimen else "the real package set",
        otherwise="take a nixpkgs that does, or other systems by --system",
        systems=pairs,
        parts=tuple((label,) for label, _, _ in pairs),
        jobs=jobs(case),
        tree=tree.root,
        memory=each(case),
        timeout=work.depth.timeout,
        progress=work.progress,
    )


def command(case: DockerCase, stage: DockerStage, part: str, system: tuple[str, str, str]) -> Command:
    """Return the command that evaluates a part of tree.nix for one stage and system."""
    _, build, host = system
    work = deep(case)
    question = {
        "releases": [release.attr for release in case.before.file.releases()],
        "components": list(case.components),
        "names": list(case.components),
    }
    arguments = {
        "tree": str(work.trees[stage.name].root),
        "system": build,
        "crossSystem": host if host != build else "",
        "question": json.dumps(question),
    }
    asked = nix.evaluate_command(EXPRESSION, arguments, attribute=part)
    return replace(limits.bounded(asked, each(case)), ok=None, timeout=work.depth.timeout)


def jobs(case: DockerCase) -> int:
    """Return how many evaluations run side by side."""
    return limits.jobs(deep(case).depth.max_memory)


def each(case: DockerCase) -> int | None:
    """Return how many MiB one of them may take, None for no limit."""
    most = deep(case).depth.max_memory
    return most // jobs(case) if most is not None else None


def said(done: Completed) -> str:
    """Return Nix's reason for a failure."""
    return nix.reason(CommandError(done.argv, status=done.status, stderr=done.stderr))


def has_what_was_evaluated(case: DockerCase) -> Finding:
    """Compare the whole patched nixpkgs, on one system, with what its file gave in the unchanged one."""
    system = next((each for each in systems(case) if each[1] == each[2] and each[1].endswith("-linux")), None)
    system = system or systems(case)[0]
    deep(case).progress.step(f"evaluating the whole patched nixpkgs ({system[0]})")
    asked = command(case, case.after, "packages", system)
    found = _answers(process.execute(asked), system[0])
    shared = {
        release: facts
        for (label, release), facts in evaluate(case, setting(case))[case.after.name].items()
        if label == system[0]
    }
    tests, line = _tests(case, system, found.get("docker", ABSENT))
    return Finding(
        covers=f"{len(found)} attributes of {setting(case).place}, {system[0]}",
        failures=(*(f"{system[0]}: {fact}" for fact in (*_differences(found, shared), *tests)),),
        evidence=(f"{system[0]}: docker: {found.get('docker', ABSENT)}", line),
        commands=(asked.line,),
    )


def _answers(done: Completed, label: str) -> Answers:
    """Read what tree.nix says of packages; raise ToolkitError for an evaluation that failed, or that is no answer."""
    if done.status != 0:
        raise ToolkitError(f"{label}: the whole patched nixpkgs does not evaluate: {said(done)}")
    try:
        record = Record(json.loads(done.stdout), document=f"evaluation of the package set, {label}")
    except ValueError as error:
        raise ToolkitError(f"{label}: the evaluation of the package set printed no JSON: {error}") from error
    return {name: record.text(name) for name in record.names()}


def _differences(found: Answers, shared: Mapping[str, Facts]) -> Iterator[str]:
    """Yield where the set has something else than what the file gave."""
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


def _tests(case: DockerCase, system: tuple[str, str, str], docker: str) -> tuple[list[str], str]:
    """Return what is wrong with the docker of the NixOS tests, and a line about them."""
    if not system[1].endswith("-linux"):
        return [], "nixosTests: not examined, no Linux system is asked for"
    deep(case).progress.step(f"evaluating the docker of the NixOS tests ({system[0]})")
    done = process.execute(command(case, case.after, "tests", system))
    if done.status != 0:
        before = process.execute(command(case, case.before, "tests", system))
        if before.status == 0:
            return [f"the NixOS tests do not evaluate after the change: {said(done)}"], "nixosTests: see above"
        return [], f"nixosTests: not examined, they do not evaluate, before the change either: {said(before)}"
    found = _answers(done, system[0])
    wrong = [f"nixosTests.{name} is about {path}" for name, path in found.items() if path != docker]
    return wrong, f"nixosTests with this docker: {', '.join(name for name in found if found[name] == docker) or 'none'}"
