"""Random edits of real packages: what plain Nix sees differ, the judge must not call the same.

`UNLET_NIXPKGS` names a directory of whole trees, of which the first that has pkgs/by-name is taken;
`UNLET_MUTANTS=2000 UNLET_SEED=1` repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from toolkit.errors import ToolkitError
from toolkit.git.reading import TreeFile
from toolkit.judge import JudgeRequest, ground, judge
from toolkit.judge.model import Kind, Weight
from toolkit.model import SourceRequest
from toolkit.nix import program
from toolkit.sources import trees
from toolkit.sources.changes import Change, Edit, Step
from toolkit.sources.trees import NixpkgsTree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.model import Proof

TREES = os.environ.get("UNLET_NIXPKGS")
COUNT = int(os.environ.get("UNLET_MUTANTS", "20"))
SEED = int(os.environ.get("UNLET_SEED", "1"))
NATIVE = "x86_64-linux"
TOGETHER = 20

# What plain Nix says of some packages, each by itself; the judge's own expression has no part in it.
PLAIN = """
{ tree, names, config }:
let
  set = import (/. + tree) {
    localSystem.system = "x86_64-linux";
    overlays = [ ];
    config = import (/. + config);
  };
  one = name:
    let
      package = set.${name};
      said =
        value:
        let
          tried = builtins.tryEval (builtins.deepSeq value value);
        in
        if tried.success then tried.value else "throws";
      text = value: builtins.unsafeDiscardStringContext (builtins.toJSON value);
    in
    {
      drv = said (builtins.unsafeDiscardStringContext package.drvPath);
      meta = said (text (removeAttrs package.meta [ "position" "teamsPosition" "maintainersPosition" ]));
      arguments = said (text package.override.__functionArgs);
      names = said (builtins.attrNames package);
    };
in
map one (builtins.fromJSON names)
"""


class Silence:
    def step(self, what: str) -> None:
        assert what

    def proof(self, proof: Proof) -> None:
        raise AssertionError(proof)


def mutants(text: str, chance: random.Random) -> Iterator[str]:
    """Yield texts that differ from one in one place."""
    lines = text.splitlines(keepends=True)
    body = range(next((n for n, line in enumerate(lines) if line.startswith("}:")), 0) + 1, len(lines))
    while True:
        at = chance.choice(body)
        line = lines[at]
        edited = chance.choice(EDITS)(line, chance, lines)
        if edited is not None and edited != line:
            yield "".join([*lines[:at], edited, *lines[at + 1 :]])


def _literal(line: str, chance: random.Random, _lines: list[str]) -> str | None:
    places = [match.start() for match in re.finditer(r'(?<=["\w.-])[a-z0-9](?=[\w.-]*")', line)]
    if not places:
        return None
    at = chance.choice(places)
    return line[:at] + chance.choice("abcdefgh0123") + line[at + 1 :]


def _boolean(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return line.replace("true", "false") if "true" in line else line.replace("false", "true")


def _gone(_line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return ""


def _renamed(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return re.sub(r"^(\s*\w+)( =)", r"\1X\2", line)


def _doubled(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return line * 2


def _swapped(line: str, chance: random.Random, lines: list[str]) -> str | None:
    names = [name for each in lines for name in re.findall(r"^  (\w+),$", each)]
    return re.sub(r"^(    +)[\w-]+$", rf"\1{chance.choice(names)}", line) if names else None


def _comment(line: str, _chance: random.Random, _lines: list[str]) -> str | None:
    return f"{line.rstrip()} # a comment\n" if line.rstrip().endswith(";") else None


EDITS = (_literal, _literal, _boolean, _gone, _gone, _renamed, _doubled, _swapped, _comment)


def plain(root: Path, names: list[str], expression: Path, config: Path) -> list[Any]:
    """Ask plain Nix about packages, those that end it by themselves."""
    argv = [
        "nix-instantiate",
        "--eval",
        "--strict",
        "--json",
        "--readonly-mode",
        "--store",
        "dummy://",
        str(expression),
    ]
    words = {"tree": str(root), "names": json.dumps(names), "config": str(config)}
    argv += [word for name, value in words.items() for word in ("--argstr", name, value)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        answers: list[Any] = json.loads(done.stdout)
        return answers
    if len(names) == 1:
        return ["ends"]
    middle = len(names) // 2
    return [*plain(root, names[:middle], expression, config), *plain(root, names[middle:], expression, config)]


@pytest.mark.skipif(TREES is None, reason="UNLET_NIXPKGS is not set: no whole nixpkgs to try")
def test_what_differs_is_never_called_the_same(tmp_path: Path) -> None:
    given = next(path for path in sorted(Path(str(TREES)).iterdir()) if (path / "pkgs/by-name").is_dir())
    tree = NixpkgsTree(root=given, key=trees.fingerprint(given))
    expression = tmp_path / "plain.nix"
    expression.write_text(PLAIN)
    config = Path(trees.__file__).parents[1] / "expressions" / "permitting.nix"
    files = sorted(given.glob("pkgs/by-name/*/*/package.nix"))
    chance = random.Random(SEED)  # noqa: S311 - to be repeated
    false: list[str] = []
    counts = {"tried": 0, "differ": 0, "called the same": 0, "called different": 0}
    while counts["tried"] < COUNT:
        edits: dict[str, Edit] = {}
        while len(edits) < min(TOGETHER, COUNT - counts["tried"]):
            file = chance.choice(files)
            text = file.read_text()
            mutant = next(mutants(text, chance))
            path = PurePosixPath(file.relative_to(given))
            try:
                program.parsed(mutant.encode(), name=str(path))
            except ToolkitError:
                continue
            before, after = (TreeFile(content=each.encode()) for each in (text, mutant))
            edits[file.parent.name] = Edit(path=path, before=before, after=after)
        names = [*edits]
        step = Step(subject="mutants", edits=tuple(edits.values()))
        change = Change(subject="mutants", origin="a tree", source=SourceRequest(), base=tree, steps=(step,))
        judgement = judge(change, JudgeRequest(systems=(NATIVE,)), progress=Silence())
        serious = {
            each.attribute
            for each in judgement.differences
            if each.weight is not Weight.REMARK or each.kind is Kind.FIXED_OUTPUT
        }
        unknown = {gap.what for gap in judgement.unknown}
        with ground.opened(tree) as place:
            olds = plain(place.root, names, expression, config)
            with place.holding(step.files) as root:
                news = plain(root, names, expression, config)
        for name, old, new in zip(names, olds, news, strict=True):
            counts["tried"] += 1
            counts["differ"] += old != new
            is_same = name not in serious and str(edits[name].path) not in unknown
            counts["called the same" if is_same else "called different"] += 1
            if old != new and is_same:
                mutated = edits[name].after
                assert mutated is not None
                kept = tmp_path / f"{name}.nix"
                kept.write_bytes(mutated.content)
                false.append(f"{name}: {kept}")
        print(counts, false, flush=True)  # noqa: T201 - how far it is
    assert false == []
    assert counts["differ"] > COUNT / 4
