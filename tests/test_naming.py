"""A name of a module or a class stands once in the package."""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1] / "toolkit"
# The modules of the command line have the names of their commands.
PATHS = [
    path
    for path in ROOT.rglob("*.py")
    if path.name != "__init__.py" and path.parent.name != "cli"
]


def twice(names: list[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def test_a_module_and_a_class_have_names_of_their_own() -> None:
    assert twice([path.stem for path in PATHS]) == set()
    trees = [ast.parse(path.read_bytes()) for path in ROOT.rglob("*.py")]
    assert (
        twice(
            [
                each.name
                for tree in trees
                for each in tree.body
                if isinstance(each, ast.ClassDef)
            ]
        )
        == set()
    )
