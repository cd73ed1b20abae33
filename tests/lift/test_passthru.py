"""Where a passthru with long definitions goes.

`cases/lift/passthru.diff` has the forms of others.
"""

import pytest

from tests.lift.texts import package, rewritten
from toolkit.lift.plan import Design


@pytest.mark.parametrize(
    ("long", "far", "more_lines", "nearer"),
    [
        (23, 101, 0, ""),
        (24, 100, 0, ""),
        (24, 101, 0, "nearer"),
        (24, 101, 21, "nearer"),
        (24, 101, 22, ""),
    ],
)
def test_a_passthru_with_long_definitions_comes_before_their_first_use(
    long: int, far: int, more_lines: int, nearer: str
) -> None:
    more = "  a1 = buildUi [\n" + "    1\n" * long + "  ];\n"
    parts = "  e = [ a1 ];\n" + "  # so\n" * (far - 2)
    parts += (
        "\n  # why\n  passthru = {\n    inherit a1;\n"
        + "    # a\n" * more_lines
        + "    a = a1;\n  };\n"
    )
    text = package("buildApp {\n  c = 1;\n\n" + parts + "\n  meta = { };\n}\n", more)
    made = rewritten(text, "a1", design=Design.MOVE)
    assert (made.index("passthru = {") < made.index("e = [")) == bool(nearer)
    if nearer:
        assert made.endswith("  # so\n\n  meta = { };\n})\n")
        assert "  c = 1;\n\n  # why\n  passthru = {\n    a1 = buildUi [\n" in made
        assert (
            "    a = finalAttrs.passthru.a1;\n  };\n\n  e = [ finalAttrs.passthru.a1 "
            "];\n" in made
        )


def test_a_layer_takes_a_use_of_long_definitions_from_where_they_would_come() -> None:
    more = "  path = [\n    ui\n" + "    1\n" * 30 + "  ];\n"
    body = (
        "  e = [ path ];\n"
        + "  # so\n" * 110
        + "\n  passthru = {\n    inherit ui;\n  };\n  meta = { };\n"
    )
    made = rewritten(
        package("buildApp {\n" + body + "}\n", more), "ui", design=Design.LAYER
    )
    assert (
        "passthru = {\n    inherit ui;\n  };\n  meta = { };\n}).overrideAttrs\n" in made
    )
