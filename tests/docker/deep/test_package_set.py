from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.docker.conftest import Steps
from tests.docker.deep.conftest import TREE
from toolkit.docker.choices import Strategy
from toolkit.docker.claims.case import DEMOTED, LIFTED
from toolkit.docker.deepening import deepen
from toolkit.errors import UsageError
from toolkit.model import Depth, Source, Status, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.conftest import Draft
    from tests.docker.deep.conftest import Deepened

ALL = "pkgs/top-level/all-packages.nix"


def needing(value: str) -> dict[str, tuple[str, str]]:
    """Change a package that docker needs."""
    return {ALL: ("  containerd = stub", f"  iptables = {value};\n  containerd = stub")}


def test_series_rebuilds_nothing_and_then_what_contains_moby(deepened: Callable[..., Deepened]) -> None:
    first = deepened().prove("tree-no-rebuild", Depth(tier=Tier.TREE))
    assert (first.status, first.reason) == (Status.PASSED, None)
    assert first.covers == "52 drvPaths equal; the specimen's package set, 4 systems"
    assert "x86_64-linux: 3 nixosTests.docker*, 0 changed" in first.evidence
    second = deepened().prove("tree-exact-change", Depth(tier=Tier.TREE))
    assert (second.status, second.reason) == (Status.PASSED, None)
    assert second.covers.startswith("34 drvPaths kept, 18 changed; ")
    assert "x86_64-linux: 3 nixosTests.docker*, 3 changed: docker, docker-rootless, docker-tools" in second.evidence


def test_command_of_the_report_gives_the_derivations_again(deepened: Callable[..., Deepened]) -> None:
    proof = deepened().prove("tree-no-rebuild")
    said = [
        json.loads(subprocess.run(["sh", "-c", line], check=True, capture_output=True).stdout)
        for line in proof.commands
    ]
    assert said[0] == said[1]
    assert said[0]["docker"].endswith("-docker-29.6.1.drv")


def test_first_commit_that_rebuilds_is_caught(deepened: Callable[..., Deepened]) -> None:
    failure = deepened().edit(LIFTED, 'runcRev = "v1.3.6"', 'runcRev = "v1.3.7"').failure("tree-no-rebuild")
    assert "x86_64-linux: docker.docker-runc is rebuilt: /nix/store/" in failure
    assert "x86_64-linux: docker_29.docker-runc is rebuilt: /nix/store/" in failure
    assert "docker_25" not in failure
    assert "nixosTests.docker is rebuilt" in failure


def test_second_commit_that_changes_more_than_moby_is_caught(deepened: Callable[..., Deepened]) -> None:
    series = deepened().rewritten(DEMOTED, lambda text: text.replace('runcRev = "v1.3.6"', 'runcRev = "v1.3.7"'))
    assert "x86_64-linux: docker_29.docker-runc is rebuilt: " in series.failure("tree-exact-change")


def test_second_commit_that_changes_nothing_is_caught(deepened: Callable[..., Deepened]) -> None:
    series = deepened()
    series = series.rewritten(DEMOTED, lambda _: series.draft.texts[LIFTED])
    assert "x86_64-linux: docker_29.moby is not changed" in series.failure("tree-exact-change")


def test_default_that_the_set_fills_is_caught(deepened: Callable[..., Deepened]) -> None:
    failure = deepened(strategy=Strategy.PARAMETER).failure("tree-no-rebuild")
    assert "x86_64-linux: docker throws after the change" in failure


def test_set_without_the_docker_of_the_file_is_not_green(deepened: Callable[..., Deepened]) -> None:
    changes = {
        ALL: ("    docker_25\n    docker_29\n", ""),
        "pkgs/top-level/aliases.nix": ("  moby = throw", '  docker_29 = throw "gone";\n  moby = throw'),
    }
    failure = deepened(changes).failure("tree-no-rebuild")
    assert "x86_64-linux: docker throws" in failure
    assert "x86_64-linux: none of docker_25, docker_29 evaluates in the package set" in failure


def test_nixpkgs_that_does_not_evaluate_is_told_to_fail_before_the_change(deepened: Callable[..., Deepened]) -> None:
    failure = deepened(needing('abort "nothing works"')).failure("tree-no-rebuild").splitlines()[0]
    assert failure.startswith("x86_64-linux: this nixpkgs does not evaluate, before the change either: ")
    assert "nothing works" in failure
    assert failure.endswith("; take a nixpkgs that does, or other systems by --system")


def test_change_that_breaks_evaluation_is_told_apart(deepened: Callable[..., Deepened]) -> None:
    failure = deepened().edit(LIFTED, 'runcRev = "v1.3.6"', 'runcRev = abort "oh"').failure("tree-no-rebuild")
    assert failure.startswith("x86_64-linux: this nixpkgs does not evaluate, though it does before the change: ")


def test_evaluation_out_of_memory_is_named_with_what_to_do(deepened: Callable[..., Deepened]) -> None:
    hog = 'builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000) (stub "iptables")'
    failure = deepened(needing(hog)).failure("tree-no-rebuild", replace(TREE, max_memory=64))
    assert failure.splitlines()[0] == (
        "x86_64-linux: this nixpkgs does not evaluate, before the change either: out of memory; "
        "raise --max-memory, or name fewer systems by --system"
    )


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -9 $$", "the evaluation was killed by signal 9: probably out of memory; raise --max-memory"),
        ("echo '{}'; exit 0", "docker_25 was not evaluated"),
        ("echo; exit 0", "printed no JSON"),
    ],
)
def test_evaluation_that_was_killed_or_says_nothing_is_not_green(
    deepened: Callable[..., Deepened], install: Callable[[str, str], None], script: str, said: str
) -> None:
    install("nix-instantiate", f'case "$*" in *tree.nix*) {script};; esac\nexec "$real" "$@"\n')
    assert said in deepened().failure("tree-no-rebuild")


def test_time_out_is_not_green(deepened: Callable[..., Deepened]) -> None:
    failure = deepened().failure("tree-exact-change", replace(TREE, timeout=0.001))
    assert failure == "nix-instantiate: still running after 0.001 s"


def test_nixos_tests_that_evaluate_on_neither_side_are_told_and_do_not_fail(deepened: Callable[..., Deepened]) -> None:
    changes = {"nixos/tests/docker.nix": ("  testScript =", '  testScript = abort "no test";\n  other =')}
    proof = deepened(changes).prove("tree-no-rebuild")
    assert proof.status is Status.PASSED
    said = "nixosTests.docker*: not examined, they do not evaluate, before the change either: "
    assert any(line.startswith(said) and "no test" in line for line in proof.evidence)


def test_file_without_a_tree_is_a_usage_error(draft: Callable[..., Draft]) -> None:
    case = draft().case()
    lone = Source(origin="default.nix", content=case.source.content, directory=case.source.directory)
    with pytest.raises(UsageError, match=r"^default\.nix: is a file, not a whole nixpkgs$"):
        deepen(replace(case, source=lone), TREE, offline=True, progress=Steps())


def test_part_of_a_tree_is_a_usage_error(draft: Callable[..., Draft]) -> None:
    with pytest.raises(UsageError, match=r"28\.4: is not a whole nixpkgs: it has no 'default\.nix'$"):
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
