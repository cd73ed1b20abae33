from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests import designs
from tests.asking import docker, propose, proved
from tests.docker.claims.conftest import TREE
from tests.progress import Steps
from toolkit.cli.proofs import exit_code
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED, SYSTEMS
from toolkit.docker.staging import deepen
from toolkit.errors import UsageError
from toolkit.model import INTERRUPTED, Depth, Silence, Source, SourceRequest, Status, Tier
from toolkit.proposal.proposing import choose, write_down

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.docker.claims.conftest import Deepened
    from tests.docker.conftest import Draft


CLAIMS = (
    "tree-no-rebuild",
    "tree-exact-change",
    "tree-overridable",
    "tree-compatible",
    "tree-set",
)
ALL = "pkgs/top-level/all-packages.nix"


def needing(value: str) -> dict[str, tuple[str, str]]:
    """Change a package that docker needs."""
    return {ALL: ("  containerd = stub", f"  iptables = {value};\n  containerd = stub")}


def test_series_is_proven_in_the_set_by_every_claim_of_evaluation(deepened: Callable[..., Deepened]) -> None:
    told = Steps()
    case = deepen(deepened().draft.case(), Depth(tier=Tier.TREE), offline=True, progress=told)
    found = {proof.name: proof for proof in proved(case, CLAIMS, progress=told)}
    assert {name: (proof.status, proof.reason) for name, proof in found.items()} == dict.fromkeys(
        CLAIMS, (Status.PASSED, None)
    )
    assert found["tree-no-rebuild"].covers == "40 drvPaths equal; 2 releases, 4 systems"
    assert found["tree-no-rebuild"].evidence[0] == "evaluated in the specimen's package set"
    assert found["tree-exact-change"].covers == "12 drvPaths changed, 28 kept; 2 releases, 4 systems"
    assert found["tree-overridable"].covers == "80 overrides, 4 components; 2 releases, 3 systems"
    assert found["tree-compatible"].covers == "12 of 12 rows, 85 overrides"
    # Each system once, for all stages and claims.
    steps = [step for step in told.steps if step.startswith("evaluating docker in the specimen's package set (")]
    assert [step.partition("(")[2].removesuffix(")") for step in steps] == [label for label, _, _ in SYSTEMS]


def test_command_of_the_report_gives_the_derivations_again(deepened: Callable[..., Deepened]) -> None:
    (line,) = deepened().prove("tree-no-rebuild").commands
    said = json.loads(subprocess.run(["sh", "-c", line], check=True, capture_output=True).stdout)
    assert said["before"]["x86_64-linux"]["docker_29"]["docker"].endswith("-docker-29.6.1.drv")


def captured(series: Deepened) -> Deepened:
    """Return a series whose parts are parameters, which callPackage fills from the set."""
    lifted = designs.parameter(series.draft.texts[BEFORE])
    return series.rewritten(LIFTED, lambda _: lifted).rewritten(DEMOTED, lambda _: designs.demoted(lifted))


def test_default_that_the_set_fills_is_caught(deepened: Callable[..., Deepened]) -> None:
    failure = captured(deepened()).failure("tree-no-rebuild")
    assert failure.startswith("evaluation: lifted, x86_64-linux, docker_2")


class TestSet:
    def test_set_without_the_docker_of_the_file_is_not_green(self, deepened: Callable[..., Deepened]) -> None:
        changes = {
            ALL: ("    docker_25\n    docker_29\n", ""),
            "pkgs/top-level/aliases.nix": ("  moby = throw", '  docker_29 = throw "gone";\n  moby = throw'),
        }
        failure = deepened(changes).failure("tree-set")
        assert "x86_64-linux: docker is throws in the package set, and none of the file's" in failure
        assert "x86_64-linux: docker_25 is absent in the package set, and /nix/store/" in failure

    def test_set_that_changes_docker_afterwards_is_named(self, deepened: Callable[..., Deepened]) -> None:
        changes = {ALL: ("  containerd = stub", "  docker_29 = super.docker_29 or null;\n  containerd = stub")}
        failure = deepened(changes).prove("tree-set")
        assert failure.status is Status.FAILED


