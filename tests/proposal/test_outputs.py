"""Real builds: what is asked of nix-build, and what its end says."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.progress import Steps
from toolkit import specimen
from toolkit.model import Silence
from toolkit.nix import evaluator
from toolkit.proposal.outputs import here, package, tools
from toolkit.proposal.prove import Finding
from toolkit.sources.trees import NixpkgsTree


@pytest.fixture
def ended(
    install: Callable[[str, str], None], tmp_path: Path
) -> Callable[[str], Finding]:
    """Return what comes of a build by another nix-build, which is a script."""

    def end(script: str) -> Finding:
        install("nix-build", script)
        tree = NixpkgsTree(root=tmp_path, key="another")
        return package(
            "a.b", tree, "x86_64-linux", words=["--cores", "2"], progress=Silence()
        )

    return end


@pytest.mark.parametrize(
    ("machine", "system", "name"),
    [
        ("x86_64", "Linux", "x86_64-linux"),
        ("arm64", "Darwin", "aarch64-darwin"),
        ("aarch64", "Linux", "aarch64-linux"),
    ],
)
def test_this_machine_has_nixs_name(
    monkeypatch: pytest.MonkeyPatch, machine: str, system: str, name: str
) -> None:
    monkeypatch.setattr(
        os, "uname", lambda: SimpleNamespace(machine=machine, sysname=system)
    )
    assert here() == name


@pytest.fixture
def tree() -> NixpkgsTree:
    return NixpkgsTree(root=specimen.path(), key="specimen")


def test_a_specimen_builds_with_static_tools_also_in_another_store(
    tree: NixpkgsTree, tmp_path: Path
) -> None:
    found = json.loads(tools(tree))
    assert found == {
        "shell": evaluator.tools().shell,
        "busybox": evaluator.tools().busybox,
    }
    assert tools(NixpkgsTree(root=tmp_path, key="another")) == ""
    found = json.loads(
        tools(tree, ("--keep-going", "--store", str(tmp_path / "other")))
    )
    for path in found.values():
        place = (
            tmp_path / "other/nix/store" / Path(path).relative_to("/nix/store").parts[0]
        )
        assert place.exists()


def test_nix_build_is_called_offline_for_a_specimen_and_the_users_words_are_last(
    tree: NixpkgsTree,
    install: Callable[[str, str], None],
    ended: Callable[[str], Finding],
) -> None:
    assert (
        ended("echo /nix/store/a").commands[0].endswith("--argstr tools '' --cores 2")
    )
    install("nix-build", "echo /nix/store/a")
    found = package(
        "a", tree, "x86_64-linux", words=["--cores", "2"], progress=Silence()
    )
    (command,) = found.commands
    assert command.startswith(
        f"nix-build --no-out-link {' '.join(evaluator.OFFLINE)} "
    ) or " ".join(evaluator.OFFLINE) in command.replace("'", "")
    assert command.endswith("--cores 2")


def test_build_or_copy_is_shown_as_it_goes(
    tree: NixpkgsTree, install: Callable[[str, str], None]
) -> None:
    progress = Steps()
    install(
        "nix-build",
        """cat >&2 <<'END'
building '/nix/store/a.drv'...
copying path '/nix/store/b' from 'c'...
building it
error: no
END""",
    )
    package("a", tree, "x86_64-linux", words=[], progress=progress)
    assert progress.steps == [
        "building '/nix/store/a.drv'",
        "copying path '/nix/store/b' from 'c'",
    ]


def test_evidence_is_the_build_or_the_end_of_its_log(
    ended: Callable[[str], Finding],
) -> None:
    found = ended("printf '/nix/store/a\\n/nix/store/b\\n'")
    assert (found.covers, found.failures) == ("a.b, x86_64-linux", ())
    assert found.evidence == ("/nix/store/a", "/nix/store/b")
    found = ended("echo 'error: it is wrong' >&2; exit 102")
    assert found.failures == ("nix-build ended with status 102: it is wrong",)
    assert found.evidence == ("error: it is wrong",)
    found = ended("for n in $(seq 30); do echo line $n; echo; done >&2; kill -KILL $$")
    assert found.failures[0].startswith("nix-build ended with status -9: ")
    assert found.evidence == tuple(f"line {number}" for number in range(11, 31))
