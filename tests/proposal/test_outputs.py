"""Real builds: what is asked of nix-build, and what its end says."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.progress import Steps
from toolkit import specimen
from toolkit.model import Silence
from toolkit.nix import evaluator
from toolkit.process import Command
from toolkit.proposal.outputs import STATUSES, Built, build, command, here, tools
from toolkit.sources.trees import NixpkgsTree


def ended(script: str, *, expected: int = 1) -> Built:
    return build(Command(argv=("sh", "-c", script), ok=None), expected=expected)


@pytest.mark.parametrize(
    ("machine", "system", "name"),
    [
        ("x86_64", "Linux", "x86_64-linux"),
        ("arm64", "Darwin", "aarch64-darwin"),
        ("aarch64", "Linux", "aarch64-linux"),
    ],
)
def test_this_machine_has_nixs_name(monkeypatch: pytest.MonkeyPatch, machine: str, system: str, name: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine, sysname=system))
    assert here() == name


@pytest.fixture
def tree() -> NixpkgsTree:
    return NixpkgsTree(root=specimen.path(), key="specimen")


def test_a_specimen_builds_with_static_tools_and_a_nixpkgs_with_its_own(tree: NixpkgsTree, tmp_path: Path) -> None:
    found = json.loads(tools(tree))
    assert found == {"shell": evaluator.tools().shell, "busybox": evaluator.tools().busybox}
    assert tools(NixpkgsTree(root=tmp_path, key="another")) == ""


def test_another_store_gets_a_copy_of_the_tools(tree: NixpkgsTree, tmp_path: Path) -> None:
    found = json.loads(tools(tree, ("--keep-going", "--store", str(tmp_path / "other"))))
    for path in found.values():
        place = tmp_path / "other/nix/store" / Path(path).relative_to("/nix/store").parts[0]
        assert place.exists()


def test_nix_build_is_called_offline_for_a_specimen_and_the_users_words_are_last(
    tree: NixpkgsTree, tmp_path: Path
) -> None:
    asked = command(
        Path("/x/build.nix"), {"a": "1", "b": "2"}, ["c", "d"], tree=tree, words=["--cores", "2"], progress=Silence()
    )
    middle = ("/x/build.nix", "--argstr", "a", "1", "--argstr", "b", "2", "-A", "c", "-A", "d", "--cores", "2")
    assert asked.argv == ("nix-build", "--no-out-link", *evaluator.OFFLINE, *middle)
    assert asked.ok is None
    other = NixpkgsTree(root=tmp_path, key="another")
    alone = command(Path("/x/build.nix"), {}, tree=other, words=[], progress=Silence())
    assert alone.argv == ("nix-build", "--no-out-link", "/x/build.nix")


def test_what_is_built_or_copied_is_shown_as_it_goes(tree: NixpkgsTree) -> None:
    progress = Steps()
    asked = command(Path("/x"), {}, tree=tree, words=[], progress=progress)
    assert asked.on_stderr is not None
    for line in (
        "building '/nix/store/a.drv'...",
        "copying path '/nix/store/b' from 'c'...",
        "building it",
        "error: no",
    ):
        asked.on_stderr(line)
    assert progress.steps == ["building '/nix/store/a.drv'", "copying path '/nix/store/b' from 'c'"]


def test_paths_are_those_that_nix_build_prints() -> None:
    assert ended("printf '/nix/store/a\\n/nix/store/b\\n'", expected=2) == Built(
        paths=(Path("/nix/store/a"), Path("/nix/store/b"))
    )
    assert ended("echo /nix/store/a", expected=2).failure == "nix-build printed 1 store paths instead of 2"
    assert ended("true", expected=1).failure == "nix-build printed 0 store paths instead of 1"


@pytest.mark.parametrize(("status", "meaning"), [*STATUSES.items(), (7, "see the Nix manual")])
def test_a_status_has_nixs_meaning_and_the_reason(status: int, meaning: str) -> None:
    found = ended(f"echo 'error: it is wrong' >&2; exit {status}")
    assert found.failure == f"nix-build ended with status {status} ({meaning}): it is wrong"
    assert (found.paths, found.log) == ((), ("error: it is wrong",))


def test_a_signal_is_named_and_the_end_of_what_was_said_is_kept() -> None:
    found = ended("for n in $(seq 30); do echo line $n; echo; done >&2; kill -KILL $$")
    assert found.failure == "nix-build was ended by signal 9"
    assert found.log == tuple(f"line {number}" for number in range(11, 31))
