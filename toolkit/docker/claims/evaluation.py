"""The evaluation of all stages on all systems, which the claims about derivations and overrides are read from."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents, parallel, process
from toolkit.docker import COMPONENTS
from toolkit.docker.case import SYSTEMS
from toolkit.docker.claims import facts
from toolkit.docker.claims.facts import FORMS, STANDARD, Evaluation, Facts
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.rewrite.layout import made_for_overriding
from toolkit.errors import CommandError, NotRunError, ToolkitError
from toolkit.nix import evaluator, limits, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from toolkit.docker.case import DockerCase, DockerStage
    from toolkit.model import Progress
    from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "evaluate.nix"

_DOCUMENT = "evaluation"

Document = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""What evaluate.nix says: stage → system label → release → facts, or { error }."""


class Setting(Struct, frozen=True, kw_only=True):
    """What stages are evaluated in: a whole nixpkgs, or stand-ins, for which `tree` is None.

    `systems` are label, build and host of each pair; `parts` are the labels of those that one process evaluates.
    `memory` (MiB) and `timeout` (seconds) bound each process, of which `jobs` run at a time. `place` says where it is,
    and `otherwise` what to do where it does not evaluate.
    """

    place: str
    otherwise: str
    systems: tuple[tuple[str, str, str], ...]
    parts: tuple[tuple[str, ...], ...]
    jobs: int
    tree: Path | None = None
    memory: int | None = None
    timeout: float | None = None
    progress: Progress | None = None


# It is half of all that the proofs ask Nix: as one command it would still run when all others are done, on one
# processor. Each part reads the file and the library again, a tenth of its time.
STAND_INS = Setting(
    place="stand-ins",
    otherwise="'--tier tree' asks a whole nixpkgs",
    systems=SYSTEMS,
    parts=tuple(tuple(label for label, _, _ in SYSTEMS[first::2]) for first in range(2)),
    jobs=2,
)


class _Question(Struct, frozen=True):
    """One door of one component on one side, or, of no component, one row of the matrix."""

    side: str
    component: str
    name: str
    form: str = ""


class _CaseQuestion(Struct, frozen=True, kw_only=True):
    """What is asked about a case, by which an evaluation is known again. `own` is asked if no standard door works.

    `of` is the unchanged file of the one case that asks. `flags` are parameters that may be booleans. `only` are the
    releases that are asked about, None for all.
    """

    of: DockerStage | None = None
    setting: Setting
    question: Path
    sides: tuple[str, ...]
    releases: tuple[str, ...] = ()
    ends: tuple[_Question, ...]
    own: tuple[_Question, ...]
    flags: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None


def commands(case: DockerCase, setting: Setting = STAND_INS) -> tuple[str, ...]:
    """Return the commands that evaluate all stages, as one writes them, each on a part of the systems."""
    asked = _asked(case, setting)
    wanted = _wanted(asked.sides, asked.ends, asked.flags)
    return tuple(_command(asked, wanted, labels).line for labels in setting.parts)


def evaluate(case: DockerCase, setting: Setting = STAND_INS) -> Evaluation:
    """Evaluate all stages on all systems, once for a case and a setting, whichever proof asks first.

    With stand-ins it is once for equal stages, as branches with the same file have them.
    Raise NotRunError where the unchanged file does not evaluate, CommandError where Nix fails at another stage,
    ToolkitError where a release throws there, or the answer is not complete.
    """
    return _ANSWERS.of(_asked(case, setting))


class _Answers:
    """What Nix said of the last cases; one is asked at a time.

    Stages that are evaluated with stand-ins are known again whichever case they are of. What fails is kept for the one
    case alone, so that all its proofs say the same: it may be the moment's fault.
    """

    _MOST = 16

    def __init__(self) -> None:
        self._kept: dict[object, Evaluation | ToolkitError] = {}
        self._lock = Lock()

    def of(self, asked: _CaseQuestion) -> Evaluation:
        """Return what Nix says; raise what it has failed with."""
        shared = (process.find("nix-instantiate"), replace(asked, of=None)) if asked.setting.tree is None else asked
        with self._lock:
            found = self._kept.get(shared) or self._kept.get(asked)
            if found is None:
                try:
                    found = self._kept[shared] = _answer(asked)
                except ToolkitError as error:
                    found = self._kept[asked] = error
                while len(self._kept) > self._MOST:
                    del self._kept[next(iter(self._kept))]
        if isinstance(found, ToolkitError):
            raise found
        return found


_ANSWERS = _Answers()


def read(question: Path, side: str, parameters: Mapping[str, tuple[str, ...]]) -> dict[str, Facts | str]:
    """Return what there is to know of each release of one side, or why it does not evaluate, on the first system.

    `parameters` are those that may be made for overriding a component, by its name. Raise CommandError if the
    file does not evaluate.
    """
    label = SYSTEMS[0][0]
    asked = _CaseQuestion(
        setting=STAND_INS,
        question=question,
        sides=(side,),
        ends=tuple(_Question(side, component, door) for component in COMPONENTS for door in STANDARD),
        own=tuple(_own(side, parameters)),
    )
    limited: list[tuple[str, str, str]] = []
    document, failed = _part(asked, [label], limited)
    if failed:
        raise failed[0][1]
    return {
        name: record["error"] if "error" in record else facts.read(record, name)
        for name, record in document[side].get(label, {}).items()
    }


