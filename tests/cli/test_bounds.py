"""What needs more than an evaluation may take is unknown, with the limit and the option that raises it; never red."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.clones import git
from toolkit import landlock, specimen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Unlet

NOTES = "pkgs/by-name/no/notes-server/package.nix"
BOARD = "pkgs/by-name/st/status-board/package.nix"
HOG = "(builtins.toJSON (builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000))"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    git(tree, "init", "--quiet", "--initial-branch=master")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=base")
    return tree


def versioned(clone: Path, path: str, expression: str) -> None:
    file = clone / path
    text = file.read_text()
    assert 'version = "' in text
    file.write_text(text.replace('version = "', f'version = {expression} + "'))


def test_isolated_tier_that_reaches_its_limit_is_unknown(unlet: Unlet) -> None:
    done = unlet("propose", "--nixpkgs", "specimen", "--timeout", "0.01", "--json")
    told = json.loads(done.stdout)
    assert told["walls"] == list(landlock.walls())
    proofs = {proof["name"]: proof for proof in told["proofs"]}
    assert done.returncode == 3, done.stderr
    assert {proof["status"] for proof in proofs.values()} == {"passed", "not run"}
    said = proofs["no-rebuild"]
    wanted = r"because nix-instantiate: still running after \S+ s; --timeout raises the limit"
    assert re.fullmatch(wanted, said["reason"])
    assert said["asked"]


def test_memory_of_the_isolated_tier_is_named(unlet: Unlet, clone: Path) -> None:
    patch = clone.parent / "p.diff"
    file = clone / "pkgs/applications/virtualization/docker/default.nix"
    text = file.read_text()
    file.write_text(text.replace('pname = "docker"', f'pname = builtins.seq {HOG} "docker"', 1))
    assert file.read_text() != text
    patch.write_text(git(clone, "diff") + "\n")
    git(clone, "checkout", "--quiet", ".")
    done = unlet("check", "--patch", patch, "--file", file, "--max-memory", "192", "--json")
    proofs = {proof["name"]: proof for proof in json.loads(done.stdout)["proofs"]}
    said = proofs["no-rebuild"]
    assert (said["status"], said["asked"]) == ("not run", True)
    assert said["reason"].endswith("out of memory; --max-memory raises the limit")


def test_one_attribute_that_needs_more_is_unknown_and_the_others_are_judged(unlet: Unlet, clone: Path) -> None:
    versioned(clone, NOTES, HOG)
    versioned(clone, BOARD, '"1"')
    done = unlet("check", "--git-dir", clone, "--system", "x86_64-linux", "--max-memory", "192", "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    unknown = {gap["what"]: gap["reason"] for gap in told["unknown"]}
    assert "out of memory; --max-memory raises the limit" in unknown["notes-server on x86_64-linux"]
    assert "status-board" not in " ".join(unknown)
    assert {each["attribute"] for each in told["changes"]} == {"status-board"}


def test_claims_of_a_package_that_needs_more_are_unknown(unlet: Unlet, clone: Path) -> None:
    versioned(clone, NOTES, HOG)
    patch = clone.parent / "p.diff"
    patch.write_text(git(clone, "diff") + "\n")
    git(clone, "checkout", "--quiet", ".")
    done = unlet("check", "--patch", patch, "notes-server", "--nixpkgs", clone, "--max-memory", "192", "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    proofs = {proof["name"]: proof for proof in told["claims"]}
    assert "failed" not in {proof["status"] for proof in proofs.values()}, told
    assert proofs["no-rebuild"]["reason"].startswith("because ")
    assert proofs["no-rebuild"]["reason"].endswith("out of memory; --max-memory raises the limit")
