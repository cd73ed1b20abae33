"""Evaluate the stages of a docker file with Nix; if an evaluation ends early, continue with the remaining parts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.docker.case import DockerCase
from toolkit.docker.claims import facts
from toolkit.docker.claims.facts import FORMS
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError, ToolkitError
from toolkit.model import Progress
from toolkit.nix import evaluator, limits, program
from toolkit.nix.questions import bisected
from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "evaluate.nix"
DOCUMENT = "evaluation"

Document = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""The answer of evaluate.nix: stage → system label → release → facts, or { error }."""


class Setting(Struct, frozen=True, kw_only=True):
    """The nixpkgs at `tree` that stages are evaluated in.

    `systems` are label, build and host of each pair; `parts` are the labels of those that one process evaluates.
    `memory` (MiB) and `timeout` (seconds) bound each process, of which `jobs` run at a time; those that run `together`
    with others end at a common limit. `place` says where it is,
    and `otherwise` what to do where it does not evaluate.
    """

    tree: Path
    place: str
    otherwise: str
    systems: tuple[tuple[str, str, str], ...]
    parts: tuple[tuple[str, ...], ...]
    jobs: int
    together: bool = True
    memory: int | None = None
    timeout: float | None = None
    progress: Progress | None = None


def setting(case: DockerCase) -> Setting:
    """Return the setting in which a case's stages are evaluated.

    This is half of the proofs' evaluation time, so it is split: one command would run alone on one processor at the
    end. The split costs a tenth: each part reads the file and the library again.
    """
    ground = case.ground
    labels = tuple(label for label, _, _ in ground.systems)
    if ground.whole is None:
        parts, jobs = tuple(labels[first::2] for first in range(2) if labels[first:]), 2
        otherwise = "'--tier tree' asks a whole nixpkgs"
    else:
        parts, jobs = tuple((label,) for label in labels), ground.jobs
        otherwise = "take a nixpkgs that does, or other systems by --system"
    return Setting(
        tree=ground.tree.root,
        place=ground.place,
        otherwise=otherwise,
        systems=ground.systems,
        parts=parts,
        jobs=jobs,
        together=case.bounded,
        memory=ground.memory,
        timeout=ground.depth.timeout,
        progress=ground.progress,
    )


class Question(Struct, frozen=True):
    """An override method of one component on one side; without a component, a row of the matrix."""

    side: str
    component: str
    name: str
    form: str = ""


class CaseQuestion(Struct, frozen=True, kw_only=True):
    """The questions about a case, which identify an evaluation. `own` is asked if no standard door works.

    `flags` are parameters that may be booleans. `only` are the releases to evaluate, None for all.
    """

    setting: Setting
    question: Path
    sides: tuple[str, ...]
    releases: tuple[str, ...] = ()
    ends: tuple[Question, ...]
    own: tuple[Question, ...]
    flags: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None

    @property
    def commands(self) -> tuple[str, ...]:
        """The shell commands that evaluate all stages, each for some of the systems."""
        wanted = _wanted(self.sides, self.ends, self.flags)
        return tuple(_command(self, wanted, labels).line for labels in self.setting.parts)


def part(
    asked: CaseQuestion, labels: Sequence[str], limited: list[tuple[str, str, str]]
) -> tuple[Document, list[tuple[str, CommandError]]]:
    """Evaluate some systems; return the answer, and the reason for each system on which the unchanged file fails.

    Add releases that end at a limit to `limited`.
    """
    if asked.setting.progress is not None:
        asked.setting.progress.step(f"evaluating docker in {asked.setting.place} ({', '.join(labels)})")
    try:
        document = _ask(asked, labels, asked.sides, asked.ends, asked.flags)
    except CommandError as error:
        if error.status < 0 and asked.setting.together:
            raise
        # Nix can catch a throw, and no other error: all that is left to do is to look for the one who makes it.
        try:
            _ask(asked, labels, asked.sides[:1], ())
        except CommandError as first:
            if len(labels) == 1:
                return {}, [(labels[0], first)]
            document, failed = part(asked, labels[:1], limited)
            answer, more = part(asked, labels[1:], limited)
            merge(document, answer)
            return document, [*failed, *more]
        try:
            document = _ask(asked, labels, asked.sides, ())
        except CommandError as later:
            if not program.reached_limit(later) or len(labels) > 1:
                raise
            document, good = _release_by_release(asked, labels[0], limited)
            asked = replace(asked, only=good)
        for answer in (*_answered(asked, labels, asked.ends), *_flags_one_by_one(asked, labels)):
            merge(document, answer)
    return _with_own(asked, labels, document), []


def _release_by_release(
    asked: CaseQuestion, label: str, limited: list[tuple[str, str, str]]
) -> tuple[Document, tuple[str, ...]]:
    """Ask for the derivations of each release on a system, and return what is said, and of which releases.

    One that ends at a limit keeps no other from an answer.
    """
    document: Document = {side: {label: {}} for side in asked.sides}
    good: list[str] = []
    setting = replace(asked.setting, timeout=limits.seconds())
    for release in asked.releases:
        try:
            answer = _ask(replace(asked, setting=setting, only=(release,)), [label], asked.sides, ())
        except CommandError as error:
            if not program.reached_limit(error):
                raise
            limited.append((label, release, program.at_limit(error)))
        else:
            merge(document, answer)
            good.append(release)
    return document, tuple(good)


