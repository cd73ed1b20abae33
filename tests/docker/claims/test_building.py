import re

import pytest

from tests.docker.conftest import drafted
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.model import Status


def test_proof_shows_path_before_and_after() -> None:
    proof = drafted().prove("builds")
    head = "moby/libexec/docker:iproute2/bin:iptables/bin:xfsprogs/bin:util-linuxMinimal/bin:"
    assert proof.covers == "docker_29, 3 builds"
    assert proof.evidence == (
        f"before: {head}rootlesskit/bin:slirp4netns/bin:fuse-overlayfs/bin:<PATH>",
        f"after: {head}slirp4netns/bin:fuse-overlayfs/bin:<PATH>:rootlesskit/bin",
    )
    assert "nix-build " in proof.commands[0]
    assert proof.commands[1].startswith("cat /")


@pytest.mark.parametrize(
    ("layout", "name", "reason"),
    [
        (
            "20.10.14",
            "dockerd-rootless",
            "because the file creates no dockerd-rootless wrapper",
        ),
        (
            "29.6",
            "bin/dockerd-rootless",
            (
                r"because /.*-moby-29\.6\.1/bin/dockerd-rootless: no such file or "
                r"directory"
            ),
        ),
    ],
)
def test_file_without_the_wrapper_has_not_failed(
    layout: str, name: str, reason: str
) -> None:
    series = drafted(layout)
    for stage in (BEFORE, LIFTED, DEMOTED):
        series = series.rewritten(stage, lambda text: text.replace(name, "bin/other"))
    proof = series.prove("builds", without={"demote"}, demotion=None)
    assert proof.status is Status.NOT_RUN
    assert re.fullmatch(reason, proof.reason or "")
