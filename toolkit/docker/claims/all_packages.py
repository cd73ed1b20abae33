"""Every package of a nixpkgs with its derivation, evaluated within a bound of memory, once for a tree and system.

With nix-eval-jobs where it is installed. Else in chunks of attributes, each in a process of its own, whose end gives
all memory back. Nix says of each attribute when it begins and what it is: an error that cannot be caught costs one
more process, which goes on behind the attribute that made it.
"""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

from toolkit import limits, nix, process
from toolkit.cache import default_cache
from toolkit.docker.claims.record import Record
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix import stores
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from toolkit.model import Depth, Progress
    from toolkit.process import Command
    from toolkit.sources.trees import Tree

EXPRESSION = EXPRESSIONS / "all-packages.nix"
JOBS = EXPRESSION.with_name("all-jobs.nix")
KIND = "evaluations"
THROWS, SKIPPED = "throws", "skipped"

_DOCUMENT = "packages.json"
_PROGRAM = "nix-eval-jobs"

# What packages have in common is evaluated once in each process.
_EACH_MIB = 4096
# So many attributes of a set like nixpkgs take about so much memory together.
_MIB_PER_NAME = 4
_LEAST_NAMES = 25
# They are one argument of a program, which Linux limits to 128 KiB.
_MOST_NAMES = 1000

_MARK = "trace: @"
_KEEP_SECONDS = 60.0

AttrPath = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """All of a package set: dotted attribute path → drvPath; the paths that throw; how many are no packages.

    `roots` are the attribute paths of what throws. `partial` says what could not be evaluated for another reason than
    the expression: memory, time, a signal.
    """

    derivations: dict[str, str]
    failed: tuple[str, ...]
    skipped: int
    roots: tuple[AttrPath, ...] = ()
    partial: tuple[str, ...] = ()

    def counts(self) -> str:
        """Return the counts for people."""
        return f"{len(self.derivations)} evaluated, {len(self.failed)} failed, {self.skipped} skipped"


