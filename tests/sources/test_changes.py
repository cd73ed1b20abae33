import shutil
from pathlib import Path, PurePosixPath

import pytest

from tests.clones import commit_all, edit, git, patched
from toolkit import specimen
from toolkit.cache import VARIABLE
from toolkit.errors import ToolkitError, UsageError
from toolkit.git.reading import EXECUTABLE, LINK
from toolkit.model import Oid, Silence, SourceRequest
from toolkit.sources import changes
from toolkit.sources.changes import Change, ChangeRequest, PullRef

NOTES = PurePosixPath("pkgs/by-name/no/notes-server/package.nix")
BOARD = PurePosixPath("pkgs/by-name/st/status-board/package.nix")
NEW = PurePosixPath("pkgs/by-name/ne/new-one/package.nix")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))


_SUBMODULE = f"""diff --git a/m b/m
new file mode 160000
--- /dev/null
+++ b/m
@@ -0,0 +1 @@
+Subproject commit {40 * "1"}
"""
_BINARY = """diff --git a/default.nix b/default.nix
index 1111111..2222222 100644
Binary files a/default.nix and b/default.nix differ
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return commit_all(shutil.copytree(specimen.path(), tmp_path / "nixpkgs"))


def commit(clone: Path, subject: str) -> Oid:
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", f"--message={subject}")
    return Oid(git(clone, "rev-parse", "HEAD"))


def read(clone: Path, rev: str | None = None) -> Change:
    return changes.read(ChangeRequest(rev=rev, clone=clone), progress=Silence())


def refused(request: ChangeRequest) -> str:
    with pytest.raises(ToolkitError) as caught:
        changes.read(request, progress=Silence())
    return caught.value.message


def over_specimen(patch: Path) -> ChangeRequest:
    return ChangeRequest(patch=patch, source=SourceRequest(nixpkgs="specimen"))


def test_uncommitted_edits_are_a_change_new_and_deleted_files_too(clone: Path) -> None:
    edit(clone, "notes", "memos", NOTES)
    (clone / BOARD).unlink()
    (clone / NEW).parent.mkdir(parents=True)
    (clone / NEW).write_text("{ }: { }\n")
    whole = read(clone).whole
    assert [edit.path for edit in whole.edits] == [NEW, NOTES, BOARD]
    added, changed, gone = whole.edits
    assert added.before is None
    assert gone.after is None
    assert changed.before is not None
    assert changed.before.content == (specimen.path() / NOTES).read_bytes()


@pytest.mark.parametrize("place", ["mine", ".config/git/ignore"])
def test_new_files_are_ignored_by_the_users_patterns_and_not_by_a_clones(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    home = tmp_path / "home"
    patterns = home / place
    patterns.parent.mkdir(parents=True)
    patterns.write_text("*.swp\n")
    settings = home / ".gitconfig"
    setting = f"[core]\n\texcludesFile = {patterns}\n"
    settings.write_text(setting if place == "mine" else "")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    theirs = tmp_path / "theirs"
    theirs.write_text("*.nix\n")
    git(clone, "config", "core.excludesFile", theirs)
    (clone / "x.swp").write_text("x")
    (clone / NEW).parent.mkdir(parents=True)
    (clone / NEW).write_text("{ }: { }\n")
    assert [edit.path for edit in read(clone).whole.edits] == [NEW]


def test_a_clean_clone_has_no_change_and_outside_of_one_it_is_a_usage_error(
    clone: Path, tmp_path: Path
) -> None:
    assert "has no uncommitted changes" in refused(ChangeRequest(clone=clone))
    with pytest.raises(UsageError, match="is not inside a git clone"):
        changes.read(ChangeRequest(clone=tmp_path), progress=Silence())


def test_a_commit_stands_for_all_since_the_main_branch(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "mine")
    edit(clone, "notes", "memos", NOTES)
    first = commit(clone, "one")
    edit(clone, "status", "state", BOARD)
    second = commit(clone, "two")
    change = read(clone, "mine")
    assert [(step.subject, step.commit) for step in change.steps] == [
        ("one", first),
        ("two", second),
    ]
    assert [edit.path for edit in change.steps[0].edits] == [NOTES]
    assert [edit.path for edit in change.whole.edits] == [NOTES, BOARD]
    assert (change.base.root / NOTES).read_bytes() == (
        specimen.path() / NOTES
    ).read_bytes()


def test_a_commit_of_the_main_branch_is_its_own_change(clone: Path) -> None:
    edit(clone, "notes", "memos", NOTES)
    commit(clone, "one")
    edit(clone, "status", "state", BOARD)
    commit(clone, "two")
    assert [edit.path for edit in read(clone, "master").whole.edits] == [BOARD]
    assert [edit.path for edit in read(clone, "HEAD~2..").whole.edits] == [NOTES, BOARD]


def test_a_range_begins_where_both_ends_have_parted(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "mine")
    edit(clone, "notes", "memos", NOTES)
    commit(clone, "mine")
    git(clone, "checkout", "--quiet", "master")
    edit(clone, "status", "state", BOARD)
    commit(clone, "theirs")
    assert [edit.path for edit in read(clone, "master..mine").whole.edits] == [NOTES]


def test_one_file_of_a_change_is_read(clone: Path) -> None:
    place = BOARD.with_name("other.nix")
    git(clone, "mv", str(BOARD), str(place))
    edit(clone, "notes", "memos", NOTES)
    commit(clone, "board: move")
    found = changes.read_file(
        ChangeRequest(rev="HEAD", clone=clone), NOTES, progress=Silence()
    )
    assert found.source.content == (specimen.path() / NOTES).read_bytes()
    assert found.after == (clone / NOTES).read_bytes()
    assert {*found.others} == {BOARD, place}
    for target, error in ((BOARD, "deletes"), (place, "does not change")):
        with pytest.raises(ToolkitError, match=f"^{target}: HEAD {error} this file$"):
            changes.read_file(
                ChangeRequest(rev="HEAD", clone=clone), target, progress=Silence()
            )


def test_a_merge_commit_is_named(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "mine")
    edit(clone, "notes", "memos", NOTES)
    commit(clone, "mine")
    git(clone, "checkout", "--quiet", "master")
    edit(clone, "status", "state", BOARD)
    commit(clone, "theirs")
    git(clone, "merge", "--quiet", "--no-edit", "mine")
    assert "is a merge commit" in refused(
        ChangeRequest(rev="HEAD~1..HEAD", clone=clone)
    )


def test_a_patch_is_laid_over_the_tree_that_it_is_for(clone: Path) -> None:
    edit(clone, "notes", "memos", NOTES)
    git(clone, "mv", str(BOARD), str(BOARD.with_name("other.nix")))
    (clone / "run").write_text("#!/bin/sh\n")
    (clone / "run").chmod(0o755)
    (clone / "link").symlink_to("run")
    whole = changes.read(over_specimen(patched(clone)), progress=Silence()).whole
    files = {str(path): file for path, file in whole.files.items()}
    assert [*files] == [
        "link",
        str(NOTES),
        str(BOARD.with_name("other.nix")),
        str(BOARD),
        "run",
    ]
    assert files[str(BOARD)] is None
    link, run = files["link"], files["run"]
    assert link is not None
    assert run is not None
    assert (link.mode, run.mode) == (LINK, EXECUTABLE)


def test_a_binary_file_is_a_change_as_any_other(clone: Path) -> None:
    (clone / "pkgs/icon.png").write_bytes(bytes(range(256)))
    (only,) = changes.read(
        over_specimen(patched(clone)), progress=Silence()
    ).whole.edits
    assert only.after is not None
    assert only.after.content == bytes(range(256))


@pytest.mark.parametrize(
    ("diff", "reason"),
    [
        ("hello\n", "contains no diff"),
        (
            "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
            "does not apply",
        ),
        (_SUBMODULE, "submodule"),
        ("--- /dev/null\n+++ b/../out\n@@ -0,0 +1 @@\n+b\n", "out"),
        (_BINARY, "binary"),
    ],
)
def test_a_patch_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, diff: str, reason: str
) -> None:
    (tmp_path / "theirs.diff").write_text(diff)
    said = refused(over_specimen(tmp_path / "theirs.diff"))
    assert reason in said
    assert "\n" not in said


def test_a_link_of_the_tree_is_not_followed_out_of_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("s3cret\n")
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    (tree / "pkgs/out").symlink_to(secret)
    patch = tmp_path / "p"
    patch.write_text(
        "--- a/pkgs/out/key\n+++ b/pkgs/out/key\n@@ -1 +1 @@\n-s3cret\n+x\n"
    )
    request = ChangeRequest(patch=patch, source=SourceRequest(nixpkgs=str(tree)))
    assert "pkgs/out/key: No such file or directory" in refused(request)


def test_a_pull_request_comes_from_the_clone_at_hand(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "theirs")
    edit(clone, "notes", "memos", NOTES)
    head = commit(clone, "theirs")
    git(clone, "update-ref", "refs/pull/7/head", str(head))
    git(clone, "checkout", "--quiet", "master")
    git(clone, "branch", "--quiet", "-D", "theirs")
    change = changes.read(
        ChangeRequest(pull=PullRef(number=7), clone=clone), progress=Silence()
    )
    assert [edit.path for edit in change.whole.edits] == [NOTES]
    assert "this clone has no commits of #8" in refused(
        ChangeRequest(pull=PullRef(number=8), clone=clone)
    )


def test_a_pull_request_is_fetched_once_if_no_clone_has_it(
    clone: Path, tmp_path: Path
) -> None:
    git(clone, "config", "uploadpack.allowAnySHA1InWant", "true")
    base = Oid(git(clone, "rev-parse", "HEAD"))
    edit(clone, "notes", "memos", NOTES)
    pull = PullRef(
        number=7, title="notes: memos", base=base, head=commit(clone, "theirs")
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    request = ChangeRequest(pull=pull, clone=elsewhere, remote=clone.as_uri())
    for _ in range(2):
        change = changes.read(request, progress=Silence())
        assert [edit.path for edit in change.whole.edits] == [NOTES]
        assert change.subject == "#7 notes: memos"
        clone.rename(clone.with_name("gone")) if clone.exists() else None
