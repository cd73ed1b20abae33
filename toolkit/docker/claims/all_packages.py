"""Every package of a nixpkgs with its derivation, evaluated within a bound of memory, once for a tree and system.

With nix-eval-jobs where it is installed. Else in chunks of attributes, each in a process of its own, whose end gives
all memory back; a chunk that fails is halved until the attribute that fails is known.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolkit import limits, nix, process
from toolkit.cache import default_cache
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix import stores
from toolkit.record import Record
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from toolkit.model import Depth, Progress
    from toolkit.process import Command, Completed
    from toolkit.sources.trees import Tree

EXPRESSION = EXPRESSIONS / "all-packages.nix"
JOBS = EXPRESSION.with_name("all-jobs.nix")
KIND = "evaluations"
THROWS, SKIPPED = "throws", "skipped"

_DOCUMENT = "packages.json"
_PROGRAM = "nix-eval-jobs"

# So many attributes of a set like nixpkgs take about so much memory together.
_MIB_PER_NAME = 4
_LEAST_NAMES = 25
# They are one argument of a program, which Linux limits to 128 KiB.
_MOST_NAMES = 1000

AttrPath = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """All of a package set: dotted attribute path → drvPath; the paths that throw; how many are no packages.

    `partial` says what could not be evaluated for another reason than the expression: memory, time, a signal.
    """

    derivations: dict[str, str]
    failed: tuple[str, ...]
    skipped: int
    partial: tuple[str, ...] = ()

    def counts(self) -> str:
        """Return the counts for people."""
        return f"{len(self.derivations)} evaluated, {len(self.failed)} failed, {self.skipped} skipped"


def evaluate(tree: Tree, system: str, depth: Depth, *, progress: Progress, what: str) -> Packages:
    """Return all packages of a tree; what is complete is kept in the cache, under all that it depends on.

    `what` names the tree in the progress.
    """
    inputs = {
        "tree": tree.key,
        "system": system,
        "nix": str(nix.version()),
        "expression": hashlib.sha256(EXPRESSION.read_bytes()).hexdigest(),
        "by": _PROGRAM if process.find(_PROGRAM) else "chunks",
    }
    key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    cache = default_cache()
    kept: list[Packages] = []

    def check(directory: Path) -> bool:
        kept[:] = _read(directory / _DOCUMENT, inputs)
        return bool(kept)

    if cache.find(KIND, key, check=check) is not None:
        progress.step(f"{what}: all packages are known from before")
        return kept[0]
    if process.find(_PROGRAM) is not None:
        found = _by_jobs(tree, system, depth, progress, what)
    else:
        found = _Chunks(tree=tree, system=system, depth=depth, progress=progress, what=what).run()
    if not found.partial and found.derivations:
        text = json.dumps(
            {
                "inputs": inputs,
                "derivations": found.derivations,
                "failed": found.failed,
                "skipped": found.skipped,
                "count": len(found.derivations),
            }
        )
        cache.replace(KIND, key, make=lambda directory: _write(directory / _DOCUMENT, text))
    return found


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _read(path: Path, inputs: dict[str, str]) -> list[Packages]:
    """Return what is in the cache, nothing where it is of another input, or not whole."""
    try:
        record = Record(json.loads(path.read_bytes()), document=str(path))
        said, derivations = record.record("inputs"), record.record("derivations")
        found = Packages(
            derivations={name: derivations.text(name) for name in derivations.names()},
            failed=record.texts("failed"),
            skipped=record.integer("skipped"),
        )
        same = {name: said.text(name) for name in said.names()} == inputs
        return [found] if same and record.integer("count") == len(found.derivations) else []
    except (OSError, ValueError, ToolkitError):
        return []


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


def from_jobs(lines: Iterable[str]) -> Packages:
    """Read what nix-eval-jobs prints: an object a line, with `attrPath` and either `drvPath` or `error`.

    Raise ToolkitError for anything else. What is no package it passes over in silence.
    """
    derivations: dict[str, str] = {}
    failed: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            record = Record(json.loads(line), document=f"{_PROGRAM}: line {number}")
        except ValueError as error:
            raise ToolkitError(f"{_PROGRAM}: line {number} is not JSON: {error}") from error
        name = ".".join(record.texts("attrPath"))
        if "drvPath" in record:
            derivations[name] = record.text("drvPath")
        else:
            record.text("error")
            failed.append(name)
    return Packages(derivations=derivations, failed=tuple(sorted(failed)), skipped=0)


def _by_jobs(tree: Tree, system: str, depth: Depth, progress: Progress, what: str) -> Packages:
    progress.step(f"{what}: evaluating all packages with {_PROGRAM}")
    command = jobs_command(tree, system, depth)
    return from_jobs(process.run(command.argv, env=command.env, timeout=depth.timeout).text.splitlines())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunks:
    """One evaluation in chunks."""

    tree: Tree
    system: str
    depth: Depth
    progress: Progress
    what: str
    answers: dict[str, str] = field(default_factory=dict[str, str])
    partial: list[str] = field(default_factory=list[str])

    def run(self) -> Packages:
        workers = limits.jobs(self.depth.max_memory)
        names = self._names("names", ())
        chunks = self._split([(name,) for name in names])
        total = len(names)
        done = 0
        with ThreadPoolExecutor(max_workers=workers) as pool, process.ending_together():
            running: dict[Future[Completed], tuple[AttrPath, ...]] = {}
            while chunks or running:
                while chunks and len(running) < workers:
                    chunk = chunks.pop()
                    running[pool.submit(copy_context().run, self._evaluate, chunk)] = chunk
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    chunk = running.pop(future)
                    rest = self._take(chunk, future.result())
                    chunks += rest
                    done += 0 if rest else sum(len(path) == 1 for path in chunk)
                    self.progress.step(f"{self.what}: {done} of {total} attributes")
        return Packages(
            derivations={name: each for name, each in sorted(self.answers.items()) if each not in {THROWS, SKIPPED}},
            failed=tuple(sorted(name for name, each in self.answers.items() if each == THROWS)),
            skipped=sum(each == SKIPPED for each in self.answers.values()),
            partial=tuple(self.partial),
        )

    def _split(self, paths: Sequence[AttrPath]) -> list[tuple[AttrPath, ...]]:
        size = min(_MOST_NAMES, max(_LEAST_NAMES, self._memory() // _MIB_PER_NAME))
        return [tuple(paths[start : start + size]) for start in range(0, len(paths), size)]

    def _take(self, chunk: Sequence[AttrPath], done: Completed) -> list[tuple[AttrPath, ...]]:
        """Keep the answers of a chunk, or return the smaller ones to try instead."""
        if done.status == 0:
            record = Record(json.loads(done.stdout), document=f"chunk of {self.what}")
            self.answers.update({name: record.text(name) for name in record.names()})
            return []
        if len(chunk) > 1:
            middle = len(chunk) // 2
            return [tuple(chunk[:middle]), tuple(chunk[middle:])]
        below = self._names("children", chunk[0])
        if len(below) > 1:
            return self._split([(*chunk[0], name) for name in below])
        name = ".".join(chunk[0])
        said = nix.reason(CommandError(done.argv, status=done.status, stderr=done.stderr))
        if done.status != 1 or "memory" in said:
            self.partial.append(f"{name}: {said}")
        else:
            # An error that tryEval does not catch, such as a missing attribute.
            self.answers[name] = THROWS
        return []

    def _evaluate(self, chunk: Sequence[AttrPath]) -> Completed:
        command = self._command("chunk", chunk)
        try:
            return process.run(command.argv, env=command.env, ok=None, timeout=self.depth.timeout)
        except CommandError as error:
            return process.Completed(argv=error.argv, status=error.status, stdout=b"", stderr=error.stderr, seconds=0)

    def _names(self, attribute: str, path: AttrPath) -> tuple[str, ...]:
        command = self._command(attribute, [path] if path else [])
        done = process.run(command.argv, env=command.env, ok=None, timeout=self.depth.timeout)
        if done.status != 0:
            if path:
                return ()
            said = nix.reason(CommandError(done.argv, status=done.status, stderr=done.stderr))
            raise ToolkitError(f"{self.what}: the package set has no names: {said}")
        return Record({"names": json.loads(done.stdout)}, document=self.what).texts("names")

    def _command(self, attribute: str, paths: Sequence[AttrPath]) -> Command:
        arguments = {"tree": str(self.tree.root), "system": self.system, "paths": json.dumps(paths)}
        asked = nix.evaluate_command(EXPRESSION, arguments, attribute=attribute)
        return replace(limits.bounded(asked, self._memory()), ok=None)

    def _memory(self) -> int:
        most = self.depth.max_memory
        return most // limits.jobs(most) if most is not None else limits.EVALUATION_MIB
