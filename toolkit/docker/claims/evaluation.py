"""The evaluation of all stages on all systems, and the three claims that are read from it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from toolkit import nix
from toolkit.docker.claims import install_phase
from toolkit.docker.claims.case import BEFORE, SYSTEMS
from toolkit.errors import ToolkitError
from toolkit.model import Demotion
from toolkit.prove import Finding
from toolkit.record import Record
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.docker.claims.case import Case
    from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "evaluate.nix"

# It is half of all that the proofs ask Nix: as one command it would still run when all others are done, on one
# processor. Each part reads the file and the library again, a tenth of its time.
_PARTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Overriding:
    """What `docker.override { component = …; }` does.

    `accepted`: dockerGen has the parameter. `reaches`: the replacement is in what the install phase links.
    `old_gone`: the component that it replaces is in neither docker nor moby any more.
    """

    accepted: bool
    changes: bool
    reaches: bool
    old_gone: bool

    @property
    def works(self) -> bool:
        """Tell whether the override changes the built package as one expects."""
        return self.accepted and self.changes and self.reaches and self.old_gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One release on one system. Derivations are drvPaths; a component is None where docker has none.

    `matrix` maps the rows of matrix.nix to what the override gives: a store path, the text of an error, or None
    where the file has no such parameter or attribute.
    """

    docker: str
    client: str | None
    components: Mapping[str, str | None]
    moby_attributes: Mapping[str, str]
    docker_attributes: Mapping[str, str]
    overriding: Mapping[str, Overriding]
    matrix: Mapping[str, str | None]

    def derivations(self) -> Iterator[tuple[str, str]]:
        """Yield name and drvPath of the package, its client form, and each component there is."""
        yield "docker", self.docker
        if self.client is not None:
            yield "client", self.client
        for name, path in self.components.items():
            if path is not None:
                yield name, path


Evaluation = dict[str, dict[tuple[str, str], Facts]]
"""Stage name → (system label, release) → facts."""


def commands(case: Case) -> tuple[Command, ...]:
    """Return the commands that evaluate all stages, each on a part of the systems."""
    return tuple(nix.evaluate_command(EXPRESSION, arguments) for arguments in _arguments(case))


def evaluate(case: Case) -> Evaluation:
    """Evaluate all stages on all systems, once for a case, whichever proof asks first.

    Raise CommandError where Nix cannot, ToolkitError where a release throws or its answer is not complete.
    """
    with _ONE_AT_A_TIME:
        return _evaluate(case)


_ONE_AT_A_TIME = Lock()


@lru_cache(maxsize=4)
def _evaluate(case: Case) -> Evaluation:
    with ThreadPoolExecutor(max_workers=_PARTS) as pool:
        asked = [pool.submit(copy_context().run, nix.evaluate, EXPRESSION, each) for each in _arguments(case)]
        answers = [Record(answer.result(), document="evaluation") for answer in asked]
    result: Evaluation = {}
    for stage in case.stages:
        facts: dict[tuple[str, str], Facts] = {}
        for by_system in (answer.record(stage.name) for answer in answers):
            for label in by_system.names():
                releases = by_system.record(label)
                for release in releases.names():
                    facts[label, release] = _facts(releases.record(release), f"{stage.name}, {label}, {release}")
        result[stage.name] = facts
    _require_complete(case, result)
    return result


def no_rebuild(case: Case) -> Finding:
    """Compare every drvPath before and after commit 1."""
    if case.lifted is None:
        return Finding(covers="nothing", not_run="because the patch leaves the components where they are")
    evaluation = evaluate(case)
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
        covers=_coverage(before, f"{counted} drvPaths equal" if not failures else f"{counted} drvPaths"),
        failures=(*summary, *sorted(failures)),
        evidence=(_library(case), *_paths(before)),
        commands=tuple(command.line for command in commands(case)),
    )


def exact_change(case: Case) -> Finding:
    """Check that commit 2 changes moby and what contains it, and in moby only the wrapper's PATH."""
    if case.demoted is None:
        return Finding(covers="nothing", not_run="because the patch leaves the wrapper's PATH as it is")
    evaluation = evaluate(case)
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
        covers=_coverage(before, f"{changed} drvPaths changed, {kept} kept"),
        failures=tuple(failures),
        evidence=_change_evidence(before, after),
        commands=tuple(command.line for command in commands(case)),
    )


