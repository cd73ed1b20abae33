"""All packages of a nixpkgs with derivation and digests, computed once per tree and system.

Nix does the work: a derivation evaluates a share of the attributes in limited memory, sealed by Nix's sandbox. So Nix
schedules the shares, keeps the finished ones, and uses remote machines. If an evaluation is
killed, its unfinished attributes become shares of the next round.
"""

import hashlib
import json
import re
import shutil
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import documents, files, process
from toolkit.cache import default_cache
from toolkit.errors import CommandError, LimitError, ToolkitError
from toolkit.judge import asking
from toolkit.judge.packages import ENDS, Answer, AttrPath, Packages
from toolkit.model import Progress
from toolkit.nix import evaluator, limits, portable, program, stores
from toolkit.shipped import EXPRESSIONS
from toolkit.sources.trees import NixpkgsTree

KIND = "evaluations"
_EXPRESSION = EXPRESSIONS / "chunks.nix"
_PARTS = (EXPRESSIONS / "all.nix", *asking.FILES)
_DOCUMENT = "packages.json"

# What packages have in common is evaluated once in each part.
_EACH_MIB = 3584
# So many attributes of a set like nixpkgs take about so much memory together.
_MIB_PER_NAME = 3
_LEAST_NAMES = 25
# They are one variable of a program, which Linux limits to 128 KiB.
_MOST_NAMES = 1000

_BUILDING = re.compile(r"building '([^']+)'")
_SIGNALS = 128
_KILLED = 137
"""The status of a shell whose program had its time of a processor, or which Linux has killed to have its memory."""


class Engine(Struct, frozen=True, kw_only=True):
    """The limits for evaluating a whole set: total memory in MiB, seconds per share, words for nix-build.

    `systems` are the systems to evaluate; by default the judge's first.
    """

    systems: tuple[str, ...] = ()
    max_memory: int | None = None
    timeout: float | None = None
    options: tuple[str, ...] = ()

    @property
    def store(self) -> tuple[str, ...]:
        """The option that names the store, or none."""
        at = self.options.index("--store") if "--store" in self.options else len(self.options)
        return self.options[at : at + 2]

    @property
    def jobs(self) -> int:
        """The number of shares that this machine evaluates in parallel."""
        return limits.jobs(self.max_memory, each=_EACH_MIB)

    @property
    def memory(self) -> int:
        """The memory limit of one share, in MiB."""
        return self.max_memory // self.jobs if self.max_memory is not None else _EACH_MIB


def evaluate(  # noqa: PLR0913 - a tree, for what and by what it is evaluated, and who is told
    tree: NixpkgsTree,
    system: str,
    engine: Engine,
    *,
    what: str,
    progress: Progress,
    paths: Sequence[AttrPath] | None = None,
) -> Packages:
    """Return all packages of a tree, or those at and below `paths`; `what` is the tree's name in the progress.

    A whole tree is then cached, under a key of everything that it depends on; interrupted or partial results stay in
    Nix's store. Raise ToolkitError if the set itself does not evaluate, or if Nix cannot build.
    """
    evaluation = _Evaluation(tree=tree, system=system, engine=engine, what=what, progress=progress)
    if paths is not None:
        return evaluation.run(paths)
    expressions = hashlib.sha256(b"".join(path.read_bytes() for path in _PARTS)).hexdigest()
    inputs = [tree.key, system, str(program.version()), expressions]
    key = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    if (content := default_cache().read(KIND, key, _DOCUMENT)) is not None:
        progress.step(f"{what}: all packages were evaluated in an earlier run")
        kept = documents.read(content, list[tuple[AttrPath, Answer]], document=_DOCUMENT)
        return Packages(answers=dict(kept))
    found = evaluation.run(None)
    if not found.partial:
        default_cache().keep(KIND, key, _DOCUMENT, documents.write(list(found.answers.items())))
    return found


