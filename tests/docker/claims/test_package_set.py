from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.docker.claims.conftest import TREE, Deepened
from tests.docker.conftest import Draft
from tests.progress import Steps
from toolkit.docker.case import LIFTED
from toolkit.docker.case import deepened as deepen
from toolkit.errors import UsageError
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
        assert proof.reason.startswith("because the file cannot be evaluated with the specimen's package set: ")
        assert "nothing works" in proof.reason
        assert proof.reason.endswith("; take a nixpkgs that does, or other systems by --system")

    def test_one_system_on_which_it_does_not_is_named_and_the_others_go_on(
        self, deepened: Callable[..., Deepened]
    ) -> None:
        value = 'if final.stdenv.hostPlatform.isAarch64 then abort "not here" else stub "iptables"'
        proof = deepened(needing(value)).prove("no-rebuild", Depth(whole=True))
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        assert all(line.startswith("not evaluated, nor is the unchanged file: ") for line in proof.gaps)
        assert [line.split(": ")[1] for line in proof.gaps] == ["aarch64-linux", "x86_64-linux → aarch64-linux"]
        assert set(proof.gaps) < set(proof.evidence)

    def test_memory_that_runs_out_is_named(self, deepened: Callable[..., Deepened]) -> None:
        hog = 'builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000) (stub "iptables")'
        proof = deepened(needing(hog)).prove("no-rebuild", replace(TREE, max_memory=64))
        assert proof.status is Status.NOT_RUN
        assert "out of memory" in (proof.reason or "")


def test_unknown_system_is_a_usage_error_that_names_known_ones(draft: Callable[..., Draft]) -> None:
    depth = replace(TREE, systems=("x86_64-linux", "x86-linux"))
    with pytest.raises(UsageError, match=r"^--system: 'x86-linux' is not a system that this nixpkgs knows$") as caught:
        deepen(draft().case(), depth, offline=True, progress=Steps())
    assert caught.value.hint is not None
    assert "aarch64-darwin" in caught.value.hint


def test_release_that_needs_more_than_it_may_have_is_unknown_and_the_others_are_judged(
    deepened: Callable[..., Deepened],
) -> None:
    """Only of the older release the changed file takes Nix too much memory."""
    hog = "builtins.toJSON (builtins.genList (n: [ n (n + 1) (toString n) ]) 20000000)"
    old, new = 'version = "25.0.16"', f'version = builtins.substring 0 7 "25.0.16${{{hog}}}"'
    spoiled = deepened().edit(LIFTED, old, new)
    depth = Depth(whole=True, systems=("x86_64-linux",), max_memory=384)
    proof = spoiled.prove("no-rebuild", depth)
    assert proof.status is Status.NOT_RUN
    assert (proof.reason or "").startswith("because docker_25 on x86_64-linux: out of memory")
    assert proof.covers == "6 drvPaths equal; 1 release, 1 system, in the specimen's package set"
    failing = deepened().edit(LIFTED, old, new).edit(LIFTED, 'runcRev = "v1.3.6"', 'runcRev = "v1.3.7"')
    assert failing.prove("no-rebuild", depth).status is Status.FAILED
