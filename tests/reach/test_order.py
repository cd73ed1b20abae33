"""Overrides in the whole list of overlays: what a later one replaces has no effect."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reach.conftest import statuses
from toolkit.reach.effects import Outcome, Reach, Replacement

ONE = "final: prev: { plain = prev.plain.override { withColour = true; }; }"
BASE = """final: prev: { python313 = prev.python313.override {
  packageOverrides = self: super: { base = super.base.overrideAttrs { a = 1; }; };
}; }"""
APP = BASE.replace("base", "app")
PACKAGES = "python3Packages = final.python313.pkgs;"
HOOKED = """final: prev: { pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [
  (self: super: { base = super.base.overrideAttrs { a = 1; }; })
]; }"""


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (ONE, "final: prev: { plain = final.tool; }", {"plain": "no effect"}),
        (
            "final: prev: { own = prev.tool; }",
            "final: prev: { own = prev.spare; }",
            {"own": "no effect"},
        ),
        (
            BASE,
            APP,
            {"python313.pkgs.base": "no effect", "python313.pkgs.app": "reaches"},
        ),
        (
            BASE.replace("\n}; }", f"\n}}; {PACKAGES} }}"),
            APP.replace("\n}; }", f"\n}}; {PACKAGES} }}"),
            {"python313.pkgs.base": "no effect", "python313.pkgs.app": "reaches"},
        ),
        (
            HOOKED,
            HOOKED.replace("prev.pythonPackagesExtensions ++", "").replace(
                "base", "app"
            ),
            {"python3Packages.base": "no effect", "python3Packages.app": "reaches"},
        ),
        (
            HOOKED,
            HOOKED.replace("base", "app"),
            {"python3Packages.base": "reaches", "python3Packages.app": "reaches"},
        ),
        (
            "final: prev: { tools = prev.tools // { tool = prev.spare; }; }",
            "final: prev: { tools = { tool = prev.plain; }; }",
            {"tools.tool": "no effect"},
        ),
    ],
)
def test_what_a_later_overlay_replaces_has_no_effect(
    reached: Callable[..., Reach],
    tmp_path: Path,
    first: str,
    second: str,
    expected: dict[str, str],
) -> None:
    found = reached({"a.nix": first, "b.nix": second})
    answers = {each.attribute: each for each in reversed(found.overrides)}
    assert len(answers) == len(expected)
    assert {name: answers[name].status.value for name in expected} == expected
    for each in found.overrides:
        if each.status is Outcome.NO_EFFECT:
            assert each.replaced_by == Replacement(
                overlay=2, file=f"{tmp_path}/b.nix", line=1
            )
            assert (each.reason or "").startswith(
                f"replaced by overlay 2 ({tmp_path}/b.nix:1)"
            )
            assert (each.instead is None) is (
                "; no form works, because that overlay creates '" in (each.reason or "")
            )
        else:
            assert each.replaced_by is None


def test_the_overlay_that_replaces_is_named_and_not_the_last(
    reached: Callable[..., Reach],
) -> None:
    more = "final: prev: { plain = prev.plain.overrideAttrs { a = 1; }; }"
    found = reached(
        {
            "a.nix": ONE,
            "b.nix": more,
            "c.nix": "final: prev: { plain = prev.tool; }",
            "d.nix": more,
        }
    )
    replaced = [
        each.replaced_by.overlay if each.replaced_by else None
        for each in found.overrides
    ]
    assert replaced == [3, 3, None, None]


def test_one_that_says_the_same_again_replaces_nothing(
    reached: Callable[..., Reach],
) -> None:
    found = reached({"a.nix": ONE, "b.nix": ONE})
    assert [each.status for each in found.overrides] == [
        Outcome.REACHES,
        Outcome.NO_EFFECT,
    ]
    assert [each.replaced_by for each in found.overrides] == [None, None]


def test_overlays_that_have_names_are_in_no_order(
    reached: Callable[..., Reach],
) -> None:
    changed = "{ plain = prev.plain.override { withColour = true; }; }"
    text = (
        f"{{ outputs = _: {{ overlays = {{ a = _: prev: {changed}; b = _: prev: "
        f"{{ plain = prev.tool; }}; }}; }}; }}"
    )
    assert [each.status for each in reached({"flake.nix": text}).overrides] == [
        Outcome.REACHES,
        Outcome.REACHES,
    ]
    both = f"{{ a = _: prev: {changed}; b = _: prev: {changed}; }}"
    assert [each.status for each in reached({"default.nix": both}).overrides] == [
        Outcome.REACHES,
        Outcome.REACHES,
    ]
    listed = f"[ (_: prev: {changed}) (_: prev: {{ plain = prev.tool; }}) ]"
    assert statuses(reached({"list.nix": listed})) == {"plain": "reaches"}
    assert [each.status for each in reached({"list.nix": listed}).overrides] == [
        Outcome.NO_EFFECT,
        Outcome.REACHES,
    ]


@pytest.mark.parametrize(
    ("scope", "call"),
    [
        ("python313", "override { packageOverrides = "),
        ("haskellPackages", "override { overrides = "),
    ],
)
def test_what_is_replaced_gets_a_way_that_stays(
    reached: Callable[..., Reach], scope: str, call: str
) -> None:
    member = "self: super: { base = super.base.overrideAttrs { a = 1; }; }"
    one = f"final: prev: {{ {scope} = prev.{scope}.{call}{member}; }}; }}"
    other = one.replace("base", "app")
    first, _ = reached({"a.nix": one, "b.nix": other}).overrides
    assert first.instead is not None
    value = "super.base.overrideAttrs { a = 1; }"
    if "# in overlay 2" in first.instead:
        other = (
            f"final: prev: {{ "
            f"{first.instead.replace('…', f'app = {value};'.replace('base', 'app'))} }}"
        )
    else:
        one = f"final: prev: {{ {first.instead.replace('…', value)} }}"
    found = reached({"a.nix": one, "b.nix": other})
    assert {each.status for each in found.overrides} == {Outcome.REACHES}
