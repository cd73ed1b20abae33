from __future__ import annotations

import pytest

from tests.lift.texts import package
from toolkit.errors import RefusalError
from toolkit.lift.defaults import MOST_LINES, LiftChoice, Way, changed_lines, lifted, ways
from toolkit.lift.plan import Design

BODY = "buildApp {\n  inherit src version;\n  e = [ ui ];\n}\n"
LINES = "      1\n" * MOST_LINES
LARGE = f"  large = buildUi {{\n    inherit src version;\n    b = [\n{LINES}    ];\n  }};\n"


def tried(text: str, **choice: object) -> list[Way]:
    return list(ways(text, LiftChoice(**choice), name="package.nix"))  # type: ignore[arg-type]


def test_what_shares_source_or_version_moves_and_follows_else_stays() -> None:
    move = Way(design=Design.MOVE, follow=("src", "version"))
    assert tried(package(BODY)) == [move, Way(design=Design.STAY)]
    own = package(BODY.replace("inherit src version;", "version = 1;"))
    assert tried(own) == [Way(design=Design.STAY)]
    assert tried(package(BODY), bindings=("ui",))[0].bindings == ("ui",)


def test_a_design_that_was_asked_for_is_the_only_one() -> None:
    assert tried(package(BODY), design=Design.STAY) == [Way(design=Design.STAY)]
    assert tried(package(BODY), follow=("src",)) == [Way(design=Design.MOVE, follow=("src",))]


def test_of_a_change_that_is_too_large_as_many_bindings_are_lifted_as_can_be() -> None:
    text = package(BODY.replace("[ ui ]", "[ ui large ]"), LARGE)
    whole, part, *_ = tried(text)
    with pytest.raises(RefusalError, match=r"package.nix: the change has \d+ lines, more than 300") as caught:
        lifted(text, LiftChoice(), whole, name="package.nix")
    assert caught.value.hint == "--design move makes it all the same, --binding a part of it"
    assert part == Way(design=Design.MOVE, follow=("src", "version"), bindings=("ui",))
    made = lifted(text, LiftChoice(), part, name="package.nix")
    assert (made.moved, changed_lines(text, made.text) < MOST_LINES) == (("ui",), True)
    assert lifted(text, LiftChoice(design=Design.MOVE), whole, name="package.nix").moved == ("ui", "large")
