"""Evaluate questions in Nix builds instead of processes.

A chunk of questions is a derivation, whose output has the lines that Nix prints. The
output depends only on store paths: the tree, the replaced files, the expression, Nix,
and the questions. So Nix distributes chunks over its builders, keeps their outputs, and
reuses them after an interrupted run. The sandbox of Nix confines the evaluation.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from math import ceil
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from toolkit import files
from toolkit.asking.builds import ChunkBuilder, FailureCause
from toolkit.asking.gathering import ChunkRequest, Gathering
from toolkit.asking.places import Task
from toolkit.errors import CommandError, LimitError
from toolkit.git import reading
from toolkit.git.reading import TreeFile
from toolkit.model import Progress
from toolkit.nix import evaluator
from toolkit.nix.carried import CarriedNix, carried, stored
from toolkit.nix.limits import CONFIGURATION, SETTINGS
from toolkit.shipped import EXPRESSIONS
from toolkit.writable import WritableRoot

ROOT = Path("/build/at/tree")
"""The path at which a nixpkgs tree is evaluated inside a build.

It is not a store path: an output that contains one would depend on the whole tree.
"""

_LONGEST = 86_400.0
"""The maximum time limit of a chunk in seconds."""

_SMALLEST = ("--eval", "--expr", "{ sign }: null")
_SMALLEST_SECONDS = 60
_BOOT = Path("/proc/sys/kernel/random/boot_id")

_SCRIPT = "chunk.sh"
_STORED = (
    "busybox",
    "change",
    "expressions",
    "nix",
    "script",
    "settings",
    "shell",
    "tree",
)
"""The attributes of a chunk's derivation that are store paths."""


class Programs(Struct, frozen=True, kw_only=True):
    """The programs, settings and expressions of all chunks, in the store."""

    expressions: str
    script: str
    settings: str
    shell: str
    busybox: str
    nix: CarriedNix
    options: tuple[str, ...] = ()
    """The user's arguments for `nix-store --realise`."""

    def builder(self, tree: str, progress: Progress) -> ChunkBuilder:
        """Return the builder of chunks that evaluate the tree at a store path."""
        return ChunkBuilder(
            shared={
                "busybox": self.busybox,
                "expressions": self.expressions,
                "nix": self.nix.path,
                "script": self.script,
                "settings": self.settings,
                "shell": self.shell,
                "tree": tree,
            },
            stored=_STORED,
            options=self.options,
            progress=progress,
        )

    def launch(self, program: str, heap: Mapping[str, str]) -> dict[str, str]:
        """Return the attributes that start a program of Nix in a chunk.

        `heap` has the environment variables of Nix's garbage collector.
        """
        variables = {**CONFIGURATION, **heap, "NIX_CONF_DIR": self.settings}
        return {
            "launch": " ".join(self.nix.words(program)),
            "variables": " ".join(
                f"{name}={value}" for name, value in variables.items()
            ),
        }

    def require_sandbox(self, progress: Progress) -> None:
        """Build the smallest chunk; raise ToolkitError if Nix cannot build it.

        Nix builds the chunk once for each start of this machine, and for each set of
        options.
        """
        smallest: dict[str, str | int] = {
            **self.launch("nix-instantiate", {}),
            "attempt": " ".join((_boot(), *self.options)),
            "change": "",
            "words": "\n".join(_SMALLEST),
            "data": "unlimited",
            "seconds": _SMALLEST_SECONDS,
            "longest": _SMALLEST_SECONDS,
        }
        self.builder(self.expressions, progress).built([smallest])


class Spread(Struct, frozen=True, kw_only=True):
    """The tree and programs of all chunks of a comparison, in the store."""

    tree: str
    programs: Programs


