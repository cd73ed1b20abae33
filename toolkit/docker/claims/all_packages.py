"""Every package of a nixpkgs with its derivation, evaluated within a bound of memory, once for a tree and system.

With nix-eval-jobs where it is installed. Else in chunks of attributes, each in a process of its own, whose end gives
all memory back. Nix says of each attribute when it begins and what it is: a process that is killed costs one more,
which goes on behind the attribute that it was at.
"""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from threading import Lock
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import documents, process
from toolkit.cache import default_cache
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix import evaluator, limits, program, stores
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from toolkit.docker.case import Deep
    from toolkit.process import Command
    from toolkit.sources.trees import NixpkgsTree

EXPRESSION = EXPRESSIONS / "all-packages.nix"
JOBS = EXPRESSION.with_name("all-jobs.nix")
KIND = "evaluations"
THROWS, SKIPPED, ENDS = "throws", "skipped", "ends"
"""What is no derivation: it throws, is no package, or ends its evaluation by an error that nothing catches."""

_DOCUMENT = "packages.json"
_PROGRAM = "nix-eval-jobs"
_ABORTED = "evaluation aborted with the following error message"

# What packages have in common is evaluated once in each process.
_EACH_MIB = 4096
# So many attributes of a set like nixpkgs take about so much memory together.
_MIB_PER_NAME = 4
_LEAST_NAMES = 25
# They are one argument of a program, which Linux limits to 128 KiB.
_MOST_NAMES = 1000

_MARK = "trace: @"
_KEEP_SECONDS = 60.0
_TELL_SECONDS = 5.0
_LONG_MINUTES = 10

AttrPath = tuple[str, ...]


class _Kept(Struct, frozen=True, kw_only=True):
    """What the cache has of an evaluation: what that depends on, and how many `answers` by attribute path, in JSON."""

    inputs: dict[str, str]
    answers: dict[str, str]
    count: int


class Packages(Struct, frozen=True, kw_only=True):
    """All of a package set: dotted attribute path → drvPath; the paths that fail; how many are no packages.

    `roots` are the attribute paths of those that fail by an error that nothing catches. `partial` names what could not
    be evaluated for another reason than the expression: memory, time, a signal.
    """

    derivations: dict[str, str]
    failed: tuple[str, ...]
    skipped: int
    roots: tuple[AttrPath, ...] = ()
    partial: tuple[str, ...] = ()

    def counts(self) -> str:
        """Return the counts for people."""
        return f"{len(self.derivations)} evaluated, {len(self.failed)} failed, {self.skipped} skipped"

    def with_roots(self, rest: Packages) -> Packages:
        """Return these packages with what `rest` has at the roots."""
        replaced = {".".join(path) for path in self.roots}
        return Packages(
            derivations={**self.derivations, **rest.derivations},
            failed=(*(name for name in self.failed if name not in replaced), *rest.failed),
            skipped=self.skipped + rest.skipped,
            partial=(*self.partial, *rest.partial),
        )


def evaluate(
    tree: NixpkgsTree, system: str, work: Deep, *, what: str, paths: Sequence[AttrPath] | None = None
) -> Packages:
    """Return all packages of a tree, or what is at and below `paths`.

    All is kept in the cache, under all that it depends on, even where it is only a part: the next run goes on there.
    `what` names the tree in the progress.
    """
    if paths is not None:
        return _Chunks(tree=tree, system=system, work=work, what=what).run(paths)
    inputs = {
        "tree": tree.key,
        "system": system,
        "nix": str(program.version()),
        "expression": hashlib.sha256(EXPRESSION.read_bytes()).hexdigest(),
        "by": _PROGRAM if process.find(_PROGRAM) else "chunks",
    }
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    cache = default_cache()
    kept: dict[AttrPath, str] = {}

    def check(directory: Path) -> bool:
        kept.clear()
        kept.update(_read(directory / _DOCUMENT, inputs))
        return bool(kept)

    def keep(answers: Mapping[AttrPath, str]) -> None:
        named = {json.dumps(path): answer for path, answer in answers.items()}
        content = documents.write(_Kept(inputs=inputs, answers=named, count=len(named)))
        cache.replace(KIND, key, make=lambda directory: (directory / _DOCUMENT).write_bytes(content))

    cache.find(KIND, key, check=check)
    if process.find(_PROGRAM) is not None:
        if kept:
            work.progress.step(f"{what}: all packages were evaluated in an earlier run")
            return packages(kept)
        work.progress.step(f"{what}: evaluating all packages with {_PROGRAM}")
        command = jobs_command(tree, system, work)
        found = from_jobs(process.execute(command).text.splitlines())
        keep(found)
        return packages(found)
    chunks = _Chunks(tree=tree, system=system, work=work, what=what, answers=dict(kept), keep=keep)
    return chunks.run(None)