class _Said(Struct, kw_only=True):
    """Nix's output about a part: answers, sets with their names, and `begun`, what has begun since the last answer.

    `settled` counts the attributes that are done, `told` is all other output.
    """

    mark: str
    told: str = ""
    answers: dict[AttrPath, Answer] = field(default_factory=dict[AttrPath, Answer])
    sets: dict[AttrPath, list[AttrPath]] = field(default_factory=dict[AttrPath, "list[AttrPath]"])
    begun: list[AttrPath] = field(default_factory=list[AttrPath])
    settled: int = 0

    def hear(self, line: str, chunk: Mapping[AttrPath, None]) -> None:
        """Take a line; what does not begin with the mark is not ours."""
        if not line.startswith(self.mark):
            return
        names, *rest = json.loads(line.removeprefix(self.mark))
        path = tuple(names)
        match rest:
            case []:
                if path in chunk:
                    self.settle()
                self.begun.append(path)
            case [dict()]:
                parts = cast("dict[str, Any]", rest[0])
                known = self.answers.get(path)
                self.answers[path] = {**known, **parts} if isinstance(known, dict) else parts
            case [str(answer)]:
                self.answers[path] = answer
            case _:
                self.sets[path] = [(*path, name) for name in rest[0]]

    def settle(self) -> None:
        """Take what has begun and has no answer for what ends its evaluation."""
        self.answers.update((path, ENDS) for path in self.begun if path not in self.answers and path not in self.sets)
        self.settled += bool(self.begun)
        self.begun.clear()

    def left(self, path: AttrPath) -> list[AttrPath]:
        """Return what has no answer at and below a path."""
        if path in self.sets:
            return [below for child in self.sets[path] for below in self.left(child)]
        return [] if path in self.answers else [path]


