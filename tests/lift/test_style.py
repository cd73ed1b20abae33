"""The form of a function, and how new code is written in it."""

import pytest

from toolkit.lift.style import WIDTH, Style, filled, pattern_style
from toolkit.nix.scope import bound_names
from toolkit.nix.tree import Tree


def style(function: str) -> Style:
    binding = bound_names(Tree(f"rec {{ f ={function}; }}", name="x.nix").root)["f"]
    return pattern_style(
        binding,
        next(node for node in binding.walk() if node.kind == "function_expression"),
    )


@pytest.mark.parametrize(
    ("function", "is_in"),
    [
        ("\n{\n  a,\n  b,\n}: a", Style.NIXFMT),
        (" {\n  a,\n  b, # why\n}: a", Style.ALEJANDRA),
        ("\n{ a\n, b\n}: a", Style.NIXPKGS_FMT),
        (" { a\n  , b\n}: a", Style.OLD),
        (" { a, b }: a", Style.ALEJANDRA),
        ("\n{ a, b }: a", Style.NIXFMT),
        # A comma of its own behind a comment is no style.
        ("\n{\n  a,\n  b\n  ,\n  c,\n}: a", Style.NIXFMT),
        ("\n{\n  a, b\n  , c\n  , d,\n}: a", Style.NIXPKGS_FMT),
        ("\n{\n  a,\n  b\n  , c\n}: a", Style.NIXFMT),
    ],
)
def test_a_style_is_known_by_its_commas_and_where_the_function_begins(
    function: str, is_in: Style
) -> None:
    assert style(function) is is_in


@pytest.mark.parametrize("each", Style)
def test_old_styles_have_leading_commas(each: Style) -> None:
    assert each.leads is (each in {Style.OLD, Style.NIXPKGS_FMT})


@pytest.mark.parametrize(
    ("each", "one", "none"),
    [
        (Style.ALEJANDRA, "[x]", "[]"),
        (Style.NIXFMT, "[ x ]", "[ ]"),
        (Style.OLD, "[ x ]", "[ ]"),
    ],
)
def test_a_list_has_spaces_but_in_alejandra(each: Style, one: str, none: str) -> None:
    assert (each.list("x"), each.list("")) == (one, none)


def test_the_caller_is_written_in_the_form_of_the_file_and_its_names_fill_lines() -> (
    None
):
    new = (
        "  call = callPackage (\n    lib.setFunctionArgs f (\n      removeAttrs "
        "(lib.functionArgs f) [\n"
        '        "a"\n        "b"\n      ]\n    )\n  );'
    )
    old = '  call = callPackage (lib.setFunctionArgs f (removeAttrs (lib.functionArgs f) [\n    "a" "b"\n  ]));'
    assert [each.caller("call", "f", ["a", "b"], 2) for each in Style] == [
        new,
        new,
        old,
        old,
    ]
    names = ["very-long-name-of-a-part"] * 3
    written = Style.OLD.caller("call", "f", [*names, "x" * 90], 0).splitlines()
    assert written[1:-1] == [
        '  "very-long-name-of-a-part" "very-long-name-of-a-part"',
        '  "very-long-name-of-a-part"',
        f'  "{"x" * 90}"',
    ]
    full = Style.OLD.caller("call", "f", ["a" * 30, "b" * 43], 0).splitlines()
    assert len(full[1]) == 80
    assert len(Style.OLD.caller("call", "f", ["a" * 30, "b" * 44], 0).splitlines()) == 4


def test_a_list_that_fills_its_line_stays_on_it() -> None:
    line = f"  e = [ a b ] ++ {'f' * (WIDTH - 18)};"
    assert len(line) == WIDTH
    assert filled("", line) == line
    longer = line.replace("f;", "ff;")
    assert filled("", longer) == longer.replace("[ a b ] ", "[\n    a\n    b\n  ]\n  ")
    assert filled(longer, f"{{\n{longer}") == f"{{\n{longer}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  inherit (final) a;\n  b = final.b;\n", "  inherit (final) a b;\n"),
        (
            "{\n  inherit (final) a;\n  c = 1;\n  b = final.b;\n}",
            "{\n  inherit (final) a b;\n  c = 1;\n}",
        ),
        (
            "{\n  inherit (final) a;\n\n  b = final.b;\n}",
            "{\n  inherit (final) a b;\n}",
        ),
        (
            "{\n  inherit (final) a;\n\n  b = final.b;\n\n  c = 1;\n}",
            "{\n  inherit (final) a b;\n\n  c = 1;\n}",
        ),
        (
            "{\n  inherit (final) a;\n\n  b = final.b;\n  c = 1;\n}",
            "{\n  inherit (final) a b;\n\n  c = 1;\n}",
        ),
        ("{\n  inherit (final) a;\n}\n{\n  b = final.b;\n}", None),
        ("{\n  b = final.b;\n  inherit (final) a;\n}", "{\n  inherit (final) b a;\n}"),
        ("{\n  inherit (final.a) c;\n  inherit (final.a) meta;\n}", None),
    ],
)
def test_attribute_bound_to_its_own_name_joins_an_inherit(
    before: str, after: str | None
) -> None:
    assert filled("", before) == (
        after or before.replace("b = final.b;", "inherit (final) b;")
    )
    assert filled(before, before) == before


def test_a_line_that_inherits_is_filled_and_no_more_than_that() -> None:
    line = f"  inherit (final) {'a' * (WIDTH - 21)};"
    assert filled("", f"{line}\n  b = final.b;") == f"{line[:-1]} b;"
    assert len(f"{line[:-1]} b;") == WIDTH
    longer = line.replace("a;", "aa;")
    assert filled("", f"{longer}\n  b = final.b;") == f"{longer}\n  inherit (final) b;"


def test_a_comment_fills_lines_of_eighty_columns_and_its_words_are_not_divided() -> (
    None
):
    assert Style.comment(f"{'a' * 40} {'b' * 35}", 2) == f"  # {'a' * 40} {'b' * 35}"
    assert (
        Style.comment(f"{'a' * 40} {'b' * 36}", 2) == f"  # {'a' * 40}\n  # {'b' * 36}"
    )
    assert Style.comment(
        f"{'a' * 40} {'b' * 30}-{'c' * 10} {'d' * 100}", 0
    ).splitlines() == [
        f"# {'a' * 40}",
        f"# {'b' * 30}-{'c' * 10}",
        f"# {'d' * 100}",
    ]