def packages(answers: Mapping[AttrPath, str], *, partial: Sequence[str] = ()) -> Packages:
    """Return what answers by attribute path come to."""
    dotted = {".".join(path): answer for path, answer in sorted(answers.items())}
    return Packages(
        derivations={name: answer for name, answer in dotted.items() if answer not in {THROWS, SKIPPED, ENDS}},
        failed=tuple(name for name, answer in dotted.items() if answer in {THROWS, ENDS}),
        skipped=sum(answer == SKIPPED for answer in dotted.values()),
        roots=tuple(path for path, answer in sorted(answers.items()) if answer == ENDS),
        partial=tuple(partial),
    )


def _read(path: Path, inputs: dict[str, str]) -> dict[AttrPath, str]:
    """Return what is in the cache, nothing where it is of another input, or was cut off."""
    try:
        kept = documents.read(path.read_bytes(), _Kept, document=str(path))
        found = {documents.read(at, AttrPath, document=str(path)): answer for at, answer in kept.answers.items()}
    except (OSError, ToolkitError):
        return {}
    return found if kept.inputs == inputs and kept.count == len(found) else {}


def jobs_command(tree: NixpkgsTree, system: str, work: Deep) -> Command:
    """Return the nix-eval-jobs that evaluates all packages."""
    bounds = ("--workers", str(work.jobs), "--max-memory-size", str(work.memory or limits.EVALUATION_MIB))
    asked = (str(JOBS), "--argstr", "tree", str(tree.root), "--argstr", "system", system)
    command = process.Command(argv=(_PROGRAM, *bounds, *asked), env=stores.environment())
    return replace(limits.restrict(command, JOBS.parent, tree.root), timeout=work.depth.timeout)


def from_jobs(lines: Iterable[str]) -> dict[AttrPath, str]:
    """Read what nix-eval-jobs prints: an object a line, with `attrPath` and either `drvPath` or `error`.

    Raise ToolkitError for anything else. What is no package it passes over in silence.
    """
    answers: dict[AttrPath, str] = {}
    for number, line in enumerate(lines, start=1):
        document = f"{_PROGRAM}: line {number}"
        match documents.read(line, dict[str, Any], document=document):
            case {"attrPath": path, "drvPath": str(derivation)}:
                answers[tuple(path)] = derivation
            case {"attrPath": path, "error": str(error)}:
                answers[tuple(path)] = ENDS if _ABORTED in error else THROWS
            case _:
                raise ToolkitError(f"{document}: has neither 'drvPath' nor 'error', or no 'attrPath'")
    return answers


class _Said(Struct, kw_only=True):
    """What one process has said on its way: answers, and sets with the names in them.

    A path of its `chunk` is `settled` as soon as the process has gone on to the next; `begun` is what has begun since.
    """

    chunk: Mapping[AttrPath, None]
    answers: dict[AttrPath, str] = field(default_factory=dict[AttrPath, str])
    sets: dict[AttrPath, list[AttrPath]] = field(default_factory=dict[AttrPath, list[AttrPath]])
    begun: list[AttrPath] = field(default_factory=list[AttrPath])
    settled: set[AttrPath] = field(default_factory=set[AttrPath])

    def hear(self, line: str) -> None:
        """Take a line of stderr; what is none of ours is passed over."""
        if not line.startswith(_MARK):
            return
        names, *rest = json.loads(line.removeprefix(_MARK))
        path = tuple(names)
        match rest:
            case []:
                if path in self.chunk:
                    self.settle()
                self.begun.append(path)
            case [str(answer)]:
                self.answers[path] = answer
            case _:
                self.sets[path] = [(*path, name) for name in rest[0]]

    def settle(self) -> None:
        """Take what has begun and has no answer for what ends its evaluation."""
        self.answers.update((path, ENDS) for path in self.begun if path not in self.answers and path not in self.sets)
        self.settled.update(self.begun[:1])
        self.begun.clear()

    def left(self, path: AttrPath) -> list[AttrPath]:
        """Return what has no answer at and below a path."""
        if path in self.sets:
            return [below for child in self.sets[path] for below in self.left(child)]
        return [] if path in self.answers else [path]


