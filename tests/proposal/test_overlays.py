"""Of which packages the directory alone makes an overlay."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from toolkit.git import reading
from toolkit.nix import program
from toolkit.proposal.overlays import files
from toolkit.proposal.target import Target

FILE = PurePosixPath("pkgs/by-name/he/hello/package.nix")


def made(root: Path, file: PurePosixPath = FILE, package: str = "hello") -> dict[str, reading.TreeFile]:
    target = Target(package=package, file=file)
    return dict(files(root, target, b"{ changed = true; }\n"))


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
        *(f"hello/{name}" for name in ("link.nix", "package.nix", "parts/one.patch", "parts/ui.nix", "update.sh")),
    ]
    assert found["hello/package.nix"].content == b"{ changed = true; }\n"
    assert found["hello/link.nix"] == reading.TreeFile(content=b"{ }\n")
    assert found["hello/update.sh"].mode == reading.EXECUTABLE
    overlay = found["default.nix"].content.decode()
    program.parse_text(overlay.encode(), name="default.nix")
    assert "  hello = final.callPackage ./hello/package.nix { };\n" in overlay
    assert overlay.startswith("# hello, with an override")


def test_a_file_beside_package_nix_may_be_the_changed_one(root: Path) -> None:
    found = made(root, FILE.parent / "parts/ui.nix")
    assert found == {}
    (root / FILE.parent / "generic.nix").write_text("{ }\n")
    found = made(root, FILE.parent / "generic.nix")
    assert found["hello/generic.nix"].content == b"{ changed = true; }\n"
    assert found["hello/package.nix"].content == b"{ mk }: mk { }\n"


def test_a_package_that_reads_other_directories_has_none(root: Path) -> None:
    (root / FILE.parent / "parts/ui.nix").write_text("import ../../other/x.nix\n")
    assert made(root) == {}


def test_a_package_that_nixpkgs_calls_itself_has_none(root: Path) -> None:
    other = PurePosixPath("pkgs/servers/hello/package.nix")
    (root / other).parent.mkdir(parents=True)
    (root / other).write_text("{ }\n")
    assert made(root, other) == {}
    (root / FILE).rename(root / FILE.parent / "default.nix")
    assert made(root, FILE.parent / "default.nix") == {}
