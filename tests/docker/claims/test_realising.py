from pathlib import Path

from msgspec.structs import replace

from tests.docker.conftest import TREE, drafted
from toolkit.docker.case import DEMOTED
from toolkit.model import Depth, Status, Tier
from toolkit.nix import stores
from toolkit.proposal import outputs

HERE = outputs.here()
NAME = f"specimen-built-{HERE}"
BUILD = replace(TREE, tier=Tier.BUILD, systems=(HERE,))


def words(*given: str) -> Depth:
    return replace(BUILD, nix_options=given)


def test_series_builds() -> None:
    proof = drafted().prove(NAME, BUILD)
    assert (proof.status, proof.covers) == (Status.PASSED, f"docker, {HERE}")
    assert (stores.physical(Path(proof.evidence[0])) / "bin" / "docker").is_file()
    order = proof.evidence[1].removeprefix("bin/dockerd-rootless: ").split(":")
    assert order[0].endswith("/libexec/docker")
    assert order[-2:] == ["<PATH>", "rootlesskit/bin"]


def test_docker_without_its_wrapper_is_caught() -> None:
    series = drafted().rewritten(
        DEMOTED,
        lambda text: text.replace(" ${finalAttrs.moby}/bin/dockerd-rootless", ""),
    )
    assert "its bin/dockerd-rootless is no link to that of moby" in series.failure(
        NAME, BUILD
    )


def test_wrapper_that_still_hides_a_security_wrapper_is_caught() -> None:
    series = drafted().rewritten(
        DEMOTED, lambda text: text.replace("--suffix PATH", "--prefix PATH")
    )
    failure = series.failure(NAME, BUILD)
    assert "-rootlesskit-1.0/bin is still in the wrapper's prefix" in failure
    assert "rootlesskit is not in the wrapper's suffix: " in failure


def test_words_for_nix_build_reach_it() -> None:
    series = drafted().rewritten(
        DEMOTED, lambda text: text.replace('mobyRev = "v${version}"', 'mobyRev = "vX"')
    )
    series = series.rewritten(
        DEMOTED, lambda text: text.replace('"docker-v${version}"', '"another"')
    )
    given = words("--option", "max-jobs", "0", "--builders", "")
    assert "Unable to start any build" in series.failure(NAME, given).splitlines()[0]
    assert (
        series.prove(NAME, given)
        .commands[0]
        .endswith(" --option max-jobs 0 --builders ''")
    )


def test_other_store_is_built_in_and_not_looked_at(tmp_path: Path) -> None:
    store = tmp_path / "store"
    proof = drafted().prove(NAME, words("--store", f"local?root={store}"))
    assert (proof.status, proof.reason) == (Status.PASSED, None)
    assert (
        "the result is in another Nix store, so unlet could not examine it"
        in proof.evidence
    )
    built = proof.evidence[0]
    assert (Path(f"{store}{built}") / "bin" / "docker").exists()
    assert f"--store 'local?root={store}'" in proof.commands[0]
