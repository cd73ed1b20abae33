"""The claims about overrides: each component gets a new override method, and overrides that worked still work.

These include people's overrides and package sets.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from toolkit import documents
from toolkit.docker import COMPONENTS, meaning
from toolkit.docker.case import BEFORE, DockerCase
from toolkit.docker.claims.asking import setting, systems
from toolkit.docker.claims.evaluation import commands, evaluate
from toolkit.docker.claims.facts import (
    ROWS,
    STANDARD,
    UNEVALUABLE,
    Answer,
    ByRelease,
    Facts,
    coverage,
    open_doors,
    show,
    shown,
    working,
)
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.series import refuse
from toolkit.docker.steps import LIFT
from toolkit.errors import CommandError, NotRunError, ToolkitError, tried
from toolkit.nix import evaluator, program
from toolkit.prove import Finding

EXPRESSION = EXPRESSIONS / "capturing.nix"

_ROWS = (*ROWS[:3], ("4", "client", "override { clientOnly = true; }"), *ROWS[3:])

CONDITIONS: tuple[tuple[str, str], ...] = (
    ("unrelated", "an unrelated package of each component's name"),
    ("throws", "an alias of each component's name that throws"),
    ("from-docker", "an overlay that defines each component from docker's own attribute (row 11)"),
)


# A set that refers to itself ends the evaluator where docker takes notice of it; the others only throw.
_TOGETHER: tuple[tuple[str, ...], ...] = (("unrelated", "throws"), ("from-docker",))

_PLAIN = "plain"
"""The set without any of them."""

_OPTION = "option"
"""The set with throwing aliases for the parameters with a default that the patch adds and that are not packages."""


def overridable(case: DockerCase) -> Finding:
    """Try every override method of each component, before and after."""
    case.require_lifted()
    evaluation = evaluate(case)
    before, after = evaluation[BEFORE], evaluation[case.after.name]
    asked = {key: facts for key, facts in before.items() if facts.doors}
    wrong: dict[str, list[str]] = {}
    for key, facts in asked.items():
        for component in facts.doors:
            for fact in _changes(component, facts, after[key]):
                wrong.setdefault(fact, []).append(" ".join(key))
    failures = [f"{fact} ({_places(places)})" for fact, places in wrong.items()]
    if not asked:
        failures.append("no release has any of the components")
    reached = any(found for stage in (before, after) for found in open_doors(stage.values()).values())
    is_new = bool(asked) and not reached and meaning.of(case.after.file).is_new
    tried = sum(len(outcomes) for facts in asked.values() for outcomes in facts.doors.values())
    return Finding(
        covers=coverage(asked, f"{tried} overrides, {len(COMPONENTS)} components"),
        failures=() if is_new else tuple(failures),
        not_run=f"unknown: {meaning.NEW_WAY}" if is_new else None,
        evidence=(_gained(before, after), *_doors("before", before), *_doors("after", after)),
        commands=commands(case),
    )


def _gained(before: ByRelease, after: ByRelease) -> str:
    """Return which overrides reach the components after, and which did before; of all at once where they agree."""
    old, new = open_doors(before.values()), open_doors(after.values())
    groups: dict[str, list[str]] = {}
    for component in old:
        way = f"by {_ways(component, new.get(component, ()))} (before: {_ways(component, old[component])})"
        groups.setdefault(way, []).append(component)
    return "; ".join(way if len(groups) == 1 else f"{', '.join(names)} {way}" for way, names in groups.items())


def _ways(component: str, found: Iterable[str]) -> str:
    ways = " or ".join(show(door, component).replace(component, "NAME") for door in found)
    return re.sub(r"(override\w*) (\{.*?\}) or \1 \(", r"\1 \2 or (", ways) or "none"


def require_closed(case: DockerCase) -> None:
    """Raise LayoutError if some component can be overridden, by any method, before the first commit.

    If Nix cannot decide, raise nothing; the proofs report it.
    """
    try:
        found = shown(evaluate(case)[BEFORE].values())
    except ToolkitError:
        return
    if any(found.values()):
        reading = meaning.evaluated(meaning.of(case.before.file), found, None, {})
        steps = {step for stage in case.stages for step in stage.steps}
        refuse(reading, steps or {LIFT}, name=case.before.file.tree.name)


def _doors(when: str, facts: ByRelease) -> Iterator[str]:
    """Yield a line for each component: the doors that it has at a stage."""
    found = shown(facts.values())
    for component in COMPONENTS:
        if component in found:
            yield f"{when}: {component}: {', '.join(found[component]) or 'no override has an effect on the build'}"


def _changes(component: str, before: Facts, after: Facts) -> Iterator[str]:
    """Yield what is not as it should be with the doors of a component."""
    if after.components.get(component) is None:
        yield f"docker no longer has the attribute {component}"
        return
    old, outcomes = working(before.doors[component]), after.doors.get(component, {})
    new = working(outcomes)
    for door in old:
        if door not in new:
            yield f"{show(door, component)} worked before and {outcomes.get(door, UNEVALUABLE)} after"
    if not set(new) - set(old):
        if old:
            yield f"{component} could be overridden before, by {show(old[0], component)}, and in no new way after"
        else:
            yield f"{component} cannot be overridden: {_why_not(component, outcomes)}"


def _places(places: Sequence[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"


def _why_not(component: str, outcomes: Mapping[str, str]) -> str:
    """Return the outcomes, each with the doors that have it."""
    by_outcome: dict[str, list[str]] = {}
    for door in STANDARD:
        by_outcome.setdefault(outcomes.get(door, UNEVALUABLE), []).append(show(door, component))
    return "; ".join(f"{outcome}: {', '.join(found)}" for outcome, found in by_outcome.items())


def compatible(case: DockerCase) -> Finding:
    """Compare the override matrix before and after commit 1, and then after commit 2.

    A row may differ if it replaces a part of moby that enters the build only afterwards.
    """
    evaluated = evaluate(case)
    before = evaluated[BEFORE]
    failures: list[str] = []
    compared: Counter[str] = Counter()
    gained: Counter[str] = Counter()
    if case.lifted is not None and case.lifted is not case.demoted:
        failures += _differences(before, evaluated[case.lifted.name], compared, gained)
    else:
        for facts in before.values():
            compared.update(name for name, answer in _answers(facts).items() if answer.gives is not None)
    if case.demoted is not None:
        failures += _strays(evaluated[case.before_demotion.name], evaluated[case.demoted.name])
    for _, name, _ in _ROWS:
        if not any(name in _answers(facts) for facts in before.values()):
            failures.append(f"row {name} was not evaluated")
    rows = {number for number, name, _ in _ROWS if compared[name] or gained[name]}
    return Finding(
        covers=f"{len(rows)} of {len({number for number, _, _ in _ROWS})} rows, "
        f"{compared.total() + gained.total()} overrides",
        failures=tuple(failures),
        evidence=tuple(_rows(before, compared, gained)),
        commands=commands(case),
    )


def capture_safe(case: DockerCase) -> Finding:
    """Add packages with the components' names to the package set: docker must ignore them.

    It must also ignore the packages that the patch adds as parameters. Other new parameters with a default are
    reported: nixpkgs' options take their values from the set.
    """
    stage = case.require_lifted()
    # callPackage ignores a default where the set has the parameter's name.
    options = [
        name
        for name, formal in stage.file.formals.items()
        if name not in {*case.before.file.formals, *COMPONENTS} and len(formal.children) > 1
    ]
    packages = [*COMPONENTS]
    if options:
        evaluated = tried(partial(evaluate, case))
        after = evaluated[case.after.name].values() if not isinstance(evaluated, ToolkitError) else ()
        taken = {door for doors in open_doors(after).values() for door in doors}
        packages += [name for name in options if f"{name} package" in taken]
        options = [name for name in options if name not in packages]
    # Only what docker has under a name can be made of docker.
    named = {"from-docker": COMPONENTS}
    sets = [
        {condition: dict.fromkeys(named.get(condition, packages), condition) for condition in together}
        for together in _TOGETHER
    ]
    sets[0][_PLAIN] = {}
    if options:
        sets[0][_OPTION] = dict.fromkeys(options, "throws")
    where = {"case": str(case.question), "tree": str(case.ground.tree.root), "systems": systems(setting(case))}
    asked = [{**where, "side": stage.name, "sets": json.dumps(each)} for each in sets]
    answers = {
        condition: answer
        for each, arguments in zip(sets, asked, strict=True)
        for condition, answer in _ask([*each], arguments).items()
    }
    plain = answers[_PLAIN]
    wanted = {} if isinstance(plain, str) else {key: path for key, path in plain.items() if path.startswith("/")}
    if len(wanted) < len(plain):
        # Of what throws by itself nothing is said; where the unchanged file does, this explains it.
        evaluate(case)
    if not wanted:
        raise NotRunError(f"no docker evaluates in {case.ground.place}")
    failures: list[str] = []
    evidence: list[str] = []
    for condition, what in CONDITIONS:
        found = answers[condition]
        if isinstance(found, str):
            failures.append(f"{what}: {found}")
            continue
        wrong = [key for key, path in wanted.items() if found.get(key) != path]
        outcome = "no effect" if not wrong else f"{len(wrong)} of {len(wanted)} dockers change"
        if wrong:
            failures.append(f"{what}: {' '.join(wrong[0])}: {found.get(wrong[0], 'absent')}, and so on: {outcome}")
        evidence.append(f"{what}: {outcome}")
    if options:
        takes = answers[_OPTION] != wanted
        evidence.append(
            f"callPackage {'would take' if takes else 'does not take'} {', '.join(options)} from a set that has them"
        )
    return Finding(
        covers=f"{len(CONDITIONS)} package sets, {len(wanted)} dockers each",
        failures=tuple(failures),
        evidence=tuple(evidence),
        commands=tuple(evaluator.evaluate_command(EXPRESSION, arguments).line for arguments in asked),
    )


def _ask(conditions: Sequence[str], arguments: Mapping[str, str]) -> Mapping[str, Mapping[tuple[str, str], str] | str]:
    """Return for each condition drvPaths by system and release, or why the evaluation failed."""
    try:
        answer = evaluator.evaluate(EXPRESSION, arguments)
    except CommandError as error:
        return dict.fromkeys(conditions, program.reason(error))
    found = documents.convert(answer, dict[str, dict[str, dict[str, str]]], document="capturing")
    return {
        condition: {
            (label, release): path for label, releases in found[condition].items() for release, path in releases.items()
        }
        for condition in conditions
    }


def _answers(facts: Facts) -> dict[str, Answer]:
    return {"client": Answer(facts.client), **facts.matrix}


def _differences(before: ByRelease, after: ByRelease, compared: Counter[str], gained: Counter[str]) -> Iterator[str]:
    """Yield the overrides whose result is another one; count those with the same, and those that have gained effect."""
    for key, facts in before.items():
        new = _answers(after[key])
        for name, answer in _answers(facts).items():
            found = new.get(name, Answer())
            if found.gives == answer.gives:
                compared[name] += answer.gives is not None
            elif (answer.effect, found.effect) == (False, True):
                gained[name] += 1
            else:
                yield f"{' '.join(key)}: {_form(name)}: {answer.gives} → {found.gives}"


def _strays(before: ByRelease, after: ByRelease) -> Iterator[str]:
    """Yield the overrides whose result commit 2 changes though no moby is in it."""
    for key, facts in before.items():
        new = _answers(after[key])
        has_moby = facts.components.get("moby") is not None
        for name, answer in _answers(facts).items():
            contains_moby = has_moby and not name.startswith("client") and answer.package is not None
            if (new.get(name, Answer()).gives != answer.gives) != contains_moby:
                fact = "is changed, though it does not contain moby" if not contains_moby else "is not changed"
                yield f"{' '.join(key)}: {_form(name)} {fact} by the second commit"


def _rows(before: ByRelease, equal: Counter[str], gained: Counter[str]) -> Iterator[str]:
    for number, name, form in _ROWS:
        there = sum(_answers(facts).get(name, Answer()).gives is not None for facts in before.values())
        found = f"{equal[name]} of {there} equal" if there else "not applicable: no release has these parameters"
        if gained[name]:
            found += f", {gained[name]} had no effect before and have it now"
        yield f"row {number}, {form}: {found}"


def _form(name: str) -> str:
    return next(form for _, known, form in _ROWS if known == name)
