"""The file that is meant by a name or a path, in a tree of which Nix cannot say it."""

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from tests.proposal.nixpkgs import NOTES, Nixpkgs
from toolkit import errors
from toolkit.errors import LayoutError, ToolkitError
from toolkit.nix import limits
from toolkit.proposal import registry
from toolkit.proposal.target import find_target


def moved(nixpkgs: Nixpkgs, name: str) -> Path:
    """Take the file of notes-server away, and return its place by another name."""
    (nixpkgs.root / NOTES).unlink()
    if name != "default.nix":
        return NOTES.with_name(name)
    nixpkgs.add("  notes-server = callPackage ../notes { };\n")
    return Path("pkgs/notes/default.nix")


@pytest.mark.parametrize("name", ["package.nix", "generic.nix", "default.nix"])
def test_package_that_does_not_evaluate_has_the_one_file_with_a_let(
    nixpkgs: Nixpkgs, name: str
) -> None:
    text = nixpkgs.text().replace('version = "4.2.0"', "version = throw name")
    file = moved(nixpkgs, name)
    if name == "generic.nix":
        nixpkgs.write(NOTES, "import ./generic.nix\n")
    nixpkgs.write(file, text)
    assert find_target(nixpkgs.root, "notes-server").file == PurePosixPath(file)


@pytest.mark.parametrize("beside", [("generic.nix",), ("generic.nix", "another.nix")])
def test_called_file_is_chosen_among_several_with_lets(
    nixpkgs: Nixpkgs, beside: tuple[str, ...]
) -> None:
    text = nixpkgs.text().replace('version = "4.2.0"', "version = throw name")
    for name in ("package.nix", *beside):
        nixpkgs.write(NOTES.with_name(name), text)
    assert find_target(nixpkgs.root, "notes-server").file == PurePosixPath(NOTES)
    (nixpkgs.root / NOTES).unlink()
    if len(beside) > 1:
        with pytest.raises(LayoutError, match="several files define packages"):
            find_target(nixpkgs.root, str(NOTES.parent))


def test_a_directory_stands_for_its_main_file(
    nixpkgs: Nixpkgs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for here, name in (
        (".", str(NOTES.parent)),
        ("pkgs", "./by-name/no/notes-server/"),
    ):
        monkeypatch.chdir(nixpkgs.root / here)
        found = find_target(nixpkgs.root, name)
        assert (found.package, found.file) == ("notes-server", PurePosixPath(NOTES))


@pytest.mark.parametrize("name", ["package.nix", "default.nix"])
def test_a_file_without_a_let_is_found_as_well_and_one_that_cannot_be_read_is_named(
    nixpkgs: Nixpkgs, name: str
) -> None:
    path = moved(nixpkgs, name)
    nixpkgs.write(path, "{ }: throw name")
    assert find_target(nixpkgs.root, "notes-server").file == PurePosixPath(path)
    file = nixpkgs.root / path
    spoils: list[Callable[[], object]] = [
        lambda: None,
        lambda: os.mkfifo(file),
        lambda: file.symlink_to("/etc/passwd"),
    ]
    for spoil in spoils:
        file.unlink(missing_ok=True)
        spoil()
        with (
            limits.allowing(1, None),
            pytest.raises(
                LayoutError, match="notes-server: unlet can read no file for it"
            ),
        ):
            find_target(nixpkgs.root, "notes-server")


def test_a_file_is_named_by_its_path_in_the_tree_or_on_the_machine(
    nixpkgs: Nixpkgs, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = nixpkgs.root
    assert find_target(root, str(NOTES)).package == "notes-server"
    assert find_target(root, str(root / NOTES)).file == PurePosixPath(NOTES)
    monkeypatch.chdir(root / NOTES.parent)
    assert find_target(root, "package.nix").file == PurePosixPath(NOTES)
    with pytest.raises(ToolkitError, match=r"^none.nix: no such file in "):
        find_target(root, "none.nix")


def test_a_file_that_no_package_is_known_to_be_written_in_is_refused(
    nixpkgs: Nixpkgs,
) -> None:
    file = Path("pkgs/servers/apps/ui/package.nix")
    nixpkgs.write(file, nixpkgs.text())
    with pytest.raises(LayoutError) as caught:
        find_target(nixpkgs.root, str(file))
    fact = "no package is written in this file"
    assert (caught.value.message, caught.value.hint) == (f"{file}: {fact}", None)


def test_leaf_is_loaded_by_a_module_and_a_name() -> None:
    assert registry.loaded("toolkit.errors:ToolkitError") is errors.ToolkitError
