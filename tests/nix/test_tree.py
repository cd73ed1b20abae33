import time
from pathlib import Path

import pytest
from ast_grep_py import SgRoot
from msgspec import Struct

from tests import cases, specimens
from toolkit.errors import NixSyntaxError, RefusalError
from toolkit.nix import program
from toolkit.nix.edit import Edit, apply
from toolkit.nix.scope import references
from toolkit.nix.tree import Tree

TARGET = "pkgs/applications/virtualization/docker/default.nix"
ODD = (
    "  # é\n\t{ a = \"  😀 ${ b }é\\n\"; /* ü */ c = ''\n  é ''${x} ${d}\n''; e = [ "
    "]; inherit ({ }) f; }\n\n"
)


class Table(Struct, frozen=True):
    long: list[cases.Text]
    slow: list[cases.Text]
    deep: list[tuple[str, str]]
    gaps: list[tuple[str, list[str], list[str]]]
    errors: dict[str, str]


TABLE = cases.read(__file__, Table)


def test_offsets_count_characters() -> None:
    tree = Tree('{ a = "é…😀"; b = x; }', name="t")
    names = [node for node in tree.root.walk() if node.kind == "variable_expression"]
    assert [(node.text, node.place) for node in names] == [("x", "1:18")]


@pytest.mark.parametrize("name", [*specimens.LAYOUTS, "odd"])
def test_spans_are_those_of_the_parser(name: str) -> None:
    text = ODD if name == "odd" else (specimens.path(name) / TARGET).read_text()
    unseen = [SgRoot(text, "nix").root()]
    for node in Tree(text, name="t").nodes:
        given = unseen.pop()
        span = given.range()
        assert (node.kind, node.start, node.end) == (
            given.kind(),
            span.start.index,
            span.end.index,
        )
        unseen += reversed(given.children())
    assert unseen == []


@pytest.mark.parametrize("text", [*map(cases.whole, TABLE.long)])
def test_time_grows_with_the_length_alone(text: str) -> None:
    began = time.process_time()
    tree = Tree(text, name="t")
    assert time.process_time() - began < 10
    assert tree.root.end == len(text.rstrip("\n"))


@pytest.mark.parametrize(("before", "after"), TABLE.deep)
def test_parser_refuses_too_deep_nesting_and_resolves_the_rest(
    before: str, after: str
) -> None:
    with pytest.raises(
        RefusalError, match=r"t:1:\d+: the code is nested more than 300 levels deep"
    ):
        Tree(before * 5000 + "x" + after * 5000, name="t")
    # Some of these take two or three levels each.
    assert references(Tree(before * 95 + "x" + after * 95, name="t").root)


@pytest.mark.parametrize("text", [*map(cases.whole, TABLE.slow)])
def test_text_that_keeps_the_parser_for_minutes_is_refused_in_seconds(
    text: str,
) -> None:
    began = time.monotonic()
    with pytest.raises(
        RefusalError,
        match=r"t: unlet needs more than 0\.[567] s of processor time to parse this file",
    ):
        Tree(text, name="t")
    assert time.monotonic() - began < 10


def test_text_that_keeps_nix_for_minutes_is_refused_in_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program, "_PARSE_SECONDS", 0.5)
    with pytest.raises(
        RefusalError, match=r"t: Nix cannot parse this file within 0\.5 s"
    ):
        program.parse_text(b"+".join([b"1"] * 200_000), name="t")


@pytest.mark.parametrize(("text", "comments", "names"), TABLE.gaps)
def test_gaps_of_the_grammar_are_bridged(
    text: str, comments: list[str], names: list[str]
) -> None:
    nodes = Tree(text, name="t").nodes
    assert [node.text for node in nodes if node.kind == "comment"] == comments
    assert [node.text for node in nodes if node.kind == "identifier"] == names
    tokens = [node.text for node in nodes if not node.children]
    assert "".join("".join(tokens).split()) == "".join(text.split())


@pytest.mark.parametrize(("text", "place"), TABLE.errors.items())
def test_syntax_error_names_line_and_column(text: str, place: str) -> None:
    with pytest.raises(NixSyntaxError) as caught:
        Tree(text, name="file.nix")
    assert caught.value.message.startswith(f"file.nix:{place}")
    assert caught.value.excerpt.splitlines()[-1].endswith("^")


def test_excerpt_of_a_long_line_is_short(tmp_path: Path) -> None:
    with pytest.raises(NixSyntaxError) as own:
        Tree("[" + " 1" * 50_000 + " ; 2 ]", name="t")
    file = tmp_path / "a.nix"
    file.write_bytes(b"(" * 30_000)
    with pytest.raises(NixSyntaxError) as of_text:
        program.parse_text(file.read_bytes(), name="a.nix")
    with pytest.raises(NixSyntaxError) as of_file:
        program.parse([file])
    for caught, at in ((own, ";"), (of_text, "("), (of_file, "(")):
        line, caret = caught.value.excerpt.splitlines()
        assert (len(line) < 200, line[len(caret) - 1]) == (True, at)


def test_error_names_a_merge_marker_and_a_file_without_expression() -> None:
    with pytest.raises(NixSyntaxError, match="no expression"):
        Tree("# nothing\n", name="file.nix")
    with pytest.raises(NixSyntaxError, match=r"file.nix:2:1: merge conflict marker"):
        Tree(
            "{\n<<<<<<< HEAD\n  a = 1;\n=======\n  a = 2;\n>>>>>>> x\n}\n",
            name="file.nix",
        )


def test_edits_change_nothing_else() -> None:
    assert (
        apply("abcdef", [Edit(4, 5, ""), Edit(1, 3, "-"), Edit(6, 6, "!")]) == "a-df!"
    )


def test_overlapping_edits_are_a_defect() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply("abcdef", [Edit(0, 3, ""), Edit(2, 4, "")])
