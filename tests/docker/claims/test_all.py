from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.docker.claims.conftest import TREE
from tests.progress import Steps
from toolkit.docker.case import DEMOTED, LIFTED
from toolkit.docker.claims.package_set import disagreements
from toolkit.errors import ToolkitError
from toolkit.judge import everything
from toolkit.judge.packages import Packages
from toolkit.model import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.docker.claims.conftest import Deepened

NAME = "all"
COUNTED = replace(TREE, everything=True)


def test_what_each_commit_rebuilds_is_counted(deepened: Callable[..., Deepened]) -> None:
    proof = deepened().passes(NAME, replace(COUNTED, systems=("x86_64-linux", "aarch64-darwin")))
    assert proof.covers.split("; ") == [
        "x86_64-linux: before → lifted rebuilds 0 of 47",
        "x86_64-linux: lifted → demoted rebuilds 12 of 47",
        "aarch64-darwin: before → lifted rebuilds 0 of 43",
        "aarch64-darwin: lifted → demoted rebuilds 0 of 43",
    ]
    assert "x86_64-linux, before: 47 evaluated, 0 failed, 14 skipped" in proof.evidence
    rebuilt = [line.strip() for line in proof.evidence if line.startswith("  ")]
    assert {"docker", "docker_25", "runner-fleet", "rootless-script", "container-suite"} < set(rebuilt)
    assert not {"docker-client", "compose-lint", "image-slim", "containerPackages.mirror"} & set(rebuilt)


def test_first_commit_that_rebuilds_is_caught(deepened: Callable[..., Deepened]) -> None:
    series = deepened().edit(LIFTED, 'runcRev = "v1.3.6"', 'runcRev = "v1.3.7"')
    assert series.failure(NAME, COUNTED).startswith("x86_64-linux: the first commit rebuilds ")


def test_packages_that_evaluate_on_one_side_only_are_caught(deepened: Callable[..., Deepened]) -> None:
    series = deepened().rewritten(DEMOTED, lambda text: text.replace('mobyRev = "v${version}"', 'mobyRev = throw "x"'))
    failure = series.failure(NAME, COUNTED)
    assert "2 packages evaluate before only, such as docker_25" in failure
    assert "0 fail before, 2 after, docker_25 on one side only" in failure


def test_evaluation_without_enough_memory_is_partial_and_not_kept(
    deepened: Callable[..., Deepened], cache: Path
) -> None:
    hog = "builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000) final.sqlite"
    series = deepened(
        {"pkgs/top-level/all-packages.nix": ("  containerd = stub", f"  hog = {hog};\n  containerd = stub")}
    )
    kept = {path.name for path in (cache / everything.KIND).glob("*")}
    failure = series.failure(NAME, replace(COUNTED, max_memory=64)).splitlines()
    assert failure[0] == (
        "x86_64-linux: before: 1 attributes were not evaluated: hog: out of memory; raise --max-memory or --timeout"
    )
    assert {path.name for path in (cache / everything.KIND).glob("*")} == kept


def test_packages_that_need_no_docker_are_evaluated_once_for_all_stages(deepened: Callable[..., Deepened]) -> None:
    told = Steps()
    changes = {"pkgs/by-name/co/container-desktop/package.nix": "# a third tree\n{ docker }: docker\n"}
    deepened(changes).prove(NAME, COUNTED, progress=told)
    asked = [step.split() for step in told.steps if "asking Nix about" in step]
    counts = {" ".join(words[1:-5]).removesuffix(":"): int(words[-2]) for words in asked}
    assert counts.pop("without docker") == 60
    assert counts.keys() == {"before", "lifted", "demoted"}
    assert max(counts.values()) < 20


def test_empty_set_is_not_green(deepened: Callable[..., Deepened]) -> None:
    changes = {"default.nix": "{ ... }: { docker = 1; }\n"}
    assert "before: no package was evaluated" in deepened(changes).failure(NAME, COUNTED)


def test_sides_disagree_in_each_of_the_counts() -> None:
    def packages(**answers: str) -> Packages:
        return Packages(
            answers={
                (name,): {"derivation": answer} if answer.isdigit() else answer for name, answer in answers.items()
            }
        )

    one = packages(a="1", b="2", c="throws", d="skipped", e="skipped", f="skipped")
    assert list(disagreements(one, one)) == []
    other = packages(a="1", b="throws", c="ends", d="skipped", e="skipped", f="skipped", g="skipped")
    assert list(disagreements(one, other)) == [
        "1 packages evaluate before only, such as b",
        "1 fail before, 2 after, b on one side only",
        "3 attributes were not packages before, 4 are not after",
    ]


def test_it_is_not_run_unless_asked_for(deepened: Callable[..., Deepened]) -> None:
    with pytest.raises(ToolkitError, match=r"^proof: 'all' is unknown$"):
        deepened().prove(NAME, TREE)


def test_proof_is_failed_and_no_error(deepened: Callable[..., Deepened]) -> None:
    changes = {"pkgs/top-level/default.nix": ("  layers = [", '  layers = abort "never" ++ [')}
    proof = deepened(changes).prove(NAME, COUNTED)
    assert proof.status is Status.FAILED
    assert proof.reason is not None
    assert proof.reason.startswith("x86_64-linux, without docker: the package set has no names: ")
