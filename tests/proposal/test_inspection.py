"""What an inspection of a package shows, and that it ends within its time, whichever evaluation takes Nix too long."""

import shutil
import time
from pathlib import Path

import pytest

from toolkit import specimen
from toolkit.lift.candidates import file_bindings
from toolkit.nix import limits
from toolkit.proposal.inspection import Methods, inspect_package, lines, part, working_methods

NOTES = "pkgs/by-name/no/notes-server/package.nix"
HOSTILE = {
    "exponential": "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in builtins.toJSON (f 60))",
    "endless closure": "(toString (builtins.length (builtins.genericClosure { startSet = [ { key = 0; } ]; "
    "operator = x: [ { key = x.key + 1; } ]; })))",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_package_that_takes_nix_too_long_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 4.0)
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    file = tree / NOTES
    file.write_text(file.read_text().replace('version = "', f'version = {HOSTILE[what]} + "', 1))
    began = time.monotonic()
    found = inspect_package(tree, "notes-server")
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
    assert working_methods(specimen.path(), "notes-server", file, ["web-ui"]).limited is False


def test_what_nix_does_not_answer_is_as_the_file_shows_it() -> None:
    text = "{ f, g }: let ui = g { }; in f (self: { passthru = { inherit ui; }; a = self.passthru.ui; })"
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
    tmp_path: Path, use: str, methods: int, partly: int
) -> None:
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    file = tree / NOTES
    text = file.read_text().replace(
        'mkDerivation {\n  pname = "notes-server"', 'mkDerivation (finalAttrs: {\n  pname = "notes-server"'
    )
    text = text.replace("passthru = {", "passthru = {\n    inherit web-ui;").replace(
        "${web-ui} $out/share", f"{use} $out/share"
    )
    file.write_text(text.rstrip().removesuffix("}") + "})\n")
    (found,) = inspect_package(tree, "notes-server").parts
    assert (len(found.methods), len(found.partly), found.reached) == (methods, partly, bool(methods))
    (line,) = (line for line in lines(inspect_package(tree, "notes-server")) if line.startswith("    web-ui"))
    assert ("in part: overrideAttrs" in line) is bool(partly)


def test_the_line_of_a_binding_is_where_it_stands(tmp_path: Path) -> None:
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    (found,) = inspect_package(tree, "notes-server").parts
    assert found.line is not None
    assert found.bound == "let"
    assert (tree / NOTES).read_text().splitlines()[found.line - 1].startswith("  web-ui = ")


def test_a_package_whose_lets_bind_none_has_no_parts(tmp_path: Path) -> None:
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    (tree / NOTES).write_text('{ stdenv }: stdenv.mkDerivation { pname = "notes-server"; version = "1"; }\n')
    found = inspect_package(tree, "notes-server")
    assert (found.parts, found.reason, found.version) == ((), None, "1")
    assert [*lines(found)][1:] == [
        "  no let of the file binds a package, and nothing is taken from finalAttrs.passthru"
    ]


def test_a_package_that_does_not_evaluate_is_shown_as_its_file_does(tmp_path: Path) -> None:
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    file = tree / NOTES
    file.write_text(file.read_text().replace("platforms = lib.platforms.all;", 'platforms = throw "no longer";'))
    found = inspect_package(tree, "notes-server")
    assert (found.package, str(found.file), found.version, found.system) == ("notes-server", NOTES, "4.2.0", None)
    assert found.reason == "does not evaluate: no longer"
    (ui,) = found.parts
    assert (ui.name, ui.reached, ui.methods, ui.state) == ("web-ui", False, (), "hidden")


def test_what_is_reached_is_decided_by_nix_if_the_file_binds_it() -> None:
    found = file_bindings((specimen.path() / NOTES).read_bytes())
    answer = Methods(methods={"web-ui": ("overrideAttrs",)}, partly={"web-ui": ("override",)})
    both = part("web-ui", found, answer)
    assert (both.reached, both.methods, both.partly) == (True, ("overrideAttrs",), ("override",))
    neither = part("web-ui", found, Methods(methods={}))
    assert (neither.reached, neither.methods, neither.partly) == (False, (), ())
    assert (both.name, both.builder, both.line) == ("web-ui", "stdenv.mkDerivation", 18)
    absent = part("none", found, Methods(methods={}))
    assert (absent.bound, absent.reached, absent.line, absent.builder, absent.state) == (
        *("absent", found.reached("none"), None, None, None),
    )
