import shutil

import pytest

from tests.clones import BRANCH
from tests.docker.pr.conftest import Contributed
from toolkit.errors import ToolkitError, UsageError
from toolkit.pr import contributions


def refused(contributed: Contributed, branch: str | None = None, *, force: bool = False) -> ToolkitError:
    """Ask for a removal that must not be; return why, when all is as it was."""
    before = contributed.state()
    with pytest.raises(ToolkitError) as caught:
        contributed.remove(branch, force=force)
    assert contributed.state() == before
    assert "\n" not in str(caught.value)
    return caught.value


def gone(contributed: Contributed) -> bool:
    """Return whether nothing of ours is left."""
    clone = contributed.clone
    return not (
        contributed.worktree.exists()
        or (clone.common / "unlet").exists()
        or (clone.common / "worktrees").exists()
        or (clone.common / "logs" / "refs" / "heads" / BRANCH).exists()
        or clone.git("branch", "--list", BRANCH)
        or clone.git("config", "--list", "--name-only").count(f"branch.{BRANCH}.")
    )


class TestRemoval:
    def test_commits_that_were_taken_back(self, contributed: Contributed) -> None:
        contributed.git("reset", "--quiet", "--hard", "HEAD~1")
        contributed.remove()
        assert gone(contributed)

    def test_worktree_that_is_gone(self, contributed: Contributed) -> None:
        shutil.rmtree(contributed.worktree)
        removed = contributed.remove()
        assert removed.worktree == contributed.worktree
        assert gone(contributed)

    def test_branch_that_is_gone(self, contributed: Contributed) -> None:
        contributed.clone.git("worktree", "remove", contributed.worktree)
        contributed.clone.git("branch", "--quiet", "-D", BRANCH)
        removed = contributed.remove()
        assert (removed.worktree, removed.commit) == (None, None)
        assert gone(contributed)


class TestLosses:
    @pytest.mark.parametrize("kind", ["modified", "staged", "new", "deleted"])
    def test_edits_that_are_not_committed(self, contributed: Contributed, kind: str) -> None:
        clone = contributed.clone
        clone.configure(status__showUntrackedFiles="no")
        if kind == "deleted":
            (contributed.worktree / "README.md").unlink()
        else:
            (contributed.worktree / ("new" if kind == "new" else "README.md")).write_text("mine\n")
        if kind == "staged":
            contributed.git("add", "--all")
        error = refused(contributed)
        name = "new" if kind == "new" else "README.md"
        assert str(error) == f"{contributed.worktree}: '{name}' is not committed, which would be lost"
        assert "--force" in str(error.hint)
        contributed.remove(force=True)
        assert gone(contributed)

    @pytest.mark.parametrize("amended", [False, True])
    def test_own_commits(self, contributed: Contributed, *, amended: bool) -> None:
        if amended:
            contributed.git("commit", "--quiet", "--amend", "--message=mine")
        else:
            contributed.commit("mine", {"README.md": "mine\n"})
        assert "has commits that unlet did not make" in str(refused(contributed))
        contributed.remove(force=True)
        assert gone(contributed)

    def test_edited_text(self, contributed: Contributed) -> None:
        text = contributed.files / contributions.TEXT
        text.write_text(text.read_text() + "mine\n")
        assert str(refused(contributed)) == f"{text}: has been edited, which would be lost"
        contributed.remove(force=True)
        assert gone(contributed)

    def test_commits_of_a_detached_worktree(self, contributed: Contributed) -> None:
        contributed.git("checkout", "--quiet", "--detach")
        contributed.commit("mine", {"README.md": "mine\n"})
        error = refused(contributed)
        assert str(error).startswith(f"{contributed.worktree}: does not have branch '{BRANCH}' checked out")
        assert contributed.remove(force=True).worktree == contributed.worktree
        assert gone(contributed)

    def test_worktree_with_another_branch_is_the_users(self, contributed: Contributed) -> None:
        contributed.git("checkout", "--quiet", "-b", "mine")
        assert contributed.remove().worktree is None
        assert contributed.git("symbolic-ref", "HEAD") == "refs/heads/mine"


class TestRefusals:
    @pytest.mark.parametrize("force", [False, True])
    def test_locked_worktree(self, contributed: Contributed, *, force: bool) -> None:
        contributed.clone.git("worktree", "lock", contributed.worktree)
        error = refused(contributed, force=force)
        assert str(error) == f"{contributed.worktree}: is locked, so branch '{BRANCH}' stays"
        assert error.hint == f"git worktree unlock {contributed.worktree}"

    @pytest.mark.parametrize("force", [False, True])
    def test_branch_in_the_users_own_checkout(self, contributed: Contributed, *, force: bool) -> None:
        contributed.clone.git("worktree", "remove", contributed.worktree)
        contributed.clone.git("checkout", "--quiet", BRANCH)
        assert "is what your own checkout has" in str(refused(contributed, force=force))

    @pytest.mark.parametrize("branch", ["mine", "master", "nowhere"])
    def test_branch_that_unlet_did_not_make(self, contributed: Contributed, branch: str) -> None:
        contributed.clone.git("branch", "mine")
        error = refused(contributed, branch, force=True)
        assert branch in str(error)
        assert error.hint == f"choose with --branch one that it made: {BRANCH}"

    def test_several_branches(self, contributed: Contributed) -> None:
        other = contributions.place(contributed.clone.common, "docker/other")
        shutil.copytree(contributed.files, other)
        kept = other / "branch.json"
        kept.write_text(kept.read_text().replace(f'"{BRANCH}"', '"docker/other"'))
        contributed.clone.git("branch", "docker/other", BRANCH)
        error = refused(contributed)
        assert isinstance(error, UsageError)
        assert str(error).endswith(f": unlet made several branches: {BRANCH}, docker/other")
        # Whoever stands in the worktree of one means that.
        contributed.clone.git("worktree", "add", "--quiet", "../other", "docker/other")
        for place, branch in (
            (contributed.worktree, BRANCH),
            (contributed.clone.top.with_name("other"), "docker/other"),
        ):
            assert contributions.find(contributions.open_clone(place / "pkgs"), None).kept.branch == branch
        contributed.remove("docker/other")
        assert contributed.clone.git("branch", "--list", "docker*", "--format=%(refname:short)") == BRANCH
        assert contributed.kept is not None

    def test_clone_at_work(self, contributed: Contributed) -> None:
        with contributions.alone(contributed.clone.common):
            assert "another unlet is running" in str(refused(contributed))

    def test_branch_in_two_worktrees(self, contributed: Contributed) -> None:
        other = contributed.clone.top.with_name("other")
        contributed.clone.git("worktree", "add", "--quiet", "--force", other, BRANCH)
        assert str(other) in str(refused(contributed))
