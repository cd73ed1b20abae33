"""The evaluation of all stages on all systems, which the claims about derivations and overrides are read from."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, cast

from toolkit import nix
from toolkit.docker.claims import doors
from toolkit.docker.claims.case import BEFORE, SYSTEMS
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError, NotRunError, ToolkitError
from toolkit.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from toolkit.docker.claims.case import Case, Stage
    from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "evaluate.nix"

# It is half of all that the proofs ask Nix: as one command it would still run when all others are done, on one
# processor. Each part reads the file and the library again, a tenth of its time.
_PARTS = 2

_DOCUMENT = "evaluation"

ROWS: tuple[tuple[str, str, str], ...] = (
    ("1", "iptables", "override { iptables = …; }"),
    ("2", "runcSource", "override { runcRev = …; runcHash = …; }"),
    ("3", "containerdAndSources", "override { version, sources of cli and moby, containerd }"),
    ("5", "plugins", "override { buildxSupport = false; composeSupport = false; }"),
    ("5", "pluginsByFunction", "override (old: { buildxSupport = …; })"),
    ("6", "initSupport", "override { initSupport = true; }"),
    ("7", "compose", "override { docker-compose = …; }"),
    ("8", "xfsprogsThenMoby", "(override { xfsprogs = …; }).moby.overrideAttrs"),
    ("9", "mobyAsPath", '"${docker.moby}/libexec/docker/dockerd-rootless.sh"'),
    ("10", "mobyAttribute", "overrideAttrs (old: { moby = old.moby.overrideAttrs …; })"),
    ("10", "mobyThenIptables", "row 10, then override { iptables = …; }"),
    ("10", "mobyThenRunc", "row 10, then overrideAttrs { docker-runc = …; }"),
    ("10", "runcThenMoby", "overrideAttrs { docker-runc = …; }, then row 10"),
    ("10", "clientOfMoby", "row 10, then override { clientOnly = true; }"),
    ("10", "clientOfMobyIfAny", "row 10 where there is a moby, then override { clientOnly = true; }"),
    ("12", "runc", "another runc in the package set"),
    ("13", "cliPatched", "overrideAttrs with a patch of the cli"),
)
"""Number (of the list of overrides found in public configurations), name in matrix.nix, what it does.

Row 4, the client, is asked of every release, and row 11, an overlay that defines `moby` from docker's own attribute, is
a condition of the package set.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an override gives: a store path, the text of an error, or None where the file has no such thing.

    `effect` tells whether a row that replaces a part of moby reaches what is built; None for other rows.
    """

    package: str | None
    effect: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One release on one system. Derivations are drvPaths; a component is None where docker has none.

    `doors` maps each component that docker has to door → outcome, and `matrix` the rows of matrix.nix to what they
    give; both are empty where this release was not asked on this system.
    """

    docker: str
    client: str | None
    components: Mapping[str, str | None]
    moby_attributes: Mapping[str, str]
    docker_attributes: Mapping[str, str]
    doors: Mapping[str, Mapping[str, str]]
    matrix: Mapping[str, Answer]

    def derivations(self) -> Iterator[tuple[str, str]]:
        """Yield name and drvPath of the package, its client form, and each component there is."""
        yield "docker", self.docker
        if self.client is not None:
            yield "client", self.client
        for name, path in self.components.items():
            if path is not None:
                yield name, path


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was found of each stage, by its name: (system label, release) → facts.

    `unevaluated` are those of which the unchanged file throws: they are at no stage.
    """

    stages: Mapping[str, Mapping[tuple[str, str], Facts]]
    unevaluated: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, stage: str) -> Mapping[tuple[str, str], Facts]:
        """Return the facts of a stage."""
        return self.stages[stage]


@dataclass(frozen=True, slots=True)
class _Question:
    """One door of one component on one side, or, of no component, one row of the matrix."""

    side: str
    component: str
    name: str
    form: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked about a case, by which an evaluation is known again. `own` is asked if no standard door works.

    `of` is the unchanged file of one case, and of no other with the same content: that may be asked of another Nix.
    """

    of: Stage
    question: Path
    sides: tuple[str, ...]
    releases: tuple[str, ...]
    ends: tuple[_Question, ...]
    own: tuple[_Question, ...]


def commands(case: Case) -> tuple[Command, ...]:
    """Return the commands that evaluate all stages, each on a part of the systems."""
    asked = _asked(case)
    arguments = _arguments(asked.question, asked.sides, asked.ends)
    return tuple(nix.evaluate_command(EXPRESSION, each) for each in arguments)


