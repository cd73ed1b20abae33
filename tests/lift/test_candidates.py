"""What a package's file binds, by syntax, and the methods to try for it."""

import pytest

from toolkit.lift.bindings import Reachability
from toolkit.lift.candidates import (
    FileBindings,
    candidates,
    file_bindings,
    method_name,
    questions,
)

TEXT = """\
{ mk, buildUi, helper ? 1 }:
{ more }:
let
  ui = buildUi { src = 1; };
  web = buildUi { src = 2; };
  script = writeShellScript "x" "y";
  set = { };
in
mk (self: {
  version = "1.2";
  inherit ui;
  tool = 1;
  e = [ ui web script self.tool.name self.passthru.web self.passthru.shown.a (f self) (self ? deep) self.passthru ];
  passthru = { inherit web; shown = 2; hidden = 3; deep.er = 4; };
})
"""


@pytest.fixture
def file() -> FileBindings:
    return file_bindings(TEXT.encode())


def test_packages_of_the_lets_are_read_with_their_methods(file: FileBindings) -> None:
    ui, web = file.bound
    assert (ui.name, ui.builder, ui.line, ui.state) == (
        "ui",
        "buildUi",
        4,
        Reachability.PARTIAL,
    )
    assert (web.name, web.line, web.state) == ("web", 5, Reachability.SHOWN)
    assert file.shown == {"ui": (("ui",),), "web": (("passthru", "web"),)}
    assert (file.named("web"), file.named("script")) == (web, None)
    assert (file.parameters, file.version, file.problem) == (
        ("mk", "buildUi", "helper", "more"),
        "1.2",
        None,
    )
    assert file.final == ("tool", "web", "shown", "passthru")
    assert ("passthru", "shown") in file.attributes


@pytest.mark.parametrize(
    ("name", "place", "reached"),
    [
        ("ui", "let", False),
        ("tool", "attribute", True),
        ("hidden", "attribute", None),
        ("helper", "parameter", True),
        ("none", "absent", None),
    ],
)
def test_a_name_has_a_place_and_an_override_reaches_it_or_not(
    file: FileBindings, name: str, place: str, reached: object
) -> None:
    assert (file.place(name), file.reached(name)) == (place, reached)


def test_override_reaches_an_attribute_that_all_uses_go_through() -> None:
    text = "{ mk }: let ui = buildUi { src = 1; }; in mk (s: { inherit ui; e = s.ui; })"
    assert file_bindings(text.encode()).reached("ui") is True
    text = "{ mk }: let ui = buildUi { src = 1; }; in mk ({ ... }: { e = ui; })"
    found = file_bindings(text.encode())
    assert (found.final, [each.name for each in found.bound]) == ((), ["ui"])
    found = file_bindings(b"{ a }: a.b")
    assert (found.parameters, found.attributes, found.final, found.version) == (
        ("a",),
        (),
        (),
        None,
    )


@pytest.mark.parametrize(
    ("use", "taken"),
    [
        ("{ inherit (s) version tool; }", ("version", "tool")),
        ("{ inherit (s.passthru) ui web; }", ("ui", "web")),
        ("{ inherit (s) passthru; }", ("passthru",)),
        ('s."ui".src', ("ui",)),
        ("s.passthru # shown\n .ui", ("ui",)),
        ("s.${f}", ()),
        ("f.ui or s", ()),
    ],
)
def test_file_reads_final_attributes_in_every_form(
    use: str, taken: tuple[str, ...]
) -> None:
    assert (
        file_bindings(f"{{ mk, f }}: mk (s: {{ e = {use}; }})".encode()).final == taken
    )


def test_passthru_attribute_that_the_package_takes_is_routed(
    file: FileBindings,
) -> None:
    text = (
        "{ mk }: let ui = buildUi (s: { src = 1; e = s.own; }); in mk (s: { e = [ "
        "ui s.tool ]; })"
    )
    assert file_bindings(text.encode()).final == ("tool",)
    assert file.routed == ("shown",)


def test_methods_are_those_that_are_shown_then_those_that_may_be_there(
    file: FileBindings,
) -> None:
    assert file.paths("web") == (("passthru", "web"), ("web",), ("override", "web"))
    assert file.paths("ui") == (("ui",), ("passthru", "ui"), ("override", "ui"))
    assert file.paths("none") == (("passthru", "none"), ("none",), ("override", "none"))
    assert candidates("a", [("b",)]) == (
        ("b",),
        ("passthru", "a"),
        ("a",),
        ("override", "a"),
    )
    assert questions(file, ["web"]) == {
        "web passthru.web": ("passthru", "web"),
        "web web": ("web",),
        "web override.web": ("override", "web"),
    }


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (("override", "ui"), "override { ui = …; }"),
        (
            ("passthru", "ui"),
            "overrideAttrs (old: { passthru = old.passthru // { ui = …; }; })",
        ),
        (
            ("passthru", "a", "b"),
            (
                "overrideAttrs (old: { passthru = old.passthru // { a = old.passthru.a // "
                "{ b = …; }; }; })"
            ),
        ),
        (("ui",), "overrideAttrs { ui = …; }"),
    ],
)
def test_a_method_is_written_as_people_do(path: tuple[str, ...], written: str) -> None:
    assert method_name(path) == written


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff", "cannot be read: 'utf-8' codec"),
        (b"{ a }: }", "cannot be read: file:1:1: syntax error"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem(content: bytes, problem: str) -> None:
    found = file_bindings(content)
    assert (found.problem or "").startswith(problem)
    assert found.bound == ()
