"""What changed lines read of the machine, by whatever name."""

import pytest

from toolkit.judge import ambient


@pytest.mark.parametrize(
    ("before", "used", "names"),
    [
        ("let s = builtins.storePath /x; in\n1", "s", {"storePath"}),
        (
            "let inherit (builtins) currentSystem; in\n1",
            "currentSystem",
            {"currentSystem"},
        ),
        ("let b = builtins; in\n1", "b.currentSystem", {"currentSystem"}),
        ("let b = builtins; in\n1", 'b.fetchurl "u"', {"builtins.fetchurl"}),
        ("let f = builtins.fetchTree; g = f { }; in\n1", "g", {"fetchTree"}),
        ("with builtins;\n1", 'fetchurl "u"', {"builtins.fetchurl"}),
        ("with builtins;\n{ fetchurl }:\n1", "fetchurl { }", set[str]()),
        ("rec {\n  t = builtins.currentTime;\n  x =\n1;\n}", "t", {"currentTime"}),
        ("{\n  t = builtins.currentTime;\n  x =\n1;\n}", "2", set[str]()),
        (
            "f (finalAttrs: {\n  t = builtins.currentTime;\n  x =\n1;\n})",
            "finalAttrs.t",
            {"currentTime"},
        ),
        ("{ n }:\n1", "map (n: builtins.getAttr n builtins) n", {"builtins.${…}"}),
        ("{ n }:\n1", "let inherit (builtins) head; in head n", set[str]()),
        ("{ n }:\n1", "if builtins ? isPath then 3 else n", set[str]()),
    ],
)
def test_what_depends_on_the_machine_is_named(
    before: str, used: str, names: set[str]
) -> None:
    head, number, rest = before.rpartition("\n1")
    assert {*ambient.read(before, f"{head}\n{used}{rest}").machine} == names, number


def test_packages_of_a_table_are_not_followed_to_what_they_read() -> None:
    before = "final: {\n  x = final.y;\n  y = f config.z;\n}\n"
    after = before.replace("final.y", "[ final.y ]")
    settings = [
        ambient.read(before, after, is_table=is_table).settings
        for is_table in (False, True)
    ]
    assert settings == [("z",), ()]