def evaluate(  # noqa: PLR0913 - a tree, what of it, how, and who is told
    tree: Tree,
    system: str,
    depth: Depth,
    *,
    progress: Progress,
    what: str,
    paths: Sequence[AttrPath] | None = None,
) -> Packages:
    """Return all packages of a tree, or what is at and below `paths`.

    All is kept in the cache, under all that it depends on, even where it is only a part: the next run goes on there.
    `what` names the tree in the progress.
    """
    if paths is not None:
        return _Chunks(tree=tree, system=system, depth=depth, progress=progress, what=what).run(paths)
    inputs = {
        "tree": tree.key,
        "system": system,
        "nix": str(nix.version()),
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
        text = json.dumps({"inputs": inputs, "answers": named, "count": len(named)})
        cache.replace(KIND, key, make=lambda directory: _write(directory / _DOCUMENT, text))

    cache.find(KIND, key, check=check)
    if process.find(_PROGRAM) is not None:
        if kept:
            progress.step(f"{what}: all packages were evaluated in an earlier run")
            return packages(kept)
        found = _by_jobs(tree, system, depth, progress, what)
        keep(found)
        return packages(found)
    chunks = _Chunks(tree=tree, system=system, depth=depth, progress=progress, what=what, answers=dict(kept), keep=keep)
    return chunks.run(None)


def packages(answers: Mapping[AttrPath, str], *, partial: Sequence[str] = ()) -> Packages:
    """Return what answers by attribute path come to."""
    dotted = {".".join(path): answer for path, answer in sorted(answers.items())}
    return Packages(
        derivations={name: answer for name, answer in dotted.items() if answer not in {THROWS, SKIPPED}},
        failed=tuple(name for name, answer in dotted.items() if answer == THROWS),
        skipped=sum(answer == SKIPPED for answer in dotted.values()),
        roots=tuple(path for path, answer in sorted(answers.items()) if answer == THROWS),
        partial=tuple(partial),
    )


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _read(path: Path, inputs: dict[str, str]) -> dict[AttrPath, str]:
    """Return what is in the cache, nothing where it is of another input, or was cut off."""
    try:
        record = Record(json.loads(path.read_bytes()), document=str(path))
        said = record.record("inputs")
        if {name: said.text(name) for name in said.names()} != inputs:
            return {}
        named = record.record("answers")
        found = {tuple(map(str, json.loads(path))): named.text(path) for path in named.names()}
        return found if record.integer("count") == len(found) else {}
    except (OSError, ValueError, TypeError, ToolkitError):
        return {}


def jobs_command(tree: Tree, system: str, depth: Depth) -> Command:
    """Return the nix-eval-jobs that evaluates all packages."""
    workers = limits.jobs(depth.max_memory)
    each = depth.max_memory // workers if depth.max_memory is not None else limits.EVALUATION_MIB
    argv = (
        _PROGRAM,
        "--workers",
        str(workers),
        "--max-memory-size",
        str(each),
        str(JOBS),
        "--argstr",
        "tree",
        str(tree.root),
        "--argstr",
        "system",
        system,
    )
    return process.Command(argv=argv, env=stores.environment(), ok=(0,))


def from_jobs(lines: Iterable[str]) -> dict[AttrPath, str]:
    """Read what nix-eval-jobs prints: an object a line, with `attrPath` and either `drvPath` or `error`.

    Raise ToolkitError for anything else. What is no package it passes over in silence.
    """
    answers: dict[AttrPath, str] = {}
    for number, line in enumerate(lines, start=1):
        try:
            record = Record(json.loads(line), document=f"{_PROGRAM}: line {number}")
        except ValueError as error:
            raise ToolkitError(f"{_PROGRAM}: line {number} is no JSON: {error}") from error
        path = record.texts("attrPath")
        answers[path] = record.text("drvPath") if "drvPath" in record else THROWS
        if answers[path] == THROWS:
            record.text("error")
    return answers


def _by_jobs(tree: Tree, system: str, depth: Depth, progress: Progress, what: str) -> dict[AttrPath, str]:
    progress.step(f"{what}: evaluating all packages with {_PROGRAM}")
    command = jobs_command(tree, system, depth)
    return from_jobs(process.run(command.argv, env=command.env, timeout=depth.timeout).text.splitlines())


@dataclass(slots=True, kw_only=True)
class _Said:
    """What one process has said on its way: answers, sets with the names in them, and what has begun last."""

    answers: dict[AttrPath, str] = field(default_factory=dict[AttrPath, str])
    sets: dict[AttrPath, list[AttrPath]] = field(default_factory=dict[AttrPath, list[AttrPath]])
    begun: list[AttrPath] = field(default_factory=list[AttrPath])

    def hear(self, line: str) -> None:
        """Take a line of stderr; what is none of ours is passed over."""
        if not line.startswith(_MARK):
            return
        names, *rest = json.loads(line.removeprefix(_MARK))
        path = tuple(names)
        match rest:
            case []:
                self.begun.append(path)
            case [str(answer)]:
                self.answers[path] = answer
            case _:
                self.sets[path] = [(*path, name) for name in rest[0]]

    def left(self, path: AttrPath) -> list[AttrPath]:
        """Return what has no answer at and below a path."""
        if path in self.sets:
            return [below for child in self.sets[path] for below in self.left(child)]
        return [] if path in self.answers else [path]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunks:
    """One evaluation in chunks; `keep` is given all answers from time to time."""

    tree: Tree
    system: str
    depth: Depth
    progress: Progress
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
            self.progress.step(f"{self.what}: all packages were evaluated in an earlier run")
        waiting = self._split(left)
        began = kept = time.monotonic()
        with ThreadPoolExecutor(max_workers=workers) as pool, process.ending_together():
            running: dict[Future[Sequence[AttrPath]], Sequence[AttrPath]] = {}
            try:
                while waiting or running:
                    while waiting and len(running) < workers:
                        chunk = waiting.pop(0)
                        running[pool.submit(copy_context().run, self._evaluate, chunk)] = chunk
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        chunk = running.pop(future)
                        rest = future.result()
                        waiting[:0] = [rest] if rest else []
                    undone = sum(len(part) for part in (*waiting, *running.values()))
                    self.progress.step(self._told(len(wanted), min(undone, len(left)), len(left), began))
                    if time.monotonic() - kept > _KEEP_SECONDS:
                        kept = time.monotonic()
                        self._keep([*waiting, *running.values()])
            except BaseException:
                self._keep([*waiting, *running.values()])
                raise
        self._keep([])
        return packages(self.answers, partial=self.partial)

    def _told(self, total: int, undone: int, started: int, began: float) -> str:
        """Return how far it is, and how long it will take at this rate."""
        told = f"{self.what}: {total - undone} of {total} attributes"
        if undone and started > undone:
            minutes = (time.monotonic() - began) / (started - undone) * undone / 60
            told += f", {max(1, round(minutes))} more minutes"
        return told

    def _keep(self, unfinished: Sequence[Sequence[AttrPath]]) -> None:
        """Keep what is known of all attributes that are done, each as a whole."""
        if self.keep is None or self.partial or not self.answers:
            return
        open_still = {path[0] for part in unfinished for path in part}
        self.keep({path: answer for path, answer in self.answers.items() if path[0] not in open_still})

    def _split(self, paths: Sequence[AttrPath]) -> list[Sequence[AttrPath]]:
        """Return chunks, each a sample of all, so that the first tells how long the others take."""
        size = min(_MOST_NAMES, max(_LEAST_NAMES, self._memory() // _MIB_PER_NAME))
        count = -(-len(paths) // size)
        return [paths[first::count] for first in range(count)]

    def _evaluate(self, chunk: Sequence[AttrPath]) -> Sequence[AttrPath]:
        """Keep the answers of a chunk, and return what is left where Nix did not come to its end."""
        said = _Said()
        command = replace(self._command("chunk", chunk), on_stderr=said.hear)
        try:
            done = process.execute(command)
            failure = None if done.status == 0 else CommandError(done.argv, status=done.status, stderr=done.stderr)
        except CommandError as error:
            failure = error
        with _ANSWERS:
            self.answers.update(said.answers)
        left = [below for path in chunk for below in said.left(path)]
        if failure is None:
            return ()
        if not said.begun:
            raise ToolkitError(f"{self.what}: the package set does not evaluate: {nix.reason(failure)}")
        reason, last = nix.reason(failure), said.begun[-1]
        if failure.status != 1 or "memory" in reason:
            # Without the others it may be enough.
            if said.begun[0] != last:
                return left
            self.partial.append(f"{'.'.join(last)}: {reason}")
        else:
            # An error that tryEval does not catch, such as a missing attribute.
            with _ANSWERS:
                self.answers[last] = THROWS
        return [path for path in left if path != last]

    def _names(self) -> tuple[str, ...]:
        command = self._command("names", [])
        done = process.run(command.argv, env=command.env, ok=None, timeout=self.depth.timeout)
        if done.status != 0:
            said = nix.reason(CommandError(done.argv, status=done.status, stderr=done.stderr))
            raise ToolkitError(f"{self.what}: the package set has no names: {said}")
        return Record({"names": json.loads(done.stdout)}, document=self.what).texts("names")

    def _command(self, attribute: str, paths: Sequence[AttrPath]) -> Command:
        arguments = {"tree": str(self.tree.root), "system": self.system, "paths": json.dumps(paths)}
        asked = nix.evaluate_command(EXPRESSION, arguments, attribute=attribute)
        return replace(limits.bounded(asked, self._memory()), ok=None, timeout=self.depth.timeout)

    def _workers(self) -> int:
        return limits.jobs(self.depth.max_memory, each=_EACH_MIB)

    def _memory(self) -> int:
        most = self.depth.max_memory
        return most // self._workers() if most is not None else _EACH_MIB


_ANSWERS = Lock()
