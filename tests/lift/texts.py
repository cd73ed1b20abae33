"""Packages with a let as texts, and what a lift makes of them.

Nix parses each result.
"""

import textwrap

from tests.parsing import assert_parses
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift


def lifted(
    text: str,
    *bindings: str,
    design: Design = Design.STAY,
    follow: tuple[str, ...] = (),
) -> Lifted:
    made = lift(
        textwrap.dedent(text),
        LiftWay(bindings=bindings, design=design, follow=follow),
        name="package.nix",
    )
    assert_parses(made.text)
    return made


def rewritten(
    text: str,
    *bindings: str,
    design: Design = Design.STAY,
    follow: tuple[str, ...] = (),
) -> str:
    return lifted(text, *bindings, design=design, follow=follow).text


HEAD = """\
{ buildApp, buildUi, f, src, version }:

let
  ui = buildUi {
    pname = "ui";
    inherit src version;
  };
in
"""


def package(text: str, more: str = "") -> str:
    """Return a package whose let binds `ui`, and more."""
    return HEAD.removesuffix("in\n") + more + "in\n" + textwrap.dedent(text)
