"""Where new attributes go in the forms of passthru that files have; the builder's set before and after."""

import pytest

from tests.lift.texts import package, rewritten
from toolkit.errors import RefusalError
from toolkit.lift.plan import Design

FORMS = [
    ("{ e = [ ui ]; meta = { }; }", "", "{ e = [ UI ]; meta = { }; passthru = { inherit ui; }; }"),
    (
        "{\n  e = [ ui ];\n  # about\n  meta = { };\n}",
        "",
        "{\n  e = [ UI ];\n  passthru = { inherit ui; };\n  # about\n  meta = { };\n}",
    ),
    (
        "{\n  e = [ ui ];\n\n  # about\n  meta = { };\n}",
        "",
        "{\n  e = [ UI ];\n\n  passthru = { inherit ui; };\n\n  # about\n  meta = { };\n}",
    ),
    ("{\n  e = [ ui ]; meta = { };\n}", "", "{\n  e = [ UI ]; meta = { };\n  passthru = { inherit ui; };\n}"),
    (
        "{\n  e = [ ui ];\n  inherit (f) meta;\n}",
        "",
        "{\n  e = [ UI ];\n  inherit (f) meta;\n  passthru = { inherit ui; };\n}",
    ),
    ("{\n  e = [ ui ];\n\n  f = 1;\n}", "", "{\n  e = [ UI ];\n\n  f = 1;\n\n  passthru = { inherit ui; };\n}"),
    (
        "{\n  e = [ ui a1 a2 a3 ];\n}",
        "".join(f"  a{number} = buildUi {{ src = f; }};\n" for number in (1, 2, 3)),
        "{\n  e = [ UI PASS.a1 PASS.a2 PASS.a3 ];\n  passthru = {\n    inherit NAMES;\n  };\n}",
    ),
    (
        "{\n  e = [ b1 ];\n}",
        "  b1 = f ui;\n",
        "{\n  e = [ PASS.b1 ];\n  passthru = {\n    inherit ui;\n    b1 = f UI;\n  };\n}",
    ),
    (
        "{\n  e = [ b1 ];\n}",
        "  b1 =\n    f ui;\n",
        "{\n  e = [ PASS.b1 ];\n  passthru = {\n    inherit ui;\n\n    b1 =\n      f UI;\n  };\n}",
    ),
    (
        "{\n  e = [ b1 ];\n passthru.a = 1; passthru.b = 2; }",
        "  b1 =\n    f ui;\n",
        "{\n  e = [ PASS.b1 ];\n passthru.ui = ui;\n passthru.b1 =\n   f UI;\n\n passthru.a = 1; passthru.b = 2; }",
    ),
    (
        "{\n  e = [ b1 ];\n  # why\n  passthru.a = {\n    b = 1;\n  }; # so\n}",
        "  b1 =\n    f ui;\n",
        (
            "{\n  e = [ PASS.b1 ];\n  passthru = {\n    inherit ui;\n\n    b1 =\n      f UI;\n\n    # why\n    a = {\n"
            "      b = 1;\n    }; # so\n  };\n}"
        ),
    ),
    (
        "{\n  e = [ ui a1 ];\n  passthru.a = 1;\n}",
        "  a1 = buildUi { src = f; };\n",
        "{\n  e = [ UI PASS.a1 ];\n  passthru = {\n    inherit ui a1;\n    a = 1;\n  };\n}",
    ),
    (
        "{\n  e = [ ui a1 ];\n  passthru.a.b = 1;\n}",
        "  a1 = buildUi { src = f; };\n",
        "{\n  e = [ UI PASS.a1 ];\n  passthru = {\n    inherit ui a1;\n    a.b = 1;\n  };\n}",
    ),
    (
        (
            "{\n  e = [ ui ];\n\n  passthru.a = f { };\n\n  # why\n"
            "  passthru.tests = {\n    inherit f;\n    g = 1;\n    h = 2;\n  };\n}"
        ),
        "",
        (
            "{\n  e = [ UI ];\n\n  passthru = {\n    inherit ui;\n\n    a = f { };\n\n    # why\n"
            "    tests = {\n      inherit f;\n      g = 1;\n      h = 2;\n    };\n  };\n}"
        ),
    ),
    (
        "{\n  passthru.a = 1;\n  e = [ ui ];\n  passthru.b = 2;\n}",
        "",
        "{\n  passthru.ui = ui;\n  passthru.a = 1;\n  e = [ UI ];\n  passthru.b = 2;\n}",
    ),
    (
        "{\n  passthru.a = 1;\n  e = [ ui ];\n  passthru = {\n    b = 2;\n  };\n}",
        "",
        "{\n  passthru.a = 1;\n  e = [ UI ];\n  passthru = {\n    inherit ui;\n    b = 2;\n  };\n}",
    ),
    (
        "{\n  e = [ b1 ];\n  passthru.a = 1;\n  passthru.b.c = {\n    inherit\n      ui\n      ;\n  };\n}",
        "  b1 = f ui;\n",
        (
            "{\n  e = [ PASS.b1 ];\n  passthru.ui = ui;\n  passthru.b1 = f UI;\n\n  passthru.a = 1;\n"
            "  passthru.b.c = {\n    inherit (PASS) ui;\n  };\n}"
        ),
    ),
    (
        "{\n  e = [ ui a1 ]; passthru.a = 1;\n}",
        "  a1 = buildUi { src = f; };\n",
        (
            "{\n  e = [ UI PASS.a1 ]; passthru.ui = ui;\n                 passthru.a1 = a1;\n"
            "                 passthru.a = 1;\n}"
        ),
    ),
    (
        "{\n  e = [ ui a1 ];\n  passthru.a = [\n    1\n    2\n    3\n    4\n    5\n  ];\n}",
        "  a1 = buildUi { src = f; };\n",
        (
            "{\n  e = [ UI PASS.a1 ];\n  passthru.ui = ui;\n  passthru.a1 = a1;\n  passthru.a = [\n    1\n    2\n"
            "    3\n    4\n    5\n  ];\n}"
        ),
    ),
    (
        "{\n  e = [ ui a1 a2 ];\n  passthru.a = [\n    1\n    2\n    3\n    4\n    5\n  ];\n}",
        "  a1 = buildUi { src = f; };\n  a2 = buildUi { src = f; };\n",
        (
            "{\n  e = [ UI PASS.a1 PASS.a2 ];\n  passthru = {\n    inherit ui a1 a2;\n    a = [\n      1\n      2\n"
            "      3\n      4\n      5\n    ];\n  };\n}"
        ),
    ),
    (
        "{\n  e = [ b1 ];\n  passthru = f 1;\n}",
        "  b1 =\n    f ui;\n",
        "{\n  e = [ PASS.b1 ];\n  passthru = {\n    inherit ui;\n\n    b1 =\n      f UI;\n  }\n  // f 1;\n}",
    ),
    (
        "{\n  e = [ ui ];\n  inherit (src) passthru meta;\n}",
        "",
        "{\n  e = [ UI ];\n  inherit (src) meta;\n\n  passthru = src.passthru // {\n    inherit ui;\n  };\n}",
    ),
    (
        "({\n  e = [ ui ];\n} // {\n  meta = { };\n})",
        "",
        "{\n  e = [ UI ];\n} // {\n  passthru = { inherit ui; };\n  meta = { };\n}",
    ),
    (
        "{\n  e = [ ui ];\n  passthru = with f; { a = 1; };\n}",
        "",
        "{\n  e = [ UI ];\n  passthru = with f; {\n    inherit ui;\n    a = 1;\n  };\n}",
    ),
    (
        "{\n  e = [ ui ];\n  passthru = {\n    a = 1;\n    inherit src;\n  };\n}",
        "",
        "{\n  e = [ UI ];\n  passthru = {\n    a = 1;\n    inherit src ui;\n  };\n}",
    ),
    (
        "{\n  e = [ b1 ];\n  passthru = {\n    a = 1;\n    inherit src;\n  };\n}",
        "  b1 = f ui;\n",
        "{\n  e = [ PASS.b1 ];\n  passthru = {\n    b1 = f UI;\n\n    a = 1;\n    inherit src ui;\n  };\n}",
    ),
    (
        "{\n  e = [ ui ];\n  passthru = {\n    # why\n    inherit src;\n  };\n}",
        "",
        "{\n  e = [ UI ];\n  passthru = {\n    # why\n    inherit src ui;\n  };\n}",
    ),
    (
        "{\n  e = [ b1 ];\n  passthru = { };\n}",
        "  b1 = f ui;\n",
        "{\n  e = [ PASS.b1 ];\n  passthru = {\n    inherit ui;\n    b1 = f UI;\n  };\n}",
    ),
    (
        "{\n    e = [ ui ];\n    passthru = {\n        a = 1;\n    };\n}",
        "",
        "{\n    e = [ UI ];\n    passthru = {\n        inherit ui;\n        a = 1;\n    };\n}",
    ),
]


