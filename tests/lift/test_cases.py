"""Each rewrite gives the text that a case in `cases/` has, or its refusal."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.parsing import assert_parses
from tests.rewrites import Case, cases
from toolkit.lift.fetchers import renewed
from toolkit.lift.final_attrs import final_attrs, final_package
from toolkit.lift.outcome import Lifted
from toolkit.lift.passthru import with_subpackages
from toolkit.lift.plan import LiftWay
from toolkit.lift.rewriting import lift, rewrite
from toolkit.lift.shape import read
from toolkit.nix.attributes import value
from toolkit.nix.scope import bound_names
from toolkit.nix.tree import Tree

FILES = Path(__file__).parent / "cases"
LIFTS = [
    case
    for path in sorted(FILES.glob("lift/*.diff"))
    for case in cases(path, LiftWay.__struct_fields__)
]
WHOLE = {
    "fetchers": partial(renewed, name="package.nix"),
    "final-attrs": partial(final_attrs, name="package.nix"),
    "final-package": partial(final_package, name="pkgs/by-name/ap/app/package.nix"),
}


def hidden(text: str, way: LiftWay) -> Lifted:
    """Lift bindings of the function `generic` in the file's set."""
    tree = Tree(text, name="package.nix")
    names = next(
        bound_names(node)
        for node in tree.nodes
        if node.kind == "rec_attrset_expression"
    )
    return rewrite(read(tree, value(names["generic"])), way)


@pytest.mark.parametrize("case", LIFTS, ids=lambda case: case.name)
def test_package_is_lifted(case: Case) -> None:
    way = msgspec.convert(case.options, LiftWay)
    case.check(lambda: lift(case.before, way, name="package.nix"))


@pytest.mark.parametrize(
    "case",
    cases(FILES / "hidden.diff", LiftWay.__struct_fields__),
    ids=lambda case: case.name,
)
def test_definitions_become_parameters_that_callpackage_does_not_see(
    case: Case,
) -> None:
    way = msgspec.convert(case.options, LiftWay)
    case.check(lambda: hidden(case.before, way))


@pytest.mark.parametrize(
    ("rewrite", "case"),
    [
        pytest.param(rewrite, case, id=f"{name}: {case.name}")
        for name, rewrite in WHOLE.items()
        for case in cases(FILES / f"{name}.diff")
    ],
)
def test_file_is_rewritten(rewrite: Callable[[str], str], case: Case) -> None:
    case.check(lambda: rewrite(case.before))


@pytest.mark.parametrize(
    "case", cases(FILES / "subpackages.diff"), ids=lambda case: case.name
)
def test_part_is_named_once_in_the_update_script(case: Case) -> None:
    added = ("ui",) if case.after != case.before else ()
    assert with_subpackages(case.before, ["ui"], name="package.nix") == (
        case.after,
        added,
    )
    assert with_subpackages(case.after, ["ui"], name="package.nix") == (case.after, ())
    if added:
        assert_parses(case.after)