def evaluate(case: Case) -> Evaluation:
    """Evaluate all stages on all systems, once for a case, whichever proof asks first.

    Raise NotRunError where the unchanged file does not evaluate, CommandError where Nix fails at another stage,
    ToolkitError where a release throws there, or the answer is not complete.
    """
    with _ONE_AT_A_TIME:
        found = _evaluate(_asked(case))
    if isinstance(found, ToolkitError):
        raise found
    return found


_ONE_AT_A_TIME = Lock()


def coverage(facts: Mapping[tuple[str, str], Facts], what: str) -> str:
    """Return what was looked at, with the releases and systems that it was looked at for."""
    releases, systems = ({key[index] for key in facts} for index in (1, 0))
    plurals = ["" if len(found) == 1 else "s" for found in (releases, systems)]
    return f"{what}; {len(releases)} release{plurals[0]}, {len(systems)} system{plurals[1]}"


def _asked(case: Case) -> _Asked:
    ends = [case.stages[0], case.stages[-1]]
    rows = [_Question(stage.name, "", name) for stage in case.stages for _, name, _ in ROWS]
    standard = [
        _Question(stage.name, component, door)
        for stage in ends
        for component in case.components
        for door in doors.STANDARD
    ]
    own = [
        _Question(stage.name, component, parameter, form)
        for stage in ends
        for component, names in doors.parameters(stage.file, case.components, before=case.before.file).items()
        for parameter in names
        for form in doors.FORMS
    ]
    return _Asked(
        of=case.before,
        question=case.question,
        sides=tuple(stage.name for stage in case.stages),
        releases=tuple(release.attr for release in case.before.file.releases()),
        ends=(*rows, *standard),
        own=tuple(own),
    )


@lru_cache(maxsize=4)
def _evaluate(asked: _Asked) -> Evaluation | ToolkitError:
    try:
        return _evaluation(asked, _answers(asked))
    except ToolkitError as error:
        # Whoever asks next is told the same.
        return error


def _evaluation(asked: _Asked, document: Mapping[str, object]) -> Evaluation:
    first = asked.sides[0]
    stages: dict[str, dict[tuple[str, str], Facts]] = {}
    unevaluated: list[tuple[str, str]] = []
    for stage in asked.sides:
        facts: dict[tuple[str, str], Facts] = {}
        by_system = Record(document, document=_DOCUMENT).record(stage)
        for label in by_system.names():
            releases = by_system.record(label)
            for release in releases.names():
                record, key = releases.record(release), (label, release)
                if stage == first and "error" in record:
                    unevaluated.append(key)
                elif key not in unevaluated:
                    facts[key] = _facts(record, f"{stage}, {label}, {release}")
        stages[stage] = facts
    label = SYSTEMS[0][0]
    if unevaluated and not any(system == label for system, _ in stages[first]):
        # What was caught has no message.
        wanted = {first: {"derivations": True, "doors": {}, "rows": [], "bare": True}}
        with _first_stage():
            nix.evaluate(EXPRESSION, {"case": str(asked.question), "asked": json.dumps(wanted)})
    result = Evaluation(stages=stages, unevaluated=tuple(unevaluated))
    _require_complete(asked, result)
    return result


def _answers(asked: _Asked) -> dict[str, object]:
    try:
        document = _ask(asked.question, asked.sides, asked.ends)
    except CommandError as error:
        if error.status < 0:
            raise
        # Nix can catch a throw, and no other error: all that is left to do is to look for the one who makes it.
        with _first_stage():
            _ask(asked.question, asked.sides[:1], ())
        document = _ask(asked.question, asked.sides, ())
        for answer in _one_by_one(asked.question, asked.ends):
            _merge(document, answer)
    return _with_own(asked, document)


@contextmanager
def _first_stage() -> Iterator[None]:
    """Raise NotRunError where Nix cannot evaluate what is of the unchanged file."""
    try:
        yield
    except CommandError as error:
        raise NotRunError(
            f"the file cannot be evaluated with stand-ins: {nix.reason(error)}; '--tier tree' asks a whole nixpkgs"
        ) from error


def _one_by_one(case: Path, questions: Sequence[_Question]) -> Iterator[dict[str, object]]:
    """Yield the answers to questions of which some end the evaluator; to those there is none."""
    half = len(questions) // 2
    for part in (questions[:half], questions[half:]) if half else ():
        try:
            yield _ask(case, (), part)
        except CommandError:
            yield from _one_by_one(case, part)


def _with_own(asked: _Asked, document: dict[str, object]) -> dict[str, object]:
    """Add what parameters do that were made for an override, for components which have no other door."""
    left = _without_door(document, asked.own)
    for form in doors.FORMS:
        questions = [question for question in left if question.form == form]
        if not questions:
            continue
        try:
            _merge(document, _ask(asked.question, (), questions))
        except CommandError:
            for answer in _one_by_one(asked.question, questions):
                _merge(document, answer)
        left = _without_door(document, left)
    return document


