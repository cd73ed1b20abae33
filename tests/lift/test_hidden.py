"""Definitions as defaults of parameters that callPackage does not see, in a file of any package."""

from __future__ import annotations

import pytest

from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.plan import Design
from toolkit.lift.rewriting import rewrite
from toolkit.lift.shape import Shape, read
from toolkit.nix import program
from toolkit.nix.attributes import value
from toolkit.nix.scope import bound_names
from toolkit.nix.tree import Tree

BEFORE = """\
{ lib, callPackage }:

rec {
  generic =
    {
      buildApp,
      buildUi,
      version,
    }:
    let
      src = version;
      # the interface
      ui = buildUi {
        inherit src version;
      };
      other = 1;
    in
    buildApp {
      e = [
        ui
        other
      ];
    };

  app_2 = callPackage generic { version = "2"; };
  app_1 = callPackage generic { version = "1"; };
}
"""

AFTER = """\
{ lib, callPackage }:

rec {
  generic =
    {
      buildApp,
      buildUi,
      version,
      # components
      src ? version,
      # the interface
      ui ? buildUi {
        inherit src version;
      },
    }:
    let
      other = 1;
    in
    buildApp {
      e = [
        ui
        other
      ];
    };

  # callPackage would fill these parameters with packages of the same names,
  # related or not. override still sets them.
  callGeneric = callPackage (
    lib.setFunctionArgs generic (
      removeAttrs (lib.functionArgs generic) [
        "src"
        "ui"
      ]
    )
  );

  app_2 = callGeneric { version = "2"; };
  app_1 = callGeneric { version = "1"; };
}
"""


def shape(text: str) -> Shape:
    tree = Tree(text, name="package.nix")
    container = next(
        node for node in tree.nodes if "generic" in (bound_names(node) if node.kind.startswith("rec") else {})
    )
    return read(tree, value(bound_names(container)["generic"]))


def hidden(text: str) -> str:
    made = rewrite(shape(text), bindings=("ui",), design=Design.HIDDEN).text
    program.parse_text(made.encode(), name="package.nix")
    return made


def test_definitions_and_what_they_need_become_defaults_of_hidden_parameters() -> None:
    assert hidden(BEFORE) == AFTER


def test_a_function_that_its_file_does_not_call_is_refused() -> None:
    alone = Tree(
        "{ buildApp, buildUi }:\nlet\n  ui = buildUi { src = 1; };\nin\nbuildApp { e = [ ui ]; }\n", name="p.nix"
    )
    with pytest.raises(LayoutError, match=r"^p.nix:1:1: the function is not called in its own file"):
        rewrite(read(alone), bindings=("ui",), design=Design.HIDDEN)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "app_1 = callPackage generic",
            "app_1 = lib.id generic",
            "generic is used other than by 'callPackage generic'",
        ),
        ("      version,\n", "      version,\n      src ? 1,\n", "'src' hides a parameter of that name"),
        ("      version,\n    }", "      version,\n      ...\n    }", r"generic takes any argument \('...'\)"),
        ("      other = 1;", "      callGeneric = 1;\n      other = 1;", "the name 'callGeneric', which the rewrite"),
        ("{ lib, callPackage }", "{ callPackage }", "'lib' is not among the arguments of the file"),
        (
            "src = version;",
            "src = with lib; version;\n      inherit (lib) id;\n      __sub = 1;",
            "changes the meaning",
        ),
        ("      src = version;", "      inherit (version) src;", "'src' has to move, and is not bound by one plain"),
        ("rec {", "rec {\n  removeAttrs = 1;", "'removeAttrs' is rebound here"),
        (
            "let\n      src = version;",
            "with lib;\n    let\n      src = trim version;",
            "'trim' means something different",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    assert BEFORE.count(old) == 1
    with pytest.raises((LayoutError, RefusalError), match=rf"^package.nix:\d+:\d+: .*{said}"):
        hidden(BEFORE.replace(old, new))
