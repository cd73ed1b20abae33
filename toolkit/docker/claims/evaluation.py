"""Evaluate all stages on all systems; the claims about derivations and overrides read the result."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache
from pathlib import Path
from threading import Lock

from toolkit import parallel, process
from toolkit.docker import COMPONENTS
from toolkit.docker.case import SYSTEMS, DockerCase
from toolkit.docker.claims import facts
from toolkit.docker.claims.asking import (
    DOCUMENT,
    CaseQuestion,
    Document,
    Question,
    Setting,
    merge,
    part,
    setting,
    thrown,
)
from toolkit.docker.claims.facts import FORMS, STANDARD, Evaluation, Facts
from toolkit.docker.rewrite.layout import made_for_overriding
from toolkit.errors import NotRunError, ToolkitError
from toolkit.nix import program


def commands(case: DockerCase) -> tuple[str, ...]:
    """Return the shell commands that evaluate all stages, each for some of the systems."""
    return _asked(case).commands


def evaluate(case: DockerCase) -> Evaluation:
    """Evaluate all stages on all systems, once for a case, when the first proof asks.

    Raise NotRunError if the unchanged file does not evaluate, CommandError if Nix fails at another stage, ToolkitError
    if a release throws there, or the answer is not complete.
    """
    with _ONE_AT_A_TIME:
        found = outcome(_asked(case))
    if isinstance(found, ToolkitError):
        raise found
    return found


_ONE_AT_A_TIME = Lock()


@lru_cache(maxsize=16)
def outcome(asked: CaseQuestion) -> Evaluation | ToolkitError:
    """Return Nix's answer or its error, the same for all proofs."""
    try:
        return _answer(asked)
    except ToolkitError as error:
        return error


def read(tree: Path, question: Path, side: str, parameters: Mapping[str, tuple[str, ...]]) -> dict[str, Facts | str]:
    """Return what there is to know of each release of one side, or why it does not evaluate, on the first system.

    `parameters` are those that may be made for overriding a component, by its name. Raise CommandError if the
    file does not evaluate.
    """
    label = SYSTEMS[0][0]
    setting = Setting(tree=tree, place="", otherwise="", systems=SYSTEMS[:1], parts=((label,),), jobs=1)
    asked = CaseQuestion(
        setting=setting,
        question=question,
        sides=(side,),
        ends=tuple(Question(side, component, door) for component in COMPONENTS for door in STANDARD),
        own=tuple(_own(side, parameters)),
    )
    limited: list[tuple[str, str, str]] = []
    document, failed = part(asked, [label], limited)
    if failed:
        raise failed[0][1]
    return {
        name: record["error"] if "error" in record else facts.read(record, name)
        for name, record in document[side].get(label, {}).items()
    }


def _own(side: str, parameters: Mapping[str, tuple[str, ...]]) -> Iterator[Question]:
    for component, names in parameters.items():
        yield from (Question(side, component, name, form) for name in names for form in FORMS)


def _asked(case: DockerCase) -> CaseQuestion:
    ends = [case.stages[0], case.stages[-1]]
    rows = [Question(stage.name, "", name) for stage in case.stages for _, name, _ in facts.ROWS]
    standard = [
        Question(stage.name, component, door) for stage in ends for component in COMPONENTS for door in STANDARD
    ]
    own = [
        question
        for stage in ends
        for question in _own(stage.name, made_for_overriding(stage.file, COMPONENTS, before=case.before.file))
    ]
    return CaseQuestion(
        setting=setting(case),
        question=case.question,
        sides=tuple(stage.name for stage in case.stages),
        releases=tuple(release.attr for release in case.before.file.releases()),
        ends=(*rows, *standard) if case.of_overrides else (),
        own=tuple(own) if case.of_overrides else (),
        flags=case.before.file.switches(),
    )


def _answer(asked: CaseQuestion) -> Evaluation:
    document: Document = {side: {} for side in asked.sides}
    failed: list[tuple[str, str]] = []
    limited: list[tuple[str, str, str]] = []
    with ThreadPoolExecutor(max_workers=asked.setting.jobs) as pool, process.ending_together():
        parts = [pool.submit(copy_context().run, part, asked, labels, limited) for labels in asked.setting.parts]
        for answer, systems in parallel.results(parts):
            merge(document, answer)
            failed += [(label, program.reason(error)) for label, error in systems]
    return _evaluation(asked, document, failed, sorted(limited))


def _evaluation(
    asked: CaseQuestion,
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
        reason = failed[0][1] if failed else thrown(asked, unevaluated[0][0])
        setting = asked.setting
        raise NotRunError(f"the file cannot be evaluated with {setting.place}: {reason}; {setting.otherwise}")
    result = Evaluation(stages=stages, unevaluated=tuple(unevaluated), systems=tuple(failed), limited=tuple(limited))
    _require_complete(asked, result)
    return result


def _require_complete(asked: CaseQuestion, evaluation: Evaluation) -> None:
    """Raise ToolkitError unless every stage has every release of the file, and no other, on every system."""
    if not asked.releases:
        raise ToolkitError(f"{DOCUMENT}: the file exports no docker release")
    failed = {label for label, _ in evaluation.systems}
    labels = [label for label, _, _ in asked.setting.systems if label not in failed]
    wanted = {(label, release) for label in labels for release in asked.releases} - {*evaluation.unevaluated}
    wanted -= {(label, release) for label, release, _ in evaluation.limited}
    for stage, found in evaluation.stages.items():
        if absent := wanted - found.keys():
            system, release = min(absent)
            if stage == asked.sides[0] and any(label == system for label, _ in found):
                raise NotRunError(f"Nix finds no {release} in what the file exports on {system}")
            raise ToolkitError(f"{DOCUMENT}: {stage}: {system} {release} was not evaluated")
        first = asked.sides[0]
        if new := found.keys() ^ evaluation[first].keys():
            raise ToolkitError(f"{DOCUMENT}: {stage}: {' '.join(min(new))} is not in both this stage and '{first}'")
