"""The claims about derivations: commit 1 rebuilds nothing, commit 2 only what it must; overlay and series agree."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from toolkit import documents
from toolkit.docker import PREFIX_ENTRY
from toolkit.docker.case import BEFORE, SYSTEMS, DockerCase
from toolkit.docker.claims import building
from toolkit.docker.claims.evaluation import ByRelease, Evaluation, Facts, commands, evaluate
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.steps import Demotion
from toolkit.errors import NotRunError
from toolkit.nix import evaluator
from toolkit.proposal.prove import Finding


def no_rebuild(case: DockerCase) -> Finding:
    """Compare every drvPath before and after commit 1."""
    lifted = case.require_apart()
    evaluation = evaluate(case)
    before, after = evaluation[BEFORE], evaluation[lifted.name]
    failures = list(_failures(before, after, _rebuilds))
    counted = sum(len(list(facts.derivations())) for facts in before.values())
    return Finding(
        covers=coverage(before, f"{counted} drvPaths{'' if failures else ' equal'}"),
        failures=tuple(sorted(failures)),
        evidence=(*_paths(before), *_forms(before)),
        gaps=tuple(unevaluated(evaluation)),
        commands=commands(case),
    )


def exact_change(case: DockerCase) -> Finding:
    """Check that commit 2 changes moby and what contains it, and in moby only the wrapper's PATH."""
    demoted = case.require_demoted()
    evaluation = evaluate(case)
    before, after = evaluation[case.before_demotion.name], evaluation[demoted.name]
    failures = list(_failures(before, after, partial(_other_changes, case)))
    rebuilt = sum(len(_rebuilt(facts, after[key])) for key, facts in before.items())
    kept = sum(len(list(facts.derivations())) for facts in before.values()) - rebuilt
    if not any(_has_in_path(each) for facts in before.values() for each in (facts, *facts.flags.values())):
        failures.append(f"no release has {PREFIX_ENTRY} in a PATH")
    return Finding(
        covers=coverage(before, f"{rebuilt} drvPaths changed, {kept} kept"),
        failures=tuple(failures),
        evidence=(*_change_evidence(before, after), *_forms(before)),
        commands=commands(case),
    )


def coverage(facts: ByRelease, what: str) -> str:
    """Return the evidence's coverage: the facts, releases and systems that were examined."""
    releases, systems = ({key[index] for key in facts} for index in (1, 0))
    plurals = ["" if len(found) == 1 else "s" for found in (releases, systems)]
    return f"{what}; {len(releases)} release{plurals[0]}, {len(systems)} system{plurals[1]}"


def _failures(
    before: ByRelease, after: ByRelease, check: Callable[[str, Facts, Facts], Iterable[str]]
) -> Iterator[str]:
    """Yield what `check` finds wrong of each release; of its forms by boolean parameters where that is nothing."""
    for key, old in before.items():
        where, new = " ".join(key), after[key]
        found = [*check(where, old, new)]
        for name, form in old.flags.items() if not found else ():
            other = new.flags.get(name)
            found += (
                [f"{where}, {name}: does not evaluate"] if other is None else check(f"{where}, {name}", form, other)
            )
        yield from found


def _rebuilds(where: str, before: Facts, after: Facts) -> Iterator[str]:
    old, new = dict(before.derivations()), dict(after.derivations())
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            yield f"{where}: {name} is rebuilt: {old.get(name)} → {new.get(name)}"


def _other_changes(case: DockerCase, where: str, before: Facts, after: Facts) -> Iterator[str]:
    """Yield what commit 2 changes of a docker besides moby's PATH and what contains moby."""
    has_moby, is_in_path = before.components.get("moby") is not None, _has_in_path(before)
    rebuilt = _rebuilt(before, after)
    for name, _ in before.derivations():
        if name in rebuilt and not (has_moby and name in {"docker", "moby"}):
            yield f"{where}: {name} is rebuilt, though it does not contain moby"
        if is_in_path and name in {"docker", "moby"} and name not in rebuilt:
            yield f"{where}: {name} is not changed"
    if has_moby:
        changes = _moby_changes(case, before, after) if is_in_path else _without_entry(before, after)
        yield from (f"{where}: {fact}" for fact in (*changes, *_docker_changes(before, after)))


def _has_in_path(facts: Facts) -> bool:
    """Return whether moby has a program directory of rootlesskit in an attribute."""
    return any(
        building.is_rootlesskit(path) for text in facts.attributes["moby"].values() for path in _PROGRAMS.findall(text)
    )


_PROGRAMS = re.compile(r"/nix/store/[^/\s:\"']+/s?bin\b")


def _forms(facts: ByRelease) -> Iterator[str]:
    """Yield one line for each release with the values of boolean parameters that were tried on the first system."""
    for (label, release), found in facts.items():
        if label == SYSTEMS[0][0] and found.flags:
            yield f"{release} also with {'; '.join(found.flags)}"


