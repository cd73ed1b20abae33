import json

import pytest

from tests import specimens
from tests.cli.conftest import Unlet


@pytest.mark.parametrize("kind", ["rewrap", "patched"])
def test_overlay_is_written_and_its_use_is_told(unlet: Unlet, kind: str) -> None:
    done = unlet("overlay", "--nixpkgs", "specimen", "--kind", kind)
    said = "overlay is written; its proofs still run\n" if kind == "patched" else ""
    assert (done.returncode, done.stderr) == (0, said)
    assert "nixpkgs.overlays = [ (import ./overlay) ];" in done.stdout
    assert (unlet.cwd / "overlay/default.nix").is_file()
    assert ("privileged-ports.nix" in done.stdout) is (kind == "rewrap")


def test_fixed_nixpkgs_needs_none_and_says_so(unlet: Unlet) -> None:
    done = unlet("overlay", "--nixpkgs", specimens.nixpkgs("states/fixed"))
    assert (done.returncode, done.stdout) == (3, "")
    assert (
        "no dockerd-rootless wrapper has rootlesskit in its PATH prefix (suffix)"
        in done.stderr
    )
    assert (
        "hint: with this nixpkgs, you need no overlay: a security wrapper "
        in done.stderr
    )


def test_any_package_gets_an_overlay_that_says_how_to_use_it(unlet: Unlet) -> None:
    done = unlet("overlay", "notes-server", "--nixpkgs", "specimen")
    assert (done.returncode, done.stderr) == (
        0,
        "overlay is written; its proofs still run\n",
    )
    assert "nixpkgs.overlays = [ (import ./overlay) ];" in done.stdout
    assert "unlet propose notes-server --nixpkgs specimen\n" in done.stdout
    assert "git add" not in done.stdout
    (unlet.cwd / "flake.nix").write_text("")
    done = unlet(
        "overlay", "notes-server", "--nixpkgs", "specimen", "--out", "overlay2"
    )
    head = (unlet.cwd / "overlay2/default.nix").read_text()
    assert f"#   nixpkgs.overlays = [ (import {unlet.cwd}/overlay2) ];\n" in head
    assert "# It was made from pkgs/by-name/no/notes-server/package.nix.\n" in head
    assert "git add overlay2\n" in done.stdout
    report = json.loads((unlet.cwd / "overlay/report.json").read_text())
    assert (report["kind"], report["result"]) == ("move", "passed")
    assert report["files"] == ["default.nix", "notes-server/package.nix", "report.json"]
