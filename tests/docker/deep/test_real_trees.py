"""Real nixpkgs trees, from the folder that UNLET_NIXPKGS names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docker.conftest import Steps
from tests.docker.deep.conftest import TREE
from tests.trees import trees
from toolkit.docker.propose import propose
from toolkit.docker.requests import ProposeRequest
from toolkit.errors import LayoutError
from toolkit.model import SourceRequest, Status

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.model import Report

FILE = "pkgs/applications/virtualization/docker/default.nix"
CLAIMS = ("tree-no-rebuild", "tree-exact-change", "tree-overridable", "tree-compatible", "tree-set", "tree-names")


def report_or_refusal(request: ProposeRequest) -> Report | str:
    """Propose, and return the report, or what the docker is called for which there is nothing to propose."""
    try:
        return propose(request, progress=Steps())
    except LayoutError as error:
        return error.message


@pytest.mark.parametrize("tree", trees(having=FILE))
def test_tree_is_proposed_for_and_every_claim_passes_or_its_docker_is_named(tree: Path, tmp_path: Path) -> None:
    found = report_or_refusal(ProposeRequest(source=SourceRequest(nixpkgs=str(tree)), out=tmp_path / "out", depth=TREE))
    if isinstance(found, str):
        assert re.search(r"\b(older than|no dockerd-rootless|fixed|unknown layout)\b", found)
        return
    proven = {proof.name: (proof.status, proof.reason) for proof in found.proofs}
    assert {name: proven[name] for name in CLAIMS} == dict.fromkeys(CLAIMS, (Status.PASSED, None))
