from collections.abc import Callable

from tests.docker.claims.conftest import Deepened
from toolkit.model import Depth, Status

ALL = "pkgs/top-level/all-packages.nix"


def needing(value: str) -> dict[str, tuple[str, str]]:
    """Change a package that docker needs."""
    return {ALL: ("  containerd = stub", f"  iptables = {value};\n  containerd = stub")}


class TestTreeThatDoesNotEvaluate:
    def test_nothing_has_failed(self, deepened: Callable[..., Deepened]) -> None:
        proof = deepened(needing('abort "nothing works"')).prove("no-rebuild")
        assert proof.status is Status.NOT_RUN
        assert proof.reason is not None
        assert proof.reason.startswith("because the file cannot be evaluated in the specimen's package set: ")
        assert "nothing works" in proof.reason
        assert proof.reason.endswith("; name another nixpkgs")

    def test_one_system_on_which_it_does_not_is_named_and_the_others_go_on(
        self, deepened: Callable[..., Deepened]
    ) -> None:
        value = 'if final.stdenv.hostPlatform.isAarch64 then abort "not here" else stub "iptables"'
        proof = deepened(needing(value)).prove("exact-change", Depth(whole=True))
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        assert [line.split(": ")[1] for line in proof.gaps] == [
            f"{system} {release}"
            for system in ("aarch64-linux", "x86_64-linux → aarch64-linux")
            for release in ("docker_25", "docker_29")
        ]
