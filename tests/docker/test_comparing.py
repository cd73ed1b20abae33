from __future__ import annotations

from pathlib import Path, PurePosixPath

from toolkit.docker import preparing
from toolkit.docker.plan import Extra, steps
from toolkit.model import Proof, Proposal, Source, Status


def _proof(name: str) -> Proof:
    return Proof(name=name, claim=name, status=Status.PASSED, covers="all")


def test_commits_on_request_are_no_row_of_the_comparison() -> None:
    proposal = Proposal(
        source=Source(origin="a nixpkgs", content=b"1", directory=Path("/x")),
        package="docker",
        target=PurePosixPath("docker/default.nix"),
        bindings=("moby",),
        steps=steps(None, None),
        commits=(),
    )
    proven = [_proof("parse"), *(_proof(extra) for extra in Extra), _proof("tree-no-rebuild")]
    column = preparing.column("sentinel", proposal, proven)
    assert [proof.name for proof in column.proofs] == ["parse", "tree-no-rebuild"]
