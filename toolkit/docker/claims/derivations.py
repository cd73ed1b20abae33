"""The two claims about derivations: commit 1 rebuilds nothing, commit 2 what has to be rebuilt and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.choices import Demotion
from toolkit.docker.claims import install_phase
from toolkit.docker.claims.case import BEFORE, SYSTEMS
from toolkit.docker.claims.evaluation import STAND_INS, Setting, commands, evaluate
from toolkit.docker.claims.facts import coverage
from toolkit.prove import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.docker.claims.case import Case
    from toolkit.docker.claims.facts import Evaluation, Facts


def no_rebuild(case: Case, setting: Setting = STAND_INS) -> Finding:
    """Compare every drvPath before and after commit 1."""
    if case.lifted is None:
        return Finding(covers="nothing", not_run="because the patch leaves the components where they are")
    evaluation = evaluate(case, setting)
    before, after = evaluation[BEFORE], evaluation[case.lifted.name]
    failures: list[str] = []
    counted = 0
    for key, facts in before.items():
        old, new = dict(facts.derivations()), dict(after[key].derivations())
        counted += len(old)
        failures += [
            f"{' '.join(key)}: {name} is rebuilt: {old.get(name)} → {new.get(name)}"
            for name in old.keys() | new.keys()
            if old.get(name) != new.get(name)
        ]
    summary: list[str] = []
    if failures and case.lifted is case.demoted:
        summary.append(f"{len(failures)} derivations are rebuilt, since one patch makes both changes: split it")
    return Finding(
        covers=coverage(before, f"{counted} drvPaths equal" if not failures else f"{counted} drvPaths"),
        failures=(*summary, *sorted(failures)),
        evidence=(_library(case, setting), *unevaluated(evaluation), *_paths(before)),
        commands=tuple(command.line for command in commands(case, setting)),
    )


def exact_change(case: Case, setting: Setting = STAND_INS) -> Finding:
    """Check that commit 2 changes moby and what contains it, and in moby only the wrapper's PATH."""
    if case.demoted is None:
        return Finding(covers="nothing", not_run="because the patch leaves the wrapper's PATH as it is")
    evaluation = evaluate(case, setting)
    before, after = evaluation[case.before_demotion.name], evaluation[case.demoted.name]
    failures: list[str] = []
    changed = kept = 0
    for key, old in before.items():
        new = after[key]
        expected = {"docker", "moby"} if old.components.get("moby") is not None else set[str]()
        paths = dict(new.derivations())
        for name, path in old.derivations():
            is_changed = paths.get(name) != path
            changed += is_changed
            kept += not is_changed
            if is_changed != (name in expected):
                fact = "is rebuilt, though it does not contain moby" if is_changed else "is not changed"
                failures.append(f"{' '.join(key)}: {name} {fact}")
        if expected:
            failures += [f"{' '.join(key)}: {fact}" for fact in _attribute_changes(case, old, new)]
    return Finding(
        covers=coverage(before, f"{changed} drvPaths changed, {kept} kept"),
        failures=tuple(failures),
        evidence=_change_evidence(before, after),
        commands=tuple(command.line for command in commands(case, setting)),
    )


def unevaluated(evaluation: Evaluation) -> Iterator[str]:
    """Yield the releases and the systems for which the unchanged file does not evaluate."""
    systems: dict[str, list[str]] = {}
    for system, release in evaluation.unevaluated:
        systems.setdefault(release, []).append(system)
    for release, where in systems.items():
        yield f"not evaluated, since the unchanged file throws: {release} on {', '.join(where)}"
    for system, reason in evaluation.systems:
        yield f"not evaluated, nor is the unchanged file: {system}: {reason}"


def _library(case: Case, setting: Setting) -> str:
    if setting.tree is not None:
        return f"evaluated in {setting.place}"
    return f"evaluated with {'unlet' if case.own_library else 'the tree'}'s lib"


def _attribute_changes(case: Case, old: Facts, new: Facts) -> Iterator[str]:
    """Yield what changed in moby's or docker's attributes that should not have."""
    names = old.moby_attributes.keys() | new.moby_attributes.keys()
    changed = {name for name in names if old.moby_attributes.get(name) != new.moby_attributes.get(name)}
    yield from install_phase.other_changes(
        old.moby_attributes.get("installPhase", ""),
        new.moby_attributes.get("installPhase", ""),
        entry=case.entry,
        kept=case.demotion is not Demotion.DROP,
    )
    if not changed - {"installPhase"}:
        yield f"no attribute of moby has lost {case.entry}"
    for name in sorted(changed - {"installPhase"}):
        before, after = old.moby_attributes.get(name), new.moby_attributes.get(name)
        if before is None or after is None:
            yield f"moby's attribute {name} is {'new' if before is None else 'gone'}"
        elif install_phase.without(before.split(":"), case.entry) != after.split(":"):
            yield f"moby's attribute {name} changed by more than the loss of {case.entry}"
    moby_before, moby_after = old.docker_attributes.get("moby"), new.docker_attributes.get("moby")
    for name in sorted(old.docker_attributes.keys() | new.docker_attributes.keys()):
        text = old.docker_attributes.get(name)
        wanted = text.replace(moby_before, moby_after) if text and moby_before and moby_after else text
        if new.docker_attributes.get(name) != wanted:
            yield f"docker's attribute {name} changed by more than moby's path"


def _change_evidence(
    before: Mapping[tuple[str, str], Facts], after: Mapping[tuple[str, str], Facts]
) -> tuple[str, ...]:
    """Show what is rebuilt of each release on each system, and each attribute of the last one's moby that changed."""
    rebuilt = tuple(
        f"{' '.join(key)}: {', '.join(_rebuilt(facts, after[key])) or 'nothing'}" for key, facts in before.items()
    )
    key = max((key for key, facts in before.items() if facts.components.get("moby") is not None), default=None)
    if key is None:
        return rebuilt
    old, new = before[key].moby_attributes, after[key].moby_attributes
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return (*rebuilt, f"{' '.join(key)}: moby's changed attributes: {', '.join(names)}")


def _rebuilt(old: Facts, new: Facts) -> list[str]:
    paths = dict(new.derivations())
    return [name for name, path in old.derivations() if paths.get(name) != path]


def _paths(facts: Mapping[tuple[str, str], Facts]) -> Iterator[str]:
    """Yield one line per release on the first system, as a sample to compare by eye."""
    label = SYSTEMS[0][0]
    for (system, release), found in facts.items():
        if system == label:
            yield f"{label} {release}: {found.docker}"
