import os
import shutil
from collections.abc import Callable

import pytest

from tests.clones import BRANCH, TARGET, Clone, objects, snapshot
from tests.docker.pr.conftest import UNFORMATTED, Contributed, ask
from tests.progress import Steps
from toolkit.errors import ToolkitError
from toolkit.model import Status
from toolkit.pr import contributions
from toolkit.report.contributed import lines

OURS = [
    "docker: allow overriding moby, docker-{containerd,runc,tini}",
    "docker: look up rootlesskit last in dockerd-rootless",
]
MINE = "# mine\n  docker_25 ="


def refused(contributed: Contributed, **wanted: object) -> ToolkitError:
    """Ask for an update that must not be; return why, when all is as it was."""
    before, had = contributed.state(), objects(contributed.clone)
    with pytest.raises(ToolkitError) as caught:
        contributed.update(**wanted)
    assert contributed.state() == before
    assert objects(contributed.clone) >= had
    assert "\n" not in str(caught.value)
    return caught.value


def test_series_is_made_again_and_own_commits_words_and_text_stay(
    contributed: Contributed,
) -> None:
    clone = contributed.clone
    words = "docker: in my words\n\nBödy.\n\n# No comment."
    contributed.git(
        "commit", "--quiet", "--amend", f"--message={words}", "--cleanup=verbatim"
    )
    contributed.commit("readme: mine", {"README.mine": "mine\n"})
    contributed.edit_target("docker_25 =", MINE, "docker: mine")
    contributed.commit("readme: the same", {"README.md": "second\n"})
    contributed.git("push", "--quiet", "origin", BRANCH)
    text, beside = (
        contributed.files / contributions.TEXT,
        contributed.files / contributions.NEW_TEXT,
    )
    text.write_text("mine\n")
    tip = contributed.tip
    clone.write("README.md", "mine, not committed\n")
    # A file is not changed by that.
    os.utime(contributed.worktree / TARGET, (1000, 1000))
    clone.advance()
    before, had = (
        snapshot(clone, branch=BRANCH, worktree=contributed.worktree),
        objects(clone),
    )
    done = contributed.update(trailers=("Assisted-by: nobody",))
    assert snapshot(clone, branch=BRANCH, worktree=contributed.worktree) == before
    assert objects(clone) >= had
    assert contributed.subjects() == [
        OURS[0],
        "docker: in my words",
        "readme: mine",
        "docker: mine",
    ]
    assert contributed.git("log", "-1", "--format=%B", "HEAD~2").rstrip() == words
    assert (
        contributed.git("log", "-1", "--format=%(trailers:only)", "HEAD~3").strip()
        == "Assisted-by: nobody"
    )
    assert contributed.git("rev-parse", "HEAD~4") == clone.git(
        "rev-parse", "upstream/newer"
    )
    assert contributed.git("log", "-2", "--format=%an|%cn").splitlines() == [
        "Jané Doe|Jané Doe",
        "Joe|Jané Doe",
    ]
    made = (contributed.worktree / TARGET).read_text()
    assert "# the newest\n" in made
    assert MINE in made
    assert contributed.git("status", "--porcelain") == ""
    assert not done.failed
    assert done.own_proofs
    assert str(done.before) == tip
    assert done.warnings == (
        "your commit 'readme: the same' was dropped, because the new base already contains it",
    )
    assert done.made is not None
    assert [subject for _, subject in done.made.own] == ["readme: mine", "docker: mine"]
    assert (text.read_text(), done.made.text_beside) == ("mine\n", beside)
    assert contributed.git("rev-parse", "HEAD~3")[:12] in beside.read_text()
    kept = contributed.kept
    assert kept is not None
    assert str(kept.base_commit) == clone.git("rev-parse", "upstream/newer")
    assert contributed.git("reflog", "-1", "--format=%H", "HEAD@{1}") == tip
    with pytest.raises(ToolkitError, match=r"would be lost"):
        contributed.remove()


def test_edits_of_ours_become_one_commit_on_top(demotion: Contributed) -> None:
    demotion.edit_target("docker_25 =", MINE, amend=True)
    demotion.commit("readme: mine", {"README.mine": "mine\n"})
    demotion.clone.advance()
    demotion.update()
    *ours, folded = demotion.subjects()
    assert ours == OURS[1:]
    message = demotion.git("log", "-1", "--format=%B")
    assert message.startswith(folded)
    assert "readme: mine" in message
    assert set(demotion.git("diff", "--name-only", "HEAD~1").splitlines()) == {
        TARGET,
        "README.mine",
    }
    assert "# mine\n" in demotion.git("diff", "HEAD~1") + "\n"


