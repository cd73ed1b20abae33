"""Evaluate docker at each stage: one evaluation a system, which the claims about its derivations share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents, process
from toolkit.docker.case import DockerCase
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError, NotRunError, ToolkitError
from toolkit.model import Progress
from toolkit.nix import evaluator, limits, program
from toolkit.parallel import side_by_side
from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "evaluate.nix"
DOCUMENT = "evaluation"

Document = dict[str, dict[str, dict[str, Any]]]
"""The answer of evaluate.nix: stage → release → facts, or { error }."""


class Facts(Struct, frozen=True, kw_only=True):
    """One release on one system. Derivations are drvPaths; a component is None if docker has none.

    `attributes` are those of the derivations `docker` and `moby`; `flags` maps values of boolean parameters, "name =
    true, …", to what they make of docker.
    """

    docker: str
    client: str | None
    components: dict[str, str | None]
    attributes: dict[str, dict[str, str]]
    flags: dict[str, Facts] = {}

    @property
    def has_daemon(self) -> bool:
        """Return whether the release contains the daemon, not only the client."""
        return any(path is not None for path in self.components.values())

    def derivations(self) -> Iterator[tuple[str, str]]:
        """Yield name and drvPath of the package, its client form, and each of its components."""
        found = {"docker": self.docker, "client": self.client, **self.components}
        yield from ((name, path) for name, path in found.items() if path is not None)


ByRelease = dict[tuple[str, str], Facts]
"""System label and release → facts."""


class Evaluation(Struct, frozen=True, kw_only=True):
    """The facts about each stage, by its name.

    `unevaluated` are system and release if the unchanged file throws. `systems` are those on which it does not evaluate
    at all, each with Nix's reason; no stage has them. Nor has any stage those that are `limited`: system and release
    that exceed a limit, and the limit.
    """

    stages: Mapping[str, ByRelease]
    unevaluated: tuple[tuple[str, str], ...] = ()
    systems: tuple[tuple[str, str], ...] = ()
    limited: tuple[tuple[str, str, str], ...] = ()

    def __getitem__(self, stage: str) -> ByRelease:
        """Return the facts of a stage."""
        return self.stages[stage]


class Asked(Struct, frozen=True, kw_only=True):
    """The stages `sides` of the case `question` in the nixpkgs at `tree`.

    `otherwise` is advice for a tree that evaluates none. `releases` are those of the unchanged file, `only` the ones to
    evaluate, None for all; `flags` are parameters that may be booleans. `systems` are label, build and host of each
    pair. `memory` (MiB) and `timeout` (seconds) bound each process; `jobs` run at a time, and end at a common limit if
    they run `together` with others.
    """

    tree: Path
    place: str
    otherwise: str
    question: Path
    sides: tuple[str, ...]
    releases: tuple[str, ...]
    only: tuple[str, ...] | None = None
    flags: tuple[str, ...]
    systems: tuple[tuple[str, str, str], ...]
    jobs: int
    together: bool
    memory: int | None
    timeout: float | None
    progress: Progress


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
def outcome(asked: Asked) -> Evaluation | ToolkitError:
    """Return Nix's answer or its error, the same for all proofs."""
    try:
        with process.ending_together():
            parts = side_by_side(partial(_part, asked), asked.systems, jobs=asked.jobs)
        return _evaluation(asked, parts)
    except ToolkitError as error:
        return error


def commands(case: DockerCase) -> tuple[str, ...]:
    """Return the shell commands that evaluate all stages, one for each system."""
    asked = _asked(case)
    return tuple(command(asked, system, asked.sides, asked.flags).line for system in asked.systems)


def _asked(case: DockerCase) -> Asked:
    ground = case.ground
    return Asked(
        tree=ground.tree.root,
        place=ground.place,
        otherwise=ground.otherwise,
        question=case.question,
        sides=tuple(stage.name for stage in case.stages),
        releases=tuple(release.attr for release in case.before.file.releases()),
        flags=case.before.file.switches(),
        systems=ground.systems,
        jobs=ground.jobs,
        together=case.bounded,
        memory=ground.memory,
        timeout=ground.depth.timeout,
        progress=ground.progress,
    )


class _Part(Struct, frozen=True, kw_only=True):
    """The answer on one system; `failed` if the unchanged file ends Nix, `limited` are releases at a limit."""

    document: Document = {}
    failed: CommandError | None = None
    limited: tuple[tuple[str, str, str], ...] = ()


def _part(asked: Asked, system: tuple[str, str, str]) -> _Part:
    label, _, _ = system
    asked.progress.step(f"evaluating docker in {asked.place} ({label})")
    try:
        return _Part(document=_ask(asked, system, asked.sides, asked.flags))
    except CommandError as error:
        if error.status < 0 and asked.together:
            raise
    # Nix can catch a throw, and no other error: all that is left to do is to look for the one who makes it.
    try:
        _ask(asked, system, asked.sides[:1])
    except CommandError as first:
        return _Part(failed=first)
    limited: list[tuple[str, str, str]] = []
    try:
        document = _ask(asked, system, asked.sides)
    except CommandError as later:
        if not program.reached_limit(later):
            raise
        document = _release_by_release(asked, system, limited)
        asked = replace(asked, only=tuple(document[asked.sides[0]]))
    for answer in _flags_one_by_one(asked, system):
        for side, releases in answer.items():
            document[side].update(releases)
    return _Part(document=document, limited=tuple(limited))


