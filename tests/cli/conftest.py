"""Runs `python -m toolkit` in an empty directory, with a HOME of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest
from msgspec import Struct

from tests.cli import fork
from tests.clones import TARGET, commit_all
from toolkit import specimen
from toolkit.cache import VARIABLE

ROOT = Path(__file__).parents[2]
_PYTHON = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8"}


class Unlet(Struct, frozen=True, kw_only=True):
    """The command, the directory in which it runs, and its environment."""

    cwd: Path
    env: Mapping[str, str]
    forks: fork.Source

    @property
    def argv(self) -> tuple[str, ...]:
        return sys.executable, "-m", "toolkit"

    def __call__(
        self, *arguments: str | Path, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end.

        It runs in a new Python if its imports may differ, else in a copy of one.
        """
        if not any(name.startswith(("LC_", "PATH", "PYTHON")) for name in env):
            return self.forks.run(
                list(map(str, arguments)),
                cwd=self.cwd,
                env={**self.env, **env},
                timeout=120,
            )
        return subprocess.run(
            [*self.argv, *map(str, arguments)],
            cwd=self.cwd,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="session")
def forks() -> Generator[fork.Source]:
    source = fork.Source({**_PYTHON, "PATH": os.environ["PATH"]})
    yield source
    source.close()


@pytest.fixture
def cache_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache, which commands share.

    A module in which they must not takes `own_cache` in its place.
    """
    return tmp_path_factory.getbasetemp() / "cache"


@pytest.fixture
def own_cache(tmp_path: Path) -> Path:
    return tmp_path / "home/cache/unlet"


@pytest.fixture
def unlet(tmp_path: Path, forks: fork.Source, cache_place: Path) -> Unlet:
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        VARIABLE: str(cache_place),
        "XDG_CONFIG_HOME": str(home / "config"),
        **_PYTHON,
    }
    return Unlet(cwd=work, env=env, forks=forks)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A nixpkgs in a directory."""
    return shutil.copytree(specimen.path(), tmp_path / "tree")


@pytest.fixture
def clone(tree: Path) -> Path:
    return commit_all(tree)


@pytest.fixture
def docker_nix() -> Path:
    return specimen.path() / TARGET
