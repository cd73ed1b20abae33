import os
import shutil
from collections.abc import Callable

import pytest

from tests.clones import BRANCH, TARGET, Clone, objects, snapshot
from tests.docker.pr.conftest import Contributed, ask
from tests.progress import Steps
from toolkit.docker.steps import MODULE
from toolkit.errors import ToolkitError
from toolkit.model import Status
from toolkit.pr import contributions
from toolkit.report.contributed import lines

OURS = [
    "docker: allow overriding moby, docker-{containerd,runc,tini}",
    "docker: look up rootlesskit last in dockerd-rootless",
]


def refused(contributed: Contributed, **wanted: object) -> ToolkitError:
    """Ask for an update that must not be; return why, when all is as it was."""
    before, had = contributed.state(), objects(contributed.clone)
    with pytest.raises(ToolkitError) as caught:
        contributed.update(**wanted)
    assert contributed.state() == before
    assert objects(contributed.clone) >= had
    assert "\n" not in str(caught.value)
    return caught.value


class TestMove:
    def test_series_is_made_again_and_own_commits_follow(self, contributed: Contributed) -> None:
        clone = contributed.clone
        contributed.commit("readme: mine", {"README.mine": "mine\n"})
        contributed.edit_target("docker_25 =", "# mine\n  docker_25 =", "docker: mine")
        contributed.commit("readme: the same", {"README.md": "second\n"})
        contributed.git("push", "--quiet", "origin", BRANCH)
        tip = contributed.tip
        clone.write("README.md", "mine, not committed\n")
        clone.advance()
        before, had = snapshot(clone, branch=BRANCH, worktree=contributed.worktree), objects(clone)
        done = contributed.update()
        assert snapshot(clone, branch=BRANCH, worktree=contributed.worktree) == before
        assert objects(clone) >= had
        assert contributed.subjects() == [*OURS, "readme: mine", "docker: mine"]
        assert contributed.git("rev-parse", "HEAD~4") == clone.git("rev-parse", "upstream/newer")
        assert contributed.git("log", "-2", "--format=%an|%cn").splitlines() == ["Jané Doe|Jané Doe", "Joe|Jané Doe"]
        assert "# the newest\n" in (text := (contributed.worktree / TARGET).read_text())
        assert "# mine\n" in text
        assert contributed.git("status", "--porcelain") == ""
        assert not done.failed
        assert done.own_proofs
        assert str(done.before) == tip
        assert [line.split(":")[0] for line in done.range_diff if line[:1].isdigit()] == ["1", "2", "3", "4", "5"]
        assert done.warnings == ("your commit 'readme: the same' was dropped: the new base contains all of it",)
        assert done.made is not None
        assert [subject for _, subject in done.made.own] == ["readme: mine", "docker: mine"]
        kept = contributed.kept
        assert kept is not None
        assert str(kept.base_commit) == clone.git("rev-parse", "upstream/newer")
        assert contributed.git("reflog", "-1", "--format=%H", "HEAD@{1}") == tip

    def test_edits_of_ours_become_one_commit_on_top(self, contributed: Contributed) -> None:
        contributed.edit_target("docker_25 =", "# mine\n  docker_25 =", amend=True)
        contributed.commit("readme: mine", {"README.mine": "mine\n"})
        contributed.clone.advance()
        contributed.update()
        ours, (folded,) = contributed.subjects()[:2], contributed.subjects()[2:]
        assert ours == OURS
        message = contributed.git("log", "-1", "--format=%B")
        assert message.startswith(folded)
        assert "readme: mine" in message
        assert set(contributed.git("diff", "--name-only", "HEAD~1").splitlines()) == {TARGET, "README.mine"}
        assert "# mine\n" in contributed.git("diff", "HEAD~1") + "\n"

    def test_words_of_the_contributor_stay(self, contributed: Contributed) -> None:
        words = "docker: in my words\n\nBödy.\n\n# No comment."
        contributed.git("commit", "--quiet", "--amend", f"--message={words}", "--cleanup=verbatim")
        text, beside = contributed.files / contributions.TEXT, contributed.files / contributions.NEW_TEXT
        text.write_text("mine\n")
        # A file is not changed by that.
        os.utime(contributed.worktree / "README.md", (1000, 1000))
        contributed.clone.advance()
        done = contributed.update(trailers=("Assisted-by: nobody",))
        assert contributed.subjects() == [OURS[0], "docker: in my words"]
        assert contributed.git("log", "-1", "--format=%B").rstrip() == words
        assert contributed.git("log", "-1", "--format=%(trailers:only)", "HEAD~1").strip() == "Assisted-by: nobody"
        assert (contributed.worktree / "README.md").read_text() == "second\n"
        assert text.read_text() == "mine\n"
        assert contributed.git("rev-parse", "HEAD~1")[:12] in beside.read_text()
        assert done.made is not None
        assert (done.made.own, done.made.text_beside) == ((), beside)
        with pytest.raises(ToolkitError, match=r"would be lost"):
            contributed.remove()

    def test_rebase_by_hand_is_recognised(self, contributed: Contributed) -> None:
        contributed.commit("readme: mine", {"README.mine": "mine\n"})
        contributed.clone.advance()
        contributed.git("rebase", "--quiet", "upstream/master")
        tip = contributed.tip
        done = contributed.update()
        assert contributed.tip == tip
        assert contributed.subjects() == [*OURS, "readme: mine"]
        assert done.made is not None
        assert len(done.made.contribution.commits) == 2
        kept = contributed.kept
        assert kept is not None
        assert str(kept.base_commit) == contributed.clone.git("rev-parse", "upstream/newer")

    def test_nothing_to_do_leaves_all_ids(self, contributed: Contributed, monkeypatch: pytest.MonkeyPatch) -> None:
        tip = contributed.commit("readme: mine", {"README.mine": "mine\n"})
        monkeypatch.setenv("GIT_COMMITTER_DATE", "@1900000000 +0000")
        monkeypatch.setenv("GIT_AUTHOR_DATE", "@1900000000 +0000")
        done = contributed.update()
        assert (contributed.tip, str(done.before)) == (tip, tip)

    def test_what_is_asked_for_anew_counts(self, contributed: Contributed) -> None:
        done = contributed.update(base="upstream/newer", only=("lift", "demote", MODULE))
        assert len(contributed.subjects("upstream/newer")) == 3
        assert done.made is not None
        assert (done.made.base_name, done.made.own) == ("upstream/newer", ())
        kept = contributed.kept
        assert kept is not None
        assert (kept.base, kept.only) == ("upstream/newer", ("lift", "demote", MODULE))

    def test_own_commit_that_breaks_a_proof_is_told(self, contributed: Contributed) -> None:
        contributed.edit_target("withSystemd ?", "withSystemdd ?")
        done = contributed.update()
        assert done.failed
        assert done.reports[0].failed == ()
        assert "parse" in {proof.name for proof in done.own_proofs if proof.status is Status.FAILED}

    def test_partial_clone_gets_what_it_lacks(self, new_clone: Callable[..., Clone]) -> None:
        clone = new_clone("--filter=blob:none", "--sparse")
        with pytest.raises(ToolkitError, match=r"lacks files of 'upstream/master'"):
            ask(clone)
        made = ask(clone, fetch=True).made
        assert made is not None


