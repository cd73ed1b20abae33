from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.docker.claims.conftest import TREE
from tests.docker.conftest import Steps
from toolkit import landlock
from toolkit.docker.case import DEMOTED, LIFTED, Deep
from toolkit.docker.claims import all_packages
from toolkit.docker.claims.all_packages import Packages
from toolkit.docker.claims.package_set import disagreements
from toolkit.errors import ToolkitError
from toolkit.model import Status
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.docker.claims.conftest import Deepened
    from toolkit.model import Depth

NAME = "reverse-dependencies"
COUNTED = replace(TREE, reverse_dependencies=True)


def work(progress: Steps, depth: Depth = COUNTED) -> Deep:
    return Deep(depth=depth, trees={}, progress=progress)


def test_what_each_commit_rebuilds_is_counted(deepened: Callable[..., Deepened]) -> None:
    proof = deepened().passes(NAME, replace(COUNTED, systems=("x86_64-linux", "aarch64-darwin")))
    assert proof.covers.split("; ") == [
        "x86_64-linux: before → lifted rebuilds 0 of 46",
        "x86_64-linux: lifted → demoted rebuilds 11 of 46",
        "aarch64-darwin: before → lifted rebuilds 0 of 42",
        "aarch64-darwin: lifted → demoted rebuilds 0 of 42",
    ]
    assert "x86_64-linux, before: 46 evaluated, 1 failed, 14 skipped" in proof.evidence
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
    assert "1 fail before, 3 after, docker_25 on one side only" in failure


def test_attribute_that_aborts_is_counted_as_failed_and_the_rest_is_evaluated(
    deepened: Callable[..., Deepened],
) -> None:
    changes = {"pkgs/by-name/co/container-desktop/package.nix": '{ }: abort "no way"\n'}
    proof = deepened(changes).passes(NAME, COUNTED)
    assert "x86_64-linux, before: 46 evaluated, 1 failed, 14 skipped" in proof.evidence


def test_attribute_of_the_set_itself_that_aborts_is_counted_as_well(deepened: Callable[..., Deepened]) -> None:
    changes = {"pkgs/top-level/all-packages.nix": ("    viewer = final", '    worse = abort "x";\n    viewer = final')}
    proof = deepened(changes).passes(NAME, COUNTED)
    assert "x86_64-linux, before: 46 evaluated, 2 failed, 14 skipped" in proof.evidence


def test_evaluation_without_enough_memory_is_partial_and_not_kept(
    deepened: Callable[..., Deepened], cache: Path
) -> None:
    hog = "builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000) final.sqlite"
    series = deepened(
        {"pkgs/top-level/all-packages.nix": ("  containerd = stub", f"  hog = {hog};\n  containerd = stub")}
    )
    kept = {path.name for path in (cache / all_packages.KIND).glob("*")}
    failure = series.failure(NAME, replace(COUNTED, max_memory=64)).splitlines()
    assert failure[0] == (
        "x86_64-linux: before: 1 attributes were not evaluated: hog: out of memory; raise --max-memory or --timeout"
    )
    assert {path.name for path in (cache / all_packages.KIND).glob("*")} == kept


