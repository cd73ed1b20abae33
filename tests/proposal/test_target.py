"""The file that is meant by a name or a path, in a tree of which Nix cannot say it."""

import os
import shutil
from pathlib import Path, PurePosixPath

import pytest

from tests.proposal.test_propose import NOTES
from toolkit import errors, specimen
from toolkit.errors import LayoutError, ToolkitError
from toolkit.nix import limits
from toolkit.proposal import registry
from toolkit.proposal.target import find_target

ALL = "pkgs/top-level/all-packages.nix"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return shutil.copytree(specimen.path(), tmp_path / "nixpkgs")


def call(tree: Path, line: str) -> None:
    text = (tree / ALL).read_text().rstrip()
    (tree / ALL).write_text(f"{text[: text.rindex('}')]}  {line}\n}}\n")


@pytest.mark.parametrize("name", ["package.nix", "generic.nix", "default.nix"])
def test_of_a_package_that_does_not_evaluate_the_one_file_with_a_let_is_meant(tree: Path, name: str) -> None:
    text = (tree / NOTES).read_text()
    directory = NOTES.parent if name != "default.nix" else NOTES.parents[3] / "notes"
    (tree / NOTES).unlink()
    (tree / directory).mkdir(exist_ok=True)
    if name == "generic.nix":
        (tree / NOTES).write_text("import ./generic.nix\n")
    if name == "default.nix":
        call(tree, "notes-server = callPackage ../notes { };")
    (tree / directory / name).write_text(text.replace('version = "4.2.0"', "version = throw name"))
    assert find_target(tree, "notes-server").file == PurePosixPath(directory / name)


@pytest.mark.parametrize("name", ["package.nix", "default.nix"])
def test_a_file_without_a_let_is_found_as_well_and_one_that_cannot_be_read_is_named(tree: Path, name: str) -> None:
    directory = NOTES.parent if name == "package.nix" else NOTES.parents[3] / "notes"
    (tree / NOTES).unlink()
    (tree / directory).mkdir(exist_ok=True)
    if name == "default.nix":
        call(tree, "notes-server = callPackage ../notes { };")
    file = tree / directory / name
    file.write_text("{ }: throw name")
    assert find_target(tree, "notes-server").file == PurePosixPath(directory / name)
    file.unlink()
    with pytest.raises(LayoutError, match="notes-server: has no file that can be read"):
        find_target(tree, "notes-server")
    os.mkfifo(file)
    with limits.allowing(2, None), pytest.raises(LayoutError, match="has no file that can be read"):
        find_target(tree, "notes-server")
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(LayoutError, match="has no file that can be read"):
        find_target(tree, "notes-server")


def test_a_file_is_named_by_its_path_in_the_tree_or_on_the_machine(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_target(tree, str(NOTES)).package == "notes-server"
    assert find_target(tree, str(tree / NOTES)).file == PurePosixPath(NOTES)
    monkeypatch.chdir(tree / NOTES.parent)
    assert find_target(tree, "package.nix").file == PurePosixPath(NOTES)
    with pytest.raises(ToolkitError, match=r"^none.nix: no such file in "):
        find_target(tree, "none.nix")


def test_a_file_that_no_package_is_known_to_be_written_in_is_refused(tree: Path) -> None:
    file = PurePosixPath("pkgs/servers/apps/ui/package.nix")
    (tree / file.parent).mkdir(parents=True)
    shutil.copy(tree / NOTES, tree / file)
    with pytest.raises(LayoutError, match=rf"^{file}: no attribute path leads to a package that is written here$"):
        find_target(tree, str(file))


def test_what_a_leaf_is_loaded_from_has_a_module_and_a_name() -> None:
    assert registry.loaded("toolkit.errors:ToolkitError") is errors.ToolkitError
