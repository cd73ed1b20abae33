"""The claims about people's overrides and package sets: what worked goes on working."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from toolkit import nix
from toolkit.docker.claims import evaluation
from toolkit.docker.claims.case import BEFORE
from toolkit.errors import CommandError
from toolkit.prove import Finding
from toolkit.record import Record
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.docker.claims.case import Case
    from toolkit.docker.claims.evaluation import Facts

EXPRESSION = EXPRESSIONS / "capturing.nix"

ROWS: tuple[tuple[str, str, str], ...] = (
    ("1", "iptables", "override { iptables = …; }"),
    ("2", "runcSource", "override { runcRev = …; runcHash = …; }"),
    ("3", "containerdAndSources", "override { version, sources of cli and moby, containerd }"),
    ("4", "client", "override { clientOnly = true; }"),
    ("5", "plugins", "override { buildxSupport = false; composeSupport = false; }"),
    ("5", "pluginsByFunction", "override (old: { buildxSupport = …; })"),
    ("6", "initSupport", "override { initSupport = true; }"),
    ("7", "compose", "override { docker-compose = …; }"),
    ("8", "xfsprogsThenMoby", "(override { xfsprogs = …; }).moby.overrideAttrs"),
    ("9", "mobyAsPath", '"${docker.moby}/libexec/docker/dockerd-rootless.sh"'),
    ("10", "mobyAttribute", "overrideAttrs (old: { moby = old.moby.overrideAttrs …; })"),
    ("12", "runc", "another runc in the package set"),
    ("13", "cliPatched", "overrideAttrs with a patch of the cli"),
)
"""Number (of the list of overrides found in public configurations), name in matrix.nix, what it does.

Row 11, an overlay that defines `moby` from docker's own attribute, is a condition of the package set.
"""

CONDITIONS: tuple[tuple[str, str], ...] = (
    ("unrelated", "an unrelated package of each component's name"),
    ("throws", "an alias of each component's name that throws"),
    ("from-docker", "an overlay that defines each component from docker's own attribute (row 11)"),
)


# A set that refers to itself ends the evaluator where docker takes notice of it; the others only throw.
_TOGETHER: tuple[tuple[str, ...], ...] = (("unrelated", "throws"), ("from-docker",))


def compatible(case: Case) -> Finding:
    """Compare the override matrix before and after commit 1, and what of it commit 2 changes."""
    evaluated = evaluation.evaluate(case)
    before = evaluated[BEFORE]
    failures: list[str] = []
    compared: Counter[str] = Counter()
    if case.lifted is not None and case.lifted is not case.demoted:
        failures += _differences(before, evaluated[case.lifted.name], compared)
    else:
        for facts in before.values():
            compared.update(name for name, answer in _answers(facts).items() if answer is not None)
    if case.demoted is not None:
        failures += _strays(evaluated[case.before_demotion.name], evaluated[case.demoted.name])
    for _, name, _ in ROWS:
        if not any(name in _answers(facts) for facts in before.values()):
            failures.append(f"row {name} was not evaluated")
    rows = {number for number, name, _ in ROWS if compared[name]}
    return Finding(
        covers=f"{len(rows)} of {len({number for number, _, _ in ROWS})} rows, {compared.total()} overrides",
        failures=tuple(failures),
        evidence=tuple(_rows(before, compared)),
        commands=tuple(command.line for command in evaluation.commands(case)),
    )


def capture_safe(case: Case) -> Finding:
    """Put packages of the components' names into the package set: docker must not take notice of them."""
    if case.lifted is None:
        return Finding(covers="nothing", not_run="because the patch leaves the components where they are")
    stage = case.lifted
    asked = {
        conditions: {
            "case": str(case.question),
            "side": stage.name,
            "sets": json.dumps({condition: dict.fromkeys(case.components, condition) for condition in conditions}),
        }
        for conditions in _TOGETHER
    }
    # Before the evaluation that all proofs wait for, so that both run at the same time.
    answers = {
        condition: answer
        for conditions, arguments in asked.items()
        for condition, answer in _ask(conditions, arguments).items()
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
    return Finding(
        covers=f"{len(CONDITIONS)} package sets, {len(wanted)} dockers each",
        failures=tuple(failures),
        evidence=tuple(evidence),
        commands=tuple(nix.evaluate_command(EXPRESSION, arguments).line for arguments in asked.values()),
    )


def _ask(conditions: Sequence[str], arguments: Mapping[str, str]) -> Mapping[str, Mapping[tuple[str, str], str] | str]:
    """Return for each condition drvPaths by system and release, or why the evaluation failed."""
    try:
        answer = Record(nix.evaluate(EXPRESSION, arguments), document="capturing")
    except CommandError as error:
        return dict.fromkeys(conditions, nix.reason(error))
    return {condition: _paths(answer.record(condition)) for condition in conditions}


def _paths(by_system: Record) -> dict[tuple[str, str], str]:
    return {
        (label, release): releases.text_or_error(release)
        for label in by_system.names()
        for releases in [by_system.record(label)]
        for release in releases.names()
    }


def _answers(facts: Facts) -> dict[str, str | None]:
    return {"client": facts.client, **facts.matrix}


def _differences(
    before: Mapping[tuple[str, str], Facts], after: Mapping[tuple[str, str], Facts], compared: Counter[str]
) -> Iterator[str]:
    """Yield the overrides whose result is another one, and count those whose result is the same."""
    for key, facts in before.items():
        new = _answers(after[key])
        for name, answer in _answers(facts).items():
            if new.get(name) != answer:
                yield f"{' '.join(key)}: {_meaning(name)}: {answer} → {new.get(name)}"
            elif answer is not None:
                compared[name] += 1


def _strays(before: Mapping[tuple[str, str], Facts], after: Mapping[tuple[str, str], Facts]) -> Iterator[str]:
    """Yield the overrides whose result commit 2 changes though no moby is in it."""
    for key, facts in before.items():
        new = _answers(after[key])
        has_moby = facts.components.get("moby") is not None
        for name, answer in _answers(facts).items():
            contains_moby = has_moby and name != "client" and answer is not None
            if (new.get(name) != answer) != contains_moby:
                fact = "is changed, though it does not contain moby" if not contains_moby else "is not changed"
                yield f"{' '.join(key)}: {_meaning(name)} {fact} by the second commit"


def _rows(before: Mapping[tuple[str, str], Facts], equal: Counter[str]) -> Iterator[str]:
    for number, name, meaning in ROWS:
        there = sum(_answers(facts).get(name) is not None for facts in before.values())
        found = f"{equal[name]} of {there} equal" if there else "not applicable: no release has these parameters"
        yield f"row {number}, {meaning}: {found}"


def _meaning(name: str) -> str:
    return next(meaning for _, known, meaning in ROWS if known == name)
