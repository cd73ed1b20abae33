"""The commands of report.md, in a clone that has the branch: what a reviewer pastes has to say the truth."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import specimen
from toolkit.model import Report


def _git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, encoding="utf-8", check=True)
    return done.stdout


def _bash(script: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", script], cwd=directory, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def script(proposals: Callable[..., tuple[Path, Report]]) -> str:
    text = (proposals()[0] / "report.md").read_text()
    found = re.search(r"^```sh\n(drvs.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def clone(proposals: Callable[..., tuple[Path, Report]], tmp_path: Path) -> Path:
    place = tmp_path / "nixpkgs"
    shutil.copytree(specimen.path(), place)
    _git(place, "init", "--quiet")
    _git(place, "add", "--all")
    _git(place, "commit", "--quiet", "--message=base")
    _git(place, "am", "--quiet", *map(str, sorted((proposals()[0] / "series").iterdir())))
    return place


def test_first_commit_is_equal_on_both_sides(script: str, clone: Path) -> None:
    done = _bash(script, clone)
    assert done.returncode == 0, done.stderr
    *derivations, last = done.stdout.splitlines()
    assert last == "equal on both sides"
    assert len(derivations) == 3 * len(("docker", "docker-client"))
    assert all(re.fullmatch(r"/nix/store/\w{32}-docker-.*\.drv", line) for line in derivations)


def test_second_commit_is_not(script: str, clone: Path) -> None:
    done = _bash(script.replace("drvs HEAD~1)", "drvs HEAD)"), clone)
    assert done.returncode == 1
    assert "equal" not in done.stdout


def test_two_failures_are_no_equality_and_nothing_is_left_behind(script: str, clone: Path) -> None:
    done = _bash(script.replace("docker-client", "docker_0"), clone)
    assert done.returncode == 1
    assert "equal" not in done.stdout
    assert "docker_0" in done.stderr
    assert len(_git(clone, "worktree", "list").splitlines()) == 1
    assert _git(clone, "status", "--short") == ""
