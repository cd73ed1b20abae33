"""A clone cannot put another object in the place of the one that is judged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.cli.test_review import NATIVE
from tests.clones import commit_all, edit, git
from toolkit import specimen
from toolkit.git import calls


@pytest.fixture
def clone(unlet: Unlet) -> Path:
    """Return a clone whose last commit loses meta.platforms."""

    top = commit_all(shutil.copytree(specimen.path(), unlet.cwd, dirs_exist_ok=True))
    edit(top, "    platforms = lib.platforms.all;\n", "")
    git(top, "commit", "--quiet", "--all", "--message=notes-server: change")
    return top


def replace_commit(clone: Path) -> None:
    """Let a refactoring stand for the last commit."""
    tree = git(clone, "rev-parse", "HEAD~1^{tree}")
    harmless = git(clone, "commit-tree", "-p", "HEAD~1", "-m", "harmless", tree)
    git(clone, "replace", "HEAD", harmless)


def replace_blob(clone: Path) -> None:
    """Let the old file stand for the new one."""
    path = "pkgs/by-name/no/notes-server/package.nix"
    old, new = (git(clone, "rev-parse", f"{rev}:{path}") for rev in ("HEAD~1", "HEAD"))
    git(clone, "replace", new, old)


def graft(clone: Path) -> None:
    """Let the last commit have another parent, with the same file."""
    tree = git(clone, "rev-parse", "HEAD^{tree}")
    other = git(clone, "commit-tree", "-m", "other", tree)
    head = git(clone, "rev-parse", "HEAD")
    (clone / ".git/info").mkdir(exist_ok=True)
    (clone / ".git/info/grafts").write_text(f"{head} {other}\n")


def forge_commit_graph(clone: Path) -> None:
    """Let the commit graph say that the last commit has another parent.

    gitformat-commit-graph(5): behind the id of a commit's tree stands the number of its
    parent among the sorted ids of all commits.
    """
    tree = git(clone, "rev-parse", "HEAD^{tree}")
    other = git(clone, "commit-tree", "-p", "HEAD~1", "-m", "other", tree)
    git(clone, "branch", "other", other)
    git(clone, "commit-graph", "write", "--reachable")
    (graph,) = (clone / ".git/objects/info").glob("commit-graph*")
    content = graph.read_bytes()
    commits = sorted(git(clone, "rev-list", "--all").split())
    parent = commits.index(git(clone, "rev-parse", "HEAD~1")).to_bytes(4)
    forged = commits.index(other).to_bytes(4)
    written = bytes.fromhex(tree) + parent
    assert written in content
    graph.chmod(0o644)
    graph.write_bytes(content.replace(written, bytes.fromhex(tree) + forged))


@pytest.mark.parametrize("deceive", [replace_commit, replace_blob, graft])
def test_commit_is_judged_as_it_is_named(
    unlet: Unlet, clone: Path, deceive: Callable[[Path], None]
) -> None:
    deceive(clone)
    done = unlet("check", "HEAD~1..HEAD", "--expect", "same", *NATIVE)
    assert "meta.platforms is gone" in done.stdout
    assert done.returncode == 1


def test_commit_graph_is_not_believed(clone: Path) -> None:
    forge_commit_graph(clone)
    parent = git(clone, "rev-parse", "HEAD~1")
    assert git(clone, "log", "-1", "--format=%P", "HEAD") != parent
    asked = ("log", "-1", "--format=%P", "HEAD")
    assert calls.run_reading(clone / ".git", *asked).text == parent
