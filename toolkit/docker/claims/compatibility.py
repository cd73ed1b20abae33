"""The claims about people's overrides and package sets: what worked goes on working."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from toolkit.docker.claims import evaluation
from toolkit.docker.claims.case import BEFORE
from toolkit.docker.claims.evaluation import STAND_INS, Setting
from toolkit.docker.claims.facts import ROWS, Answer
from toolkit.docker.claims.overriding import open_doors
from toolkit.docker.claims.record import Record
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError
from toolkit.nix import evaluator, program
from toolkit.prove import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.docker.claims.case import DockerCase
    from toolkit.docker.claims.facts import Facts
    from toolkit.docker.rewrite.layout import DockerFile

EXPRESSION = EXPRESSIONS / "capturing.nix"

_ROWS = (*ROWS[:3], ("4", "client", "override { clientOnly = true; }"), *ROWS[3:])

CONDITIONS: tuple[tuple[str, str], ...] = (
    ("unrelated", "an unrelated package of each component's name"),
    ("throws", "an alias of each component's name that throws"),
    ("from-docker", "an overlay that defines each component from docker's own attribute (row 11)"),
)


# A set that refers to itself ends the evaluator where docker takes notice of it; the others only throw.
_TOGETHER: tuple[tuple[str, ...], ...] = (("unrelated", "throws"), ("from-docker",))

_OPTION = "option"
"""The set with throwing aliases for the parameters with a default that the patch adds and that are not packages."""


def compatible(case: DockerCase, setting: Setting = STAND_INS) -> Finding:
    """Compare the override matrix before and after commit 1, and what of it commit 2 changes.

    A row may differ if it replaces a part of moby, and what is built did not have that before, and has it after.
    """
    evaluated = evaluation.evaluate(case, setting)
    before = evaluated[BEFORE]
    failures: list[str] = []
    compared: Counter[str] = Counter()
    gained: Counter[str] = Counter()
    if case.lifted is not None and case.lifted is not case.demoted:
        failures += _differences(before, evaluated[case.lifted.name], compared, gained)
    else:
        for facts in before.values():
            compared.update(name for name, answer in _answers(facts).items() if answer.package is not None)
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
        commands=tuple(command.line for command in evaluation.commands(case, setting)),
    )


def capture_safe(case: DockerCase) -> Finding:
    """Put packages of the components' names into the package set: docker must not take notice of them.

    So must those be that the patch brings in as parameters which take a package. What else is a new parameter with a
    default is looked at as well: to take such a thing from the set is what nixpkgs' options do, and it is said.
    """
    stage = case.require_lifted()
    options = [name for name in _gained(case.before.file, stage.file) if name not in case.components]
    packages = [*case.components]
    if options:
        taken = {
            door for doors in open_doors(evaluation.evaluate(case)[case.after.name].values()).values() for door in doors
        }
        packages += [name for name in options if f"{name} package" in taken]
        options = [name for name in options if name not in packages]
    # Only what docker has under a name can be made of docker.
    named = {"from-docker": case.components}
    sets = [
        {condition: dict.fromkeys(named.get(condition, packages), condition) for condition in together}
        for together in _TOGETHER
    ]
    if options:
        sets[0][_OPTION] = dict.fromkeys(options, "throws")
    asked = [{"case": str(case.question), "side": stage.name, "sets": json.dumps(each)} for each in sets]
    # Before the evaluation that all proofs wait for, so that both run at the same time.
    answers = {
        condition: answer
        for each, arguments in zip(sets, asked, strict=True)
        for condition, answer in _ask([*each], arguments).items()
    }
    wanted = {key: facts.docker for key, facts in evaluation.evaluate(case)[stage.name].items()}
    failures: list[str] = []
    evidence: list[str] = []
    for condition, meaning in CONDITIONS:
        found = answers[condition]
        if isinstance(found, str):
            failures.append(f"{meaning}: {found}")
            continue
        wrong = [key for key, path in wanted.items() if found.get(key) != path]
        outcome = "no effect" if not wrong else f"{len(wrong)} of {len(wanted)} dockers change"
        if wrong:
            failures.append(f"{meaning}: {' '.join(wrong[0])}: {found.get(wrong[0], 'absent')}, and so on: {outcome}")
        evidence.append(f"{meaning}: {outcome}")
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


def _gained(before: DockerFile, after: DockerFile) -> list[str]:
    """Return the parameters that a file has and did not have, and that have a default, which callPackage ignores."""
    return [name for name, formal in after.formals.items() if name not in before.formals and len(formal.children) > 1]


def _ask(conditions: Sequence[str], arguments: Mapping[str, str]) -> Mapping[str, Mapping[tuple[str, str], str] | str]:
    """Return for each condition drvPaths by system and release, or why the evaluation failed."""
    try:
        answer = Record(evaluator.evaluate(EXPRESSION, arguments), document="capturing")
    except CommandError as error:
        return dict.fromkeys(conditions, program.reason(error))
    return {condition: _paths(answer.record(condition)) for condition in conditions}


def _paths(by_system: Record) -> dict[tuple[str, str], str]:
    return {
        (label, release): releases.text_or_error(release)
        for label in by_system.names()
        for releases in [by_system.record(label)]
        for release in releases.names()
    }


def _answers(facts: Facts) -> dict[str, Answer]:
    return {"client": Answer(facts.client), **facts.matrix}


def _differences(
    before: Mapping[tuple[str, str], Facts],
    after: Mapping[tuple[str, str], Facts],
    compared: Counter[str],
    gained: Counter[str],
) -> Iterator[str]:
    """Yield the overrides whose result is another one; count those with the same, and those that have gained effect."""
    for key, facts in before.items():
        new = _answers(after[key])
        for name, answer in _answers(facts).items():
            found = new.get(name, Answer(None))
            if found.package == answer.package:
                compared[name] += answer.package is not None
            elif (answer.effect, found.effect) == (False, True):
                gained[name] += 1
            else:
                yield f"{' '.join(key)}: {_meaning(name)}: {answer.package} → {found.package}"


def _strays(before: Mapping[tuple[str, str], Facts], after: Mapping[tuple[str, str], Facts]) -> Iterator[str]:
    """Yield the overrides whose result commit 2 changes though no moby is in it."""
    for key, facts in before.items():
        new = _answers(after[key])
        has_moby = facts.components.get("moby") is not None
        for name, answer in _answers(facts).items():
            contains_moby = has_moby and not (name.startswith("client") or answer.package is None or answer.throws)
            if (new.get(name, Answer(None)).package != answer.package) != contains_moby:
                fact = "is changed, though it does not contain moby" if not contains_moby else "is not changed"
                yield f"{' '.join(key)}: {_meaning(name)} {fact} by the second commit"


def _rows(before: Mapping[tuple[str, str], Facts], equal: Counter[str], gained: Counter[str]) -> Iterator[str]:
    for number, name, meaning in _ROWS:
        there = sum(_answers(facts)[name].package is not None for facts in before.values() if name in _answers(facts))
        found = f"{equal[name]} of {there} equal" if there else "not applicable: no release has these parameters"
        if gained[name]:
            found += f", {gained[name]} had no effect before and have it now"
        yield f"row {number}, {meaning}: {found}"


def _meaning(name: str) -> str:
    return next(meaning for _, known, meaning in _ROWS if known == name)
