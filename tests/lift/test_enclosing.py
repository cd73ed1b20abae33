from __future__ import annotations

import textwrap

import pytest

from tests.lift.texts import HEAD, lifted, package, rewritten

LINES = "".join(f"        {number}\n" for number in range(30))


@pytest.mark.parametrize("final", ["{", "(finalAttrs: {"])
def test_a_let_goes_behind_the_final_attributes_if_much_of_it_is_made_with_what_is_lifted(final: str) -> None:
    large = f"  large = buildApp {{\n    src = [\n      ui\n{LINES}    ];\n    text = ''\n      of it\n    '';\n  }};\n"
    body = '\n  pname = "app";\n  e = [ large ];\n}' + ")" * final.startswith("(") + "\n"
    made = lifted(package(f"buildApp {final}{body}").replace("in\nbuild", f"{large}in\nbuild"), "ui")
    indented = textwrap.indent(HEAD.partition("\n\n")[2].removesuffix("in\n") + large, "  ")
    assert made.text == (
        f"{HEAD.partition('let')[0]}buildApp (\n  finalAttrs:\n"
        + indented.replace("      ui\n", "      finalAttrs.passthru.ui\n")
        + '  in\n  {\n    pname = "app";\n    e = [ large ];\n    passthru = { inherit ui; };\n  }\n)\n'
    )
    assert (made.moved, made.doors) == ((), {"ui": ("passthru", "ui")})


def test_a_let_that_binds_the_builder_stays_and_what_is_made_with_the_lifted_moves() -> None:
    large = f"  build = buildApp;\n  large = buildApp {{\n    src = [\n      ui\n{LINES}    ];\n  }};\n"
    made = lifted(package("build { e = [ large ]; }\n").replace("in\nbuild", f"{large}in\nbuild"), "ui")
    assert made.moved == ("large",)


def test_what_could_not_move_is_enclosed() -> None:
    text = package("buildApp {\n  passthru = let a = { inherit two; }; in a // { tests = a; };\n  e = [ two ];\n}\n")
    after = rewritten(text.replace("in\nbuild", "  two = f ui;\nin\nbuild"))
    assert "    two = f finalAttrs.passthru.ui;\n  in\n  {\n" in after
