"""Shapes that only a caller of the lift can ask for.

Those of whole files are in `cases/lift/shape.diff`.
"""

import pytest

from tests.lift.texts import package, rewritten
from toolkit.errors import LayoutError
from toolkit.lift.bindings import find
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import rewrite
from toolkit.lift.shape import read
from toolkit.nix.attributes import inside, value
from toolkit.nix.scope import bound_names
from toolkit.nix.tree import Tree


def test_a_function_in_a_file_is_lifted_as_a_file_is() -> None:
    generator = package("buildApp { e = [ ui ]; }").removesuffix("\n")
    text = (
        f"rec {{\n  other = 1;\n  generator = ({generator});\n  app = generator "
        f"{{ }};\n}}\n"
    )
    tree = Tree(text, name="x.nix")
    start = inside(value(bound_names(tree.root)["generator"]))
    made = rewrite(read(tree, start), LiftWay(bindings=("ui",), design=Design.STAY))
    assert generator in text
    assert made.text == text.replace(
        generator, rewritten(f"{generator}\n", "ui").removesuffix("\n")
    )


def test_a_function_that_its_file_does_not_call_gets_no_hidden_parameters() -> None:
    shape = read(Tree(package("buildApp { e = [ ui ]; }\n"), name="p.nix"))
    fact = (
        "the file does not call this function itself, so callPackage would fill "
        "new parameters"
    )
    with pytest.raises(LayoutError, match=rf"^p.nix:1:1: {fact}$"):
        rewrite(shape, LiftWay(bindings=("ui",), design=Design.HIDDEN))


def test_the_package_that_an_if_comes_to_is_no_part_of_itself() -> None:
    whole = 'b { src = 1; pname = "whole"; e = ui; }'
    lets = f'let ui = b {{ src = 2; pname = "ui"; }}; whole = {whole}; other = {whole}; in\n'

    def parts(end: str) -> list[str]:
        return [
            found.name
            for found in find(
                read(Tree(f"{{ b, x }}: {lets}{end}", name="package.nix"))
            )
        ]

    assert parts("whole") == parts("if x then whole else whole.with x") == ["ui"]
    assert parts("if x then whole else other") == []
    assert parts("if x then whole else b { p = whole; }") == ["ui", "whole"]
