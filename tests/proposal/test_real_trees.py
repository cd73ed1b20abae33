from pathlib import Path

import pytest

from tests.trees import trees
from toolkit.asking.trials import LiftQuestion, ask

SYSTEM = "x86_64-linux"


@pytest.mark.parametrize("tree", trees())
def test_a_package_of_a_real_tree_evaluates(tree: Path) -> None:
    (answer,) = ask(tree, tree, SYSTEM, [LiftQuestion(package="hello")])
    assert answer.before is not None
    assert answer.before == answer.after


@pytest.mark.parametrize("tree", trees(having="pkgs/stdenv/generic/problems.nix"))
def test_a_package_with_problems_in_its_meta_evaluates_all_the_same(tree: Path) -> None:
    (answer,) = ask(tree, tree, SYSTEM, [LiftQuestion(package="sublime4")])
    assert answer.before is not None