def test_time_out_is_partial(
    deepened: Callable[..., Deepened], install: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What stands in for Nix is nothing that may be started behind the wall.
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    # Nix says that it has begun, and nothing more.
    slow = """*legacy-runner*chunk*) echo 'trace: @[["legacy-runner"]]' >&2; sleep 60;;"""
    install("nix", f'case "$*" in {slow} esac\nexec "$real" "$@"\n')
    changes = {"pkgs/by-name/co/container-desktop/package.nix": "# another tree\n{ docker }: docker\n"}
    failure = deepened(changes).failure(NAME, replace(COUNTED, timeout=2.0))
    assert "attributes were not evaluated: legacy-runner: still running after 2 s" in failure


def test_packages_that_need_no_docker_are_evaluated_once_for_all_stages(deepened: Callable[..., Deepened]) -> None:
    told = Steps()
    changes = {"pkgs/by-name/co/container-desktop/package.nix": "# a third tree\n{ docker }: docker\n"}
    deepened(changes).prove(NAME, COUNTED, progress=told)
    asked = [step for step in told.seen if step.endswith(" attributes")]
    assert asked[0] == "x86_64-linux, without docker: 60 of 60 attributes"
    counts = {step.partition(", ")[2].partition(": ")[0]: int(step.split()[-2]) for step in asked}
    assert counts.keys() == {"without docker", "before", "lifted", "demoted"}
    assert max(counts["before"], counts["lifted"], counts["demoted"]) < 20


def test_evaluation_that_was_interrupted_goes_on_where_it_was(
    deepened: Callable[..., Deepened], cache: Path, install: Callable[[str, str], None]
) -> None:
    tree = trees.whole(deepened().draft.source, offline=True, progress=Steps())
    first = all_packages.evaluate(tree, "armv7l-linux", work(Steps()), what="here")
    (document,) = [
        path
        for path in (cache / all_packages.KIND).glob("*/packages.json")
        if json.loads(path.read_text())["inputs"]["system"] == "armv7l-linux"
    ]
    content = json.loads(document.read_text())
    content["answers"] = {name: answer for name, answer in content["answers"].items() if not name.startswith('["d')}
    content["count"] = len(content["answers"])
    document.write_text(json.dumps(content))
    install("nix", """case "$*" in *sqlite*chunk*) exit 1;; esac\nexec "$real" "$@"\n""")
    assert all_packages.evaluate(tree, "armv7l-linux", work(Steps()), what="here") == first


class Impatient(Steps):
    """Somebody who interrupts as soon as an attribute is done."""

    def step(self, what: str) -> None:
        super().step(what)
        if " 1 of " in what:
            raise KeyboardInterrupt


def test_interrupt_keeps_what_the_process_has_gone_past(
    deepened: Callable[..., Deepened],
    cache: Path,
    install: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(all_packages, "_TELL_SECONDS", 0.1)
    said = """'trace: @[["sqlite"]]' 'trace: @[["sqlite"],"throws"]' 'trace: @[["tini"]]'"""
    install("nix", f'case "$*" in *chunk*) printf "%s\n" {said} >&2; sleep 60;; esac\nexec "$real" "$@"\n')
    tree = trees.whole(deepened().draft.source, offline=True, progress=Steps())
    with pytest.raises(KeyboardInterrupt):
        all_packages.evaluate(tree, "mips64-linux", work(Impatient()), what="here")
    documents = [json.loads(path.read_text()) for path in (cache / all_packages.KIND).glob("*/packages.json")]
    (kept,) = [document for document in documents if document["inputs"]["system"] == "mips64-linux"]
    assert kept["answers"] == {'["sqlite"]': "throws"}


def test_evaluation_is_kept_for_the_same_input_only(deepened: Callable[..., Deepened], tmp_path: Path) -> None:
    series = deepened()
    source = series.draft.source
    tree = trees.whole(source, offline=True, progress=Steps())
    told = Steps()
    first = all_packages.evaluate(tree, "aarch64-linux", work(told), what="here")
    again = all_packages.evaluate(tree, "aarch64-linux", work(told), what="here")
    assert (again, told.seen[-1]) == (first, "here: all packages were evaluated in an earlier run")
    other = trees.changed(tree, {series.draft.case().target: series.draft.texts[DEMOTED].encode()})
    changed = all_packages.evaluate(other, "aarch64-linux", work(told), what="there")
    assert changed.derivations["docker"] != first.derivations["docker"]
    assert tmp_path.is_dir()


Document = dict[str, dict[str, str]]


def of_another_tree(document: Document) -> None:
    document["inputs"]["tree"] = "0" * 64


def without_a_package(document: Document) -> None:
    document["answers"].popitem()


def without_a_field(document: Document) -> None:
    del document["answers"]


@pytest.mark.parametrize("spoil", [of_another_tree, without_a_package, without_a_field])
def test_kept_evaluation_of_another_input_or_a_part_is_not_used(
    deepened: Callable[..., Deepened], cache: Path, spoil: Callable[[Document], None]
) -> None:
    tree = trees.whole(deepened().draft.source, offline=True, progress=Steps())
    first = all_packages.evaluate(tree, "riscv64-linux", work(Steps()), what="here")
    for path in (cache / all_packages.KIND).glob("*/packages.json"):
        document = json.loads(path.read_text())
        spoil(document)
        path.write_text(json.dumps(document))
    told = Steps()
    assert all_packages.evaluate(tree, "riscv64-linux", work(told), what="here") == first
    assert told.seen == ["here: 60 of 60 attributes"]


def test_empty_set_is_not_green(deepened: Callable[..., Deepened], install: Callable[[str, str], None]) -> None:
    install("nix-instantiate", 'case "$*" in *"-A names"*) echo "[]"; exit;; esac\nexec "$real" "$@"\n')
    changes = {"pkgs/by-name/co/container-desktop/package.nix": "# one more tree\n{ docker }: docker\n"}
    assert "before: no package was evaluated" in deepened(changes).failure(NAME, COUNTED)


def test_sides_disagree_in_each_of_the_counts() -> None:
    one = Packages(derivations={"a": "1", "b": "2"}, failed=("c",), skipped=3)
    assert list(disagreements(one, one)) == []
    other = Packages(derivations={"a": "1"}, failed=("b", "c"), skipped=4)
    assert list(disagreements(one, other)) == [
        "1 packages evaluate before only, such as b",
        "1 fail before, 2 after, b on one side only",
        "3 attributes were not packages before, 4 are not after",
    ]


def test_lines_of_nix_eval_jobs_are_packages_and_failures() -> None:
    lines = [
        '{"attr": "docker", "attrPath": ["docker"], "drvPath": "/nix/store/a.drv", "name": "docker"}',
        '{"attr": "sets.one", "attrPath": ["sets", "one"], "drvPath": "/nix/store/b.drv"}',
        '{"attr": "bad", "attrPath": ["bad"], "error": "is marked as broken"}',
        """{"attrPath": ["ends"], "error": "evaluation aborted with the following error message: 'x'"}""",
    ]
    assert all_packages.packages(all_packages.from_jobs(lines)) == Packages(
        derivations={"docker": "/nix/store/a.drv", "sets.one": "/nix/store/b.drv"},
        failed=("bad", "ends"),
        skipped=0,
        roots=(("ends",),),
    )


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"attrPath": ["a"]}', '{"attrPath": ["a"], "drvPath": 1}'])
def test_other_lines_of_nix_eval_jobs_are_errors(line: str) -> None:
    with pytest.raises(ToolkitError, match=r"^nix-eval-jobs: line 1"):
        all_packages.from_jobs([line])


def test_nix_eval_jobs_may_be_asked_for_the_whole_set(deepened: Callable[..., Deepened]) -> None:
    tree = trees.whole(deepened().draft.source, offline=True, progress=Steps())
    command = all_packages.jobs_command(tree, "x86_64-linux", work(Steps(), replace(COUNTED, max_memory=2000)))
    assert command.argv[:5] == ("nix-eval-jobs", "--workers", "1", "--max-memory-size", "2000")
    assert command.argv[5].endswith("/all-jobs.nix")


def test_it_is_not_run_unless_asked_for(deepened: Callable[..., Deepened]) -> None:
    with pytest.raises(ToolkitError, match=r"^proof: 'reverse-dependencies' is unknown$"):
        deepened().prove(NAME, TREE)


def test_proof_is_failed_and_no_error(deepened: Callable[..., Deepened]) -> None:
    changes = {"pkgs/top-level/default.nix": ("  layers = [", '  layers = abort "never" ++ [')}
    proof = deepened(changes).prove(NAME, COUNTED)
    assert proof.status is Status.FAILED
    assert proof.reason is not None
    assert proof.reason.startswith("x86_64-linux, without docker: the package set has no names: ")
