"""One evaluation of docker in the real package set, a stage and system each, and the claims that are read from it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from toolkit import limits, nix, process
from toolkit.docker.claims.case import BEFORE, SYSTEMS
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError, ToolkitError
from toolkit.prove import Finding
from toolkit.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.docker.claims.case import Case, Stage
    from toolkit.docker.claims.deep import Deep
    from toolkit.process import Command, Completed

EXPRESSION = EXPRESSIONS / "tree.nix"
ABSENT, THROWS = "absent", "throws"
CLIENT = "docker-client"

Answers = dict[str, str]
"""Attribute path → drvPath, ABSENT or THROWS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the set says: stage name → system label → packages, and stage name → tests, on `tested` alone.

    `no_tests` says why there are none.
    """

    packages: Mapping[str, Mapping[str, Answers]]
    tests: Mapping[str, Answers]
    tested: str
    no_tests: str | None


def deep(case: Case) -> Deep:
    """Return what the case has for the deeper tiers."""
    if case.deep is None:
        raise AssertionError(case)
    return case.deep


def systems(case: Case) -> tuple[tuple[str, str, str], ...]:
    """Return label, build and host platform of what is evaluated: what the user named, or the isolated tier's."""
    given = deep(case).depth.systems
    return tuple((name, name, name) for name in given) if given else SYSTEMS


def command(case: Case, stage: Stage, part: str, system: tuple[str, str, str]) -> Command:
    """Return the command that evaluates a part of the answer for one stage and system."""
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


def jobs(case: Case) -> int:
    """Return how many evaluations run side by side."""
    return limits.jobs(deep(case).depth.max_memory)


def each(case: Case) -> int | None:
    """Return how many MiB one of them may take, None for no limit."""
    most = deep(case).depth.max_memory
    return most // jobs(case) if most is not None else None


@lru_cache(maxsize=2)
def evaluate(case: Case) -> Evaluation:
    """Evaluate all stages on all systems, once for a case.

    Raise ToolkitError where Nix cannot, with what is wrong and whether it was so before the change.
    """
    pairs = systems(case)
    wanted = [(stage, system) for system in pairs for stage in case.stages]
    commands = [command(case, stage, "packages", system) for stage, system in wanted]
    where = ", ".join(label for label, _, _ in pairs)
    deep(case).progress.step(f"evaluating docker in the package set, {len(commands)} times ({where})")
    packages: dict[str, dict[str, Answers]] = {stage.name: {} for stage in case.stages}
    for (stage, system), done in zip(wanted, process.run_all(commands, jobs=jobs(case)), strict=True):
        packages[stage.name][system[0]] = answers(done, stage, system[0])
    tests, tested, no_tests = _tests(case)
    return Evaluation(packages=packages, tests=tests, tested=tested, no_tests=no_tests)


def _tests(case: Case) -> tuple[dict[str, Answers], str, str | None]:
    """Evaluate the NixOS tests on one system only: they contain whole systems, and take as long and as much memory."""
    system = next((each for each in systems(case) if each[1] == each[2] and each[1].endswith("-linux")), None)
    if system is None:
        return {}, "", "no Linux system is asked for"
    commands = [command(case, stage, "tests", system) for stage in case.stages]
    deep(case).progress.step(f"evaluating nixosTests.docker* ({system[0]})")
    done = process.run_all(commands, jobs=jobs(case))
    if done[0].status != 0:
        return {}, system[0], f"they do not evaluate, before the change either: {said(done[0])}"
    tests = {stage.name: answers(each, stage, system[0]) for stage, each in zip(case.stages, done, strict=True)}
    return tests, system[0], None if tests[BEFORE] else "the package set has none"


def answers(done: Completed, stage: Stage, label: str) -> Answers:
    """Read one answer; raise ToolkitError for an evaluation that failed, or that is no answer."""
    if done.status != 0:
        when = "before the change either" if stage.name == BEFORE else "though it does before the change"
        advice = "take a nixpkgs that does, or other systems by --system" if stage.name == BEFORE else "see the command"
        if "memory" in said(done):
            advice = "raise --max-memory, or name fewer systems by --system"
        raise ToolkitError(f"{label}: this nixpkgs does not evaluate, {when}: {said(done)}; {advice}")
    try:
        record = Record(json.loads(done.stdout), document=f"evaluation of {stage.name}, {label}")
    except ValueError as error:
        raise ToolkitError(f"{label}: the evaluation of {stage.name} printed no JSON: {error}") from error
    return {name: record.text(name) for name in record.names()}


def said(done: Completed) -> str:
    """Return Nix's reason for a failure."""
    return nix.reason(CommandError(done.argv, status=done.status, stderr=done.stderr))


def no_rebuild(case: Case) -> Finding:
    """Compare every drvPath before and after commit 1."""
    if case.lifted is None:
        return Finding(covers="nothing", not_run="because the patch leaves the components where they are")
    found = evaluate(case)
    return _compared(case, found, (case.before, case.lifted), changing=False)