def test_rebase_by_hand_is_recognised_and_the_older_branch_too(
    demotion: Contributed,
) -> None:
    old = demotion.commit("readme: mine", {"README.mine": "mine\n"})
    demotion.clone.advance()
    demotion.git("rebase", "--quiet", "upstream/master")
    tip = demotion.tip
    done = demotion.update()
    assert demotion.tip == tip
    assert demotion.subjects() == [OURS[1], "readme: mine"]
    assert done.made is not None
    assert len(done.made.contribution.commits) == 1
    kept = demotion.kept
    assert kept is not None
    assert str(kept.base_commit) == demotion.clone.git("rev-parse", "upstream/newer")
    demotion.git("reset", "--quiet", "--hard", old)
    done = demotion.update()
    assert demotion.subjects() == [OURS[1], "readme: mine"]
    assert demotion.git("rev-parse", "HEAD~2") == demotion.clone.git(
        "rev-parse", "upstream/newer"
    )


def test_nothing_to_do_leaves_all_ids(
    contributed: Contributed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = contributed.commit("readme: mine", {"README.mine": "mine\n"})
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@1900000000 +0000")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "@1900000000 +0000")
    done = contributed.update()
    assert (contributed.tip, str(done.before)) == (tip, tip)


def test_commits_that_were_taken_back_are_an_edit_of_ours(
    demotion: Contributed,
) -> None:
    demotion.git("reset", "--quiet", "--hard", "upstream/master")
    demotion.update()
    assert demotion.subjects()[:1] == OURS[1:]
    assert len(demotion.subjects()) == 2
    assert demotion.git("diff", "upstream/master") == ""


def test_new_choice_overrides_the_earlier_one(contributed: Contributed) -> None:
    done = contributed.update(base="upstream/newer", only=("demote",))
    assert contributed.subjects("upstream/newer") == OURS[1:]
    assert done.made is not None
    assert (done.made.base_name, done.made.own) == ("upstream/newer", ())
    kept = contributed.kept
    assert kept is not None
    assert (kept.base, kept.only) == ("upstream/newer", ("demote",))


def test_own_commit_that_breaks_a_proof_is_told(demotion: Contributed) -> None:
    demotion.edit_target("withSystemd ?", "withSystemdd ?")
    done = demotion.update()
    assert done.failed
    assert done.reports[0].failed == ()
    assert "parse" in {
        proof.name for proof in done.own_proofs if proof.status is Status.FAILED
    }


def test_partial_clone_gets_what_it_lacks(new_clone: Callable[..., Clone]) -> None:
    clone = new_clone("--filter=blob:none", "--sparse")
    with pytest.raises(ToolkitError, match=r"lacks files of 'upstream/master'"):
        ask(clone)
    assert ask(clone, fetch=True).made is not None


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("edited", "'new' has uncommitted changes"),
        ("no worktree", "is not checked out in any worktree"),
        ("detached", "is not checked out in any worktree"),
        ("no branch", f"branch '{BRANCH}' no longer exists"),
        ("own checkout", "is checked out in your own clone"),
        ("merge", "is a merge"),
        ("orphan", "shares no commit with its base"),
    ],
)
def test_branch_that_cannot_be_moved_without_a_loss_stays(
    contributed: Contributed, state: str, said: str
) -> None:
    clone, progress = contributed.clone, Steps()
    if state == "edited":
        clone.configure(status__showUntrackedFiles="no")
        (contributed.worktree / "new").write_text("mine\n")
    elif state == "no worktree":
        shutil.rmtree(contributed.worktree)
    elif state == "detached":
        contributed.git("checkout", "--quiet", "--detach")
    elif state == "merge":
        contributed.git("switch", "--quiet", "--create", "other", "HEAD~1")
        contributed.commit("other", {"other": "1\n"})
        contributed.git("switch", "--quiet", BRANCH)
        contributed.git("merge", "--quiet", "--no-edit", "other")
    elif state == "orphan":
        contributed.git("checkout", "--quiet", "--orphan", "alone")
        contributed.git("commit", "--quiet", "--message=alone")
        contributed.git("switch", "--quiet", "-C", BRANCH, "alone")
    else:
        clone.git("worktree", "remove", contributed.worktree)
        clone.git(
            *(
                ("branch", "--quiet", "-D")
                if state == "no branch"
                else ("checkout", "--quiet")
            ),
            BRANCH,
        )
    error = refused(contributed, progress=progress)
    assert said in str(error)
    assert state != "detached" or f"switch {BRANCH}" in str(error.hint)
    assert not [step for step in progress.steps if step.startswith("proving")]


@pytest.mark.parametrize("moment", ["proving exact-change", "moving"])
def test_interrupt_leaves_everything(demotion: Contributed, moment: str) -> None:
    demotion.clone.advance()
    before = demotion.state()
    at = f"moving {demotion.worktree}" if moment == "moving" else moment
    with pytest.raises(KeyboardInterrupt):
        demotion.update(progress=Steps(interrupted_at=at))
    assert demotion.state() == before


def test_proof_that_fails_moves_nothing(
    contributed: Contributed, install: Callable[[str, str], None]
) -> None:
    contributed.clone.advance()
    # As after a while: what is set aside is not what a killed run has left.
    os.utime(contributed.files, (0, 0))
    before = contributed.state()
    install("nixfmt", UNFORMATTED)
    done = contributed.update()
    assert (done.failed, done.made) == (True, None)
    assert list(lines(done)) == [
        f"the branch stays at {contributed.tip[:12]}, because a proof failed"
    ]
    assert contributed.state() == before
