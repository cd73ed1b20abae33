"""The claim about overriding: after the series each component has a door that it had not before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.docker import doors, meaning
from toolkit.docker.claims.case import BEFORE
from toolkit.docker.claims.evaluation import STAND_INS, Setting, commands, evaluate
from toolkit.docker.claims.facts import coverage
from toolkit.docker.plan import LIFT
from toolkit.docker.rewrite.series import refuse
from toolkit.errors import ToolkitError
from toolkit.prove import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolkit.docker.claims.case import DockerCase
    from toolkit.docker.claims.facts import Evaluation, Facts


def overridable(case: DockerCase, setting: Setting = STAND_INS) -> Finding:
    """Try every door of each component, before and after."""
    case.require_lifted()
    evaluation = evaluate(case, setting)
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
        covers=coverage(asked, f"{tried} overrides, {len(case.components)} components"),
        failures=() if is_new else tuple(failures),
        not_run=f"could not tell: {meaning.NEW_WAY}" if is_new else None,
        evidence=(
            _gained(before, after),
            *(line for stage in (BEFORE, case.after.name) for line in evidence(evaluation, stage, case)),
        ),
        commands=tuple(command.line for command in commands(case, setting)),
    )


def _gained(before: Mapping[tuple[str, str], Facts], after: Mapping[tuple[str, str], Facts]) -> str:
    """Return which overrides reach the components after, and which did before; of all at once where they agree."""
    old, new = open_doors(before.values()), open_doors(after.values())
    groups: dict[str, list[str]] = {}
    for component in old:
        way = f"by {_ways(component, new.get(component, ()))} (before: {_ways(component, old[component])})"
        groups.setdefault(way, []).append(component)
    return "; ".join(way if len(groups) == 1 else f"{', '.join(names)} {way}" for way, names in groups.items())


def _ways(component: str, found: Iterable[str]) -> str:
    ways = " or ".join(doors.show(door, component).replace(component, "NAME") for door in found)
    return re.sub(r"(override\w*) (\{.*?\}) or \1 \(", r"\1 \2 or (", ways) or "none"


def open_doors(facts: Iterable[Facts]) -> dict[str, tuple[str, ...]]:
    """Return for each component that any docker has the doors that work in all of those which were asked."""
    found: dict[str, tuple[str, ...]] = {}
    for each in facts:
        for component, outcomes in each.doors.items():
            here = doors.working(outcomes)
            found[component] = tuple(door for door in found.get(component, here) if door in here)
    return found


def shown(facts: Iterable[Facts]) -> dict[str, tuple[str, ...]]:
    """Return the doors that `open_doors` does, as one writes them behind `docker.`."""
    return {
        component: tuple(doors.show(door, component) for door in found)
        for component, found in open_doors(facts).items()
    }


def require_closed(case: DockerCase, *, name: str) -> None:
    """Raise LayoutError where some or all components can be overridden before the first commit, in whatever way.

    Where Nix cannot tell, nothing is raised: then the proofs say so.
    """
    try:
        found = shown(evaluate(case)[BEFORE].values())
    except ToolkitError:
        return
    if any(found.values()):
        reading = meaning.evaluated(meaning.of(case.before.file), found, None, {})
        refuse(reading, {step for stage in case.stages for step in stage.steps} or {LIFT}, name=name)


def evidence(evaluation: Evaluation, stage: str, case: DockerCase) -> Iterator[str]:
    """Yield a line for each component: the doors that it has at a stage."""
    found = open_doors(evaluation[stage].values())
    for component in case.components:
        if component in found:
            shown = ", ".join(doors.show(door, component) for door in found[component])
            when = "before" if stage == BEFORE else "after"
            yield f"{when}: {component}: {shown or 'no override has an effect on the build'}"


def _changes(component: str, before: Facts, after: Facts) -> Iterator[str]:
    """Yield what is not as it should be with the doors of a component."""
    if after.components.get(component) is None:
        yield f"docker no longer has the attribute {component}"
        return
    old, outcomes = doors.working(before.doors[component]), after.doors.get(component, {})
    new = doors.working(outcomes)
    for door in old:
        if door not in new:
            yield f"{doors.show(door, component)} worked before and {outcomes.get(door, doors.UNEVALUABLE)} after"
    if not set(new) - set(old):
        if old:
            yield f"{component} could be overridden before, by {doors.show(old[0], component)}, and in no new way after"
        else:
            yield f"{component} cannot be overridden: {_why_not(component, outcomes)}"


def _places(places: Sequence[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"


def _why_not(component: str, outcomes: Mapping[str, str]) -> str:
    """Return the outcomes, each with the doors that have it."""
    by_outcome: dict[str, list[str]] = {}
    for door in doors.STANDARD:
        by_outcome.setdefault(outcomes.get(door, doors.UNEVALUABLE), []).append(doors.show(door, component))
    return "; ".join(f"{outcome}: {', '.join(shown)}" for outcome, shown in by_outcome.items())
