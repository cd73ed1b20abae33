from collections.abc import Callable

import pytest

from tests.clones import BRANCH, TARGET, Clone, objects, snapshot
from tests.docker.pr.conftest import UNFORMATTED, Contributed, ask
from tests.progress import Steps
from toolkit.errors import ToolkitError, UsageError
from toolkit.pr import contributions


def refused(clone: Clone, **wanted: object) -> ToolkitError:
    """Ask for a branch that cannot be made.

    Return why, when all of the clone is as it was.
    """
    before, had = snapshot(clone), objects(clone)
    with pytest.raises(ToolkitError) as caught:
        ask(clone, **wanted)
    assert snapshot(clone) == before
    assert objects(clone) >= had
    assert not (clone.common / "unlet").exists()
    assert "\n" not in str(caught.value)
    return caught.value


def test_branch_is_what_was_proven(contributed: Contributed, jane: str) -> None:
    clone = contributed.clone
    assert (
        contributed.git("log", "--format=%an <%ae>|%cn <%ce>", "-2").splitlines()
        == [f"{jane}|{jane}"] * 2
    )
    assert contributed.git("diff", "--name-only", "upstream/master..HEAD") == TARGET
    assert contributed.git("rev-parse", "HEAD~2") == clone.git(
        "rev-parse", "upstream/master"
    )
    assert clone.git("config", "--get-regexp", "^branch[.]").splitlines() == [
        "branch.master.remote upstream",
        "branch.master.merge refs/heads/master",
    ]
    names = {path.name for path in contributed.files.iterdir()}
    assert names >= {
        "branch.json",
        "pull-request.md",
        "report.json",
        "overlay",
        "series",
    }
    kept = contributed.kept
    assert kept is not None
    assert [str(oid) for oid in kept.commits] == contributed.git(
        "rev-list", "--reverse", "HEAD~2.."
    ).splitlines()
    assert str(kept.base_commit) == clone.git("rev-parse", "upstream/master")


def test_an_assistant_that_is_not_disclosed_is_refused(
    new_clone: Callable[..., Clone],
) -> None:
    clone = new_clone()
    assert isinstance(
        refused(clone, trailers=("Co-authored-by: A <noreply@anthropic.com>",)),
        UsageError,
    )
    clone.configure(user__email="agent@cursor.com")
    assert str(refused(clone)).startswith(
        "author: 'Jané Doe <agent@cursor.com>' is an assistant's address"
    )


def test_base_without_the_file_and_clone_at_work_are_refused(
    new_clone: Callable[..., Clone],
) -> None:
    clone, steps = new_clone(), Steps()
    assert f"has no '{TARGET}'" in str(refused(clone, base="other"))
    with contributions.alone(clone.common):
        assert "another unlet is already running in this clone" in str(
            refused(clone, progress=steps)
        )
    assert steps.steps == []


def test_branch_that_is_there_is_refused(
    new_clone: Callable[..., Clone], contributed: Contributed
) -> None:
    before = contributed.state()
    with pytest.raises(
        ToolkitError, match=rf"branch '{BRANCH}' already exists"
    ) as caught:
        ask(contributed.clone)
    assert "--update" in str(caught.value.hint)
    assert contributed.state() == before
    clone = new_clone(name="other")
    clone.git("branch", BRANCH)
    assert str(refused(clone).hint) == "--branch NAME creates another one"


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_place_that_is_taken_is_refused(
    new_clone: Callable[..., Clone], kind: str
) -> None:
    clone = new_clone()
    if kind == "file":
        clone.beside.write_text("mine\n")
    elif kind == "directory":
        clone.beside.mkdir()
    else:
        clone.beside.symlink_to("nowhere")
    error = refused(clone)
    assert str(error) == f"{clone.beside}: already exists"
    assert "--worktree" in str(error.hint)


def test_force_makes_it_though_a_proof_fails(
    new_clone: Callable[..., Clone], install: Callable[[str, str], None]
) -> None:
    install("nixfmt", UNFORMATTED)
    done = ask(new_clone(), force=True, only=("lift",))
    assert "format" in {proof.name for proof in done.reports[0].failed}
    assert done.failed
    assert done.made is not None
    assert (done.made.worktree / TARGET).is_file()
