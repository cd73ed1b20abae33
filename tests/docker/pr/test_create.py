import shutil
from collections.abc import Callable

import pytest

from tests.clones import BRANCH, TARGET, Clone, objects, snapshot
from tests.docker.pr.conftest import Contributed, ask
from tests.progress import Steps
from tests.situations import SITUATIONS
from toolkit.docker.steps import MODULE
from toolkit.errors import ToolkitError, UsageError
from toolkit.lift.plan import Design
from toolkit.pr import contributions

LIFT = "docker: allow overriding moby, docker-{containerd,runc,tini}"
DEMOTE = "docker: look up rootlesskit last in dockerd-rootless"


def refused(clone: Clone, **wanted: object) -> ToolkitError:
    """Ask for a branch that cannot be made; return why, when all of the clone is as it was."""
    before, had = snapshot(clone), objects(clone)
    with pytest.raises(ToolkitError) as caught:
        ask(clone, **wanted)
    assert snapshot(clone) == before
    assert objects(clone) >= had
    assert not (clone.common / "unlet").exists()
    assert "\n" not in str(caught.value)
    return caught.value


class TestBranch:
    def test_branch_is_what_was_proven(self, contributed: Contributed, jane: str) -> None:
        clone = contributed.clone
        assert contributed.subjects() == [LIFT, DEMOTE]
        assert contributed.git("log", "--format=%an <%ae>|%cn <%ce>", "-2").splitlines() == [f"{jane}|{jane}"] * 2
        assert contributed.git("diff", "--name-only", "upstream/master..HEAD") == TARGET
        assert contributed.git("status", "--porcelain") == ""
        assert contributed.git("rev-parse", "HEAD~2") == clone.git("rev-parse", "upstream/master")
        assert clone.git("config", "--get-regexp", "^branch[.]").splitlines() == [
            "branch.master.remote upstream",
            "branch.master.merge refs/heads/master",
        ]
        names = {path.name for path in contributed.files.iterdir()}
        assert names >= {"branch.json", "pull-request.md", "report.json", "overlay", "series"}
        kept = contributed.kept
        assert kept is not None
        assert [str(oid) for oid in kept.commits] == contributed.git("rev-list", "--reverse", "HEAD~2..").splitlines()
        assert str(kept.base_commit) == clone.git("rev-parse", "upstream/master")


class TestInPlace:
    def test_commits_go_on_the_branch_that_is_checked_out(self, new_clone: Callable[..., Clone]) -> None:
        clone = new_clone()
        clone.git("switch", "--quiet", "--create", "topic", "upstream/newer")
        clone.write("README.md", "staged\n")
        clone.git("add", "README.md")
        clone.write("README.md", "later\n")
        clone.git("rm", "--quiet", "--cached", ".version")
        clone.write("untracked", "mine\n")
        mine, was = clone.git("status", "--porcelain"), clone.git("rev-parse", "HEAD")
        clone.install_hooks()
        before = snapshot(clone)
        done = ask(clone, in_place=True, only=("lift", "demote", MODULE))
        assert clone.hooks_run == []
        assert done.made is not None
        assert (done.made.target_branch, done.made.push, str(done.before)) == ("newer", "origin", was)
        assert clone.git("log", "--format=%s", f"{was}..topic").splitlines()[1:] == [DEMOTE, LIFT]
        assert clone.git("status", "--porcelain") == mine
        after = snapshot(clone)
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert {name.rpartition("/")[2] for name in changed if name.startswith("/")} == {
            *("default.nix", "docker-rootless.nix", "rl-2611.section.md")
        }
        assert {name for name in changed if name.startswith("git/") and not name.startswith("git/unlet/topic/")} == {
            *("git/index", "git/logs/HEAD", "git/logs/refs/heads/topic", "git/refs/heads/topic")
        }
        assert done.made.text.is_file()
        assert contributions.known(clone.common) == ()
        clone.git("-c", "core.hooksPath=/dev/null", "reset", "--quiet", "--keep", was)
        assert clone.git("diff", "--name-only").splitlines() == ["README.md"]

    @pytest.mark.parametrize("how", ["edited", "staged", "flagged"])
    def test_a_file_that_is_not_as_committed_is_left_alone(self, new_clone: Callable[..., Clone], how: str) -> None:
        clone = new_clone()
        clone.write(TARGET, (clone.top / TARGET).read_text() + "# mine\n")
        clone.git(*{"staged": ("add",), "flagged": ("update-index", "--assume-unchanged")}.get(how, ("diff",)), TARGET)
        assert f"{TARGET}" in str(refused(clone, in_place=True))
        assert (clone.top / TARGET).read_text().endswith("# mine\n")

    @pytest.mark.parametrize(
        ("situation", "why"),
        [("bare", "has no checkout"), ("merging", "MERGE_HEAD is there"), ("detached", "has no branch checked out")],
    )
    def test_no_branch_to_commit_on(self, new_clone: Callable[..., Clone], situation: str, why: str) -> None:
        error = refused(SITUATIONS[situation](new_clone), in_place=True)
        assert why in str(error)
        assert "without --commit" in str(error.hint)

    def test_branch_of_ours_is_moved_otherwise(self, contributed: Contributed) -> None:
        with pytest.raises(ToolkitError, match="was made by unlet") as caught:
            ask(contributed.clone, repo=contributed.worktree, in_place=True)
        assert caught.value.hint == "--update moves it"