class _Chunks(Struct, frozen=True, kw_only=True):
    """One evaluation in chunks; `keep` is given all answers from time to time."""

    tree: NixpkgsTree
    system: str
    work: Deep
    what: str
    answers: dict[AttrPath, str] = field(default_factory=dict[AttrPath, str])
    partial: list[str] = field(default_factory=list[str])
    keep: Callable[[Mapping[AttrPath, str]], None] | None = None

    def run(self, paths: Sequence[AttrPath] | None) -> Packages:
        workers = self._workers()
        known = {path[0] for path in self.answers}
        wanted = list(paths) if paths is not None else [(name,) for name in self._names()]
        left = [path for path in wanted if path[0] not in known]
        if not left:
            self.work.progress.step(f"{self.what}: all packages were evaluated in an earlier run")
        waiting = self._split(left)
        began = kept = time.monotonic()
        with ThreadPoolExecutor(max_workers=workers) as pool, process.ending_together():
            running: dict[Future[Sequence[AttrPath]], _Said] = {}
            try:
                while waiting or running:
                    while waiting and len(running) < workers:
                        said = _Said(chunk=dict.fromkeys(waiting.pop(0)))
                        running[pool.submit(copy_context().run, self._evaluate, said)] = said
                    finished, _ = wait(running, timeout=_TELL_SECONDS, return_when=FIRST_COMPLETED)
                    for future in finished:
                        del running[future]
                        waiting[:0] = self._split(future.result())
                    undone = sum(map(len, waiting)) + sum(
                        len(said.chunk) - len(said.settled) for said in running.values()
                    )
                    self.work.progress.step(self._told(len(wanted), min(undone, len(left)), len(left), began))
                    if time.monotonic() - kept > _KEEP_SECONDS:
                        kept = time.monotonic()
                        self._keep(waiting, running.values())
            except BaseException:
                self._keep(waiting, running.values())
                raise
        self._keep([], [])
        return packages(self.answers, partial=self.partial)

    def _told(self, total: int, undone: int, started: int, began: float) -> str:
        """Return how far it is, and how long it will take at this rate."""
        told = f"{self.what}: {total - undone} of {total} attributes"
        if undone and started > undone:
            minutes = max(1, round((time.monotonic() - began) / (started - undone) * undone / 60))
            told += f", {minutes} more minute{'s' if minutes > 1 else ''}"
            if minutes > _LONG_MINUTES:
                told += (
                    "; what is done is kept if you interrupt it, and without --reverse-dependencies it takes seconds"
                )
        return told

    def _keep(self, waiting: Iterable[Sequence[AttrPath]], running: Iterable[_Said]) -> None:
        """Keep what is known of all attributes that are done, each as a whole."""
        if self.keep is None or self.partial:
            return
        known = dict(self.answers)
        unfinished = {path[0] for chunk in waiting for path in chunk}
        for said in running:
            settled = set(said.settled)
            unfinished |= {path[0] for path in said.chunk if path not in settled}
            known |= dict(said.answers)
        if kept := {path: answer for path, answer in known.items() if path[0] not in unfinished}:
            self.keep(kept)

    def _split(self, paths: Sequence[AttrPath]) -> list[Sequence[AttrPath]]:
        """Return chunks, each a sample of all, so that the first tells how long the others take."""
        size = min(_MOST_NAMES, max(_LEAST_NAMES, self._memory() // _MIB_PER_NAME))
        count = -(-len(paths) // size)
        return [paths[first::count] for first in range(count)]

    def _evaluate(self, said: _Said) -> Sequence[AttrPath]:
        """Keep the answers of a chunk, and return the rest if Nix did not come to its end."""
        try:
            process.execute(replace(self._command("chunk", [*said.chunk]), on_stderr=said.hear))
        except CommandError as error:
            if not said.begun:
                raise ToolkitError(
                    f"{self.what}: the package set does not evaluate: {program.reason(error)}"
                ) from error
            last = said.begun.pop()
            if not (said.begun or said.settled):
                # It is not enough without the others either.
                self.partial.append(f"{'.'.join(last)}: {program.reason(error)}")
                said.sets[last] = []
        said.settle()
        with _ANSWERS:
            self.answers.update(said.answers)
        return [below for path in said.chunk for below in said.left(path)]

    def _names(self) -> tuple[str, ...]:
        try:
            done = process.execute(self._command("names", []))
        except CommandError as error:
            raise ToolkitError(f"{self.what}: the package set has no names: {program.reason(error)}") from error
        return documents.read(done.stdout, AttrPath, document=self.what)

    def _command(self, attribute: str, paths: Sequence[AttrPath]) -> Command:
        arguments = {"tree": str(self.tree.root), "system": self.system, "paths": json.dumps(paths)}
        make = evaluator.walk_command if attribute == "chunk" else evaluator.evaluate_command
        asked = make(EXPRESSION, arguments, attribute=attribute)
        return replace(limits.bounded(asked, self._memory()), timeout=self.work.depth.timeout)

    def _workers(self) -> int:
        return limits.jobs(self.work.depth.max_memory, each=_EACH_MIB)

    def _memory(self) -> int:
        most = self.work.depth.max_memory
        return most // self._workers() if most is not None else _EACH_MIB


_ANSWERS = Lock()
