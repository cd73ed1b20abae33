"""Shapes other than a file whose let stands around a builder's call on one set."""

import textwrap

import pytest

from tests.lift.texts import lifted, package, rewritten
from toolkit.errors import RefusalError
from toolkit.lift.bindings import find
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import rewrite
from toolkit.lift.shape import read
from toolkit.nix.attributes import inside, value
from toolkit.nix.scope import bound_names
from toolkit.nix.tree import Tree

OPTIONAL = """\
    buildApp ({{
      pname = "app";
      inherit version;
      {use}
    }} // lib.optionalAttrs {shown} {{
      inherit ui;
    }})
    """


def test_a_function_in_a_file_is_lifted_as_a_file_is() -> None:
    generator = package("buildApp { e = [ ui ]; }").removesuffix("\n")
    text = f"rec {{\n  other = 1;\n  generator = ({generator});\n  app = generator {{ }};\n}}\n"
    tree = Tree(text, name="x.nix")
    start = inside(value(bound_names(tree.root)["generator"]))
    made = rewrite(read(tree, start), LiftWay(bindings=("ui",), design=Design.STAY))
    assert generator in text
    assert made.text == text.replace(generator, rewritten(f"{generator}\n", "ui").removesuffix("\n"))


def file(text: str) -> str:
    """Return a package whose let binds `ui`, of more parameters."""
    return package(text).replace("{ buildApp,", "{ lib, clientOnly, x, buildApp,")


def optional(*, use: str, shown: str = "(!clientOnly)") -> str:
    return file(textwrap.dedent(OPTIONAL).format(use=use, shown=shown))


def test_an_attribute_under_conditions_is_a_method_for_uses_under_them() -> None:
    text = optional(use='e = lib.optionalString (!clientOnly && x) "${ui}" + lib.optionalString (!clientOnly) ui.name;')
    made = lifted(text, "ui")
    assert made.methods == {"ui": ("ui",)}
    assert '(!clientOnly && x) "${finalAttrs.ui}" + lib.optionalString (!clientOnly) finalAttrs.ui.name;' in made.text
    both = "(!clientOnly) (lib.optionalAttrs x"
    text = optional(use='e = lib.optionalString (!clientOnly && x) "${ui}";', shown=both)
    text = text.replace("  inherit ui;\n})", "  inherit ui;\n}))")
    made = lifted(text, "ui")
    assert made.methods == {"ui": ("ui",)}
    assert '(!clientOnly && x) "${finalAttrs.ui}";' in made.text
    with pytest.raises(RefusalError, match="'ui' is used here even if the package has no such"):
        lifted(text.replace("(!clientOnly && x)", "(!clientOnly)"), "ui")


@pytest.mark.parametrize(
    "use",
    [
        "e = [ ui ];",
        "e = lib.optional clientOnly ui;",
        "e = lib.optional (!x) ui;",
        "e = let clientOnly = x; in lib.optional (!clientOnly) ui;",
        "e = if !clientOnly then 1 else ui;",
    ],
)
def test_a_use_where_the_attribute_may_be_missing_is_refused(use: str) -> None:
    with pytest.raises(RefusalError, match=r"^package.nix:\d+:\d+: 'ui' is used here even if the package has no such"):
        lifted(optional(use=use))


def test_what_moves_to_a_method_is_used_under_the_condition_of_that_or_of_a_branch() -> None:
    text = optional(use="e = 1;").replace("  inherit ui;\n})", "  inherit ui;\n  path = both;\n})")
    made = lifted(text.replace("in\nbuildApp", "  both = f ui;\nin\nbuildApp"), "ui").text
    assert "lib.optionalAttrs (!clientOnly) {\n  inherit ui;\n  path = f finalAttrs.ui;\n}" in made
    text = optional(use="e = if clientOnly then 1 else ui;").replace(
        "lib.optionalAttrs (!clientOnly) {", "(if !clientOnly then {"
    )
    text = text.replace("  inherit ui;\n})", "  inherit ui;\n} else { }))")
    assert "else finalAttrs.ui;" in lifted(text, "ui").text


