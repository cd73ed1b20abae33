"""A whole nixpkgs that is at hand is the one that is asked, and sealed."""

import json
import shutil
from pathlib import Path

import pytest

from tests.asking import docker, propose
from tests.progress import Steps
from toolkit import specimen
from toolkit.docker import TARGET, builder
from toolkit.docker.builder import BUILDER
from toolkit.docker.rewrite.layout import docker_file
from toolkit.errors import ToolkitError, UsageError
from toolkit.model import Depth, Report, SourceRequest, Status
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest


@pytest.fixture
def nixpkgs(tmp_path: Path) -> Path:
    """Return a whole nixpkgs that is not known to be a specimen."""
    root = shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
    (root / "pkgs/stdenv/stub.nix").rename(root / "pkgs/stdenv/stand-in.nix")
    for path in root.rglob("*.nix"):
        path.write_text(path.read_text().replace("stub.nix", "stand-in.nix"))
    return root


def asked(report: Report) -> str:
    """Return what was asked, as a proof says it that passed."""
    (proof,) = (proof for proof in report.proofs if proof.name == "no-rebuild")
    assert proof.status is Status.PASSED
    return proof.covers.partition(", in ")[2]


def proposal(nixpkgs: Path | str, out: Path, depth: Depth | None = None, rev: str | None = None) -> Report:
    source = SourceRequest(nixpkgs=str(nixpkgs), rev=rev)
    return propose(docker(source=source, out=out, depth=depth or Depth()), progress=Steps())


SECRET = "nobody is told this"  # noqa: S105 - it is no password


@pytest.fixture
def secret(sealed: Path) -> Path:
    """Return a file of the user's that no tree may read."""
    file = sealed / "secret"
    file.write_text(SECRET)
    return file


def spoil(nixpkgs: Path, secret: Path) -> None:
    """Let a tree read a file that is outside of it, and tell of its content."""
    stub = nixpkgs / "pkgs/top-level/all-packages.nix"
    stub.write_text(f"builtins.trace (builtins.readFile {secret}) ({stub.read_text()})")


def recopied(proposal: Path, name: str) -> Path:
    """Return a proposal as it would come from another machine: nobody here has written its report."""
    copy = shutil.copytree(proposal, proposal.with_name(name))
    document = (copy / "report.json").read_text()
    (copy / "report.json").write_text(f"{document}\n")
    return copy


def test_step_that_a_report_of_somebody_else_makes_up_is_named(nixpkgs: Path, tmp_path: Path) -> None:
    proposal(nixpkgs, tmp_path / "out")
    document = json.loads((tmp_path / "out/report.json").read_text())
    document["steps"][0]["name"] = "x"
    (tmp_path / "out/report.json").write_text(json.dumps(document))
    with pytest.raises(ToolkitError, match=r"default\.nix: 'x' is not a step of docker's$"):
        check(CheckRequest(target="docker", directory=tmp_path / "out"), progress=Steps())


def test_tree_that_a_report_of_somebody_else_names_is_not_read(nixpkgs: Path, tmp_path: Path) -> None:
    proposal(nixpkgs, tmp_path / "out")
    theirs = recopied(tmp_path / "out", "theirs")
    report = check(CheckRequest(target="docker", directory=theirs), progress=Steps())
    assert report.proposal.source.root is None
    assert asked(report) == "the stand-in tree"
    with pytest.raises(UsageError, match="is a file, not a whole nixpkgs"):
        check(CheckRequest(target="docker", directory=theirs, depth=Depth(whole=True)), progress=Steps())
    # The one that was written here is known wherever it is moved to.
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    assert asked(check(CheckRequest(target="docker", directory=moved), progress=Steps())) == ("the real package set")


def test_tree_reads_nothing_outside_of_it(nixpkgs: Path, tmp_path: Path, secret: Path) -> None:
    spoil(nixpkgs, secret)
    depth = Depth(whole=True)
    report = proposal(nixpkgs, tmp_path / "out", depth)
    statuses = {proof.status for proof in report.proofs if proof.name in {"no-rebuild", "exact-change", "overridable"}}
    assert statuses <= {Status.NOT_RUN, Status.FAILED}
    assert any("restricted mode" in str(proof) for proof in report.proofs)
    again = check(CheckRequest(target="docker", directory=tmp_path / "out", depth=depth), progress=Steps())
    assert any("restricted mode" in str(proof) for proof in again.proofs)
    assert SECRET not in str([report.proofs, again.proofs])


def test_builder_of_a_tree_is_asked_sealed(nixpkgs: Path, secret: Path) -> None:
    file = docker_file((nixpkgs / TARGET).read_bytes(), name=str(TARGET))
    module = nixpkgs / BUILDER
    module.parent.mkdir(parents=True, exist_ok=True)
    for content, told in (
        ("{ }: f: f { }", True),
        (f"{{ }}: f: builtins.seq (builtins.readFile {secret}) (f {{ }})", None),
    ):
        module.write_text(content)
        builder.ask_tree.cache_clear()
        assert builder.ask_tree(nixpkgs) is told
    assert builder.builder(file, nixpkgs).reason == builder.builder(file).reason