class _Evaluation(Struct, frozen=True, kw_only=True):
    """One evaluation in rounds of parts."""

    tree: NixpkgsTree
    system: str
    engine: Engine
    what: str
    progress: Progress

    def run(self, paths: Sequence[AttrPath] | None) -> Packages:
        with files.temporary() as directory:
            parts = directory / "expressions"
            parts.mkdir()
            for path in (*_PARTS, limits.SETTINGS / "nix.conf"):
                shutil.copy(path, parts)
            question = {**self._inputs(parts), "system": self.system, "memory": self.engine.memory}
            names = self._names(directory, question) if paths is None else paths
            return self._packages(directory, question, names)

    def _inputs(self, parts: Path) -> dict[str, object]:
        """Return what parts are evaluated with and from, as paths of the store."""
        store = self.engine.store
        self.progress.step(f"{self.what}: adding the tree to the store")
        nix = portable.portable(store=store)
        tree = self.tree.root
        return {
            "nix": nix.nix,
            "shell": nix.shell,
            "paths": nix.paths,
            "expressions": portable.add(parts, store=store),
            "tree": str(tree) if tree.is_relative_to(stores.STORE) and not store else portable.add(tree, store=store),
        }

    def _names(self, directory: Path, question: Mapping[str, object]) -> list[AttrPath]:
        ((said, ended),) = self._evaluate(directory, question, [None])
        if () not in said.sets:
            reason = program.reason(ended or CommandError(("nix",), status=1, stderr=said.told))
            raise ToolkitError(f"{self.what}: the package set has no names: {reason}")
        return said.sets[()]

    def _packages(self, directory: Path, question: Mapping[str, object], names: Sequence[AttrPath]) -> Packages:
        answers: dict[AttrPath, Answer] = {}
        partial: list[str] = []
        left = [*names]
        while left:
            chunks = self._split(left)
            self.progress.step(f"{self.what}: asking Nix about {len(left)} attributes")
            left = list[AttrPath]()
            for chunk, (said, ended) in zip(chunks, self._evaluate(directory, question, chunks), strict=True):
                if ended is not None:
                    self._require_begun(said, ended)
                    last = said.begun.pop()
                    if not program.reached_limit(ended):
                        said.answers.setdefault(last, ENDS)
                    elif said.begun or said.settled:
                        said.answers.pop(last, None)
                    else:
                        # It is not enough without the others either.
                        partial.append(f"{'.'.join(last)}: {program.reason(ended)}")
                        said.sets[last] = []
                said.settle()
                answers.update(said.answers)
                left += [below for path in chunk for below in said.left(path)]
        return Packages(answers=answers, partial=tuple(partial))

    def _require_begun(self, said: _Said, ended: CommandError) -> None:
        if not said.begun:
            raise ToolkitError(f"{self.what}: the package set does not evaluate: {program.reason(ended)}") from ended

    def _split(self, paths: Sequence[AttrPath]) -> list[Sequence[AttrPath]]:
        """Return parts, each a sample of all, so that the first tells how long the others take."""
        size = min(_MOST_NAMES, max(_LEAST_NAMES, self.engine.memory // _MIB_PER_NAME))
        jobs = self.engine.jobs if len(paths) > _LEAST_NAMES else 1
        count = -(-len(paths) // (size * jobs)) * jobs
        return [paths[first::count] for first in range(count)]

    def _evaluate(
        self, directory: Path, question: Mapping[str, object], chunks: Sequence[Sequence[AttrPath] | None]
    ) -> Iterable[tuple[_Said, CommandError | None]]:
        """Return for each part what Nix has said, and how it has ended, None if it came to its end."""
        seconds = self.engine.timeout
        asked = [{"paths": chunk, "seconds": round(seconds or limits.SECONDS + len(chunk or ()))} for chunk in chunks]
        path = directory / "question.json"
        path.write_bytes(documents.write({**question, "chunks": asked}))
        command = evaluator.build_command(
            _EXPRESSION, {"question": str(path)}, self.engine.options, jobs=self.engine.jobs
        )
        began = time.monotonic()
        # A builder on another machine is announced there as well.
        building: set[str] = set()

        def tell(line: str) -> None:
            if (found := _BUILDING.match(line)) is not None and found[1] not in building and chunks != [None]:
                building.add(found[1])
                part = f"part {len(building)} of {len(chunks)}"
                self.progress.step(f"{self.what}: {part}{_remaining(began, len(building), len(chunks))}")

        try:
            outputs = process.execute(replace(command, on_stderr=tell)).text.splitlines()
        except CommandError as error:
            hint = "what is done is kept: run it again"
            raise ToolkitError(f"{self.what}: cannot be evaluated: {program.reason(error)}", hint=hint) from error
        for chunk, output in zip(chunks, outputs, strict=True):
            yield self._heard(output, chunk or ())

    def _heard(self, output: str, chunk: Sequence[AttrPath]) -> tuple[_Said, CommandError | None]:
        said = _Said(mark=f"trace: {output}")
        *lines, status = evaluator.content(output, store=self.engine.store).decode("utf-8", "replace").splitlines()
        wanted = dict.fromkeys(chunk)
        for line in lines:
            said.hear(line, wanted)
        said.told = "\n".join(line for line in lines if not line.startswith(said.mark))
        if (number := int(status)) == 0:
            return said, None
        if number == _KILLED:
            limit = "it takes longer than a part may, or more memory than there is"
            return said, LimitError(("nix",), status=-signal.SIGXCPU, stderr=said.told, limit=limit, of_time=True)
        return said, CommandError(("nix",), status=_SIGNALS - number if number > _SIGNALS else number, stderr=said.told)


def _remaining(began: float, begun: int, parts: int) -> str:
    """Return how long all parts will take at this rate, nothing as long as nobody knows."""
    minutes = round((time.monotonic() - began) / max(1, begun - 1) * (parts - begun + 1) / 60)
    return f", {minutes} more minute{'s' if minutes > 1 else ''}" if minutes and begun > 1 else ""
