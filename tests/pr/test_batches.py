"""One branch for several packages by a recipe: the result of each, and the branch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.clones import Clone, git, snapshot
from tests.proposal.nixpkgs import ALONE
from toolkit.contribution import PullRequest
from toolkit.errors import ToolkitError, UsageError
from toolkit.model import Silence
from toolkit.pr import BranchOrder, contributions
from toolkit.pr.branches import create, update
from toolkit.pr.contributions import remove
from toolkit.proposal import recipes
from toolkit.proposal.recipes import Rewrite
from toolkit.proposal.requests import Request

NOTES, BOARD = (
    f"pkgs/by-name/{name}/package.nix"
    for name in ("no/notes-server", "st/status-board")
)
SUBJECTS = ["notes-server: call it better", "status-board: call it better"]
BRANCH = "better"
RECIPE = """
about = "call it better"

[[steps]]
name = "better"
rewrite = "better"
subject = "{package}: call it better"
body = "A better name."
"""


def better(text: str, *, name: str) -> str:
    """Change the build of a file that contains REBUILT, of others the description."""
    assert name.endswith(".nix")
    return (
        text.replace('version = "', 'version = "1', 1)
        if "# REBUILT" in text
        else text.replace("Keeps", "Keeps all")
    )


class Batch(Struct, frozen=True, kw_only=True):
    """A clone in which the recipe changes two packages; Joe and Jo maintain one."""

    clone: Clone
    recipe: Path

    def ask(
        self, *packages: str, limit: int | None = None, **wanted: object
    ) -> PullRequest:
        target = packages[0] if packages else ""
        request = Request(
            target=target, recipe=str(self.recipe), limit=limit, depth=ALONE
        )
        order = BranchOrder(
            repo=self.clone.top,
            base="mine",
            branch=BRANCH,
            packages=packages,
            **wanted,  # type: ignore[arg-type]
        )
        return create(order, request, progress=Silence())

    def edit(self, path: str, old: str, new: str) -> None:
        """Commit a change of a file to the base."""
        place = self.clone.top / path
        text = place.read_text()
        assert old in text
        place.write_text(text.replace(old, new, 1))
        self.clone.git("commit", "--quiet", "--all", "--message=base")

    def subjects(self) -> list[str]:
        return self.clone.git(
            "log", "--reverse", "--format=%s", f"mine..{BRANCH}"
        ).splitlines()


@pytest.fixture
def batch(
    new_clone: Callable[..., Clone], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Batch:
    monkeypatch.setitem(recipes.REWRITES, "better", Rewrite(make=better, most=2))
    (tmp_path / "better.toml").write_text(RECIPE)
    clone = new_clone()
    clone.git("switch", "--quiet", "--create", "mine")
    made = Batch(clone=clone, recipe=tmp_path / "better.toml")
    maintained = (
        "meta = {\n    maintainers = with lib.maintainers; [\n      joe-r\n "
        "     joe\n    ];"
    )
    made.edit(NOTES, "meta = {", maintained)
    made.edit(BOARD, 'description = "', 'description = "Keeps ')
    return made


def refusals(done: PullRequest) -> dict[str, str]:
    return {
        each.target: str(each.result)
        for each in done.attempts
        if isinstance(each.result, ToolkitError)
    }


def test_each_package_is_a_commit_and_what_is_refused_is_listed(batch: Batch) -> None:
    before = snapshot(batch.clone)
    done = batch.ask("notes-server", "image-scan", "status-board", BOARD, limit=4)
    assert batch.subjects() == SUBJECTS
    assert refusals(done) == {
        "image-scan": "pkgs/by-name/im/image-scan/package.nix: the recipe 'better' "
        "finds nothing to change",
        BOARD: f"{BOARD}: this branch already changes it for status-board",
    }
    assert [(proof.name, proof.status.value) for proof in done.own_proofs] == [
        ("together", "passed")
    ]
    assert done.made is not None
    assert done.made.title == "notes-server, status-board: call it better"
    text = done.made.text.read_text()
    assert (
        "A better name.\n\n- `notes-server: call it better`\n- `status-board: call it "
        "better`\n\nNo rebuilds" in text
    )
    tip, base = (
        batch.clone.git("rev-parse", BRANCH),
        batch.clone.git("rev-parse", "mine"),
    )
    both = "`nix-instantiate -A notes-server -A status-board`"
    assert f"{both} prints the same on {base[:12]} and {tip[:12]}." in text
    files = contributions.place(batch.clone.common, BRANCH)
    assert {path.name for path in files.iterdir() if path.is_dir()} == {
        "notes-server",
        "status-board",
    }

    # Their words stay with the package, though the one before it has gone from the
    # batch.
    git(
        done.made.worktree,
        "commit",
        "--quiet",
        "--amend",
        "--message=status-board: in my words",
    )
    batch.edit(NOTES, "Keeps", "Has")
    order = BranchOrder(repo=batch.clone.top)
    with pytest.raises(ToolkitError, match="created this branch") as caught:
        # Only the clone names the file, and that may be a stranger's.
        update(order, Request(target=""), progress=Silence())
    assert (caught.value.hint or "").endswith(f"--recipe {batch.recipe}")
    moved = update(
        order, Request(target="", recipe=str(batch.recipe)), progress=Silence()
    )
    assert isinstance(moved, PullRequest)
    assert batch.subjects() == ["status-board: in my words"]
    assert refusals(moved) == {
        "notes-server": f"{NOTES}: the recipe 'better' finds nothing to change"
    }
    assert moved.made is not None
    assert (moved.made.contribution.packages, moved.made.own) == (("status-board",), ())

    remove(batch.clone.top, None, force=True)
    after = snapshot(batch.clone)
    assert {
        name
        for name in {*before, *after}
        if before.get(name) != after.get(name) and "worktrees" in name
    } == set()
    assert not (batch.clone.common / "unlet").exists()


def test_a_package_that_a_proof_is_against_is_refused(batch: Batch) -> None:
    batch.edit(BOARD, "{", "# REBUILT\n{")
    done = batch.ask("notes-server", "status-board")
    assert batch.subjects() == SUBJECTS[:1]
    assert refusals(done)["status-board"].startswith("no-rebuild: status-board: ")
    assert not done.failed


def test_a_batch_without_a_package_left_makes_nothing(batch: Batch) -> None:
    before = snapshot(batch.clone)
    done = batch.ask("image-scan", "image-slim")
    assert (done.made, len(refusals(done))) == (None, 2)
    assert snapshot(batch.clone) == before
    assert not (batch.clone.common / "unlet").exists()


@pytest.mark.parametrize(
    ("packages", "wanted", "fact"),
    [
        (
            ("notes-server", "status-board", "image-scan"),
            {},
            "--recipe: this would change 3 packages, but at most 2 are acceptable at once",
        ),
        ((), {"maintainer": "joe-"}, "--maintainer: 'joe-' contains no package that"),
        (
            ("pkgs/by-name/im",),
            {},
            "pkgs/by-name/im: 'pkgs/by-name/im' contains no package that",
        ),
    ],
)
def test_batch_of_too_many_packages_or_none_is_refused(
    batch: Batch, packages: tuple[str, ...], wanted: dict[str, Any], fact: str
) -> None:
    with pytest.raises(UsageError) as caught:
        batch.ask(*packages, **wanted)
    assert str(caught.value).startswith(fact)


def test_a_directory_or_a_maintainer_has_the_packages_that_the_recipe_changes(
    batch: Batch,
) -> None:
    asked = (str(batch.recipe), batch.clone.top)
    assert recipes.packages(*asked, ("pkgs/by-name/st", "curl"), "") == (
        "status-board",
        "curl",
    )
    assert recipes.packages(*asked, (), "joe") == ("notes-server",)
    assert recipes.packages(*asked, (), "joe-r") == ("notes-server",)
