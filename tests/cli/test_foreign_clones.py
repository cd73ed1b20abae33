"""A clone with a stranger's git directory: nothing elsewhere is deleted or opened."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.clones import Clone
from tests.test_writable import state

BRANCH = "notes-server-overridable-parts"


@pytest.fixture
def unlet(unlet: Unlet, jane: str, sealed: Path) -> Unlet:
    """The command with git's configuration in its HOME."""
    assert jane
    shutil.copyfile(sealed / ".gitconfig", Path(unlet.env["HOME"]) / ".gitconfig")
    return unlet


@pytest.fixture
def contributed(unlet: Unlet, new_clone: Callable[..., Clone]) -> Clone:
    """Return a clone with a branch of unlet's."""
    clone = new_clone()
    done = unlet("pr", "notes-server", "--repo", clone.top)
    assert (done.returncode, done.stderr) == (0, "")
    return clone


def entry(clone: Clone) -> Path:
    """Return the directory in which the clone's git keeps its facts of the worktree."""
    (directory,) = (clone.common / "worktrees").iterdir()
    return directory


@pytest.mark.parametrize("option", ["--remove", "--update"])
def test_worktree_that_is_another_clone_is_refused(
    unlet: Unlet, contributed: Clone, new_clone: Callable[..., Clone], option: str
) -> None:
    other = new_clone(name="other")
    (other.top / "mine").write_text("mine\n")
    before = state(other.top)
    (entry(contributed) / "gitdir").write_text(f"{other.top}/.git\n")
    force = ("--force",) if option == "--remove" else ()
    done = unlet("pr", "--repo", contributed.top, option, *force)
    assert done.returncode == 3
    assert f"{other.top}: is not a worktree of '{contributed.top}'" in done.stderr
    assert state(other.top) == before


def test_directory_that_is_no_worktree_is_not_taken_for_a_removed_one(
    unlet: Unlet, contributed: Clone, tmp_path: Path
) -> None:
    """A killed removal leaves the worktree aside, and the next run deletes it."""
    theirs = tmp_path / ".theirs.unlet-removed"
    theirs.mkdir()
    (theirs / "mine").write_text("mine\n")
    (entry(contributed) / "gitdir").write_text(f"{tmp_path}/theirs/.git\n")
    contributed.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    unlet("pr", "--repo", contributed.top, "--remove", "--force")
    assert (theirs / "mine").read_text() == "mine\n"


@pytest.mark.parametrize("name", [".a.b", ".a.0123456789abcdef"])
def test_link_in_the_directory_of_unlet_opens_nothing(
    unlet: Unlet, contributed: Clone, tmp_path: Path, name: str
) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "deep").mkdir(parents=True)
    for directory in (theirs / "deep", theirs):
        directory.chmod(0o555)
    before = state(theirs)
    (contributed.common / "unlet" / name).symlink_to(theirs)
    unlet("pr", "--repo", contributed.top, "--remove")
    assert state(theirs) == before


def test_link_in_place_of_the_directory_of_unlet_is_refused(
    unlet: Unlet, new_clone: Callable[..., Clone], tmp_path: Path
) -> None:
    clone, theirs = new_clone(), tmp_path / "theirs"
    theirs.mkdir()
    (clone.common / "unlet").symlink_to(theirs)
    done = unlet("pr", "notes-server", "--repo", clone.top)
    assert done.returncode == 3
    assert done.stderr.splitlines()[0].endswith(
        "unlet: is a link that points outside the clone's git directory"
    )
    assert list(theirs.iterdir()) == []