def _own(side: str, parameters: Mapping[str, tuple[str, ...]]) -> Iterator[_Question]:
    for component, names in parameters.items():
        yield from (_Question(side, component, name, form) for name in names for form in FORMS)


def _asked(case: DockerCase, setting: Setting) -> _CaseQuestion:
    ends = [case.stages[0], case.stages[-1]]
    rows = [_Question(stage.name, "", name) for stage in case.stages for _, name, _ in facts.ROWS]
    standard = [
        _Question(stage.name, component, door) for stage in ends for component in COMPONENTS for door in STANDARD
    ]
    own = [
        question
        for stage in ends
        for question in _own(stage.name, made_for_overriding(stage.file, COMPONENTS, before=case.before.file))
    ]
    return _CaseQuestion(
        of=case.before,
        setting=setting,
        question=case.question,
        sides=tuple(stage.name for stage in case.stages),
        releases=tuple(release.attr for release in case.before.file.releases()),
        ends=(*rows, *standard) if case.of_overrides else (),
        own=tuple(own) if case.of_overrides else (),
        flags=case.before.file.switches(),
    )


def _answer(asked: _CaseQuestion) -> Evaluation:
    document: Document = {side: {} for side in asked.sides}
    failed: list[tuple[str, str]] = []
    limited: list[tuple[str, str, str]] = []
    with ThreadPoolExecutor(max_workers=asked.setting.jobs) as pool, process.ending_together():
        parts = [pool.submit(copy_context().run, _part, asked, labels, limited) for labels in asked.setting.parts]
        for answer, systems in parallel.results(parts):
            _merge(document, answer)
            failed += [(label, program.reason(error)) for label, error in systems]
    return _evaluation(asked, document, failed, sorted(limited))


def _part(
    asked: _CaseQuestion, labels: Sequence[str], limited: list[tuple[str, str, str]]
) -> tuple[Document, list[tuple[str, CommandError]]]:
    """Ask about some systems; return what is said, and those on which the unchanged file does not evaluate, and why.

    Releases that end at a limit are added to `limited`.
    """
    if asked.setting.progress is not None:
        asked.setting.progress.step(f"evaluating docker in {asked.setting.place} ({', '.join(labels)})")
    try:
        document = _ask(asked, labels, asked.sides, asked.ends, asked.flags)
    except CommandError as error:
        if error.status < 0 and asked.setting.tree is None:
            raise
        # Nix can catch a throw, and no other error: all that is left to do is to look for the one who makes it.
        try:
            _ask(asked, labels, asked.sides[:1], ())
        except CommandError as first:
            if len(labels) == 1:
                return {}, [(labels[0], first)]
            document, failed = _part(asked, labels[:1], limited)
            answer, more = _part(asked, labels[1:], limited)
            _merge(document, answer)
            return document, [*failed, *more]
        try:
            document = _ask(asked, labels, asked.sides, ())
        except CommandError as later:
            if not program.reached_limit(later) or len(labels) > 1:
                raise
            document, good = _release_by_release(asked, labels[0], limited)
            asked = replace(asked, only=good)
        for answer in (*_answered(asked, labels, asked.ends), *_flags_one_by_one(asked, labels)):
            _merge(document, answer)
    return _with_own(asked, labels, document), []