class TestRefusals:
    def test_changes_that_are_not_committed(self, contributed: Contributed) -> None:
        contributed.clone.configure(status__showUntrackedFiles="no")
        (contributed.worktree / "new").write_text("mine\n")
        assert str(refused(contributed)) == f"{contributed.worktree}: 'new' is not committed"

    def test_worktree_that_is_gone(self, contributed: Contributed) -> None:
        shutil.rmtree(contributed.worktree)
        error = refused(contributed)
        assert "is not checked out anywhere" in str(error)

    def test_branch_that_is_gone(self, contributed: Contributed) -> None:
        contributed.clone.git("worktree", "remove", contributed.worktree)
        contributed.clone.git("branch", "--quiet", "-D", BRANCH)
        assert str(refused(contributed)).endswith(f"branch '{BRANCH}' is gone")

    def test_branch_in_the_users_own_checkout(self, contributed: Contributed) -> None:
        contributed.clone.git("worktree", "remove", contributed.worktree)
        contributed.clone.git("checkout", "--quiet", BRANCH)
        assert "is what your own checkout has" in str(refused(contributed))

    def test_detached_worktree(self, contributed: Contributed) -> None:
        contributed.git("checkout", "--quiet", "--detach")
        error = refused(contributed)
        assert "is not checked out anywhere" in str(error)
        assert f"switch {BRANCH}" in str(error.hint)


class TestMeanwhile:
    @pytest.mark.parametrize("moment", ["proving no-rebuild", "moving"])
    def test_interrupt_leaves_everything(self, contributed: Contributed, moment: str) -> None:
        contributed.clone.advance()
        before = contributed.state()
        at = f"moving {contributed.worktree}" if moment == "moving" else moment
        with pytest.raises(KeyboardInterrupt):
            contributed.update(progress=Steps(interrupted_at=at))
        assert contributed.state() == before

    def test_proof_that_fails_moves_nothing(
        self, contributed: Contributed, install: Callable[[str, str], None]
    ) -> None:
        contributed.clone.advance()
        # As after a while: what is set aside is not what a killed run has left.
        os.utime(contributed.files, (0, 0))
        before = contributed.state()
        version = 'if [ "$1" = --version ]; then echo nixfmt 1; exit; fi\n'
        unformatted = 'text=$(cat; echo x); case "$text" in *finalAttrs.moby*) exit 1;; esac; printf %s "${text%x}"'
        install("nixfmt", version + unformatted)
        done = contributed.update()
        assert (done.failed, done.made) == (True, None)
        assert list(lines(done)) == [f"the branch stays at {contributed.tip[:12]}: a proof failed"]
        assert contributed.state() == before


def test_branch_of_another_shape_is_told_before_anything_is_proven(contributed: Contributed) -> None:
    contributed.git("switch", "--quiet", "--create", "other", "HEAD~1")
    contributed.commit("other", {"other": "1\n"})
    contributed.git("switch", "--quiet", BRANCH)
    contributed.git("merge", "--quiet", "--no-edit", "other")
    progress = Steps()
    assert "is a merge" in str(refused(contributed, progress=progress))
    assert not [step for step in progress.steps if step.startswith("proving")]