def _without_door(document: Mapping[str, object], questions: Sequence[_Question]) -> list[_Question]:
    """Return the questions about components for which no door was found that works on any system."""
    by_side = Record(document, document=_DOCUMENT)
    found: set[tuple[str, str]] = set()
    for side in by_side.names():
        for releases in map(by_side.record(side).record, by_side.record(side).names()):
            for facts in map(releases.record, releases.names()):
                found |= {(side, component) for component, outcomes in _doors(facts).items() if doors.working(outcomes)}
    return [question for question in questions if (question.side, question.component) not in found]


def _merge(document: dict[str, object], other: Mapping[str, object]) -> None:
    for name, value in other.items():
        there = document.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            _merge(cast("dict[str, object]", there), cast("dict[str, object]", value))
        else:
            document[name] = value


def _ask(case: Path, sides: Sequence[str], questions: Sequence[_Question]) -> dict[str, object]:
    """Ask for the derivations of `sides`, and the questions; raise CommandError where one ends the evaluator."""
    result: dict[str, object] = {}
    with ThreadPoolExecutor(max_workers=_PARTS) as pool:
        parts = [
            pool.submit(copy_context().run, nix.evaluate, EXPRESSION, arguments)
            for arguments in _arguments(case, sides, questions)
        ]
        for part in parts:
            answer = part.result()
            if not isinstance(answer, dict):
                raise ToolkitError(f"{_DOCUMENT}: the document is not a table")
            _merge(result, cast("dict[str, object]", answer))
    return result


def _arguments(case: Path, sides: Sequence[str], questions: Sequence[_Question]) -> tuple[dict[str, str], ...]:
    wanted: dict[str, object] = {}
    for side in dict.fromkeys([*sides, *(question.side for question in questions)]):
        here = [question for question in questions if question.side == side]
        by_component: dict[str, list[object]] = {}
        for question in here:
            door = {"parameter": question.name, "form": question.form} if question.form else question.name
            by_component.setdefault(question.component, []).append(door)
        rows = by_component.pop("", [])
        wanted[side] = {"derivations": side in sides, "doors": by_component, "rows": rows}
    asked = json.dumps(wanted)
    labels = [label for label, _, _ in SYSTEMS]
    return tuple(
        {"case": str(case), "asked": asked, "labels": json.dumps(labels[first::_PARTS], ensure_ascii=False)}
        for first in range(_PARTS)
    )


def _facts(record: Record, where: str) -> Facts:
    if "error" in record:
        raise ToolkitError(f"evaluation: {where}: {record.text('error')}")
    components, matrix = record.record("components"), record.record("matrix")
    return Facts(
        docker=record.text("docker"),
        client=record.optional("client", record.text),
        components={name: components.optional(name, components.text) for name in components.names()},
        moby_attributes=_texts(record.record("attributes")),
        docker_attributes=_texts(record.record("dockerAttributes")),
        doors=_doors(record),
        matrix={name: _answer(matrix.record(name)) for name in matrix.names()},
    )


def _texts(record: Record) -> dict[str, str]:
    return {name: record.text(name) for name in record.names()}


def _doors(record: Record) -> dict[str, dict[str, str]]:
    """Return component → door → outcome, the doors in the order of their kinds and not in that of the alphabet."""
    if "error" in record:
        return {}
    found: dict[str, dict[str, str]] = {}
    by_component = record.record("doors")
    for component in by_component.names():
        outcomes = by_component.record(component)
        names = list(outcomes.names())
        ordered = dict.fromkeys((*(name for name in doors.STANDARD if name in names), *names))
        found[component] = {name: outcomes.text(name) for name in ordered}
    return found


def _answer(record: Record) -> Answer:
    if "error" in record:
        return Answer(record.text("error"))
    return Answer(record.optional("package", record.text), record.optional("effect", record.boolean))


def _require_complete(asked: _Asked, evaluation: Evaluation) -> None:
    """Raise ToolkitError unless every stage has every release of the file, and no other, on every system."""
    wanted = {(label, release) for label, _, _ in SYSTEMS for release in asked.releases}
    if not wanted:
        raise ToolkitError("evaluation: the file exports no docker release")
    wanted -= {*evaluation.unevaluated}
    for stage, facts in evaluation.stages.items():
        if absent := wanted - facts.keys():
            raise ToolkitError(f"evaluation: {stage}: {' '.join(min(absent))} was not evaluated")
        if new := facts.keys() ^ evaluation[BEFORE].keys():
            raise ToolkitError(f"evaluation: {stage}: {' '.join(min(new))} is not in both this stage and '{BEFORE}'")