class TestTreeThatDoesNotEvaluate:
    def test_nothing_has_failed(self, deepened: Callable[..., Deepened]) -> None:
        proof = deepened(needing('abort "nothing works"')).prove("tree-no-rebuild")
        assert proof.status is Status.NOT_RUN
        assert proof.reason is not None
        assert proof.reason.startswith("because the file cannot be evaluated with the specimen's package set: ")
        assert "nothing works" in proof.reason
        assert proof.reason.endswith("; take a nixpkgs that does, or other systems by --system")

    def test_one_system_on_which_it_does_not_is_named_and_the_others_go_on(
        self, deepened: Callable[..., Deepened]
    ) -> None:
        value = 'if final.stdenv.hostPlatform.isAarch64 then abort "not here" else stub "iptables"'
        proof = deepened(needing(value)).prove("tree-no-rebuild", Depth(tier=Tier.TREE))
        assert (proof.status, proof.reason) == (Status.PASSED, None)
        assert all(line.startswith("not evaluated, nor is the unchanged file: ") for line in proof.gaps)
        assert [line.split(": ")[1] for line in proof.gaps] == ["aarch64-linux", "x86_64-linux → aarch64-linux"]
        assert set(proof.gaps) < set(proof.evidence)

    def test_memory_that_runs_out_is_named(self, deepened: Callable[..., Deepened]) -> None:
        hog = 'builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000) (stub "iptables")'
        proof = deepened(needing(hog)).prove("tree-no-rebuild", replace(TREE, max_memory=64))
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
    proof = deepened().prove("tree-no-rebuild")
    assert proof.status is not Status.PASSED
    assert said in (proof.reason or "")


def test_time_out_is_not_green(deepened: Callable[..., Deepened]) -> None:
    proof = deepened().prove("tree-exact-change", replace(TREE, timeout=0.001))
    assert proof.status is not Status.PASSED
    assert "still running after 0.001 s" in (proof.reason or "")


def test_interrupt_keeps_what_is_proven(tmp_path: Path) -> None:
    step = "evaluating the whole patched nixpkgs (x86_64-linux)"
    request = docker(source=SourceRequest(nixpkgs="specimen"), out=tmp_path / "out", depth=TREE)
    report = propose(request, progress=Steps(interrupted_at=step))
    found = {proof.name: (proof.status, proof.reason) for proof in report.proofs}
    assert found["tree-compatible"] == (Status.PASSED, None)
    assert found["tree-set"] == (Status.NOT_RUN, INTERRUPTED)
    assert exit_code(report) == 130
    assert json.loads((request.out / "report.json").read_text())["proofs"]
    # One of several is not kept: those behind it would be made as well.
    with pytest.raises(KeyboardInterrupt):
        write_down(
            choose(request, progress=Silence()), tmp_path / "one", is_alone=False, progress=Steps(interrupted_at=step)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


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


def test_isolated_tier_needs_no_tree(draft: Callable[..., Draft]) -> None:
    case = draft("28.4").case()
    assert deepen(case, Depth(), offline=True, progress=Steps()) is case


def test_release_that_needs_more_than_it_may_have_is_unknown_and_the_others_are_judged(
    deepened: Callable[..., Deepened],
) -> None:
    """Only of the older release the changed file takes Nix too much memory."""
    hog = "builtins.toJSON (builtins.genList (n: [ n (n + 1) (toString n) ]) 20000000)"
    old, new = 'version = "25.0.16"', f'version = builtins.substring 0 7 "25.0.16${{{hog}}}"'
    spoiled = deepened().edit(LIFTED, old, new)
    depth = Depth(tier=Tier.TREE, systems=("x86_64-linux",), max_memory=384)
    proof = spoiled.prove("tree-no-rebuild", depth)
    assert proof.status is Status.NOT_RUN
    assert (proof.reason or "").startswith("because docker_25 on x86_64-linux: out of memory")
    assert proof.covers == "6 drvPaths equal; 1 release, 1 system"
    failing = deepened().edit(LIFTED, old, new).edit(LIFTED, 'runcRev = "v1.3.6"', 'runcRev = "v1.3.7"')
    assert failing.prove("tree-no-rebuild", depth).status is Status.FAILED
