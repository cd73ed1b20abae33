"""Random edits of real packages: what plain Nix sees differ, the judge must not call the same.

`UNLET_NIXPKGS` names a directory of whole trees, of which the first that has
pkgs/by-name is taken; `UNLET_MUTANTS=2000 UNLET_SEED=1` repeats a run.
"""

import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.judge import oracle
from toolkit.errors import ToolkitError
from toolkit.git.reading import TreeFile
from toolkit.judge import JudgeRequest, ground, judge
from toolkit.judge.differences import Kind, Weight
from toolkit.model import Silence, SourceRequest
from toolkit.nix import program
from toolkit.sources import trees
from toolkit.sources.changes import Change, ChangeStep, FileEdit
from toolkit.sources.trees import NixpkgsTree

TREES = os.environ.get("UNLET_NIXPKGS")
COUNT = int(os.environ.get("UNLET_MUTANTS", "20"))
SEED = int(os.environ.get("UNLET_SEED", "1"))
NATIVE = "x86_64-linux"
TOGETHER = 30
"""Mutants in one tree, of different packages: with many more, the time that all have is up without an answer."""

AT_ONCE = 100
POPULAR = 20
"""A package that so many others name is left alone: they would all differ with it."""


def mutants(text: str, chance: random.Random) -> Iterator[str]:
    """Yield texts that differ from one in one place."""
    lines = text.splitlines(keepends=True)
    body = range(
        next((n for n, line in enumerate(lines) if line.startswith("}:")), 0) + 1,
        len(lines),
    )
    while body:
        at = chance.choice(body)
        line = lines[at]
        edited = chance.choice(EDITS)(line, chance, lines)
        if edited is not None and edited != line:
            yield "".join([*lines[:at], edited, *lines[at + 1 :]])


def _literal(line: str, chance: random.Random, _lines: list[str]) -> str | None:
    places = [
        match.start()
        for match in re.finditer(r'(?<=["\w.-])[a-z0-9](?=[\w.-]*")', line)
    ]
    if not places:
        return None
    at = chance.choice(places)
    return line[:at] + chance.choice("abcdefgh0123") + line[at + 1 :]


def _boolean(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return (
        line.replace("true", "false")
        if "true" in line
        else line.replace("false", "true")
    )


def _gone(_line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return ""


def _renamed(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return re.sub(r"^(\s*\w+)( =)", r"\1X\2", line)


def _doubled(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return line * 2


def _swapped(line: str, chance: random.Random, lines: list[str]) -> str | None:
    names = [name for each in lines for name in re.findall(r"^  (\w+),$", each)]
    return (
        re.sub(r"^(    +)[\w-]+$", rf"\1{chance.choice(names)}", line)
        if names
        else None
    )


def _parenthesized(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return re.sub(r"^(\s*[\w.]+ = )([\w.]+);$", r"\1(\2);", line)


def _comment(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return f"{line.rstrip()} # a comment\n" if line.rstrip().endswith(";") else None


EDITS = (
    _literal,
    _literal,
    _boolean,
    _gone,
    _gone,
    _renamed,
    _doubled,
    _swapped,
    _parenthesized,
    _comment,
)


def packages(tree: Path) -> list[Path]:
    """Return the files of packages that few others name."""
    files = sorted(tree.glob("pkgs/by-name/*/*/package.nix"))
    words = Counter(
        word for file in files for word in set(re.findall(r"[\w-]+", file.read_text()))
    )
    return [file for file in files if words[file.parent.name] <= POPULAR]


def chosen(
    files: list[Path], count: int, chance: random.Random, tree: Path
) -> dict[str, FileEdit]:
    """Return mutants that Nix parses, each of another package, by their names."""
    edits: dict[str, FileEdit] = {}
    while len(edits) < count:
        file = chance.choice(files)
        text = file.read_text()
        mutant = next(mutants(text, chance), None)
        if mutant is None:
            continue
        path = PurePosixPath(file.relative_to(tree))
        try:
            program.parse_text(mutant.encode(), name=str(path))
        except ToolkitError:
            continue
        before, after = (TreeFile(content=each.encode()) for each in (text, mutant))
        edits[file.parent.name] = FileEdit(path=path, before=before, after=after)
    return edits


def truths(root: Path, names: list[str], scratch: Path) -> list[Any]:
    """Return what plain Nix sees of packages."""
    parts = [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]

    def ask(number: int) -> list[Any]:
        place = scratch / str(number)
        place.mkdir(exist_ok=True)
        return oracle.seen(root, NATIVE, parts[number], place)

    with ThreadPoolExecutor(2) as pool:
        return [answer for part in pool.map(ask, range(len(parts))) for answer in part]


@pytest.mark.skipif(
    TREES is None, reason="UNLET_NIXPKGS is not set: no whole nixpkgs to try"
)
def test_what_differs_is_never_called_the_same(tmp_path: Path) -> None:
    given = next(
        path
        for path in sorted(Path(str(TREES)).iterdir())
        if (path / "pkgs/by-name").is_dir()
    )
    tree = NixpkgsTree(root=given, key=trees.fingerprint(given))
    files = packages(given)
    chance = random.Random(SEED)  # noqa: S311 - to be repeated
    false: list[str] = []
    counts = Counter[str]()
    while counts["tried"] < COUNT:
        edits = chosen(files, min(TOGETHER, COUNT - counts["tried"]), chance, given)
        names = [*edits]
        step = ChangeStep(subject="mutants", edits=tuple(edits.values()))
        change = Change(
            subject="mutants",
            origin="a tree",
            source=SourceRequest(),
            base=tree,
            steps=(step,),
        )
        judgement = judge(change, JudgeRequest(systems=(NATIVE,)), progress=Silence())
        serious = {
            each.attribute
            for each in judgement.differences
            if each.weight is not Weight.NOTE or each.kind is Kind.FIXED_OUTPUT
        }
        unknown = {gap.what for gap in judgement.unknown}
        with ground.opened(tree, progress=Silence()) as place:
            olds = truths(place.root, names, tmp_path)
            with place.holding(step.files) as root:
                news = truths(root, names, tmp_path)
        for name, old, new in zip(names, olds, news, strict=True):
            is_open = not unknown.isdisjoint(
                {str(edits[name].path), f"{name} on {NATIVE}"}
            )
            said = (
                "different" if name in serious else "unknown" if is_open else "the same"
            )
            counts.update(
                ["tried", f"called {said}", *(["differ"] if old != new else [])]
            )
            if old != new and said == "the same":
                mutated = edits[name].after
                assert mutated is not None
                kept = tmp_path / f"{name}.nix"
                kept.write_bytes(mutated.content)
                false.append(f"{name}: {kept}")
            if old == new and said == "different":
                counts["called different by more than is seen"] += 1
        print(dict(counts), false, flush=True)  # noqa: T201 - how far it is
    assert false == []
    assert counts["differ"] > COUNT / 4
    assert counts["called unknown"] < COUNT / 4
