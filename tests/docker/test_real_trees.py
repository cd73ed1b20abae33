"""Real nixpkgs trees, from the folder that UNLET_NIXPKGS names."""

import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.docker.conftest import TREE
from tests.dockers import docker, propose
from tests.progress import Steps
from tests.trees import trees
from toolkit.errors import LayoutError
from toolkit.model import Report, SourceRequest, Status
from toolkit.proposal.requests import Request

FILE = "pkgs/applications/virtualization/docker/default.nix"
CLAIMS = (
    "no-rebuild",
    "exact-change",
    "overridable",
    "compatible",
    "capture-safe",
    "overlay",
)


def report_or_refusal(request: Request) -> Report | str:
    """Propose, and return the report, or what the docker is called for which nothing needs to change."""
    try:
        return propose(request, progress=Steps())
    except LayoutError as error:
        return error.message


@pytest.mark.parametrize("tree", trees(having=FILE))
def test_tree_is_proposed_for_and_every_claim_passes_or_its_docker_is_named(
    tree: Path, tmp_path: Path
) -> None:
    found = report_or_refusal(
        docker(
            source=SourceRequest(nixpkgs=str(tree)), out=tmp_path / "out", depth=TREE
        )
    )
    if isinstance(found, str):
        assert re.search(
            r"\b(older than|no dockerd-rootless|fixed|unknown layout)\b", found
        )
        return
    proven = {proof.name: (proof.status, proof.reason) for proof in found.proofs}
    assert {name: proven[name] for name in CLAIMS} == dict.fromkeys(
        CLAIMS, (Status.PASSED, None)
    )


@pytest.mark.parametrize("tree", trees(having="pkgs/by-name"))
def test_refused_package_is_evaluated_and_a_system_without_it_is_named(
    tree: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(tree, tmp_path / "nixpkgs", symlinks=True)
    file, needed = root / FILE, root / "pkgs/by-name/ip/iproute2/package.nix"
    call = "    callPackage dockerGen {\n"
    text = file.read_text().replace("lib.licenses.asl20", "lib.licenses.unfree")
    file.write_text(
        text.replace(call, f'{call}      knownVulnerabilities = [ "old" ];\n', 1)
    )
    refusal = "stdenv.hostPlatform.isx86_64 || abort ''none here''"
    refused = re.sub(
        r"(?m)^stdenv\.mkDerivation",
        f"assert {refusal}; stdenv.mkDerivation",
        needed.read_text(),
    )
    needed.write_text(refused)
    depth = replace(TREE, systems=("x86_64-linux", "aarch64-linux"))
    found = propose(
        docker(
            source=SourceRequest(nixpkgs=str(root)), out=tmp_path / "out", depth=depth
        ),
        progress=Steps(),
    )
    proven = {proof.name: proof for proof in found.proofs}
    assert {
        name: (proven[name].status, proven[name].reason) for name in CLAIMS
    } == dict.fromkeys(CLAIMS, (Status.PASSED, None))
    assert (
        "not compared: aarch64-linux docker_29: the unchanged file already throws"
        in proven["exact-change"].gaps
    )
