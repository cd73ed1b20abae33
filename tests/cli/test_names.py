"""Names that are not UTF-8: they work, or one line shows that they do not."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import cases
from tests.cli.conftest import Unlet
from tests.remotes import Repository
from toolkit import specimen

TARGET = "pkgs/applications/virtualization/docker/default.nix"
ODD = os.fsdecode(b"n\xffme")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("odd") / ODD
    for name in ("tree", "clone"):
        shutil.copytree(specimen.path(), directory / name)
    shutil.copyfile(directory / "tree" / TARGET, directory / "target")
    clone = Repository(directory / "clone")
    clone.git("init", "--quiet", "--initial-branch=master")
    clone.git("add", "--all")
    who = ("-c", "user.name=Jane", "-c", "user.email=jane@localhost.invalid")
    clone.git(*who, "commit", "--quiet", "--message=base")
    return directory


def test_branch_in_a_clone_of_such_a_name(unlet: Unlet, odd: Path) -> None:
    for how in ("--worktree {odd}/worktree", "--update", "--remove"):
        test_name_that_is_not_utf8(
            unlet, odd, f"pr notes-server --repo {{odd}}/clone {how}", 0
        )


@pytest.mark.parametrize(
    ("command", "status"), cases.read(__file__, dict[str, int]).items()
)
def test_name_that_is_not_utf8(
    unlet: Unlet, odd: Path, command: str, status: int
) -> None:
    home = Path(unlet.env["HOME"])
    (home / ".gitconfig").write_text(
        "[user]\nname = Jane\nemail = jane@localhost.invalid\n"
    )
    words = [word.format(odd=odd, name=ODD) for word in command.split()]
    done = unlet(*words)
    said = done.stderr
    assert done.returncode == status, said
    # All of it is UTF-8.
    (done.stdout + said).encode()
    if status:
        assert done.stdout == ""
        assert len(said.splitlines()) <= 2
        assert "xff" in said or "udcff" in said or "�" in said
        assert list(unlet.cwd.iterdir()) == []


def test_directory_and_cache_of_such_a_name(unlet: Unlet, odd: Path) -> None:
    for cwd, cache in ((odd, "plain"), (unlet.cwd, ODD)):
        done = subprocess.run(
            [*unlet.argv, "propose", "notes-server", "--nixpkgs", "specimen"],
            cwd=cwd,
            env={**unlet.env, "UNLET_CACHE_DIR": str(unlet.cwd / cache)},
            capture_output=True,
            check=False,
        )
        assert done.returncode == (0 if cwd == odd else 3), done.stderr
    assert b"/n\\xffme/" in done.stderr
    assert done.stderr.endswith(b": is not UTF-8; unlet accepts only names that are\n")