def _release_by_release(asked: Asked, system: tuple[str, str, str], limited: list[tuple[str, str, str]]) -> Document:
    """Ask for each release on its own: one that ends at a limit, added to `limited`, keeps no other from an answer."""
    document: Document = {side: {} for side in asked.sides}
    for release in asked.releases:
        try:
            answer = _ask(replace(asked, timeout=limits.seconds(), only=(release,)), system, asked.sides)
        except CommandError as error:
            if not program.reached_limit(error):
                raise
            limited.append((system[0], release, program.at_limit(error)))
        else:
            for side in asked.sides:
                document[side].update(answer[side])
    return document


def _flags_one_by_one(asked: Asked, system: tuple[str, str, str]) -> Iterator[Document]:
    """Yield the answers about the flags, except flags that the unchanged file shows not to be booleans.

    A later stage at which a flag ends the evaluator has no answer.
    """
    flags: list[str] = []
    for flag in asked.flags:
        with suppress(CommandError):
            _ask(asked, system, asked.sides[:1], (flag,))
            flags.append(flag)
    try:
        yield _ask(asked, system, asked.sides, flags)
    except CommandError:
        for side in asked.sides:
            with suppress(CommandError):
                yield _ask(asked, system, (side,), flags)


def _ask(asked: Asked, system: tuple[str, str, str], sides: Sequence[str], flags: Sequence[str] = ()) -> Document:
    answer = documents.convert(evaluator.answer(command(asked, system, sides, flags)), Document, document=DOCUMENT)
    if missing := [side for side in sides if side not in answer]:
        raise ToolkitError(f"{DOCUMENT}: field '{missing[0]}' is missing")
    return answer


def command(
    asked: Asked, system: tuple[str, str, str], sides: Sequence[str], flags: Sequence[str] = (), *, loud: bool = False
) -> Command:
    """Return the command that evaluates some stages on a system; if `loud`, a release that throws ends it."""
    label, build, host = system
    arguments = {
        "case": str(asked.question),
        "tree": str(asked.tree),
        "build": build,
        "host": host,
        "sides": json.dumps(sides),
        "flags": json.dumps(flags),
        # How the wrapper depends on them is up to the function that makes all releases.
        "examples": "4" if label == asked.systems[0][0] else "1",
        **({"releases": json.dumps(asked.only)} if asked.only is not None else {}),
        **({"loud": "yes"} if loud else {}),
    }
    bounded = limits.bounded(evaluator.evaluate_command(EXPRESSION, arguments), asked.memory)
    return replace(bounded, timeout=asked.timeout or bounded.timeout)


def _thrown(asked: Asked, label: str) -> str:
    """Return the error of a release that throws; builtins.tryEval does not give the message."""
    system = next(each for each in asked.systems if each[0] == label)
    try:
        evaluator.answer(command(asked, system, asked.sides[:1], loud=True))
    except CommandError as error:
        return program.reason(error)
    return "its releases throw"


def _evaluation(asked: Asked, parts: Sequence[_Part]) -> Evaluation:
    labels = [label for label, _, _ in asked.systems]
    by_label = dict(zip(labels, parts, strict=True))
    failed = tuple((label, program.reason(part.failed)) for label, part in by_label.items() if part.failed is not None)
    limited = tuple(sorted(each for part in parts for each in part.limited))
    first = asked.sides[0]
    stages: dict[str, ByRelease] = {}
    unevaluated: list[tuple[str, str]] = []
    for stage in asked.sides:
        found: ByRelease = {}
        for label, part in by_label.items():
            for release, record in part.document.get(stage, {}).items():
                key = (label, release)
                if stage == first and "error" in record:
                    unevaluated.append(key)
                elif key not in unevaluated:
                    found[key] = _facts(record, f"{stage}, {label}, {release}")
        stages[stage] = found
    if limited and not stages[first]:
        raise NotRunError(f"{limited[0][1]} on {limited[0][0]}: {limited[0][2]}", limited=True)
    if (unevaluated or failed) and not any(each.has_daemon for each in stages[first].values()):
        reason = failed[0][1] if failed else _thrown(asked, unevaluated[0][0])
        raise NotRunError(f"the file cannot be evaluated with {asked.place}: {reason}; {asked.otherwise}")
    result = Evaluation(stages=stages, unevaluated=tuple(unevaluated), systems=failed, limited=limited)
    _require_complete(asked, result)
    return result


def _facts(record: dict[str, Any], where: str) -> Facts:
    """Read one release; raise ToolkitError if it throws."""
    if "error" in record:
        raise ToolkitError(f"{DOCUMENT}: {where}: {record['error']}")
    return documents.convert(record, Facts, document=f"{DOCUMENT}: {where}")


def _require_complete(asked: Asked, evaluation: Evaluation) -> None:
    """Raise ToolkitError unless every stage has every release of the file, and no other, on every system."""
    if not asked.releases:
        raise ToolkitError(f"{DOCUMENT}: the file exports no docker release")
    failed = {label for label, _ in evaluation.systems}
    labels = [label for label, _, _ in asked.systems if label not in failed]
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
