"""Definitions and `inherit`s that move, one at a time."""

from pathlib import Path

import msgspec
import pytest

from tests.rewrites import Case, cases
from toolkit.errors import NixSyntaxError
from toolkit.lift.statements import (
    MovedDefinition,
    StatementEdit,
    after,
    apart,
    extent,
    inherit,
    is_spaced,
    removals,
    source,
)
from toolkit.lift.style import WIDTH
from toolkit.nix.edit import apply
from toolkit.nix.tree import Node, Tree


def nodes(text: str, kind: str) -> list[Node]:
    return [node for node in Tree(text, name="x.nix").nodes if node.kind == kind]


def binding(text: str, name: str) -> Node:
    return next(
        node for node in nodes(text, "binding") if node.children[0].text == name
    )


@pytest.mark.parametrize(
    ("above", "taken"),
    [
        ("  # one\n  # two\n", "# one\n  # two\n  b = 2;"),
        ("  /* one */\n", "/* one */\n  b = 2;"),
        ("  # a heading\n\n  # two\n", "# two\n  b = 2;"),
        ("  # a heading\n\n", "b = 2;"),
        ("  a = 1; # of a\n", "b = 2;"),
        ("  # of a\n  a = 1;\n", "b = 2;"),
    ],
)
def test_comments_right_above_a_binding_are_part_of_it(above: str, taken: str) -> None:
    text = f"{{\n{above}  b = 2; # after\n  # below\n}}\n"
    start, end = extent(binding(text, "b"))
    assert text[start:end] == f"{taken} # after"


def test_a_comment_above_a_blank_line_is_part_of_the_last_binding_alone() -> None:
    text = (
        "let\n  # all\n\n  a = 1;\n\n  # for b\n\n  # more\n  b = 2; # after\n\nin\na"
    )
    start, end = extent(binding(text, "b"))
    assert text[start:end] == "# for b\n\n  # more\n  b = 2; # after"
    start, end = extent(binding(text, "a"))
    assert text[start:end] == "a = 1;"


@pytest.mark.parametrize(
    ("rest", "taken"),
    [
        (" # one\n", " # one"),
        (" /* one */ # two\n", " /* one */ # two"),
        (" /* one */ /* two */\n", " /* one */ /* two */"),
        (" /* of c */ c = 1;\n", ""),
        (" c = 1; # of c\n", ""),
        ("\n  # below\n", ""),
        ("  \n", ""),
    ],
)
def test_comments_behind_a_binding_are_part_of_it(rest: str, taken: str) -> None:
    text = f"{{\n  b = 2;{rest}}}\n"
    node = binding(text, "b")
    assert text[node.end : after(node)].rstrip() == taken


DEFINITION = "# why\n    ui = f {\n      a = ''\n        text\n      '';\n    };"


def test_a_definition_is_written_for_another_column_with_its_comment() -> None:
    moved = MovedDefinition(name="ui", text=DEFINITION, column=4, place="x.nix:1:1")
    assert moved.written(4) == DEFINITION
    assert moved.written(2) == DEFINITION.replace("\n  ", "\n")
    assert moved.written(6, prefix="passthru.") == (
        "# why\n      passthru.ui = f {\n        a = ''\n          text\n        "
        "'';\n      };"
    )
    above, value = moved.parts(2)
    assert above == "# why\n  "
    assert value == " f {\n    a = ''\n      text\n    '';\n  }"
    with pytest.raises(NixSyntaxError, match=r"^x.nix:1:1:1:"):
        MovedDefinition(name="ui", text="ui = {", column=0, place="x.nix:1:1").written(
            2
        )


@pytest.mark.parametrize(
    ("names", "source_", "written"),
    [
        (["a"], "", "inherit a;"),
        (["a", "b", "c"], "", "inherit a b c;"),
        (
            ["a", "b", "c", "d"],
            "",
            "inherit\n      a\n      b\n      c\n      d\n      ;",
        ),
        (["a"], "self", "inherit (self) a;"),
        (
            ["a", "b", "c", "d"],
            "self.x",
            "inherit (self.x)\n      a\n      b\n      c\n      d\n      ;",
        ),
    ],
)
def test_an_inherit_of_more_than_three_names_has_a_line_for_each(
    names: list[str], source_: str, written: str
) -> None:
    assert inherit(names, 4, source_) == written


