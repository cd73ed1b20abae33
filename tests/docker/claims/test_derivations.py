import re
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.docker.conftest import Draft
from tests.docker.rewrite.conftest import kit, rewrite
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.steps import Demotion
from toolkit.model import Status

SET = "the specimen's package set"


def test_proof_tells_what_it_covered_and_how_to_repeat_it(draft: Callable[..., Draft]) -> None:
    proof = draft("24.0").prove("no-rebuild")
    # On three systems docker, its client, and four components; on Darwin docker is its client.
    assert proof.covers == "40 drvPaths equal; 2 releases, 4 systems, in the stand-in tree"
    assert re.fullmatch(r"x86_64-linux docker_20_10: /nix/store/\S+-docker-20\.10\.\d+\.drv", proof.evidence[0])
    flags = ["clientOnly = false", "clientOnly = true"]
    values = "; ".join(f"{one}, withSeccomp = {other}" for one in flags for other in ("false", "true"))
    assert proof.evidence[-1] == f"docker_24 also with {values}"
    assert "nix-instantiate --eval --strict --json " in proof.commands[0]
    assert draft().prove("exact-change").covers == f"12 drvPaths changed, 28 kept; 2 releases, 4 systems, in {SET}"


class TestExactChange:
    def test_drop_is_exact_as_well(self, draft: Callable[..., Draft]) -> None:
        assert draft(demotion=Demotion.DROP).passes("exact-change")

    def test_second_commit_is_not_blamed_for_the_first(self, draft: Callable[..., Draft]) -> None:
        series = draft().edit(LIFTED, "export AUTO_GOPATH=1", "export AUTO_GOPATH=0")
        assert series.passes("exact-change")

    def test_first_commit_is_not_blamed_for_the_second(self, draft: Callable[..., Draft]) -> None:
        series = draft().edit(DEMOTED, "export AUTO_GOPATH=1", "export AUTO_GOPATH=0")
        assert series.passes("no-rebuild")

    @pytest.mark.parametrize("demotion", Demotion)
    @pytest.mark.parametrize(
        ("list_", "flag"),
        [
            ("lib.makeBinPath [ slirp4netns ]", "${lib.makeBinPath [ rootlesskit fuse-overlayfs ]}"),
            (
                "lib.makeBinPath ((if initSupport then [ rootlesskit ] else [ runc ]) ++ [ slirp4netns ])",
                "$extraUserPath",
            ),
            ("lib.makeBinPath (lib.optional withSystemd rootlesskit ++ [ slirp4netns ])", "$extraUserPath"),
        ],
    )
    def test_entry_is_exact_wherever_it_stands(
        self, draft: Callable[..., Draft], demotion: Demotion, list_: str, flag: str
    ) -> None:
        series = draft(demotion=demotion)
        before = kit(list_, series.texts[BEFORE].replace("$extraUserPath", flag))
        lifted, demoted = rewrite(before, demotion=demotion)
        assert replace(series, texts={BEFORE: before, LIFTED: lifted, DEMOTED: demoted}).passes("exact-change")


def test_claim_about_a_commit_that_is_not_there_is_not_run(draft: Callable[..., Draft]) -> None:
    series = draft()
    proof = series.prove("exact-change", without={"demote"})
    assert (proof.status, proof.reason) == (Status.NOT_RUN, "because the patch leaves the wrapper's PATH as it is")
    for name in ("no-rebuild", "overridable"):
        proof = series.prove(name, without={"lift"})
        assert (proof.status, proof.reason) == (
            Status.NOT_RUN,
            "because the patch leaves the components where they are",
        )
