import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docker.conftest import Draft
from toolkit.model import Report, Status


@pytest.fixture
def overlay(proposals: Callable[..., tuple[Path, Report]], tmp_path: Path) -> Path:
    """Return a copy of the overlay of a proposal."""
    return shutil.copytree(proposals()[0] / "overlay", tmp_path / "overlay")


def test_overlay_of_the_proposal_gives_the_derivations_of_the_series(
    draft: Callable[..., Draft], overlay: Path
) -> None:
    proof = draft().prove("overlay", overlay=overlay)
    assert (proof.status, proof.covers) == (Status.PASSED, "2 releases, x86_64-linux, in the specimen's package set")
    assert [line.partition(": ")[0] for line in proof.evidence] == ["docker_25", "docker_29"]


def test_overlay_with_another_docker_file_is_named_by_release(draft: Callable[..., Draft], overlay: Path) -> None:
    series = draft()
    shutil.copy(series.source.directory / "default.nix", overlay / "docker" / "default.nix")
    failure = series.failure("overlay", overlay=overlay)
    assert failure.startswith("docker_25: /nix/store/")
    assert failure.count(" by the overlay, /nix/store/") == 2


def test_change_in_one_release_is_named_alone(draft: Callable[..., Draft], overlay: Path) -> None:
    path = overlay / "docker" / "default.nix"
    path.write_text(path.read_text().replace('runcRev = "v1.3.6"', 'runcRev = "v1.3.7"'))
    failure = draft().failure("overlay", overlay=overlay)
    assert failure.startswith("docker_29: /nix/store/")
    assert failure.count(" by the overlay, ") == 1


def test_file_beside_it_that_differs_is_caught(draft: Callable[..., Draft], overlay: Path) -> None:
    with (overlay / "docker" / "cli-plugin-dirs-from-environment.patch").open("a") as file:
        file.write("more\n")
    assert draft().failure("overlay", overlay=overlay).startswith("docker_29: /nix/store/")


def test_release_that_the_overlay_lacks_is_as_it_was(draft: Callable[..., Draft], overlay: Path) -> None:
    path = overlay / "default.nix"
    assert "    docker_25\n" in path.read_text()
    path.write_text(path.read_text().replace("    docker_25\n", ""))
    failure = draft().failure("overlay", overlay=overlay)
    assert failure.startswith("docker_25: /nix/store/")
    assert failure.count(" by the overlay, ") == 1


def test_overlay_that_does_not_evaluate_is_a_failure(draft: Callable[..., Draft], overlay: Path) -> None:
    (overlay / "default.nix").write_text('final: prev: { docker_29 = throw "broken"; }\n')
    assert "docker_29: it throws by the overlay, " in draft().failure("overlay", overlay=overlay)


def test_overlay_that_is_missing_is_not_run(draft: Callable[..., Draft], overlay: Path) -> None:
    proof = draft().prove("overlay")
    assert (proof.status, proof.reason) == (Status.NOT_RUN, "because an overlay is made only for unlet's own series")
    proof = draft().prove("overlay", overlay=overlay, missing=("update.sh",))
    reason = "because the overlay lacks files that were not found: update.sh"
    assert (proof.status, proof.reason) == (Status.NOT_RUN, reason)