class Chunks(Struct, frozen=True, kw_only=True):
    """A place that evaluates questions about a nixpkgs tree in parallel Nix builds."""

    spread: Spread
    change: str
    gathering: Gathering

    def execute(self, task: Task) -> None:
        """Evaluate a task in a build, and raise the same errors as a process would."""
        result = self.gathering.result(self._request(task))
        lines = result.lines.replace(result.mark, task.mark).splitlines()
        for line in lines:
            task.on_line(line)
        argv = ("nix-store", "--realise", result.derivation)
        stderr = "\n".join(lines)
        if result.cause is FailureCause.LATE:
            raise LimitError(
                argv,
                status=-15,
                stderr=f"{task.mark} question {result.question}",
                limit=f"still running after {task.allowed.seconds:.3g} s",
                of_time=True,
                of_pace=result.question != "",
            )
        if result.cause is not None:
            raise CommandError(argv, status=result.status, stderr=stderr)

    def taking_part(self) -> AbstractContextManager[None]:
        """Return a context manager for a thread whose chunks are built with others."""
        return self.gathering.taking_part()

    def _request(self, task: Task) -> ChunkRequest:
        evaluation = task.evaluation
        given = {
            name: value
            for name, value in evaluation.arguments.items()
            if name != "sign"
        }
        programs = self.spread.programs
        place = Path(programs.expressions) / evaluation.expression.relative_to(
            EXPRESSIONS
        )
        command = replace(evaluation, expression=place, arguments=given).command
        heap = {
            name: value for name, value in command.env.items() if name.startswith("GC_")
        }
        attributes: dict[str, str | int] = {
            **programs.launch(command.argv[0], heap),
            "change": self.change,
            "words": "\n".join(_without_reach(command.argv[1:])),
            "data": (command.memory or 0) << 10,
            "seconds": ceil(task.allowed.seconds),
            "longest": ceil(min(evaluation.longest, _LONGEST)),
        }
        return ChunkRequest(attributes=attributes)


def programs(options: Sequence[str]) -> Programs:
    """Add the programs and expressions that chunks need to the Nix store.

    Paths that the store already has are not added again. `options` are the user's
    arguments for `nix-store --realise`. Raise ToolkitError if this machine lacks a
    static bash or busybox, or if the store cannot be written.
    """
    tools = evaluator.tools()
    return Programs(
        expressions=_expressions(),
        script=_same(EXPRESSIONS / _SCRIPT),
        settings=_same(SETTINGS),
        shell=tools.shell,
        busybox=tools.busybox,
        nix=carried(),
        options=tuple(options),
    )


def spread(root: Path, key: str, programs: Programs) -> Spread:
    """Add the nixpkgs tree at `root` to the Nix store, and return it with the programs.

    `key` identifies the content of the tree. The store gets each content once.
    """
    return Spread(tree=stored(f"tree {key}", lambda _: root), programs=programs)


def side(
    shared: Spread,
    root: Path,
    contents: Mapping[PurePosixPath, TreeFile | None],
    *,
    count: int,
    progress: Progress,
) -> Chunks:
    """Return a place that evaluates questions about a changed nixpkgs tree.

    `count` threads use the place. `contents` are the changed files, which the tree at
    `root` contains.
    """
    builder = shared.programs.builder(shared.tree, progress)
    return Chunks(
        spread=shared,
        change=exchanged(root, contents),
        gathering=Gathering(count, builder.built),
    )


def exchanged(root: Path, contents: Mapping[PurePosixPath, TreeFile | None]) -> str:
    """Return a store path with the changed files of the tree at `root`.

    Return an empty text if no file changed.
    """
    if not contents:
        return ""
    deleted = (path for path, file in contents.items() if file is None)
    gone = sorted(
        {_gone(root, path) for path in deleted if not os.path.lexists(root / path)}
    )

    def lay(directory: Path) -> Path:
        place = directory / "change"
        (place / "files").mkdir(parents=True)
        for path, file in contents.items():
            if file is not None:
                reading.write_file(WritableRoot(place / "files"), path, file)
        (place / "gone").write_text("".join(f"{path}\n" for path in gone))
        return place

    return stored(f"change {sorted(contents.items())} {gone}", lay)


def _gone(root: Path, path: PurePosixPath) -> PurePosixPath:
    """Return the outermost directory that disappears with a deleted file.

    If no directory disappears, return the file itself.
    """
    above = [path, *path.parents]
    return next(inner for inner, outer in pairwise(above) if (root / outer).is_dir())


def _expressions() -> str:
    contents = {
        path.relative_to(EXPRESSIONS): files.read(path)
        for path in sorted(EXPRESSIONS.rglob("*.nix"))
    }

    def lay(directory: Path) -> Path:
        place = directory / "expressions"
        for path, content in contents.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(content)
        return place

    return stored(f"expressions {contents}", lay)


def _boot() -> str:
    """Return the identifier of this start of the machine; empty if not on Linux."""
    return _BOOT.read_text().strip() if _BOOT.exists() else ""


def _same(place: Path) -> str:
    parts = sorted(place.rglob("*")) if place.is_dir() else [place]
    contents = [files.read(path) for path in parts]
    return stored(f"{place.name} {contents}", lambda _: place)


def _without_reach(words: Sequence[str]) -> list[str]:
    """Return the words of a Nix command without the options `-I PATH`.

    chunk.sh adds the readable paths itself.
    """
    return [
        word for before, word in pairwise(("", *words)) if "-I" not in {before, word}
    ]
