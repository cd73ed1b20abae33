"""The design `inner`: a part in a let follows the final attributes."""

import pytest

from tests.lift.texts import lifted
from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.defaults import LiftChoice, ways
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift

LET = """\
{ buildApp, buildUi, f, lib }:

let
  version = "1";

  src = f {
    name = "v${version}";
  };

  # It has a comment.
  ui = buildUi {
    pname = "ui";
    inherit src version;
    text = ''
      a
        b
    '';
  };
in
buildApp {
  pname = "app";
  inherit src version;

  e = ''
    ${ui}
  '';

  meta = { };
}
"""
FOLLOW = ("src", "version")
WITHIN = """\
{ buildApp, buildUi, src, version }:

buildApp (
  finalAttrs:
  let
    ui = buildUi {
      pname = "ui";
      inherit src version;
      a = 1;
      b = 2;
    };
  in
  {
    inherit src version;
    e = [ ui ];
    meta = { };
  }
)
"""


def inner(text: str, *, whole: bool = False) -> Lifted:
    made = lift(
        text,
        LiftWay(design=Design.INNER, follow=FOLLOW, whole=whole),
        name="package.nix",
    )
    assert made.methods == {"ui": ("passthru", "ui")}
    assert made.let.inner
    return made


def test_the_let_moves_into_the_function_and_passthru_shows_the_part() -> None:
    assert (
        inner(LET, whole=True).text
        == """\
{ buildApp, buildUi, f, lib }:

buildApp (
  finalAttrs:
  let
    # It has a comment.
    ui = buildUi {
      pname = "ui";
      inherit (finalAttrs) src version;
      text = ''
        a
          b
      '';
    };
  in
  {
    pname = "app";
    version = "1";

    src = f {
      name = "v${finalAttrs.version}";
    };

    e = ''
      ${ui}
    '';

    passthru = { inherit ui; };

    meta = { };
  }
)
"""
    )


def test_binding_that_the_part_does_not_need_stays_in_the_outer_let() -> None:
    made = inner(LET)
    assert made.text.startswith(
        LET.partition("\n\n  # It")[0]
        + "\nin\nbuildApp (\n  finalAttrs:\n  let\n    # It has"
    )
    assert (made.let.moved, made.follows, made.let.along) == (
        ("ui",),
        {"ui": FOLLOW},
        {},
    )


def test_a_set_on_lines_of_its_own_stays_where_it_is() -> None:
    text = LET.replace("buildApp {\n", "buildApp (\n  lib.id 1 // {\n").replace(
        "meta = { };\n}", "meta = { };\n  }\n)"
    )
    head, _, tail = inner(text).text.partition("  in\n  ")
    assert (
        "buildApp (\n  finalAttrs:\n  let\n    # It has a comment.\n    ui = buildUi "
        "{\n" in head
    )
    assert tail.startswith('lib.id 1 // {\n  pname = "app";\n  inherit src version;\n')


def test_the_parts_of_a_let_within_the_function_stay_there() -> None:
    made = inner(WITHIN)
    expected = WITHIN.replace(
        "inherit src version;\n      a", "inherit (finalAttrs) src version;\n      a"
    )
    assert made.text == expected.replace(
        "    meta", "    passthru = { inherit ui; };\n    meta"
    )
    assert made.let.moved == ()


def test_a_part_joins_the_let_within_the_function_with_what_is_made_with_it() -> None:
    text = LET.replace("in\n", "  wrapped = { inherit ui; };\n  apart = 2;\nin\n")
    text = text.replace(
        "buildApp {", "buildApp (finalAttrs: let\n  a = 1;\nin {"
    ).replace("${ui}", "${wrapped.ui}")
    made = inner(text.removesuffix("}\n") + "})\n")
    assert (
        "  apart = 2;\nin\nbuildApp (finalAttrs: let\n  a = 1;\n\n  # It has a "
        "comment.\n  ui = " in made.text
    )
    assert "\n\n  wrapped = { inherit ui; };\nin {" in made.text
    assert made.let.moved == ("ui", "wrapped")


def test_another_name_is_that_of_the_attribute_and_of_the_part() -> None:
    way = LiftWay(design=Design.INNER, follow=FOLLOW, called={"ui": "frontend"})
    made = lift(LET, way, name="package.nix")
    assert "frontend = buildUi {" in made.text
    assert "${frontend}" in made.text
    assert "passthru = { inherit frontend; };" in made.text


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        (
            "    inherit src version;\n    text",
            "    src = f 1;\n    text",
            "no part that moves uses src or version",
        ),
        (
            "buildApp {",
            "buildApp.of ui {",
            "'ui' would have to move, but it is used here, where finalAttrs does not exist",
        ),
        (
            "in\n",
            "  inherit (ui) web;\nin\n",
            "'web' would have to move, but is not defined by one plain 'web = …;'",
        ),
    ],
)
def test_a_part_that_cannot_move_is_refused(old: str, new: str, fact: str) -> None:
    assert LET.count(old) == 1
    with pytest.raises(RefusalError, match=fact):
        inner(LET.replace(old, new))


def designs(text: str, **choice: object) -> list[Design]:
    return [way.design for way in ways(text, LiftChoice(**choice), name="package.nix")]  # type: ignore[arg-type]


def test_it_is_chosen_unasked_if_it_halves_the_change() -> None:
    assert designs(WITHIN)[0] is Design.INNER
    assert designs(LET)[0] is Design.MOVE
    assert Design.INNER not in designs(LET)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("      a = 1;", "      npmDepsHash = 1;"),
        ("    meta = { };", "    passthru.ui = ui;"),
        ("  let\n", "  let\n    # TODO: allow overriding ui\n"),
        (
            WITHIN[WITHIN.index("    ui =") : WITHIN.index("  in\n")],
            "    ui = buildUi { inherit version; };\n    c = 1;\n",
        ),
    ],
)
def test_inner_is_no_default_if_it_is_not_shorter_or_somebody_replaces_a_part(
    old: str, new: str
) -> None:
    assert WITHIN.count(old) == 1
    assert designs(WITHIN.replace(old, new))[0] is not Design.INNER


@pytest.mark.parametrize("choice", [{"requested": True}, {"bindings": ("ui",)}])
def test_it_is_not_chosen_for_an_issue_or_a_part_by_name(
    choice: dict[str, object],
) -> None:
    assert Design.INNER not in designs(WITHIN, **choice)


def test_by_request_it_follows_all_that_is_shared() -> None:
    made = [*ways(LET, LiftChoice(design=Design.INNER), name="package.nix")]
    assert made == [
        LiftWay(design=Design.INNER, follow=FOLLOW, whole=whole)
        for whole in (True, False)
    ]
    with pytest.raises(LayoutError):
        lifted(
            LET.replace("    inherit src version;\n    text", "    text"),
            design=Design.INNER,
        )
