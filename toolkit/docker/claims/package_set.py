"""Docker in a real package set: what stages are evaluated in, and the claim that the set has what was evaluated.

All stages of a system are evaluated by one import of the unchanged nixpkgs, into which each file is called. What goes
through all-packages.nix is compared with that once, for the last stage, with the docker of the NixOS tests.

The set may have a package called like a component, and `callPackage` fills every parameter that has a name of the set.
Whether docker uses one is seen from two sets, one in which all of these names throw, one in which they are some other
package: both must give the same docker.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import process
from toolkit.docker.claims.evaluation import Setting, evaluate
from toolkit.docker.claims.record import Record
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix import evaluator, limits, program
from toolkit.prove import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from toolkit.docker.claims.case import DockerCase, DockerStage
    from toolkit.docker.claims.facts import Facts
    from toolkit.process import Command, Completed


EXPRESSION = EXPRESSIONS / "tree.nix"
ABSENT, THROWS = "absent", "throws"
CLIENT = "docker-client"

Answers = dict[str, str]
"""Attribute path → drvPath, ABSENT or THROWS."""


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
        timeout=work.depth.timeout,
        progress=work.progress,
    )


def command(case: DockerCase, stage: DockerStage, part: str, system: tuple[str, str, str]) -> Command:
    """Return the command that evaluates a part of tree.nix for one stage and system."""
    _, build, host = system
    work = case.deep
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
    asked = evaluator.evaluate_command(EXPRESSION, arguments, attribute=part)
    return replace(limits.bounded(asked, work.memory), ok=None, timeout=work.depth.timeout)


def said(done: Completed) -> str:
    """Return Nix's reason for a failure."""
    return program.reason(CommandError(done.argv, status=done.status, stderr=done.stderr))


def has_what_was_evaluated(case: DockerCase) -> Finding:
    """Compare the whole patched nixpkgs, on one system, with what its file gave in the unchanged one."""
    system = next((each for each in case.deep.systems if each[1] == each[2] and each[1].endswith("-linux")), None)
    system = system or case.deep.systems[0]
    case.deep.progress.step(f"evaluating the whole patched nixpkgs ({system[0]})")
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
    case.deep.progress.step(f"evaluating the docker of the NixOS tests ({system[0]})")
    done = process.execute(command(case, case.after, "tests", system))
    if done.status != 0:
        before = process.execute(command(case, case.before, "tests", system))
        if before.status == 0:
            return [f"the NixOS tests do not evaluate after the change: {said(done)}"], "nixosTests: see above"
        return [], f"nixosTests: not examined, they do not evaluate, before the change either: {said(before)}"
    found = _answers(done, system[0])
    wrong = [f"nixosTests.{name} is about {path}" for name, path in found.items() if path != docker]
    return wrong, f"nixosTests with this docker: {', '.join(name for name in found if found[name] == docker) or 'none'}"


def not_captured(case: DockerCase) -> Finding:
    """Look for the components' names in the set, and for their use by docker, on the first system."""
    system = case.deep.systems[0]
    asked = command(case, case.after, "names", system)
    case.deep.progress.step("looking for the components' names in the package set")
    done = process.execute(asked)
    if done.status != 0:
        raise ToolkitError(f"{system[0]}: the names of the package set cannot be read: {said(done)}")
    record = Record(json.loads(done.stdout), document="names")
    found = record.record("found")
    captured = record.texts("captured")
    root = case.deep.trees[case.after.name].root
    described = {name: _described(found.record(name), root) for name in found.names()}
    present = [name for name, text in described.items() if text != ABSENT]
    failures = [f"docker takes {name} from the package set ({described[name]})" for name in captured]
    if record.text("docker") in {ABSENT, THROWS}:
        failures.append("the package set's docker does not evaluate, so nothing is known about it")
    if not described:
        failures.append("no name was looked for")
    return Finding(
        covers=f"{len(described)} names, {len(present)} in the package set, aliases and by-name included; {system[0]}",
        failures=tuple(failures),
        evidence=tuple(f"{name}: {text}" for name, text in described.items()),
        commands=(asked.line,),
    )


def _described(facts: Record, root: Path) -> str:
    """Say what the set has under a name, and in which file."""
    kind = facts.text("is")
    if kind == THROWS:
        kind = "an alias that throws" if facts.boolean("alias") else "throws"
    elif facts.boolean("alias"):
        kind = f"an alias of {kind}"
    file = facts.text("file").removeprefix(f"{root}/")
    return f"{kind} ({file})" if file else kind
