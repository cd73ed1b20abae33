"""Definitions as defaults of parameters that callPackage does not see, in a file of any package."""

import pytest

from tests.parsing import assert_parses
from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import rewrite
from toolkit.lift.shape import Shape, read
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
    made = rewrite(shape(text), LiftWay(bindings=("ui",), design=Design.HIDDEN)).text
    assert_parses(made)
    return made


def test_definitions_and_what_they_need_become_defaults_of_hidden_parameters() -> None:
    assert hidden(BEFORE) == AFTER
    assert rewrite(shape(BEFORE), LiftWay(bindings=("ui",), design=Design.HIDDEN)).methods == {}


def test_a_function_that_its_file_does_not_call_is_refused() -> None:
    alone = Tree(
        "{ buildApp, buildUi }:\nlet\n  ui = buildUi { src = 1; };\nin\nbuildApp { e = [ ui ]; }\n", name="p.nix"
    )
    fact = "the function is not called in its own file, and callPackage would fill new parameters"
    with pytest.raises(LayoutError, match=rf"^p.nix:1:1: {fact}$"):
        rewrite(read(alone), LiftWay(bindings=("ui",), design=Design.HIDDEN))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "app_1 = callPackage generic",
            "app_1 = lib.id generic",
            "generic is used other than by 'callPackage generic'",
        ),
        ("      version,\n", "      version,\n      src ? 1,\n", "'src' hides a parameter of that name"),
        ("      other = 1;", "      callGeneric = 1;\n      other = 1;", "the name 'callGeneric', which the rewrite"),
        ("{ lib, callPackage }", "{ callPackage }", "'lib' is not among the arguments of the file"),
        ("      src = version;", "      inherit (version) src;", "'src' has to move, and is not bound by one plain"),
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


OLD = """\
{ lib, callPackage }:

rec {
  generic = { buildApp
    , buildUi # the builder
    , version }: let
      # what is fetched
      src = version;
      ui = buildUi {
        inherit src;
      }; # the interface
    in
    buildApp { e = [ ui ]; };

  app = callPackage generic { };
}
"""

OLD_AFTER = """\
{ lib, callPackage }:

rec {
  generic = { buildApp
    , buildUi # the builder
    , version
    # components
    # what is fetched
    , src ? version
    , ui ? buildUi {
        inherit src;
      } # the interface
 }: buildApp { e = [ ui ]; };

  # callPackage would fill these parameters with packages of the same names,
  # related or not. override still sets them.
  callGeneric = callPackage (lib.setFunctionArgs generic (removeAttrs (lib.functionArgs generic) [
    "src" "ui"
  ]));

  app = callGeneric { };
}
"""


def test_leading_commas_stay_and_the_pattern_is_closed_on_a_line_of_its_own() -> None:
    made = hidden(OLD)
    assert made == OLD_AFTER, made


def test_comments_commas_and_defaults_stand_where_the_pattern_has_them() -> None:
    text = OLD.replace("generic = { buildApp", "generic =\n    { buildApp").replace(
        "version }: let", "version\n    }: let"
    )
    made = hidden(text)
    assert (
        "    , version\n      # components\n      # what is fetched\n    , src ? version\n    , ui ? buildUi {\n"
        in made
    )
    assert "        inherit src;\n      } # the interface\n    }: buildApp" in made
    assert "removeAttrs (lib.functionArgs generic) [" in made
    made = hidden(
        BEFORE.replace("      version,\n", "      version # it\n").replace("  generic =\n    {", "  generic = {")
    )
    assert "      version, # it\n      # components\n      src ? version,\n" in made
    assert '      removeAttrs (lib.functionArgs generic) [\n        "src"\n        "ui"\n      ]\n' in made
    pattern = BEFORE[BEFORE.index("generic =") : BEFORE.index("    let\n")]
    made = hidden(BEFORE.replace(pattern, "generic = { buildApp, buildUi, version }:\n"))
    assert "  # the interface\n  ui ? buildUi {\n    inherit src version;\n  },\n }:\n    let\n" in made


def test_what_a_needed_definition_needs_moves_too_but_its_own_names_and_those_of_nix() -> None:
    needed = "a = version;\n      b = a;\n      c = version;\n      d = c;\n      src = b + d;"
    made = hidden(BEFORE.replace("src = version;", needed))
    names = ["a", "b", "c", "d", "src", "ui"]
    assert [name for name in (*names, "other") if f"      {name} ? " in made] == names
    made = hidden(BEFORE.replace("src = version;", "src = let q = version; in toString (map (x: x + q) [ ]);"))
    assert "      src ? let q = version; in toString (map (x: x + q) [ ]),\n" in made


@pytest.mark.parametrize(
    "use",
    [
        "callGeneric",
        "x.y or callGeneric",
        "{ inherit callGeneric; }",
        "{ inherit (x) callGeneric; }",
        "{ callGeneric = 1; }",
    ],
)
def test_the_name_of_the_caller_is_taken_by_any_use(use: str) -> None:
    with pytest.raises(RefusalError, match="the name 'callGeneric', which the rewrite would introduce, is in use here"):
        hidden(BEFORE.replace("other = 1;", f"other = x: {use};"))


@pytest.mark.parametrize(
    "call",
    [
        "generic",
        "lib.id [ generic ]",
        "lib.id [ callPackage generic ]",
        "generic { }",
        "callPackage // generic",
    ],
)
def test_a_use_that_is_no_call_by_callpackage_is_refused_with_its_place(call: str) -> None:
    with pytest.raises(LayoutError, match=r"^package.nix:26:\d+: generic is used other than by 'callPackage generic'"):
        hidden(BEFORE.replace('callPackage generic { version = "1"; }', call))


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ("    }:\n", "    }@all:\n", "\n    }@all:\n    let"),
        ("    {\n      buildApp", "    all@{\n      buildApp", "    all@{\n      buildApp"),
        ("      version,\n    }:", "      version, }:", "      },\n }:\n    let"),
        (
            "      version,\n    }:",
            "      version, \n    }:",
            "      }, \n    }:\n    let",
        ),
        ("      version,\n    }:", "      version }: # it", "      },\n }: # it\n    let"),
        (
            "    let\n      src",
            "    assert version != 1;\n    let\n      src",
            "    }:\n    assert version != 1;\n    let\n",
        ),
        ("rec {", "let __sub = a: b: 7; in\nrec {", "let __sub = a: b: 7; in\nrec {"),
        ("  generic =\n", "  generic = # it\n", "  generic = # it\n"),
        ("    let\n", "    let # it\n", "    let # it\n      other = 1;"),
        ("      other = 1;", "      # it\n\n      other = 1;", "    let\n      # it\n\n      other = 1;"),
        (
            "      # the interface\n",
            "      # the interface\n      # of it\n",
            "      # the interface\n      # of it\n      ui ?",
        ),
    ],
)
def test_what_stands_around_the_parameters_and_the_let_stays(old: str, new: str, after: str) -> None:
    assert BEFORE.count(old) == 1
    made = hidden(BEFORE.replace(old, new))
    assert after in made
    assert "ui ? buildUi {" in made


@pytest.mark.parametrize(
    ("old", "new"),
    [("callPackage generic {", "callPackage /* it */ generic {"), ("ui = buildUi", "ui = /* it */ buildUi")],
)
def test_a_comment_that_would_be_lost_is_refused(old: str, new: str) -> None:
    text = BEFORE.replace(old, new, 1)
    place = text[: text.index("/* it")].count("\n") + 1
    with pytest.raises(
        RefusalError, match=rf"^package.nix:{place}:\d+: this comment would be lost: the code around it"
    ):
        hidden(text)