@pytest.mark.parametrize(("attributes", "more", "after"), FORMS)
def test_new_attributes_are_written_in_the_form_of_the_file(attributes: str, more: str, after: str) -> None:
    text = rewritten(package(f"buildApp {attributes}\n", more))
    after = after.replace("NAMES;", "\n      ui\n      a1\n      a2\n      a3\n      ;")
    written = after.replace(" \n", "\n").replace("UI", "PASS.ui").replace("PASS", "finalAttrs.passthru")
    assert text[text.index("buildApp (") :] == f"buildApp (finalAttrs: {written})\n"


def test_definitions_that_move_are_parted_by_a_blank_line_and_a_comment_stays() -> None:
    more = "  a1 = buildUi { src = f; };\n"
    text = rewritten(package("buildApp {\n  e = [ ui a1 ];\n}\n", more), design=Design.MOVE)
    assert text.endswith("      inherit src version;\n    };\n\n    a1 = buildUi { src = f; };\n  };\n})\n")
    flat = rewritten(package("buildApp {\n  e = [ b1 b2 ui ];\n}\n", "  b1 = f 1 ui;\n  b2 = f 2 ui;\n"))
    assert "    inherit ui;\n    b1 = f 1 finalAttrs.passthru.ui;\n    b2 = f 2 finalAttrs.passthru.ui;\n" in flat
    attributes = "{\n  e = [ ui ];\n  passthru = { # why\n    a = 1; };\n}"
    text = rewritten(package(f"buildApp {attributes}\n"), design=Design.MOVE)
    assert "  passthru = { # why\n    ui = buildUi {\n" in text
    assert "    };\n\n    a = 1; };\n" in text