def test_an_inherit_that_is_wider_than_a_line_has_more() -> None:
    name = "n" * (WIDTH - len("inherit ;"))
    assert inherit([name], 0) == f"inherit {name};"
    assert inherit([f"{name}n"], 0) == f"inherit\n  {name}n\n  ;"


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("inherit a;", ""),
        ("inherit (x) a;", "x"),
        ("inherit (x { y = (1); }) a;", "x { y = (1); }"),
        ("inherit ( x.y ) a;", "x.y"),
    ],
)
def test_the_source_of_an_inherit_is_what_stands_in_its_parentheses(
    text: str, taken: str
) -> None:
    tree = f"{{ {text} }}"
    statement = (nodes(tree, "inherit") + nodes(tree, "inherit_from"))[-1]
    if taken:
        statement = nodes(tree, "inherit_from")[0]
    assert source(statement) == taken


@pytest.mark.parametrize(
    ("text", "spaced"),
    [
        ("{ a = 1; b = 2; }", False),
        ("{\n  a = 1;\n  b = 2;\n}", False),
        ("{\n  a = 1;\n  b = 2;\n  \n  c = 3;\n}", True),
        ("{\n  a = ''\n\n  '';\n  b = 2;\n}", False),
        ("{ }", False),
    ],
)
def test_a_set_is_spaced_if_a_blank_line_parts_two_bindings(
    text: str,
    spaced: bool,  # noqa: FBT001
) -> None:
    assert is_spaced(nodes(text, "attrset_expression")[-1]) is spaced


@pytest.mark.parametrize(
    ("change", "nothing"),
    [
        (StatementEdit(dropped={"a", "b"}), True),
        (StatementEdit(dropped={"a"}), False),
        (StatementEdit(dropped={"a", "b"}, sources={"a": ("s", "a")}), False),
        (StatementEdit(dropped={"a", "b"}, added=["c"]), False),
    ],
)
def test_an_inherit_of_which_all_names_go_leaves_nothing(
    change: StatementEdit,
    nothing: bool,  # noqa: FBT001
) -> None:
    (statement,) = nodes('let inherit "a" b; in a', "inherit")[:1]
    assert change.leaves_nothing(statement) is nothing


FILES = Path(__file__).parent / "cases/statements"
CHANGES = StatementEdit.__struct_fields__


@pytest.mark.parametrize(
    "case", cases(FILES / "removals.diff", ["names"]), ids=lambda case: case.name
)
def test_definitions_leave_their_lets(case: Case) -> None:
    lets = nodes(case.before, "let_expression")
    bindings = [node for node in lets[0].tree.nodes if node.kind == "binding"]
    names = msgspec.convert(case.options["names"], list[str])
    spans = [extent(node) for node in bindings if node.children[0].text in names]
    assert apply(case.before, removals(lets, spans)) == case.after


@pytest.mark.parametrize(
    "case", cases(FILES / "apart.diff"), ids=lambda case: case.name
)
def test_bindings_come_onto_their_own_lines(case: Case) -> None:
    assert (
        apply(case.before, apart(binding(case.before, "x").children[2])) == case.after
    )


@pytest.mark.parametrize(
    "case", cases(FILES / "inherits.diff", CHANGES), ids=lambda case: case.name
)
def test_names_of_an_inherit_go_and_come(case: Case) -> None:
    change = msgspec.convert(case.options, StatementEdit)
    statements = [*nodes(case.before, "inherit"), *nodes(case.before, "inherit_from")]
    owner = next(
        node
        for node in statements
        if node.parent is not None and node.parent.kind == "binding_set"
    )
    assert apply(case.before, set(change.edits(owner))) == case.after