def exact_change(case: Case) -> Finding:
    """Check that commit 2 changes moby and what contains it."""
    if case.demoted is None:
        return Finding(covers="nothing", not_run="because the patch leaves the wrapper's PATH as it is")
    found = evaluate(case)
    return _compared(case, found, (case.before_demotion, case.demoted), changing=True)


def _compared(case: Case, found: Evaluation, sides: tuple[Stage, Stage], *, changing: bool) -> Finding:
    before, after = sides
    failures: list[str] = []
    kept = changed = thrown = 0
    for label, old in found.packages[before.name].items():
        new = found.packages[after.name][label]
        failures += [f"{label}: {fact}" for fact in incomplete(case, old)]
        moves = set(containing_moby(old)) if changing else set[str]()
        for name in sorted(old.keys() | new.keys()):
            one, other = old.get(name, ABSENT), new.get(name, ABSENT)
            failures += [f"{label}: {fact}" for fact in _differs(name, one, other, expected=name in moves)]
            is_derivation = one not in {ABSENT, THROWS}
            kept += is_derivation and one == other
            changed += is_derivation and one != other
            thrown += one == THROWS
    evidence = [
        f"{label}: {name}: {old[name]}"
        for label, old in found.packages[before.name].items()
        for name in ("docker",)
        if name in old
    ]
    if changing:
        evidence += [
            f"{label}: rebuilt: {', '.join(_changed(old, found.packages[after.name][label])) or 'nothing'}"
            for label, old in found.packages[before.name].items()
        ]
    if found.no_tests is not None:
        evidence.append(f"nixosTests.docker*: not examined, {found.no_tests}")
    else:
        facts, lines = _tests_compared(found, sides, changing=changing)
        failures += facts
        evidence += lines
    is_specimen = deep(case).trees[before.name].is_specimen
    whose = "the specimen's package set" if is_specimen else "the real package set"
    counts = [f"{kept} drvPaths {'kept' if changing else 'equal'}"]
    counts += [f"{changed} changed"] if changed or changing else []
    counts += [f"{thrown} throw on both sides"] if thrown else []
    return Finding(
        covers=f"{', '.join(counts)}; {whose}, {_systems(len(found.packages[before.name]))}",
        failures=tuple(failures),
        evidence=tuple(evidence),
        commands=tuple(command(case, stage, "packages", system).line for system in systems(case) for stage in sides),
    )


def _changed(old: Answers, new: Answers) -> list[str]:
    return sorted(name for name, path in old.items() if path not in {ABSENT, THROWS} and new.get(name) != path)


def containing_moby(answers: Answers) -> Iterator[str]:
    """Yield the paths of all mobys, and of the packages which have one."""
    for name, answer in answers.items():
        if name.endswith(".moby") and answer not in {ABSENT, THROWS}:
            yield name
            yield name.removesuffix(".moby")


def incomplete(case: Case, answers: Answers) -> Iterator[str]:
    """Yield what is missing for the answer to be one about docker at all."""
    releases = [release.attr for release in case.before.file.releases()]
    asked = [
        *releases,
        "docker",
        CLIENT,
        *(f"{name}.{part}" for name in (*releases, "docker") for part in case.components),
    ]
    absent = [name for name in asked if name not in answers]
    if absent:
        yield f"{absent[0]} was not evaluated"
    if (docker := answers.get("docker", ABSENT)) in {ABSENT, THROWS}:
        yield f"docker {'throws' if docker == THROWS else 'is not in the package set'}"
    if all(answers.get(name, ABSENT) in {ABSENT, THROWS} for name in releases):
        yield f"none of {', '.join(releases)} evaluates in the package set"


def _differs(name: str, one: str, other: str, *, expected: bool) -> Iterator[str]:
    if other == THROWS and one != THROWS:
        yield f"{name} throws after the change"
    elif (one != other) != expected:
        fact = "is not changed" if expected else f"is rebuilt: {one} → {other}"
        yield f"{name} {fact}"


def _tests_compared(found: Evaluation, sides: Sequence[Stage], *, changing: bool) -> tuple[list[str], list[str]]:
    """Return the failures and the evidence about the NixOS tests: those that contain docker may change with moby."""
    old, new = (found.tests[stage.name] for stage in sides)
    names = sorted(old.keys() | new.keys())
    changed = [name for name in names if old.get(name) != new.get(name)]
    thrown = [name for name in names if new.get(name) == THROWS != old.get(name)]
    failures = [f"nixosTests.{name} throws after the change" for name in thrown]
    if not changing:
        failures += [f"nixosTests.{name} is rebuilt" for name in changed if name not in thrown]
    told = f"{found.tested}: {len(names)} nixosTests.docker*, {len(changed)} changed"
    return failures, [f"{told}: {', '.join(changed)}" if changed else told]


def _systems(count: int) -> str:
    return f"{count} system{'s' if count != 1 else ''}"
