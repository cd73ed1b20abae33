import re

import pytest

from tests.lift.texts import lifted, package, rewritten
from toolkit.errors import RefusalError
from toolkit.lift.plan import Design


def test_a_layer_takes_what_uses_the_binding_out_of_the_builders_call() -> None:
    before = """\
        buildApp rec {
          pname = "app";
          inherit src version;

          # Where the pages are.
          postPatch = ''
            ln -s ${ui} ${pname}
          '';
          env = {
            UI = "${ui}/dist";
          };

          meta = { };
        }
        """
    after = """\
        (buildApp rec {
          pname = "app";
          inherit src version;

          meta = { };
        }).overrideAttrs
          (
            finalAttrs: previousAttrs: {
              # Where the pages are.
              postPatch = ''
                ln -s ${finalAttrs.passthru.ui} ${finalAttrs.pname}
              '';

              env = {
                UI = "${finalAttrs.passthru.ui}/dist";
              };

              passthru = previousAttrs.passthru or { } // {
                inherit ui;
              };
            }
          )
        """
    made = lifted(package(before), design=Design.LAYER)
    assert made.text == package(after)
    assert made.methods == {"ui": ("passthru", "ui")}


@pytest.mark.parametrize(
    ("attributes", "fact"),
    [
        *(
            (attributes, "what uses a lifted binding is a part of an attribute, which would stay")
            for attributes in (
                "env.A = ui; env.B = ui;",
                "env.A = ui;",
                "env = { A = ui; }; env.B = 1;",
                "inherit ui; passthru.tests.a = ui;",
                "passthru = { inherit ui; a = [ ui ]; };",
            )
        ),
        ("a = [ ui ]; b = a;", "'a' is used here, and has to leave the builder's call"),
    ],
)
def test_what_cannot_be_taken_apart_gets_no_layer(attributes: str, fact: str) -> None:
    with pytest.raises(RefusalError, match=fact):
        lifted(package(f"buildApp rec {{ {attributes} }}\n"), design=Design.LAYER)


def test_what_passthru_is_computed_with_is_left_as_it_is() -> None:
    body = "let all = { inherit ui; }; in { tests = all; } // all;"
    text = rewritten(package(f"buildApp {{\n  e = [ ui ];\n  passthru = {body}\n}}\n"))
    assert "let all = { inherit ui; }; in" in text
    assert "e = [ finalAttrs.passthru.ui ];" in text


def test_a_layer_leaves_a_passthru_in_the_builders_call_which_others_may_read() -> None:
    body = "buildApp {{\n  passthru = {{\n    {}tests = 1;\n  }};\n{}}}"
    layer = ").overrideAttrs\n  (\n    finalAttrs: _: {\n      e = [ finalAttrs.passthru.ui ];\n    }\n  )\n"
    text = rewritten(package(body.format("", "  e = [ ui ];\n") + "\n"), design=Design.LAYER)
    assert text == package("(" + body.format("inherit ui;\n    ", "") + layer)


def test_a_name_that_the_layer_takes_and_a_use_beside_the_attributes_are_refused() -> None:
    text = re.sub(r"\bui\b", "previousAttrs", package("buildApp { e = [ ui ]; }\n"))
    with pytest.raises(RefusalError, match=r"^package\.nix:9:18: 'previousAttrs' already has a meaning here"):
        lifted(text, design=Design.LAYER)
    with pytest.raises(RefusalError, match=r"^package.nix:9:19: is not within an attribute of the package"):
        lifted(package("buildApp (let x = ui; in { a = x; })\n"), design=Design.LAYER)


def layered(attributes: str, more: str = "", *bindings: str) -> str:
    """Return the builder's call with its layer."""
    text = rewritten(package(f"buildApp {attributes}\n", more), *bindings, design=Design.LAYER)
    return text[text.index("\n(buildApp") :]


def test_lines_and_inherits_of_a_layer() -> None:
    assert layered("{\n  inherit (ui) pname;\n  passthru = { inherit ui; };\n}") == (
        "\n(buildApp {\n  passthru = { inherit ui; };\n}).overrideAttrs\n  (\n    finalAttrs: _: {\n"
        "      inherit (finalAttrs.passthru.ui) pname;\n    }\n  )\n"
    )
    assert layered("{\n  inherit ui;\n  a = ui;\n  b = [ ui ];\n  c = 1;\n}") == (
        "\n(buildApp {\n  inherit ui;\n  c = 1;\n}).overrideAttrs\n  (\n    finalAttrs: _: {\n"
        "      a = finalAttrs.ui;\n      b = [ finalAttrs.ui ];\n    }\n  )\n"
    )
    text = layered("{\n  e = [ path ];\n  passthru = {\n    tests = 1;\n  };\n}", "  path = f ui;\n", "ui")
    assert "(buildApp {\n  passthru = {\n    inherit ui;\n    tests = 1;\n  };\n}).overrideAttrs" in text
    assert (
        "      e = [ finalAttrs.passthru.path ];\n\n      passthru = previousAttrs.passthru // {\n"
        "        path = f finalAttrs.passthru.ui;\n      };\n    }\n"
    ) in text


def test_a_name_within_what_leaves_is_no_use_of_the_rest() -> None:
    text = layered("rec {\n  a = [ ui ];\n  b = { a }: a;\n  c = 1;\n  d = c;\n  e = f ui a;\n}")
    assert "  b = { a }: a;\n" in text
    assert "      e = f finalAttrs.passthru.ui finalAttrs.a;\n" in text


def test_a_layer_stands_below_its_call_however_far_in_that_is() -> None:
    text = rewritten(package("with f;\n  buildApp {\n    e = [ ui ];\n  }\n"), design=Design.LAYER)
    assert text.endswith(
        "with f;\n  (buildApp {\n  }).overrideAttrs\n    (\n      finalAttrs: previousAttrs: {\n"
        "        e = [ finalAttrs.passthru.ui ];\n\n"
        "        passthru = previousAttrs.passthru or { } // {\n          inherit ui;\n        };\n      }\n    )\n"
    )
