"""A whole nixpkgs that is at hand takes part by itself."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docker.conftest import Steps
from toolkit import specimen
from toolkit.docker.check import check
from toolkit.docker.propose import propose
from toolkit.docker.requests import CheckRequest, ProposeRequest
from toolkit.model import Depth, SourceRequest, Status

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.model import Report

QUICK = {"tree-no-rebuild", "tree-exact-change", "tree-overridable", "tree-compatible"}
BY_ITSELF = Depth(by_itself=True)


@pytest.fixture
def nixpkgs(tmp_path: Path) -> Path:
    """Return a whole nixpkgs that is not known to be a specimen."""
    root = shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
    (root / "pkgs/stdenv/stub.nix").rename(root / "pkgs/stdenv/stand-in.nix")
    for path in root.rglob("*.nix"):
        path.write_text(path.read_text().replace("stub.nix", "stand-in.nix"))
    return root


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)


def deeper(report: Report) -> dict[str, Status]:
    return {proof.name: proof.status for proof in report.proofs if proof.name.startswith("tree-")}


def proposal(nixpkgs: Path | str, out: Path, depth: Depth = BY_ITSELF, rev: str | None = None) -> Report:
    source = SourceRequest(nixpkgs=str(nixpkgs), rev=rev)
    return propose(ProposeRequest(source=source, out=out, depth=depth), progress=Steps())


def test_directory_takes_part_on_one_system_and_that_is_said(nixpkgs: Path, tmp_path: Path) -> None:
    report = proposal(nixpkgs, tmp_path / "out")
    assert deeper(report) == dict.fromkeys(QUICK, Status.PASSED)
    real = [proof for proof in report.proofs if proof.name in QUICK]
    assert all(proof.claim.endswith(", in the real package set on x86_64-linux") for proof in real)
    assert all(proof.covers.endswith("1 system") or "rows" in proof.covers for proof in real)
    again = check(CheckRequest(directory=tmp_path / "out", depth=BY_ITSELF), progress=Steps())
    assert deeper(again) == dict.fromkeys(QUICK, Status.PASSED)


def test_worktree_takes_part_if_its_commit_is_the_source(nixpkgs: Path, tmp_path: Path) -> None:
    git(nixpkgs, "init", "--quiet")
    for message in ("first", "second"):
        (nixpkgs / "notes").write_text(message)
        git(nixpkgs, "add", "--all")
        git(nixpkgs, "commit", "--quiet", f"--message={message}")
    assert deeper(proposal(nixpkgs, tmp_path / "head")) == dict.fromkeys(QUICK, Status.PASSED)
    assert deeper(proposal(nixpkgs, tmp_path / "other", rev="HEAD~1")) == {}


@pytest.mark.parametrize("depth", [Depth(), BY_ITSELF])
def test_specimen_and_whoever_asks_for_the_isolated_tier_get_that(nixpkgs: Path, tmp_path: Path, depth: Depth) -> None:
    report = proposal("specimen" if depth.by_itself else nixpkgs, tmp_path / "out", depth)
    assert deeper(report) == {}


def test_patch_of_somebody_else_is_evaluated_without_the_set(nixpkgs: Path, tmp_path: Path) -> None:
    proposal(nixpkgs, tmp_path / "out", Depth())
    request = CheckRequest(
        patch=tmp_path / "out" / "upstream.diff", source=SourceRequest(nixpkgs=str(nixpkgs)), depth=BY_ITSELF
    )
    assert deeper(check(request, progress=Steps())) == {}
