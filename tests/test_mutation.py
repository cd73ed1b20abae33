"""What `./check mutation` is told exists.

Whether the changes do is seen by that step alone.
"""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = tomllib.loads((ROOT / "tests/mutation.toml").read_text())


def test_each_room_has_modules_and_tests() -> None:
    percents = {name: room["percent"] for name, room in DATA["rooms"].items()}
    assert percents == {
        "lift": 95,
        "proposal": 90,
        "judge": 90,
        "asking": 90,
        "rewrite": 90,
    }
    for room in DATA["rooms"].values():
        assert all(list(ROOT.glob(pattern)) for pattern in room["modules"])
        assert all((ROOT / place).exists() for place in room["tests"])


def test_each_function_with_an_equivalent_change_exists() -> None:
    for entry in DATA["equivalent"]:
        module, _, name = entry["function"].partition(":")
        tree = ast.parse((ROOT / module).read_text())
        functions = {
            f"{owner.name}.{node.name}"
            if isinstance(owner, ast.ClassDef)
            else node.name
            for owner in (
                tree,
                *(each for each in tree.body if isinstance(each, ast.ClassDef)),
            )
            for node in owner.body
            if isinstance(node, ast.FunctionDef)
        }
        assert name in functions, entry["function"]
        assert entry["after"]
        assert entry["reason"]
