"""Docker in a real package set: what stages are evaluated in, and the claim about the set itself.

All stages of a system are evaluated by one import of the unchanged nixpkgs, into which each file is called. What goes
through all-packages.nix is compared with that once, for the last stage.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import documents
from toolkit.docker import COMPONENTS
from toolkit.docker.claims.asking import Setting
from toolkit.docker.claims.evaluation import evaluate
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError
from toolkit.nix import evaluator, limits, program
from toolkit.prove import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.docker.case import DockerCase
    from toolkit.docker.claims.facts import Facts

EXPRESSION = EXPRESSIONS / "tree.nix"
ABSENT = "absent"
CLIENT = "docker-client"

Answers = dict[str, str]
"""Attribute path → drvPath, "throws" or ABSENT."""


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


def _seconds(case: DockerCase) -> float:
    """Return how long an evaluation of all releases may take: what each of them may."""
    return case.deep.depth.timeout or limits.SECONDS * len(case.before.file.releases())


def has_what_was_evaluated(case: DockerCase) -> Finding:
    """Compare the whole patched nixpkgs, on one system, with what its file gave in the unchanged one."""
    work = case.deep
    native = (each for each in work.systems if each[1] == each[2] and each[1].endswith("-linux"))
    label, build, host = next(native, work.systems[0])
    work.progress.step(f"evaluating the whole patched nixpkgs ({label})")
    question = {"releases": [release.attr for release in case.before.file.releases()], "components": COMPONENTS}
    arguments = {
        "tree": str(work.trees[case.after.name].root),
        "system": build,
        "crossSystem": host if host != build else "",
        "question": json.dumps(question),
    }
    asked = evaluator.evaluate_command(EXPRESSION, arguments)
    try:
        answer = evaluator.answer(replace(limits.bounded(asked, work.memory), timeout=_seconds(case)))
    except CommandError as error:
        fact = f"{label}: the whole patched nixpkgs does not evaluate"
        raise program.failure(error, fact) from error
    found = documents.convert(answer, Answers, document=f"evaluation of the package set, {label}")
    shared = {
        release: facts
        for (where, release), facts in evaluate(case, setting(case))[case.after.name].items()
        if where == label
    }
    return Finding(
        covers=f"{len(found)} attributes of {setting(case).place}, {label}",
        failures=tuple(f"{label}: {fact}" for fact in _differences(found, shared)),
        evidence=(f"{label}: docker: {found.get('docker', ABSENT)}",),
        commands=(asked.line,),
    )


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
