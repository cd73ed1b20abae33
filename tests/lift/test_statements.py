"""Definitions and `inherit`s that move, one at a time."""

import pytest

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
    return next(node for node in nodes(text, "binding") if node.children[0].text == name)


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
    text = "let\n  # all\n\n  a = 1;\n\n  # for b\n\n  # more\n  b = 2; # after\n\nin\na"
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
    assert moved.at(4) == DEFINITION
    assert moved.at(2) == DEFINITION.replace("\n  ", "\n")
    assert moved.at(6, prefix="passthru.") == (
        "# why\n      passthru.ui = f {\n        a = ''\n          text\n        '';\n      };"
    )
    above, value = moved.parts(2)
    assert above == "# why\n  "
    assert value == " f {\n    a = ''\n      text\n    '';\n  }"
    with pytest.raises(NixSyntaxError, match=r"^x.nix:1:1:1:"):
        MovedDefinition(name="ui", text="ui = {", column=0, place="x.nix:1:1").at(2)


@pytest.mark.parametrize(
    ("names", "source_", "written"),
    [
        (["a"], "", "inherit a;"),
        (["a", "b", "c"], "", "inherit a b c;"),
        (["a", "b", "c", "d"], "", "inherit\n      a\n      b\n      c\n      d\n      ;"),
        (["a"], "self", "inherit (self) a;"),
        (["a", "b", "c", "d"], "self.x", "inherit (self.x)\n      a\n      b\n      c\n      d\n      ;"),
    ],
)
def test_an_inherit_of_more_than_three_names_has_a_line_for_each(names: list[str], source_: str, written: str) -> None:
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
def test_the_source_of_an_inherit_is_what_stands_in_its_parentheses(text: str, taken: str) -> None:
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
def test_a_set_is_spaced_if_a_blank_line_parts_two_bindings(text: str, spaced: bool) -> None:  # noqa: FBT001
    assert is_spaced(nodes(text, "attrset_expression")[-1]) is spaced


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = { a = 1; b = 2; };", "x = {\n      a = 1;\n      b = 2;\n    };"),
        ("x = rec { a = 1; };", "x = rec {\n      a = 1;\n    };"),
        ("x = { };", "x = { };"),
        ("x = {\n  a = 1; };", "x = {\n  a = 1; };"),
    ],
)
def test_bindings_on_one_line_come_onto_their_own(text: str, lines: str) -> None:
    before = f"{{\n    {text}\n}}"
    literal = binding(before, "x").children[2]
    assert apply(before, apart(literal)) == before.replace(text, lines)


LETS = """\
let
  a = 1;

  # of b
  b = 2;

  c = 3;
in
b
"""


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ("", LETS),
        ("a", "let\n  # of b\n  b = 2;\n\n  c = 3;\nin\nb\n"),
        ("b", "let\n  a = 1;\n\n  c = 3;\nin\nb\n"),
        ("c", "let\n  a = 1;\n\n  # of b\n  b = 2;\nin\nb\n"),
        ("ab", "let\n  c = 3;\nin\nb\n"),
        ("bc", "let\n  a = 1;\nin\nb\n"),
        ("ac", "let\n  # of b\n  b = 2;\nin\nb\n"),
        ("abc", "b\n"),
    ],
)
def test_what_leaves_a_let_leaves_no_double_blank_line(names: str, left: str) -> None:
    tree = Tree(LETS, name="x.nix")
    let = next(node for node in tree.nodes if node.kind == "let_expression")
    spans = [extent(node) for node in tree.nodes if node.kind == "binding" and node.children[0].text in names]
    assert apply(LETS, removals([let], spans)) == left


@pytest.mark.parametrize(
    ("before", "left"),
    [
        ("let a = 1; b = 2; in b", "let b = 2; in b"),
        ("let\n  a = 1; b = 2;\nin\nb", "let\n  b = 2;\nin\nb"),
        ("let\n  b = 2;\n  a = 1; # of a\nin\nb", "let\n  b = 2;\nin\nb"),
        ("let\n  a = 1; # of a\nin\nb", "b"),
        ("let\n  a = 1;\n  # alone\nin\nb", "let\n  # alone\nin\nb"),
        ("let # of all\n  a = 1;\n\n  b = 2;\nin\nb", "let # of all\n  b = 2;\nin\nb"),
        ("let\n  a = 1;\nin\nlet\n  b = 2;\nin\nb", "let\n  b = 2;\nin\nb"),
        ("let\n  b = 2;\n\n\n  a = 1;\n  c = 3;\nin\nb", "let\n  b = 2;\n\n  c = 3;\nin\nb"),
        ("let\n  b = 2;\n  a = 1;\n\n  c = 3;\nin\nb", "let\n  b = 2;\n\n  c = 3;\nin\nb"),
        ("let\n  b = 2; a = 1;\n  c = 3;\nin\nb", "let\n  b = 2;\n  c = 3;\nin\nb"),
        ("let a = 1;b = 2; in b", "let b = 2; in b"),
        ("let in let a = 1; inherit b; in b", "let in let inherit b; in b"),
        ("let a = 1; inherit (b) c; in let a = 2; in c", "let inherit (b) c; in c"),
    ],
)
def test_a_let_of_which_nothing_is_left_goes_whole(before: str, left: str) -> None:
    tree = Tree(before, name="x.nix")
    lets = [node for node in tree.nodes if node.kind == "let_expression"]
    spans = [extent(node) for node in tree.nodes if node.kind == "binding" and node.children[0].text == "a"]
    assert apply(before, removals(lets, spans)) == left


