from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

OVERLAYS = Path(__file__).parents[2] / "overlays"
PACKAGES = Path(__file__).with_name("packages.nix")


@pytest.fixture(scope="module")
def answers() -> dict[str, object]:
    command = ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", str(PACKAGES)]
    done = subprocess.run(
        [*command, "--arg", "overlays", str(OVERLAYS)], check=True, capture_output=True, encoding="utf-8"
    )
    value: dict[str, object] = json.loads(done.stdout)
    return value


def test_every_docker_and_nothing_else_is_in_the_overlay(answers: dict[str, object]) -> None:
    assert answers["names"] == ["docker", "docker_20_10", "docker_28", "docker_29"]


def test_only_rootlesskit_changes_its_place_in_path(answers: dict[str, object]) -> None:
    assert answers["script"] == (
        "rm $out/bin/dockerd-rootless\n"
        "makeWrapper /nix/store/moby-29.6.1/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \\\n"
        "  --prefix PATH : '/nix/store/moby-29.6.1/libexec/docker:"
        "/nix/store/x-iproute2/bin:/nix/store/x-git/bin:/nix/store/x-slirp4netns-1/bin' \\\n"
        "  --suffix PATH : '/nix/store/x-rootlesskit-2.3/bin'\n"
    )


def test_meta_passthru_and_components_stay(answers: dict[str, object]) -> None:
    assert (answers["meta"], answers["tests"], answers["runc"]) == ({"mainProgram": "docker"}, "tests", "docker-runc")


def test_docker_is_not_wrapped_twice(answers: dict[str, object]) -> None:
    assert answers["twice"] is True


def test_client_and_docker_without_rootless_are_left_as_they_are(answers: dict[str, object]) -> None:
    assert (answers["client"], answers["withoutRootless"]) == (False, False)


def test_overriding_reaches_the_docker_inside(answers: dict[str, object]) -> None:
    assert "/nix/store/moby-30/libexec" in str(answers["overridden"])
    assert answers["changed"] == "docker-29.6.1-changed"


def test_removed_release_still_says_so_and_only_when_used(answers: dict[str, object]) -> None:
    assert answers["removed"] is False


def test_module_names_the_wrapper_by_the_route(answers: dict[str, object]) -> None:
    assert answers["wrappers"] == ["rootlesskit", "docker-rootlesskit"]
    assert answers["overlayed"] == [True, False]
    assert answers["wrapper"] == {
        "owner": "root",
        "group": "root",
        "capabilities": "cap_net_bind_service+ep",
        "source": "/nix/store/rootlesskit/bin/rootlesskit",
    }
