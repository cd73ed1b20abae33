"""The packages whose directory makes an overlay, and when that steps aside."""

import json
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from tests.proposal.nixpkgs import Nixpkgs
from toolkit.git import reading
from toolkit.model import Silence, Source
from toolkit.nix import program
from toolkit.proposal.overlays import STEPS_ASIDE, files, is_aside
from toolkit.proposal.proposing import bring
from toolkit.proposal.target import Target

FILE = PurePosixPath("pkgs/by-name/he/hello/package.nix")
DOCKER, DOCKER_FILE = (
    "docker",
    PurePosixPath("pkgs/applications/virtualization/docker/default.nix"),
)


def made(
    root: Path, file: PurePosixPath = FILE, package: str = "hello"
) -> dict[str, reading.TreeFile]:
    target = Target(package=package, file=file)
    return dict(
        files(
            root,
            target,
            b"{ changed = true; }\n",
            Source(origin="here", content=b"", directory=root),
        )
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / FILE.parent
    (directory / "parts").mkdir(parents=True)
    (directory / "package.nix").write_text("{ mk }: mk { }\n")
    (directory / "parts/ui.nix").write_text("{ }\n")
    (directory / "parts/one.patch").write_text("--- a/../x\n")
    script = directory / "update.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (directory / "link.nix").symlink_to("parts/ui.nix")
    return tmp_path


def test_the_directory_goes_with_the_changed_file_and_what_calls_it(root: Path) -> None:
    found = made(root)
    assert sorted(found) == [
        "default.nix",
        *(
            f"hello/{name}"
            for name in (
                "link.nix",
                "package.nix",
                "parts/one.patch",
                "parts/ui.nix",
                "update.sh",
            )
        ),
    ]
    assert found["hello/package.nix"].content == b"{ changed = true; }\n"
    assert found["hello/link.nix"] == reading.TreeFile(content=b"{ }\n")
    assert found["hello/update.sh"].mode == reading.EXECUTABLE
    overlay = found["default.nix"].content.decode()
    program.parse_text(overlay.encode(), name="default.nix")
    assert "{ hello = final.callPackage ./hello/package.nix { }; }\n" in overlay
    assert overlay.startswith("# hello, with an override")


def test_a_file_beside_package_nix_may_be_the_changed_one(root: Path) -> None:
    found = made(root, FILE.parent / "parts/ui.nix")
    assert found == {}
    (root / FILE.parent / "generic.nix").write_text("{ }\n")
    found = made(root, FILE.parent / "generic.nix")
    assert found["hello/generic.nix"].content == b"{ changed = true; }\n"
    assert found["hello/package.nix"].content == b"{ mk }: mk { }\n"


def test_a_package_that_reads_other_directories_or_nixpkgs_calls_itself_has_none(
    root: Path,
) -> None:
    (root / FILE.parent / "parts/ui.nix").write_text("import ../../other/x.nix\n")
    assert made(root) == {}
    other = PurePosixPath("pkgs/servers/hello/package.nix")
    (root / other).parent.mkdir(parents=True)
    (root / other).write_text("{ }\n")
    assert made(root, other) == {}
    (root / FILE).rename(root / FILE.parent / "default.nix")
    assert made(root, FILE.parent / "default.nix") == {}


NOTES = PurePosixPath("pkgs/by-name/no/notes-server/package.nix")
EXPRESSION = """
  { tree, overlay, package }:
  let
    set = import (/. + tree) {
      system = "x86_64-linux"; overlays = [ (import (/. + overlay)) ]; };
    given = import (/. + overlay) set set;
  in
  { added = builtins.attrNames given; drv = set.${package}.drvPath or null; }
"""


def evaluated(
    tree: Path, overlay: Path, package: str
) -> tuple[list[str], str | None, str]:
    """Return the names that the overlay adds, its derivation, and Nix's words."""
    strings = {"tree": tree, "overlay": overlay, "package": package}
    words = [
        str(word)
        for name, value in strings.items()
        for word in ("--argstr", name, value)
    ]
    argv = [
        "nix-instantiate",
        "--store",
        "dummy://",
        "--eval",
        "--strict",
        "--json",
        "-E",
        EXPRESSION,
        *words,
    ]
    done = subprocess.run(argv, check=True, capture_output=True, encoding="utf-8")
    answer = json.loads(done.stdout)
    return answer["added"], answer["drv"], done.stderr


def evaluated_names(tree: Path, overlay: Path) -> list[str]:
    expression = f"builtins.attrNames (import {overlay} {{ }} {{ path = {tree}; }})"
    argv = [
        "nix-instantiate",
        "--store",
        "dummy://",
        "--eval",
        "--strict",
        "--json",
        "-E",
        expression,
    ]
    names: list[str] = json.loads(
        subprocess.run(argv, check=True, capture_output=True).stdout
    )
    return names


@pytest.mark.parametrize(
    ("package", "file"), [("notes-server", NOTES), (DOCKER, DOCKER_FILE)]
)
def test_an_overlay_steps_aside_if_the_package_is_another_or_gone(
    nixpkgs: Nixpkgs, package: str, file: PurePosixPath
) -> None:
    tree, overlay, place = nixpkgs.root, nixpkgs.out, Path(file)
    nixpkgs.write(place.parent / "more/one.patch", "")
    assert bring(package, tree, overlay, progress=Silence())
    added, drv, said = evaluated(tree, overlay, package)
    assert (added != [], STEPS_ASIDE in said, is_aside(overlay, tree)) == (
        True,
        False,
        False,
    )
    # Edited: a version that the copy lacks.
    edited = nixpkgs.copy("edited")
    edited.edit('version = "', 'version = "9', place)
    none, later, said = evaluated(edited.root, overlay, package)
    assert none == []
    assert later not in {None, drv}
    assert (
        f"warning: {STEPS_ASIDE}{package} in this nixpkgs differs from the one" in said
    )
    # Pasted, the command makes one for this nixpkgs.
    kind = " --kind patched" * (package == DOCKER)
    assert f"run 'unlet overlay {package}{kind} --nixpkgs {edited.root}' again" in said
    # Another file beside it; docker's copies only what its file reads, and that is the
    # same.
    nixpkgs.write(place.parent / "more/other.patch", "")
    now, later, said = evaluated(tree, overlay, package)
    if package == DOCKER:
        assert (now, later, STEPS_ASIDE in said) == (added, drv, False)
    else:
        assert (now, later is not None, STEPS_ASIDE in said) == ([], True, True)
        (tree / place.parent / "more/other.patch").unlink()
    # Missing.
    (tree / file).rename(tree / file.parent / "moved.nix")
    assert evaluated_names(tree, overlay) == []
    shutil.rmtree(tree / file.parent)
    assert is_aside(overlay, tree)
    assert evaluated_names(tree, overlay) == []