def changed(text: str, change: StatementEdit) -> str:
    statement = [*nodes(text, "inherit"), *nodes(text, "inherit_from")]
    owner = next(node for node in statement if node.parent is not None and node.parent.kind == "binding_set")
    return apply(text, set(change.edits(owner)))


@pytest.mark.parametrize(
    ("change", "nothing"),
    [
        (StatementEdit(dropped={"a", "b"}), True),
        (StatementEdit(dropped={"a"}), False),
        (StatementEdit(dropped={"a", "b"}, sources={"a": ("s", "a")}), False),
        (StatementEdit(dropped={"a", "b"}, added=["c"]), False),
    ],
)
def test_an_inherit_of_which_all_names_go_leaves_nothing(change: StatementEdit, nothing: bool) -> None:  # noqa: FBT001
    (statement,) = nodes('let inherit "a" b; in a', "inherit")[:1]
    assert change.leaves_nothing(statement) is nothing


def definition(text: str, offset: int = 0) -> MovedDefinition:
    return MovedDefinition(name=text[0], text=text, column=0, place="x.nix:1:1", offset=offset)


CHANGES: list[tuple[str, StatementEdit, str]] = [
    ("{ inherit a b; }", StatementEdit(sources={"a": ("self", "a")}), "{\n  inherit b;\n  inherit (self) a;\n}"),
    ("{ inherit a; }", StatementEdit(sources={"a": ("self", "x", "a")}), "{ inherit (self.x) a; }"),
    ("{ inherit a; }", StatementEdit(sources={"a": ("self", "b")}), "{ a = self.b; }"),
    ("{ inherit a; }", StatementEdit(sources={"a": ("self", "x", "b")}), "{ a = self.x.b; }"),
    ('{ inherit "a" b; }', StatementEdit(sources={"a": ("self", "a")}, dropped={"b"}), "{ inherit (self) a; }"),
    ("{ inherit a b; }", StatementEdit(dropped={"a"}, added=["c"]), "{ inherit b c; }"),
    ("{ inherit a b c; }", StatementEdit(added=["d"]), "{\n  inherit\n    a\n    b\n    c\n    d\n    ;\n}"),
    ("{\n  inherit (x) a b;\n}", StatementEdit(dropped={"a"}), "{\n  inherit (x) b;\n}"),
    (
        "{\n  inherit a b c;\n}",
        StatementEdit(sources={"a": ("s", "a"), "b": ("s", "b"), "c": ("s", "t", "c")}),
        "{\n  inherit (s) a b;\n  inherit (s.t) c;\n}",
    ),
    (
        "{\n    inherit a b c;\n}",
        StatementEdit(added=["d"]),
        "{\n    inherit\n      a\n      b\n      c\n      d\n      ;\n}",
    ),
    (
        "{\n  inherit\n    a\n    b\n    ;\n}",
        StatementEdit(added=["c"]),
        "{\n  inherit\n    a\n    b\n    c\n    ;\n}",
    ),
    (
        "{\n  inherit\n    a\n    b\n    ;\n}",
        StatementEdit(dropped={"a"}),
        "{\n  inherit b;\n}",
    ),
    (
        "{\n  inherit # of a\n    a # of b\n    b;\n}",
        StatementEdit(dropped={"b"}),
        "{\n  # of a\n  # of b\n  inherit a;\n}",
    ),
    ("rec { inherit a b; }", StatementEdit(sources={"a": ("s", "a")}), "rec {\n  inherit b;\n  inherit (s) a;\n}"),
    ("let inherit a b; in a", StatementEdit(sources={"a": ("s", "a")}), "let\n  inherit b;\n  inherit (s) a;\nin a"),
    (
        "{\n  inherit a;\n  b = 1;\n}",
        StatementEdit(behind=[definition("c =\n  1;")]),
        "{\n  inherit a;\n\n  c =\n    1;\n\n  b = 1;\n}",
    ),
    (
        "{\n  inherit a;\n  b = 1;\n}",
        StatementEdit(behind=[definition("c = 1;")]),
        "{\n  inherit a;\n\n  c = 1;\n  b = 1;\n}",
    ),
    (
        "{\n  inherit a;\n}",
        StatementEdit(behind=[definition("c =\n  1;")]),
        "{\n  inherit a;\n\n  c =\n    1;\n}",
    ),
    (
        "{\n  inherit a;\n}",
        StatementEdit(behind=[definition("c = 1;", offset=9), definition("b = 1;", offset=3)]),
        "{\n  inherit a;\n\n  b = 1;\n  c = 1;\n}",
    ),
]


@pytest.mark.parametrize(("text", "change", "made"), CHANGES)
def test_names_of_an_inherit_go_and_come(text: str, change: StatementEdit, made: str) -> None:
    assert changed(text, change) == made
