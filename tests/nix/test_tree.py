from __future__ import annotations

import pytest

from toolkit.errors import NixSyntaxError
from toolkit.nix.edit import Edit, apply
from toolkit.nix.tree import Tree


def test_offsets_count_characters() -> None:
    tree = Tree('{ a = "é…😀"; b = x; }', name="t")
    names = [node for node in tree.root.walk() if node.kind == "variable_expression"]
    assert [(node.text, node.place) for node in names] == [("x", "1:18")]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{ a = 1 }\n", "1:8"),
        ("{\n  a = ;\n}\n", "2:6"),
        ("{ a = '' x; }", "1:"),
        ("let a = 1;", "1:"),
    ],
)
def test_syntax_error_names_line_and_column(text: str, place: str) -> None:
    with pytest.raises(NixSyntaxError) as caught:
        Tree(text, name="file.nix")
    assert caught.value.message.startswith(f"file.nix:{place}")
    assert caught.value.excerpt.splitlines()[-1].endswith("^")


def test_merge_marker_is_called_by_its_name() -> None:
    with pytest.raises(NixSyntaxError, match=r"file.nix:2:1: merge conflict marker"):
        Tree("{\n<<<<<<< HEAD\n  a = 1;\n=======\n  a = 2;\n>>>>>>> x\n}\n", name="file.nix")


def test_file_without_expression_is_refused() -> None:
    with pytest.raises(NixSyntaxError, match="no expression"):
        Tree("# nothing\n", name="file.nix")


def test_edits_change_nothing_else() -> None:
    assert apply("abcdef", [Edit(4, 5, ""), Edit(1, 3, "-"), Edit(6, 6, "!")]) == "a-df!"


def test_overlapping_edits_are_a_defect() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply("abcdef", [Edit(0, 3, ""), Edit(2, 4, "")])
