import re

from msgspec.structs import replace

from tests.docker.conftest import drafted
from tests.docker.rewrite.conftest import kit, rewrite
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.model import Status


def test_proof_tells_what_it_covered_and_how_to_repeat_it() -> None:
    proof = drafted("24.0").prove("exact-change")
    systems = (
        "x86_64-linux, aarch64-linux, aarch64-darwin, x86_64-linux → aarch64-linux"
    )
    assert proof.covers.endswith(
        f" of them rebuilt; docker_20_10, docker_24 on {systems}, in the stand-in tree"
    )
    assert re.fullmatch(
        r"x86_64-linux docker_20_10: docker-20\.10\.\d+, moby-20\.10\.\d+",
        proof.evidence[0],
    )
    assert "aarch64-darwin docker_24: nothing" in proof.evidence
    assert (
        "x86_64-linux docker_24, withSeccomp = false: docker-24.0.5, moby-24.0.5"
        in proof.evidence
    )
    assert "nix-instantiate --eval --strict --json " in proof.commands[0]


class TestExactChange:
    def test_second_commit_is_not_blamed_for_the_first(self) -> None:
        series = drafted().edit(LIFTED, "export AUTO_GOPATH=1", "export AUTO_GOPATH=0")
        assert series.passes("exact-change")

    def test_first_commit_is_not_blamed_for_the_second(self) -> None:
        series = drafted().edit(DEMOTED, "export AUTO_GOPATH=1", "export AUTO_GOPATH=0")
        assert series.passes("no-rebuild")

    def test_entry_is_exact_in_the_command_itself(self) -> None:
        series = drafted()
        flag = "${lib.makeBinPath [ rootlesskit fuse-overlayfs ]}"
        before = kit(
            "lib.makeBinPath [ slirp4netns ]",
            series.texts[BEFORE].replace("$extraUserPath", flag),
        )
        lifted, demoted = rewrite(before)
        assert replace(
            series, texts={BEFORE: before, LIFTED: lifted, DEMOTED: demoted}
        ).passes("exact-change")


def test_claim_about_a_commit_that_is_not_there_is_not_run() -> None:
    series = drafted()
    proof = series.prove("exact-change", without={"demote"})
    assert (proof.status, proof.reason) == (
        Status.NOT_RUN,
        "because the patch does not change the wrapper's PATH",
    )
    for name in ("no-rebuild", "overridable"):
        proof = series.prove(name, without={"lift"})
        assert (proof.status, proof.reason) == (
            Status.NOT_RUN,
            "because the patch does not move the components",
        )