def _release_by_release(
    asked: _CaseQuestion, label: str, limited: list[tuple[str, str, str]]
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
            _merge(document, answer)
            good.append(release)
    return document, tuple(good)


def _evaluation(
    asked: _CaseQuestion,
    document: Document,
    failed: Sequence[tuple[str, str]],
    limited: Sequence[tuple[str, str, str]] = (),
) -> Evaluation:
    first = asked.sides[0]
    stages: dict[str, dict[tuple[str, str], Facts]] = {}
    unevaluated: list[tuple[str, str]] = []
    for stage in asked.sides:
        found: dict[tuple[str, str], Facts] = {}
        for label, releases in document[stage].items():
            for release, record in releases.items():
                key = (label, release)
                if stage == first and "error" in record:
                    unevaluated.append(key)
                elif key not in unevaluated:
                    found[key] = facts.read(record, f"{stage}, {label}, {release}")
        stages[stage] = found
    if limited and not any(stages[first].values()):
        raise NotRunError(f"{limited[0][1]} on {limited[0][0]}: {limited[0][2]}")
    if (unevaluated or failed) and not any(each.has_daemon for each in stages[first].values()):
        reason = failed[0][1] if failed else _thrown(asked, unevaluated[0][0])
        setting = asked.setting
        raise NotRunError(f"the file cannot be evaluated with {setting.place}: {reason}; {setting.otherwise}")
    result = Evaluation(stages=stages, unevaluated=tuple(unevaluated), systems=tuple(failed), limited=tuple(limited))
    _require_complete(asked, result)
    return result


def _thrown(asked: _CaseQuestion, label: str) -> str:
    """Return what a release says that throws: what was caught has no message."""
    wanted: dict[str, object] = {
        asked.sides[0]: {"derivations": True, "doors": {}, "rows": [], "flags": [], "bare": True}
    }
    try:
        evaluator.answer(_command(asked, wanted, [label]))
    except CommandError as error:
        return program.reason(error)
    return "its releases throw"


def _answered(asked: _CaseQuestion, labels: Sequence[str], questions: Sequence[_Question]) -> Iterator[Document]:
    """Yield the answers to questions of which some may end the evaluator; to those there is none."""

    def together(part: Sequence[_Question]) -> list[Document]:
        # One document has the answers to all of them.
        return [_ask(asked, labels, (), part), *({} for _ in part[1:])]

    answers = evaluator.bisected(together, questions)
    yield from (answer for answer in answers if not isinstance(answer, CommandError))


def _flags_one_by_one(asked: _CaseQuestion, labels: Sequence[str]) -> Iterator[Document]:
    """Yield the answers about the flags, but for those of which the unchanged file shows that they are no booleans.

    Of another stage at which they end the evaluator there is none.
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


def _with_own(asked: _CaseQuestion, labels: Sequence[str], document: Document) -> Document:
    """Add what parameters do that were made for an override, for components which have no other door."""
    left = _without_door(document, asked.own)
    for form in FORMS:
        questions = [question for question in left if question.form == form]
        if not questions:
            continue
        for answer in _answered(asked, labels, questions):
            _merge(document, answer)
        left = _without_door(document, left)
    return document


def _without_door(document: Document, questions: Sequence[_Question]) -> list[_Question]:
    """Return the questions about components that some docker has, and for which no door was found that works."""
    shut: set[tuple[str, str]] = set()
    found: set[tuple[str, str]] = set()
    for side, by_system in document.items():
        for record in (record for releases in by_system.values() for record in releases.values()):
            for component, outcomes in record.get("doors", {}).items():
                (found if facts.working(outcomes) else shut).add((side, component))
    return [question for question in questions if (question.side, question.component) in shut - found]


def _merge(document: dict[str, Any], other: Mapping[str, Any]) -> None:
    for name, value in other.items():
        if isinstance(value, dict) and name in document:
            _merge(document[name], cast("dict[str, Any]", value))
        else:
            document[name] = value


def _ask(
    asked: _CaseQuestion,
    labels: Sequence[str],
    sides: Sequence[str],
    questions: Sequence[_Question],
    flags: Sequence[str] = (),
) -> Document:
    """Ask for the derivations and flags of `sides`, and the questions; raise CommandError if one ends the evaluator."""
    wanted = _wanted(sides, questions, flags, asked.only)
    answer = documents.convert(evaluator.answer(_command(asked, wanted, labels)), Document, document=_DOCUMENT)
    if missing := [side for side in wanted if side not in answer]:
        raise ToolkitError(f"{_DOCUMENT}: field '{missing[0]}' is missing")
    return answer


def _wanted(
    sides: Sequence[str],
    questions: Sequence[_Question],
    flags: Sequence[str],
    releases: Sequence[str] | None = None,
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


def _command(asked: _CaseQuestion, wanted: Mapping[str, object], labels: Sequence[str]) -> Command:
    setting = asked.setting
    arguments = {
        "case": str(asked.question),
        "asked": json.dumps(wanted),
        "labels": json.dumps(labels, ensure_ascii=False),
    }
    if setting.tree is None:
        return evaluator.evaluate_command(EXPRESSION, arguments)
    systems = [dict(zip(("label", "build", "host"), system, strict=True)) for system in setting.systems]
    arguments |= {"systems": json.dumps(systems, ensure_ascii=False), "tree": str(setting.tree)}
    command = limits.bounded(evaluator.evaluate_command(EXPRESSION, arguments), setting.memory)
    return replace(command, timeout=setting.timeout or command.timeout)


def _require_complete(asked: _CaseQuestion, evaluation: Evaluation) -> None:
    """Raise ToolkitError unless every stage has every release of the file, and no other, on every system."""
    if not asked.releases:
        raise ToolkitError(f"{_DOCUMENT}: the file exports no docker release")
    failed = {label for label, _ in evaluation.systems}
    labels = [label for label, _, _ in asked.setting.systems if label not in failed]
    wanted = {(label, release) for label in labels for release in asked.releases} - {*evaluation.unevaluated}
    wanted -= {(label, release) for label, release, _ in evaluation.limited}
    for stage, found in evaluation.stages.items():
        if absent := wanted - found.keys():
            system, release = min(absent)
            if stage == asked.sides[0] and any(label == system for label, _ in found):
                raise NotRunError(f"Nix finds no {release} in what the file exports on {system}")
            raise ToolkitError(f"{_DOCUMENT}: {stage}: {system} {release} was not evaluated")
        first = asked.sides[0]
        if new := found.keys() ^ evaluation[first].keys():
            raise ToolkitError(f"{_DOCUMENT}: {stage}: {' '.join(min(new))} is not in both this stage and '{first}'")
