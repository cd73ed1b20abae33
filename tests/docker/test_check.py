"""A proposal for docker on disk is proven again, and a nixpkgs that is at hand is asked, sealed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests import specimens
from tests.clones import commit_all
from tests.docker.conftest import drafted, source_at
from tests.dockers import docker, propose, proved
from tests.progress import Steps
from tests.proposal.nixpkgs import ALONE
from toolkit import specimen
from toolkit.cache import VARIABLE
from toolkit.docker import TARGET, builder
from toolkit.docker.builder import BUILDER
from toolkit.docker.case import deepened
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.steps import DEMOTE
from toolkit.errors import ToolkitError, UsageError
from toolkit.model import Depth, Report, SourceRequest, Status
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest, Request

SECRET = "nobody is told this"  # noqa: S105 - it is no password


def statuses(report: Report) -> dict[str, str]:
    return {proof.name: str(proof.status) for proof in report.proofs}


def again(directory: Path, *proofs: str) -> Report:
    return check(
        CheckRequest(target="", directory=directory, proofs=proofs, depth=ALONE),
        progress=Steps(),
    )


@pytest.fixture
def proposal(proposals: Callable[..., tuple[Path, Report]], tmp_path: Path) -> Path:
    """Return a copy of a proposal, which a test may spoil."""
    return shutil.copytree(proposals()[0], tmp_path / "proposal")


def rewrite_report(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((directory / "report.json").read_text())
    change(document)
    (directory / "report.json").write_text(json.dumps(document))


def test_proposal_is_proven_again_as_it_was(
    proposals: Callable[..., tuple[Path, Report]],
) -> None:
    out, first = proposals()
    found = again(out)
    assert statuses(found) == statuses(first)
    assert [
        (proof.covers, proof.evidence)
        for proof in found.proofs
        if proof.name != "parse"
    ] == [
        (proof.covers, proof.evidence)
        for proof in first.proofs
        if proof.name != "parse"
    ]
    assert (found.warnings, found.proposal.steps) == ((), first.proposal.steps)


def test_claims_of_the_report_are_not_believed(proposal: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["result"] = "passed"
        document["steps"][1]["design"] = "drop"
        for proof in document["proofs"]:
            proof["status"] = "passed"

    rewrite_report(proposal, change)
    assert {
        proof.name
        for proof in again(proposal, "no-rebuild", "exact-change", "builds").failed
    } == {
        "exact-change",
        "builds",
    }


def test_step_that_a_report_of_somebody_else_makes_up_is_named(proposal: Path) -> None:
    rewrite_report(proposal, lambda document: document["steps"][0].update(name="x"))
    with pytest.raises(
        ToolkitError, match=r"default\.nix: docker's proposal has no step 'x'$"
    ):
        again(proposal)


def test_relative_file_is_not_mistaken_in_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (
        ("here", (specimens.path("24.0") / TARGET).read_text()),
        ("there", "{ }\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "docker.nix").write_text(text)
    monkeypatch.chdir(tmp_path / "here")
    request = docker(
        source=SourceRequest(file=Path("docker.nix")), out=Path("out"), only=(DEMOTE,)
    )
    propose(request, progress=Steps())
    monkeypatch.chdir(tmp_path / "there")
    report = again(tmp_path / "here/out", "parse")
    assert report.failed == ()
    assert report.proposal.source.content == (tmp_path / "here/docker.nix").read_bytes()


def test_remote_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[[str, str], None]
) -> None:
    tree = commit_all(shutil.copytree(specimen.path(), tmp_path / "nixpkgs"))
    source = SourceRequest(nixpkgs=tree.as_uri())
    propose(
        Request(target="notes-server", source=source, out=tmp_path / "out"),
        progress=Steps(),
    )
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    install("git", f'echo "$*" >>"{tmp_path}/log"; exec "$real" "$@"')
    with pytest.raises(UsageError, match="is one file, but this needs a whole nixpkgs"):
        again(tmp_path / "out", "applies")
    said = (tmp_path / "log").read_text()
    assert " apply " in said
    assert " fetch " not in said
    assert "ls-remote" not in said


@pytest.fixture
def nixpkgs(tmp_path: Path) -> Path:
    """Return a whole nixpkgs that is not known to be a specimen."""
    root = shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
    (root / "pkgs/stdenv/stub.nix").rename(root / "pkgs/stdenv/stand-in.nix")
    for path in root.rglob("*.nix"):
        path.write_text(path.read_text().replace("stub.nix", "stand-in.nix"))
    return root


@pytest.fixture
def secret(sealed: Path) -> Path:
    """Return a file of the user's that no tree may read."""
    file = sealed / "secret"
    file.write_text(SECRET)
    return file


def test_tree_that_a_report_of_somebody_else_names_is_not_read(
    nixpkgs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    propose(
        Request(
            target="notes-server", source=SourceRequest(nixpkgs=str(nixpkgs)), out=out
        ),
        progress=Steps(),
    )
    # Nobody here has written the report of the copy.
    theirs = shutil.copytree(out, tmp_path / "theirs")
    (theirs / "report.json").write_text(f"{(theirs / 'report.json').read_text()}\n")
    with pytest.raises(UsageError, match="is one file, but this needs a whole nixpkgs"):
        again(theirs, "parse")
    # The one that was written here is known wherever it is moved to.
    assert (
        again(out.rename(tmp_path / "moved"), "parse").proposal.source.root == nixpkgs
    )


def test_tree_reads_nothing_outside_of_it(nixpkgs: Path, secret: Path) -> None:
    place = nixpkgs / "pkgs/top-level/all-packages.nix"
    place.write_text(
        f"builtins.trace (builtins.readFile {secret}) ({place.read_text()})"
    )
    case = replace(drafted(), source=source_at(str(nixpkgs))).case()
    request = replace(case.request, depth=Depth(whole=True, systems=("x86_64-linux",)))
    case = deepened(replace(case, request=request), progress=Steps())
    proofs = proved(case, ("exact-change", "overridable"), progress=Steps())
    assert {proof.status for proof in proofs} <= {Status.NOT_RUN, Status.FAILED}
    assert any("restricted mode" in str(proof) for proof in proofs)
    assert SECRET not in str(proofs)


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
