from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.docker.claims.conftest import TREE, Deepened
from tests.docker.conftest import Draft
from tests.progress import Steps
from toolkit.docker.case import LIFTED
from toolkit.docker.case import deepened as deepen
from toolkit.errors import UsageError
from toolkit.model import Depth, Source, Status

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


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -9 $$", "the evaluation was killed by signal 9: probably out of memory"),
        ("echo '{}'; exit 0", "evaluation: field 'before' is missing"),
        ("echo; exit 0", "its output is not JSON"),
    ],
)
def test_evaluation_that_was_killed_or_says_nothing_is_not_green(
    deepened: Callable[..., Deepened], install: Callable[[str, str], None], script: str, said: str
) -> None:
    install("nix-instantiate", f'case "$*" in *evaluate.nix*) {script};; esac\nexec "$real" "$@"\n')
    proof = deepened().prove("no-rebuild")
    assert proof.status is not Status.PASSED
    assert said in (proof.reason or "")


def test_time_out_is_not_green(deepened: Callable[..., Deepened]) -> None:
    proof = deepened().prove("exact-change", replace(TREE, timeout=0.001))
    assert proof.status is not Status.PASSED
    assert "still running after 0.00" in (proof.reason or "")


def test_file_without_a_tree_is_a_usage_error(draft: Callable[..., Draft]) -> None:
    case = draft().case()
    lone = Source(origin="default.nix", content=case.source.content, directory=case.source.directory)
    with pytest.raises(UsageError, match=r"^default\.nix: is a file, not a whole nixpkgs$"):
        deepen(replace(case, source=lone), TREE, offline=True, progress=Steps())


def test_part_of_a_tree_is_a_usage_error(draft: Callable[..., Draft]) -> None:
    with pytest.raises(UsageError, match=r"28\.4 \(25\.11\): is not a whole nixpkgs: it has no 'default\.nix'$"):
        deepen(draft("28.4").case(), TREE, offline=True, progress=Steps())


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