@pytest.mark.parametrize(
    ("more", "names", "fact"),
    [
        ("  inherit ((f ui)) vv;\n", (), "'vv' is inherited from an expression that uses a lifted binding"),
        ("  inherit (ui.x or f) vv;\n", (), "'vv' is inherited from an expression that uses a lifted binding"),
        ("  vv.a = ui;\n", (), "'vv' has to move, and is not bound by one plain 'vv = …;'"),
        ("  inherit vv;\n", ("vv",), "'vv' has to move, and is not bound by one plain 'vv = …;'"),
        ("  vv.a = ui;\n", ("vv",), "'vv' has to move, and is not bound by one plain 'vv = …;'"),
        ("  inherit (f) vv;\n", ("vv",), "'vv' is inherited from an expression that uses a lifted binding"),
    ],
)
def test_what_is_bound_by_no_plain_definition_does_not_move(more: str, names: tuple[str, ...], fact: str) -> None:
    design = Design.MOVE if names else Design.STAY
    with pytest.raises(RefusalError) as caught:
        rewritten(package("buildApp { e = [ vv ui ]; }\n", more), *names, design=design)
    assert caught.value.message == f"package.nix:8:3: {fact}"


@pytest.mark.parametrize(
    ("long", "far", "more_lines", "nearer"),
    [(23, 101, 0, ""), (24, 100, 0, ""), (24, 101, 0, "nearer"), (24, 101, 21, "nearer"), (24, 101, 22, "")],
)
def test_a_passthru_with_long_definitions_comes_before_their_first_use(
    long: int, far: int, more_lines: int, nearer: str
) -> None:
    more = "  a1 = buildUi [\n" + "    1\n" * long + "  ];\n"
    parts = "  e = [ a1 ];\n" + "  # so\n" * (far - 2)
    parts += "\n  # why\n  passthru = {\n    inherit a1;\n" + "    # a\n" * more_lines + "    a = a1;\n  };\n"
    text = package("buildApp {\n  c = 1;\n\n" + parts + "\n  meta = { };\n}\n", more)
    made = rewritten(text, "a1", design=Design.MOVE)
    assert (made.index("passthru = {") < made.index("e = [")) == bool(nearer)
    if nearer:
        assert made.endswith("  # so\n\n  meta = { };\n})\n")
        assert "  c = 1;\n\n  # why\n  passthru = {\n    a1 = buildUi [\n" in made
        assert "    a = finalAttrs.passthru.a1;\n  };\n\n  e = [ finalAttrs.passthru.a1 ];\n" in made


def test_a_layer_takes_a_use_of_long_definitions_from_where_they_would_come() -> None:
    more = "  path = [\n    ui\n" + "    1\n" * 30 + "  ];\n"
    body = "  e = [ path ];\n" + "  # so\n" * 110 + "\n  passthru = {\n    inherit ui;\n  };\n  meta = { };\n"
    made = rewritten(package("buildApp {\n" + body + "}\n", more), "ui", design=Design.LAYER)
    assert "passthru = {\n    inherit ui;\n  };\n  meta = { };\n}).overrideAttrs\n" in made