def overridable(case: Case) -> Finding:
    """Override each component: before, that must not reach the built package; after, it must."""
    if case.lifted is None:
        return Finding(covers="nothing", not_run="because the patch leaves the components where they are")
    evaluation = evaluate(case)
    failures: list[str] = []
    tried = 0
    for stage, wanted in ((BEFORE, False), (case.after.name, True)):
        for key, facts in evaluation[stage].items():
            for name in case.components:
                if evaluation[BEFORE][key].components.get(name) is None:
                    continue
                tried += 1
                if facts.components.get(name) is None:
                    failures.append(f"{stage}: {' '.join(key)}: docker has no attribute {name} any more")
                    continue
                found = facts.overriding[name]
                if found.works is not wanted:
                    what = "already works" if found.works else _why_not(found)
                    failures.append(f"{stage}: {' '.join(key)}: override of {name} {what}")
    if not tried:
        failures.append("no release has any of the components")
    return Finding(
        covers=_coverage(evaluation[BEFORE], f"{tried} overrides, {len(case.components)} components"),
        failures=tuple(failures),
        evidence=(
            "before: docker.override has none of these parameters, or what it replaces stays in the package",
            "after: the replacement is in the install phase, and nothing of what it replaces is left",
        ),
        commands=tuple(command.line for command in commands(case)),
    )


def _why_not(found: Overriding) -> str:
    if not found.accepted:
        return "is refused: dockerGen has no such parameter"
    if not found.changes:
        return "changes nothing"
    if not found.reaches:
        return "does not reach what is built"
    return "leaves the replaced package in what is built"


def _library(case: Case) -> str:
    return f"evaluated with {'unlet' if case.own_library else 'the tree'}'s lib"


def _arguments(case: Case) -> tuple[dict[str, str], ...]:
    labels = [label for label, _, _ in SYSTEMS]
    return tuple(
        {"case": str(case.question), "labels": json.dumps(labels[first::_PARTS], ensure_ascii=False)}
        for first in range(_PARTS)
    )


def _facts(record: Record, where: str) -> Facts:
    if "error" in record:
        raise ToolkitError(f"evaluation: {where}: {record.text('error')}")
    components = record.record("components")
    overriding, matrix = record.record("overridable"), record.record("matrix")
    return Facts(
        docker=record.text("docker"),
        client=record.optional("client", record.text),
        components={name: components.optional(name, components.text) for name in components.names()},
        moby_attributes=_texts(record.record("attributes")),
        docker_attributes=_texts(record.record("dockerAttributes")),
        overriding={name: _overriding(overriding.record(name)) for name in overriding.names()},
        matrix={name: matrix.optional(name, matrix.text_or_error) for name in matrix.names()},
    )


def _texts(record: Record) -> dict[str, str]:
    return {name: record.text(name) for name in record.names()}


def _overriding(record: Record) -> Overriding:
    return Overriding(
        accepted=record.boolean("accepted"),
        changes=record.boolean("changesDrv"),
        reaches=record.boolean("reaches"),
        old_gone=record.boolean("oldGone"),
    )


def _require_complete(case: Case, evaluation: Evaluation) -> None:
    """Raise ToolkitError unless every stage has every release of the file, and no other, on every system."""
    wanted = {(label, release.attr) for label, _, _ in SYSTEMS for release in case.before.file.releases()}
    if not wanted:
        raise ToolkitError("evaluation: the file exports no docker release")
    for stage, facts in evaluation.items():
        if absent := wanted - facts.keys():
            raise ToolkitError(f"evaluation: {stage}: {' '.join(min(absent))} was not evaluated")
        if new := facts.keys() ^ evaluation[BEFORE].keys():
            raise ToolkitError(f"evaluation: {stage}: {' '.join(min(new))} is not in both this stage and '{BEFORE}'")


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
            yield f"moby's attribute {name} changed otherwise than by the loss of {case.entry}"
    moby_before, moby_after = old.docker_attributes.get("moby"), new.docker_attributes.get("moby")
    for name in sorted(old.docker_attributes.keys() | new.docker_attributes.keys()):
        text = old.docker_attributes.get(name)
        wanted = text.replace(moby_before, moby_after) if text and moby_before and moby_after else text
        if new.docker_attributes.get(name) != wanted:
            yield f"docker's attribute {name} changed otherwise than by moby's path"


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


def _coverage(facts: Mapping[tuple[str, str], Facts], what: str) -> str:
    releases = {release for _, release in facts}
    plural = "" if len(releases) == 1 else "s"
    return f"{what}; {len(releases)} release{plural}, {len(SYSTEMS)} systems"


def _paths(facts: Mapping[tuple[str, str], Facts]) -> Iterator[str]:
    """Yield one line per release on the first system, as a sample to compare by eye."""
    label = SYSTEMS[0][0]
    for (system, release), found in facts.items():
        if system == label:
            yield f"{label} {release}: {found.docker}"