def test_the_package_that_an_if_comes_to_is_no_part_of_itself() -> None:
    whole = 'b { src = 1; pname = "whole"; e = ui; }'
    lets = f'let ui = b {{ src = 2; pname = "ui"; }}; whole = {whole}; other = {whole}; in\n'

    def parts(end: str) -> list[str]:
        return [found.name for found in find(read(Tree(f"{{ b, x }}: {lets}{end}", name="package.nix")))]

    assert parts("whole") == parts("if x then whole else whole.with x") == ["ui"]
    assert parts("if x then whole else other") == []
    assert parts("if x then whole else b { p = whole; }") == ["ui", "whole"]


def test_new_attributes_go_to_a_set_that_is_always_there() -> None:
    text = file("buildApp (lib.optionalAttrs x { meta = { }; } // {\n  e = [ ui ];\n})\n")
    assert "// {\n  e = [ finalAttrs.passthru.ui ];\n  passthru = { inherit ui; };\n})" in lifted(text).text
    tree = Tree(file("buildApp (lib.optionalAttrs x { e = [ ui ]; })\n"), name="x.nix")
    assert read(tree).construction is None


@pytest.mark.parametrize("design", [Design.STAY, Design.MOVE])
@pytest.mark.parametrize("between", ["", "# else\n"])
def test_definitions_that_move_into_the_last_of_sets_put_it_first(design: Design, between: str) -> None:
    text = optional(use="e = lib.optional (!clientOnly) ui;").replace("} // lib", f"}} // {between}lib")
    made = rewritten(text, design=design)
    is_first = made.index("optionalAttrs") < made.index('pname = "app"')
    assert is_first is (design is Design.MOVE)
    if design is Design.MOVE:
        assert "buildApp (finalAttrs: lib.optionalAttrs (!clientOnly) {\n  ui = buildUi {" in made
        assert made.endswith(
            f"}} // {between}{{\n"
            '  pname = "app";\n  inherit version;\n  e = lib.optional (!clientOnly) finalAttrs.ui;\n})\n'
        )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('pname = "app"', 'ui = 1; pname = "app"'),
        ('pname = "app"', '${x} = 1; pname = "app"'),
        ("} // lib", "} // x // lib"),
        ("inherit ui;", "inherit ui version;"),
        ("inherit ui;", "inherit ui; ${x} = 1;"),
    ],
)
def test_the_order_of_sets_stays_where_it_may_make_a_difference(old: str, new: str) -> None:
    text = optional(use="e = lib.optional (!clientOnly) ui;").replace(old, new)
    made = rewritten(text, design=Design.MOVE)
    assert made.index("optionalAttrs") > made.index('pname = "app"')


INNER = """\
    { buildApp, buildUi, f, src, unused }:

    buildApp (finalAttrs:
      let
        ui = buildUi {
          pname = "ui";
          inherit src;
          inherit (finalAttrs) version;
        };
        wrapped = f ui;
        other = buildUi { pname = "other"; inherit src; e = ui; };
      in
      {
        pname = "app";
        e = [ wrapped ];
      })
    """


def test_a_let_within_the_final_attributes_is_seen_and_stays_or_gives_a_definition() -> None:
    text = textwrap.dedent(INNER)
    assert [binding.name for binding in find(read(Tree(text, name="x.nix")))] == ["ui"]
    made = lifted(text)
    after = text.replace("f ui", "f finalAttrs.passthru.ui").replace("e = ui", "e = finalAttrs.passthru.ui")
    after = after.replace("e = [ wrapped ];\n", "e = [ wrapped ];\n    passthru = { inherit ui; };\n")
    assert (made.text, made.moved, made.parameter) == (after, (), "finalAttrs")
    made = lifted(INNER, design=Design.MOVE)
    assert made.moved == ("ui",)
    assert "let\n    wrapped = f finalAttrs.passthru.ui;" in made.text
    assert '    passthru.ui = buildUi {\n      pname = "ui";' in made.text


def test_a_let_within_the_final_attributes_has_no_layer_and_hides_no_name() -> None:
    with pytest.raises(RefusalError, match="a name means something different in the set of attributes"):
        lifted(INNER, design=Design.LAYER)
    text = INNER.replace("wrapped = f ui;", "wrapped = f ui; finalAttrs = src;")
    with pytest.raises(RefusalError, match="'finalAttrs' does not mean the package's final attributes here"):
        lifted(text)
