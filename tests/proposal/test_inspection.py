"""The result of an inspection, and its end in time if an evaluation takes too long."""

import time

import pytest

from tests.proposal.nixpkgs import NOTES, Nixpkgs
from toolkit import specimen
from toolkit.lift.candidates import file_bindings
from toolkit.nix import limits
from toolkit.proposal.inspection import (
    Methods,
    inspect_package,
    lines,
    part,
    working_methods,
)

HOSTILE = {
    "exponential": "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in "
    "builtins.toJSON (f 60))",
    "endless closure": "(toString (builtins.length (builtins.genericClosure { "
    "startSet = [ { key = 0; } ]; "
    "operator = x: [ { key = x.key + 1; } ]; })))",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_package_that_takes_nix_too_long_ends_in_time(
    nixpkgs: Nixpkgs, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 2.0)
    nixpkgs.edit('version = "', f'version = {HOSTILE[what]} + "')
    began = time.monotonic()
    found = inspect_package(nixpkgs.root, "notes-server")
    seconds = time.monotonic() - began
    assert found.system is None
    assert found.reason is not None
    # One evaluation more would take a minute.
    assert seconds < 40


def test_methods_that_were_not_tried_for_want_of_time_may_be_tried_again() -> None:
    file = file_bindings((specimen.path() / NOTES).read_bytes())
    with limits.allowing(1e-9, None):
        found = working_methods(specimen.path(), "notes-server", file, ["web-ui"])
    assert found.limited is True
    assert found.reason is not None
    assert (
        working_methods(specimen.path(), "notes-server", file, ["web-ui"]).limited
        is False
    )


def test_part_that_nix_does_not_answer_for_is_read_from_the_file() -> None:
    text = (
        "{ f, g }: let ui = g { }; in f (self: { passthru = { inherit ui; }; a = "
        "self.passthru.ui; })"
    )
    found = file_bindings(text.encode())
    assert part("ui", found, None).reached is found.reached("ui") is True


@pytest.mark.parametrize(
    ("use", "methods", "partly"),
    [
        ("${finalAttrs.passthru.web-ui}", 1, 0),
        ("${finalAttrs.passthru.web-ui}/${web-ui}", 0, 1),
        ("${builtins.seq finalAttrs.passthru.web-ui web-ui}", 0, 0),
    ],
)
def test_only_a_replacement_that_leaves_nothing_behind_is_an_override(
    nixpkgs: Nixpkgs, use: str, methods: int, partly: int
) -> None:
    nixpkgs.edit(
        'mkDerivation {\n  pname = "notes-server"',
        'mkDerivation (finalAttrs: {\n  pname = "notes-server"',
    )
    nixpkgs.edit("passthru = {", "passthru = {\n    inherit web-ui;")
    nixpkgs.edit("${web-ui} $out/share", f"{use} $out/share")
    nixpkgs.write(NOTES, nixpkgs.text().rstrip().removesuffix("}") + "})\n")
    inspection = inspect_package(nixpkgs.root, "notes-server")
    (found,) = inspection.parts
    assert (len(found.methods), len(found.partly), found.reached) == (
        methods,
        partly,
        bool(methods),
    )
    (line,) = (line for line in lines(inspection) if line.startswith("    web-ui"))
    assert ("in part: overrideAttrs" in line) is bool(partly)


def test_a_package_whose_lets_bind_none_has_no_parts(nixpkgs: Nixpkgs) -> None:
    nixpkgs.write(
        NOTES,
        '{ stdenv }: stdenv.mkDerivation { pname = "notes-server"; version = "1"; }\n',
    )
    found = inspect_package(nixpkgs.root, "notes-server")
    assert (found.parts, found.reason, found.version) == ((), None, "1")


def test_a_package_that_does_not_evaluate_is_shown_as_its_file_does(
    nixpkgs: Nixpkgs,
) -> None:
    nixpkgs.edit("platforms = lib.platforms.all;", 'platforms = throw "no longer";')
    found = inspect_package(nixpkgs.root, "notes-server")
    assert (found.package, str(found.file), found.version, found.system) == (
        "notes-server",
        str(NOTES),
        "4.2.0",
        None,
    )
    assert found.reason == "does not evaluate: no longer"
    (ui,) = found.parts
    assert (ui.name, ui.bound, ui.reached, ui.methods, ui.state) == (
        "web-ui",
        "let",
        False,
        (),
        "hidden",
    )
    assert nixpkgs.text().splitlines()[(ui.line or 0) - 1].startswith("  web-ui = ")


def test_nix_decides_whether_a_bound_part_is_reached() -> None:
    found = file_bindings((specimen.path() / NOTES).read_bytes())
    answer = Methods(
        methods={"web-ui": ("overrideAttrs",)}, partly={"web-ui": ("override",)}
    )
    both = part("web-ui", found, answer)
    assert (both.reached, both.methods, both.partly) == (
        True,
        ("overrideAttrs",),
        ("override",),
    )
    neither = part("web-ui", found, Methods(methods={}))
    assert (neither.reached, neither.methods, neither.partly) == (False, (), ())
    assert (both.name, both.builder, both.line) == ("web-ui", "stdenv.mkDerivation", 18)
    absent = part("none", found, Methods(methods={}))
    assert (
        absent.bound,
        absent.reached,
        absent.line,
        absent.builder,
        absent.state,
    ) == (*("absent", found.reached("none"), None, None, None),)
