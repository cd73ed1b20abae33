"""A report as the workflows make it, by hand."""

from pathlib import Path, PurePosixPath

import pytest

from toolkit.docker.steps import Demotion, steps
from toolkit.lift.plan import Design
from toolkit.model import (
    Commit,
    Oid,
    Proof,
    Proposal,
    Report,
    Source,
    SourceRequest,
    Status,
)

BEFORE = b"{ moby = 1; }\n"
LIFTED = b"{ moby = 2; }\n"
DEMOTED = b"{ moby = 3; }\n"


@pytest.fixture
def report() -> Report:
    return Report(
        proposal=Proposal(
            source=Source(
                origin="nixpkgs from a fork",
                content=BEFORE,
                directory=Path("/nowhere/docker"),
                commit=Oid("4" * 40),
                committed=1700000000,
            ),
            package="docker",
            target=PurePosixPath("pkgs/applications/virtualization/docker/default.nix"),
            bindings=("moby",),
            steps=steps(Design.MOVE, Demotion.SUFFIX),
            commits=(
                Commit(
                    subject="docker: lift", body="Because.", before=BEFORE, after=LIFTED
                ),
                Commit(
                    subject="docker: demote",
                    body="Because.",
                    before=LIFTED,
                    after=DEMOTED,
                ),
            ),
        ),
        proofs=(
            Proof(
                name="no-rebuild",
                claim="nothing is rebuilt",
                status=Status.PASSED,
                covers="12 derivations | 4 systems",
                evidence=("a.drv", "b.drv"),
                commands=("nix-instantiate --eval a.nix",),
                seconds=0.12349,
            ),
            Proof(
                name="builds",
                claim="it builds",
                status=Status.FAILED,
                covers="1 build",
                evidence=("```", "line two"),
                reason="the suffix is empty",
                seconds=2.0,
            ),
            Proof(
                name="nixfmt",
                claim="it is formatted",
                status=Status.NOT_RUN,
                covers="nothing",
                reason="because nixfmt is not installed",
            ),
        ),
        warnings=("a warning",),
        tools={"nix": "2.26.3", "git": "2.47.3"},
        request=SourceRequest(nixpkgs="somewhere", rev="main"),
        files=("overlay/default.nix", "report.json"),
    )