def unevaluated(evaluation: Evaluation) -> Iterator[str]:
    """Yield the releases and the systems on which the unchanged file does not evaluate."""
    systems: dict[str, list[str]] = {}
    for system, release in evaluation.unevaluated:
        systems.setdefault(release, []).append(system)
    for release, where in systems.items():
        yield f"not evaluated, since the unchanged file throws: {release} on {', '.join(where)}"
    for system, release, reason in evaluation.limited:
        yield f"not evaluated: {release} on {system}: {reason}"
    for system, reason in evaluation.systems:
        yield f"not evaluated, nor is the unchanged file: {system}: {reason}"


def _moby_changes(case: DockerCase, old: Facts, new: Facts) -> Iterator[str]:
    """Yield what changed in the attributes of a moby with the entry in its PATH that should not have."""
    changed = _changed(old, new)
    script, other = (each.attributes["moby"].get("installPhase", "") for each in (old, new))
    kept = case.demotion is not Demotion.DROP
    yield from building.other_changes(script, other, kept=kept)
    if not changed - {"installPhase"} and not building.is_in_command(script):
        yield f"no attribute of moby has lost {PREFIX_ENTRY}"
    for name in sorted(changed - {"installPhase"}):
        before, after = old.attributes["moby"].get(name), new.attributes["moby"].get(name)
        if before is None or after is None:
            yield f"moby's attribute {name} is {'new' if before is None else 'gone'}"
        elif building.without(before.split(":")) != after.split(":"):
            yield f"moby's attribute {name} changed by more than the loss of {PREFIX_ENTRY}"


def _without_entry(old: Facts, new: Facts) -> Iterator[str]:
    """Yield what changed in the attributes of a moby whose PATH never had the entry: comments may, nothing else."""
    for name in sorted(_changed(old, new)):
        texts = [each.attributes["moby"].get(name, "") for each in (old, new)]
        commands = [building.commands(text) for text in texts]
        closures = [{found[0] for found in _PATHS.finditer(text)} for text in texts]
        if name != "installPhase" or commands[0] != commands[1] or closures[0] != closures[1]:
            yield f"moby's {name} changed, though {PREFIX_ENTRY} is not in its PATH"


_PATHS = re.compile(r"/nix/store/[\w.+?=-]+")


def _docker_changes(old: Facts, new: Facts) -> Iterator[str]:
    moby_before, moby_after = old.attributes["docker"].get("moby"), new.attributes["docker"].get("moby")
    for name in sorted(old.attributes["docker"].keys() | new.attributes["docker"].keys()):
        text = old.attributes["docker"].get(name)
        wanted = text.replace(moby_before, moby_after) if text and moby_before and moby_after else text
        if new.attributes["docker"].get(name) != wanted:
            yield f"docker's attribute {name} changed by more than moby's path"


def _changed(old: Facts, new: Facts) -> set[str]:
    names = old.attributes["moby"].keys() | new.attributes["moby"].keys()
    return {name for name in names if old.attributes["moby"].get(name) != new.attributes["moby"].get(name)}


def _change_evidence(before: ByRelease, after: ByRelease) -> tuple[str, ...]:
    """Show what is rebuilt of each release on each system, and each attribute of the last one's moby that changed."""
    rebuilt = tuple(
        f"{' '.join(key)}: {', '.join(_rebuilt(facts, after[key])) or 'nothing'}" for key, facts in before.items()
    )
    key = max((key for key, facts in before.items() if facts.components.get("moby") is not None), default=None)
    if key is None:
        return rebuilt
    changed = ", ".join(sorted(_changed(before[key], after[key])))
    return (*rebuilt, f"{' '.join(key)}: moby's changed attributes: {changed}")


def _rebuilt(old: Facts, new: Facts) -> list[str]:
    paths = dict(new.derivations())
    return [name for name, path in old.derivations() if paths.get(name) != path]


def _paths(facts: ByRelease) -> Iterator[str]:
    """Yield one line per release on the first system, as a sample to compare by eye."""
    label = SYSTEMS[0][0]
    for (system, release), found in facts.items():
        if system == label:
            yield f"{label} {release}: {found.docker}"


OVERLAY = EXPRESSIONS / "overlay.nix"


def equals_series(case: DockerCase) -> Finding:
    """Compare each release's drvPath from the overlay with that from the patched file."""
    if case.overlay is None:
        raise NotRunError("an overlay is made only for unlet's own series")
    if case.missing:
        raise NotRunError(f"the overlay lacks files that were not found: {', '.join(case.missing)}")
    label = case.ground.native
    wanted = {
        release: facts.docker for (place, release), facts in evaluate(case)[case.after.name].items() if place == label
    }
    arguments = {
        "overlay": str(case.overlay),
        "tree": str(case.ground.tree.root),
        "system": label,
        "releases": json.dumps([*wanted]),
    }
    answer = evaluator.evaluate(OVERLAY, arguments)
    found = documents.convert(answer, dict[str, str], document="overlay")
    failures = [
        f"{release}: {found.get(release, 'absent')} by the overlay, {wanted.get(release, 'absent')} by the series"
        for release in sorted(found.keys() | wanted.keys())
        if found.get(release) != wanted.get(release)
    ]
    return Finding(
        covers=f"{len(wanted)} releases, {label}",
        failures=tuple(failures),
        evidence=tuple(f"{release}: {path}" for release, path in sorted(found.items())),
        commands=(evaluator.evaluate_command(OVERLAY, arguments).line,),
    )
