from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from toolkit import git
from toolkit.errors import ToolkitError
from toolkit.git import patching
from toolkit.model import FileChange, TreeCommit

if TYPE_CHECKING:
    from toolkit.model import Patch

OLD, NEW, DEEP = PurePosixPath("old"), PurePosixPath("new"), PurePosixPath("a/b c/ü.nix")
COMMIT = TreeCommit(
    subject="a: change",
    body="Because.",
    files=(
        FileChange(path=OLD, before=b"1\n2\n3\n", after=b"1\n2\n3\n4\n"),
        FileChange(path=NEW, before=None, after=b"new\n"),
        FileChange(path=DEEP, before=b"x\r\n", after=b"y\r\n"),
    ),
)
BEFORE = {file.path: file.before for file in COMMIT.files if file.before is not None}
AFTER = {file.path: file.after for file in COMMIT.files}


def mail() -> Patch:
    return git.addition(COMMIT, number=7, committed=1_700_000_000)


def test_commit_of_several_files_becomes_a_mail_and_is_read_back() -> None:
    made = mail()
    assert made == mail()
    assert made.name == "0007-a-change.patch"
    assert b"\nSubject: [PATCH] a: change\n\nBecause.\n---\n" in made.content
    assert set(patching.touched(made.content)) == set(AFTER)
    assert set(patching.changes(made.content, BEFORE.get)) == set(COMMIT.files)


def test_mails_are_applied_one_after_the_other() -> None:
    second = replace_after(b"1\n2\n3\n4\n", b"1\n4\n")
    stacked = patching.stack(BEFORE, (mail(), second))
    assert (stacked.failure, stacked.after) == (None, {**AFTER, OLD: b"1\n4\n"})


def replace_after(before: bytes, after: bytes) -> Patch:
    change = FileChange(path=OLD, before=before, after=after)
    return git.addition(TreeCommit(subject="b: change", body="Too.", files=(change,)), number=8)


def test_mail_that_does_not_apply_is_told_with_gits_reason() -> None:
    stacked = patching.stack({**BEFORE, OLD: b"9\n"}, (mail(),))
    assert stacked.failure is not None
    assert "old" in stacked.failure
    with pytest.raises(ToolkitError) as caught:
        patching.changes(mail().content, {**BEFORE, OLD: b"9\n"}.get)
    assert caught.value.message.startswith("patch: does not apply: ")
    with pytest.raises(ToolkitError):
        patching.changes(mail().content, lambda _: None)


def test_file_that_is_taken_away_is_named() -> None:
    diff = b"diff --git a/old b/old\ndeleted file mode 100644\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
    with pytest.raises(ToolkitError) as caught:
        patching.changes(diff, {OLD: b"1\n"}.get)
    assert caught.value.message == "patch: takes 'old' away"


def test_what_is_no_patch_is_named() -> None:
    with pytest.raises(ToolkitError) as caught:
        patching.touched(b"nothing\n")
    assert caught.value.message.startswith("patch: contains no diff")
