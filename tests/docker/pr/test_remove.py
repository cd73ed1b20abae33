import shutil

import pytest

from tests.clones import BRANCH
from tests.docker.pr.conftest import Contributed
from toolkit.errors import ToolkitError, UsageError
from toolkit.pr import contributions


def refused(
    contributed: Contributed, branch: str | None = None, *, force: bool = False
) -> ToolkitError:
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


@pytest.mark.parametrize("state", ["taken back", "no worktree", "no branch"])
def test_remains_of_a_branch_are_removed(contributed: Contributed, state: str) -> None:
    if state == "taken back":
        contributed.git("reset", "--quiet", "--hard", "HEAD~1")
    elif state == "no worktree":
        shutil.rmtree(contributed.worktree)
    else:
        contributed.clone.git("worktree", "remove", contributed.worktree)
        contributed.clone.git("branch", "--quiet", "-D", BRANCH)
    removed = contributed.remove()
    assert removed.worktree == (None if state == "no branch" else contributed.worktree)
    assert (removed.commit is None) == (state == "no branch")
    assert gone(contributed)


@pytest.mark.parametrize(
    "kind",
    [
        "modified",
        "staged",
        "new",
        "deleted",
        "amended",
        "committed",
        "detached",
        "text",
    ],
)
def test_work_that_would_be_lost_stays_unless_it_is_forced(
    contributed: Contributed, kind: str
) -> None:
    contributed.clone.configure(status__showUntrackedFiles="no")
    readme, text = (
        contributed.worktree / "README.md",
        contributed.files / contributions.TEXT,
    )
    said = (
        f"{contributed.worktree}: '{'new' if kind == 'new' else 'README.md'}' has "
        "uncommitted changes"
    )
    if kind == "deleted":
        readme.unlink()
    elif kind in {"modified", "staged", "new"}:
        (contributed.worktree / "new" if kind == "new" else readme).write_text("mine\n")
        if kind == "staged":
            contributed.git("add", "--all")
    elif kind == "text":
        text.write_text(text.read_text() + "mine\n")
        said = f"{text}: you have edited this text"
    elif kind == "amended":
        contributed.git("commit", "--quiet", "--amend", "--message=mine")
    else:
        if kind == "detached":
            contributed.git("checkout", "--quiet", "--detach")
            said = (
                f"{contributed.worktree}: this worktree has another branch than "
                f"'{BRANCH}' checked out"
            )
        contributed.commit("mine", {"README.md": "mine\n"})
    if kind in {"amended", "committed"}:
        said = (
            f"{contributed.clone.top}: branch '{BRANCH}' has commits that unlet "
            "did not create"
        )
    error = refused(contributed)
    assert str(error) == f"{said}, which would be lost"
    assert "--force" in str(error.hint)
    assert contributed.remove(force=True).worktree == contributed.worktree
    assert gone(contributed)


def test_worktree_with_another_branch_is_the_users(contributed: Contributed) -> None:
    contributed.git("checkout", "--quiet", "-b", "mine")
    assert contributed.remove().worktree is None
    assert contributed.git("symbolic-ref", "HEAD") == "refs/heads/mine"


def test_branch_in_use_stays_even_if_removal_is_forced(
    contributed: Contributed,
) -> None:
    clone = contributed.clone
    with contributions.alone(clone.common):
        assert "another unlet is already running" in str(
            refused(contributed, force=True)
        )
    clone.git("worktree", "lock", contributed.worktree)
    error = refused(contributed, force=True)
    assert (
        str(error)
        == f"{contributed.worktree}: the worktree is locked, so branch '{BRANCH}' stays"
    )
    assert error.hint == f"git worktree unlock {contributed.worktree}"
    clone.git("worktree", "unlock", contributed.worktree)
    other = clone.top.with_name("other")
    clone.git("worktree", "add", "--quiet", "--force", other, BRANCH)
    assert str(other) in str(refused(contributed, force=True))
    for worktree in (other, contributed.worktree):
        clone.git("worktree", "remove", worktree)
    clone.git("checkout", "--quiet", BRANCH)
    assert "is checked out in your own clone" in str(refused(contributed, force=True))


@pytest.mark.parametrize("branch", ["mine", "master", "nowhere"])
def test_branch_that_unlet_did_not_make(contributed: Contributed, branch: str) -> None:
    contributed.clone.git("branch", "mine")
    error = refused(contributed, branch, force=True)
    assert branch in str(error)
    assert error.hint == f"choose one of unlet's branches with --branch: {BRANCH}"


def test_several_branches(contributed: Contributed) -> None:
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
        assert (
            contributions.find(
                contributions.open_clone(place / "pkgs"), None
            ).kept.branch
            == branch
        )
    contributed.remove("docker/other")
    assert (
        contributed.clone.git(
            "branch", "--list", "docker*", "--format=%(refname:short)"
        )
        == BRANCH
    )
    assert contributed.kept is not None