class TestRefusals:
    def test_base_without_the_file(self, new_clone: Callable[..., Clone]) -> None:
        assert f"has no '{TARGET}'" in str(refused(new_clone(), base="other"))

    def test_an_assistant_that_is_not_disclosed(self, new_clone: Callable[..., Clone]) -> None:
        clone = new_clone()
        assert isinstance(refused(clone, trailers=("Co-authored-by: A <noreply@anthropic.com>",)), UsageError)
        clone.configure(user__email="agent@cursor.com")
        assert str(refused(clone)).startswith("author: 'Jané Doe <agent@cursor.com>' has an assistant's address")

    @pytest.mark.parametrize("other", [BRANCH, "docker"])
    def test_branch_of_the_users_own(self, new_clone: Callable[..., Clone], other: str) -> None:
        clone = new_clone()
        clone.git("branch", other)
        error = refused(clone, branch=BRANCH if other == BRANCH else "docker/components")
        assert f"'{other}' already exists" in str(error) or f"cannot be beside '{other}'" in str(error)
        assert "--branch" in str(error.hint)

    def test_branch_that_was_made_before(self, contributed: Contributed) -> None:
        before = contributed.state()
        with pytest.raises(ToolkitError, match=rf"branch '{BRANCH}' already exists") as caught:
            ask(contributed.clone)
        assert "--update" in str(caught.value.hint)
        assert contributed.state() == before

    def test_clone_at_work_before_anything_is_proven(self, new_clone: Callable[..., Clone]) -> None:
        clone, steps = new_clone(), Steps()
        with contributions.alone(clone.common):
            assert "another unlet is running in this clone" in str(refused(clone, progress=steps))
        assert steps.steps == []

    @pytest.mark.parametrize("kind", ["file", "directory", "link"])
    def test_place_that_is_taken(self, new_clone: Callable[..., Clone], kind: str) -> None:
        clone = new_clone()
        if kind == "file":
            clone.beside.write_text("mine\n")
        elif kind == "directory":
            clone.beside.mkdir()
        else:
            clone.beside.symlink_to("nowhere")
        error = refused(clone)
        assert str(error) == f"{clone.beside}: is there already"
        assert "--worktree" in str(error.hint)

    def test_place_of_a_worktree_that_is_gone(self, new_clone: Callable[..., Clone]) -> None:
        clone = new_clone()
        clone.git("worktree", "add", "--quiet", "-b", "gone", clone.beside)
        shutil.rmtree(clone.beside)
        error = refused(clone)
        assert str(error) == f"{clone.beside}: is the directory of a worktree that no longer exists"
        assert "worktree prune" in str(error.hint)


def test_force_makes_it_though_a_proof_fails(new_clone: Callable[..., Clone]) -> None:
    done = ask(new_clone(), base="20.10.14", strategy=Design.MOVE, force=True)
    assert "builds" in {proof.name for proof in done.report.failed}
    assert done.failed
    assert done.made is not None
    assert (done.made.worktree / TARGET).is_file()
