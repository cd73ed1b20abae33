from __future__ import annotations

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
          env.UI = "${ui}/dist";

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

              env = previousAttrs.env or { } // {
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
    assert made.doors == {"ui": ("passthru", "ui")}


@pytest.mark.parametrize(
    ("attributes", "fact"),
    [
        ("env.A = ui; env.B = ui;", "the attributes that leave the builder's call are parts of one"),
        ("a = [ ui ]; b = a;", "'a' is used here, and has to leave the builder's call"),
        ("passthru.tests.a = ui;", "passthru itself uses a lifted binding"),
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


def test_what_is_left_of_an_attribute_in_the_builders_call_is_kept() -> None:
    text = rewritten(package('buildApp {\n  env = { UI = ui; };\n  env.A = "1";\n}\n'), design=Design.LAYER)
    assert "env = previousAttrs.env // { UI = finalAttrs.passthru.ui; };" in text
    assert 'env.A = "1";' in text
    whole = rewritten(package("buildApp {\n  env = { UI = ui; };\n}\n"), design=Design.LAYER)
    assert "      env = { UI = finalAttrs.passthru.ui; };" in whole


def test_a_name_that_the_layer_takes_is_refused_where_it_is_used() -> None:
    text = re.sub(r"\bui\b", "previousAttrs", package("buildApp { e = [ ui ]; }\n"))
    with pytest.raises(RefusalError, match=r"^package\.nix:9:18: 'previousAttrs' already has a meaning here"):
        lifted(text, design=Design.LAYER)