def thrown(asked: CaseQuestion, label: str) -> str:
    """Return the error of a release that throws; builtins.tryEval does not give the message."""
    wanted: dict[str, object] = {
        asked.sides[0]: {"derivations": True, "doors": {}, "rows": [], "flags": [], "bare": True}
    }
    try:
        evaluator.answer(_command(asked, wanted, [label]))
    except CommandError as error:
        return program.reason(error)
    return "its releases throw"


def _answered(asked: CaseQuestion, labels: Sequence[str], questions: Sequence[Question]) -> Iterator[Document]:
    """Yield the answers to questions of which some may end the evaluator; to those there is none."""

    def together(part: Sequence[Question]) -> list[Document]:
        # One document has the answers to all of them.
        return [_ask(asked, labels, (), part), *({} for _ in part[1:])]

    answers = bisected(together, questions)
    yield from (answer for answer in answers if not isinstance(answer, CommandError))


def _flags_one_by_one(asked: CaseQuestion, labels: Sequence[str]) -> Iterator[Document]:
    """Yield the answers about the flags, except flags that the unchanged file shows not to be booleans.

    A later stage at which a flag ends the evaluator has no answer.
    """
    flags: list[str] = []
    for flag in asked.flags:
        with suppress(CommandError):
            _ask(asked, labels, asked.sides[:1], (), (flag,))
            flags.append(flag)
    try:
        yield _ask(asked, labels, asked.sides, (), flags)
    except CommandError:
        for side in asked.sides:
            with suppress(CommandError):
                yield _ask(asked, labels, (side,), (), flags)


def _with_own(asked: CaseQuestion, labels: Sequence[str], document: Document) -> Document:
    """Add what parameters do that were made for an override, for components which have no other door."""
    left = _without_door(document, asked.own)
    for form in FORMS:
        questions = [question for question in left if question.form == form]
        if not questions:
            continue
        for answer in _answered(asked, labels, questions):
            merge(document, answer)
        left = _without_door(document, left)
    return document


def _without_door(document: Document, questions: Sequence[Question]) -> list[Question]:
    """Return the questions about components that some docker has, and for which no door was found that works."""
    shut: set[tuple[str, str]] = set()
    found: set[tuple[str, str]] = set()
    for side, by_system in document.items():
        for record in (record for releases in by_system.values() for record in releases.values()):
            for component, outcomes in record.get("doors", {}).items():
                (found if facts.working(outcomes) else shut).add((side, component))
    return [question for question in questions if (question.side, question.component) in shut - found]


def merge(document: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Add the facts of another answer to a document."""
    for name, value in other.items():
        if isinstance(value, dict) and name in document:
            merge(document[name], cast("dict[str, Any]", value))
        else:
            document[name] = value


def _ask(
    asked: CaseQuestion,
    labels: Sequence[str],
    sides: Sequence[str],
    questions: Sequence[Question],
    flags: Sequence[str] = (),
) -> Document:
    """Ask for the derivations and flags of `sides`, and the questions; raise CommandError if one ends the evaluator."""
    wanted = _wanted(sides, questions, flags, asked.only)
    answer = documents.convert(evaluator.answer(_command(asked, wanted, labels)), Document, document=DOCUMENT)
    if missing := [side for side in wanted if side not in answer]:
        raise ToolkitError(f"{DOCUMENT}: field '{missing[0]}' is missing")
    return answer


def _wanted(
    sides: Sequence[str], questions: Sequence[Question], flags: Sequence[str], releases: Sequence[str] | None = None
) -> dict[str, object]:
    wanted: dict[str, object] = {}
    for side in dict.fromkeys([*sides, *(question.side for question in questions)]):
        by_component: dict[str, list[object]] = {}
        for question in questions:
            if question.side == side:
                door = {"parameter": question.name, "form": question.form} if question.form else question.name
                by_component.setdefault(question.component, []).append(door)
        rows = by_component.pop("", [])
        wanted[side] = {
            "derivations": side in sides,
            "doors": by_component,
            "rows": rows,
            "flags": flags if side in sides else [],
            **({"releases": releases} if releases is not None else {}),
        }
    return wanted


def systems(setting: Setting) -> str:
    """Return the systems as the expressions take them."""
    found = [dict(zip(("label", "build", "host"), system, strict=True)) for system in setting.systems]
    return json.dumps(found, ensure_ascii=False)


def _command(asked: CaseQuestion, wanted: Mapping[str, object], labels: Sequence[str]) -> Command:
    setting = asked.setting
    arguments = {
        "case": str(asked.question),
        "asked": json.dumps(wanted),
        "labels": json.dumps(labels, ensure_ascii=False),
        "systems": systems(setting),
        "tree": str(setting.tree),
    }
    command = limits.bounded(evaluator.evaluate_command(EXPRESSION, arguments), setting.memory)
    return replace(command, timeout=setting.timeout or command.timeout)
