import re
import subprocess
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath

import pytest

from tests.remotes import Repository
from toolkit.errors import ToolkitError
from toolkit.git import diffs, mailing, patching
from toolkit.git.mailing import Mails
from toolkit.model import Commit, FileChange, Patch, TreeCommit

BEFORE = "".join(f"line {number}\n" for number in range(200)).encode()
LIFTED = BEFORE.replace(b"line 7\n", b"line seven\n")
DEMOTED = LIFTED.replace(b"line 150\n", b"")
COMMITS = (
    Commit(
        subject="docker: lift",
        body="Because of the \N{LATIN SMALL LETTER U WITH DIAERESIS}.",
        before=BEFORE,
        after=LIFTED,
    ),
    Commit(
        subject="docker: demote",
        body="Because.\n\nAnd more.",
        before=LIFTED,
        after=DEMOTED,
    ),
)

OLD, NEW, DEEP = (
    PurePosixPath("old"),
    PurePosixPath("new"),
    PurePosixPath("a/b c/ü.nix"),
)
SEVERAL = TreeCommit(
    subject="a: change",
    body="Because.",
    files=(
        FileChange(path=OLD, before=b"1\n2\n3\n", after=b"1\n2\n3\n4\n"),
        FileChange(path=NEW, before=None, after=b"new\n"),
        FileChange(path=DEEP, before=b"x\r\n", after=b"y\r\n"),
    ),
)
FILES = {file.path: file.before for file in SEVERAL.files if file.before is not None}
FILES_AFTER = {file.path: file.after for file in SEVERAL.files}


@pytest.fixture
def series(target: PurePosixPath) -> Mails:
    return mailing.series(COMMITS, target, committed=1700000000)


@pytest.fixture
def pinned(
    new_repository: Callable[[str], Repository], target: PurePosixPath
) -> Repository:
    """A repository with the file in its second commit, and others beside it."""
    repository = new_repository("pinned")
    repository.commit({str(target): "other\n", "README.md": "a\n"})
    repository.commit({str(target): BEFORE, "lib/default.nix": "{ }\n"})
    return repository


def test_each_commit_is_a_mail_named_after_its_subject(series: Mails) -> None:
    assert [patch.name for patch in series.patches] == [
        "0001-docker-lift.patch",
        "0002-docker-demote.patch",
    ]
    first = series.patches[0].content.decode()
    assert first.startswith(
        f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: Author "
        "<author@localhost.invalid>\n"
    )
    assert "\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n" in first
    assert "\nSubject: [PATCH 1/2] docker: lift\n" in first
    assert "\nBecause of the \N{LATIN SMALL LETTER U WITH DIAERESIS}.\n---\n" in first
    assert first.endswith(" line 10\n")


def test_a_lone_commit_has_no_number(target: PurePosixPath) -> None:
    (patch,) = mailing.series(COMMITS[:1], target).patches
    assert b"\nSubject: [PATCH] docker: lift\n" in patch.content
    assert b"\nDate: Sat, 1 Jan 2000" not in patch.content
    (date,) = re.findall(r"^Date: (.*)$", patch.content.decode(), re.MULTILINE)
    assert abs(parsedate_to_datetime(date).timestamp() - time.time()) < 60


def test_the_author_is_gits_user_else_a_placeholder(
    target: PurePosixPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    def author() -> str:
        (patch,) = mailing.series(COMMITS[:1], target, committed=1700000000).patches
        return patch.content.decode().splitlines()[1]

    assert author() == "From: Author <author@localhost.invalid>"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Jo Dö")
    assert author() == "From: =?UTF-8?q?Jo=20D=C3=B6?= <author@localhost.invalid>"
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
        monkeypatch.delenv(name)
    assert author() == "From: YOUR NAME <YOU@EXAMPLE.ORG>"


def test_the_bytes_do_not_depend_on_the_user(
    series: Mails,
    target: PurePosixPath,
    sealed: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    hook = tmp_path / "hooks" / "post-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (sealed / ".gitconfig").write_text(
        "[user]\nname = Somebody\nemail = somebody@localhost.invalid\nsigningKey = x\n"
        "[commit]\ngpgSign = true\n[format]\nsignature = mine\nnumbered = "
        "false\nsubjectPrefix = RFC\nthread = true\n"
        "coverLetter = true\nsuffix = .txt\n"
        "[diff]\nnoprefix = true\nmnemonicPrefix = true\ncontext = 9\nalgorithm = "
        "minimal\nrenames = copies\n"
        "external = false\n[color]\nui = always\n[core]\nautocrlf = true\nabbrev = 4\n"
        f"hooksPath = {hook.parent}\nattributesFile = "
        f"{sealed}/attributes\n[i18n]\ncommitEncoding = latin1\n"
        "[init]\ndefaultBranch = trunk\ndefaultObjectFormat = sha256\n"
    )
    (sealed / "attributes").write_text("*.nix binary\n")
    for name, value in {
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_WORK_TREE": "/",
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_AUTHOR_DATE": "@1 +0500",
        "GIT_EXTERNAL_DIFF": "false",
        "GIT_DIFF_OPTS": "--unified=0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "diff.noprefix",
        "GIT_CONFIG_VALUE_0": "true",
        "LC_ALL": "de_DE.UTF-8",
        "TZ": "Asia/Tokyo",
    }.items():
        monkeypatch.setenv(name, value)
    assert mailing.series(COMMITS, target, committed=1700000000) == series
    stacked = patching.stack({target: BEFORE}, series.patches)
    assert (stacked.failure, stacked.after) == (
        None,
        ({target: LIFTED}, {target: DEMOTED}),
    )


def test_content_is_kept_byte_for_byte(target: PurePosixPath) -> None:
    before = b"a\n\xc3\xbc\tb \nlast line without an end"
    after = before.replace(b"a", b"c") + b"\n"
    made = mailing.series(
        [Commit(subject="docker: end", body="x", before=before, after=after)], target
    )
    assert patching.stack({target: before}, made.patches).after == ({target: after},)
    assert patching.apply(before, target, made.upstream_diff) == after


def test_a_series_that_does_not_apply_is_told_with_gits_reason(
    series: Mails, target: PurePosixPath
) -> None:
    moved = BEFORE.replace(b"line 149\n", b"line of somebody else\n")
    stacked = patching.stack({target: moved}, series.patches)
    assert stacked.failure == f"patch failed: {target}:148"
    assert stacked.after == ({target: moved.replace(b"line 7\n", b"line seven\n")},)


def test_a_patch_of_the_file_is_applied_and_taken_back(
    series: Mails, target: PurePosixPath
) -> None:
    patched = patching.apply(BEFORE, target, series.upstream_diff)
    assert patched == DEMOTED
    assert patching.apply(DEMOTED, target, series.upstream_diff, reverse=True) == BEFORE
    # Mails on end are one patch.
    patch = b"".join(patch.content for patch in series.patches)
    assert patching.apply(BEFORE, target, patch) == DEMOTED
    assert diffs.touched(patch) == (target,)


def test_patch_leaves_out_and_names_other_files(
    pinned: Repository, target: PurePosixPath
) -> None:
    pinned.commit(
        {
            str(target): LIFTED,
            "lib/default.nix": "{ a = 1; }\n",
            "lib/new file.nix": "{ }\n",
        }
    )
    patch = subprocess.run(
        ["git", "-C", pinned.path, "show", "HEAD"], capture_output=True, check=True
    ).stdout
    patched = patching.apply(BEFORE, target, patch)
    assert patched == LIFTED
    assert set(map(str, diffs.touched(patch))) == {
        str(target),
        "lib/default.nix",
        "lib/new file.nix",
    }


@pytest.mark.parametrize("patch", [b"", b"no patch\n", b"\0\xff"])
def test_file_that_is_no_patch_is_refused(target: PurePosixPath, patch: bytes) -> None:
    with pytest.raises(ToolkitError, match=r"^patch: contains no diff$"):
        patching.apply(BEFORE, target, patch)


def test_patch_that_does_not_apply_or_deletes_the_file_is_refused(
    series: Mails, pinned: Repository, target: PurePosixPath
) -> None:
    with pytest.raises(
        ToolkitError,
        match=rf"^patch: does not apply to this nixpkgs: patch failed: {target}:5$",
    ):
        patching.apply(DEMOTED, target, series.upstream_diff)
    with pytest.raises(
        ToolkitError, match=r"^patch: does not apply to this nixpkgs: corrupt patch at"
    ):
        patching.apply(BEFORE, target, series.upstream_diff[:-30])
    pinned.git("rm", "--quiet", str(target))
    with pytest.raises(ToolkitError, match=rf"^patch: deletes '{target}'$"):
        patching.apply(BEFORE, target, pinned.git("diff", "--cached").encode() + b"\n")


def test_a_repository_around_the_temporary_directory_does_no_harm(
    series: Mails,
    target: PurePosixPath,
    pinned: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(pinned.path))
    assert patching.apply(BEFORE, target, series.upstream_diff) == DEMOTED
    assert patching.stack({target: BEFORE}, series.patches).failure is None
    assert pinned.git("status", "--porcelain") == ""
    assert sorted(path.name for path in pinned.path.iterdir()) == [
        ".git",
        "README.md",
        "lib",
        "pkgs",
    ]


def mail() -> Patch:
    return mailing.addition(SEVERAL, number=7, committed=1_700_000_000)


def test_commit_of_several_files_becomes_a_mail_and_is_read_back() -> None:
    made = mail()
    assert made == mail()
    assert made.name == "0007-a-change.patch"
    assert b"\nSubject: [PATCH] a: change\n\nBecause.\n---\n" in made.content
    assert set(diffs.touched(made.content)) == set(FILES_AFTER)
    assert set(patching.changes(made.content, FILES.get)) == set(SEVERAL.files)


def test_mails_are_applied_one_after_the_other() -> None:
    change = FileChange(path=OLD, before=b"1\n2\n3\n4\n", after=b"1\n4\n")
    second = mailing.addition(
        TreeCommit(subject="b: change", body="Too.", files=(change,)), number=8
    )
    stacked = patching.stack(FILES, (mail(), second))
    assert (stacked.failure, stacked.after) == (
        None,
        (FILES_AFTER, {**FILES_AFTER, OLD: b"1\n4\n"}),
    )


def test_mail_that_does_not_apply_is_told_with_gits_reason() -> None:
    stacked = patching.stack({**FILES, OLD: b"9\n"}, (mail(),))
    assert stacked.failure is not None
    assert "old" in stacked.failure
    with pytest.raises(ToolkitError) as caught:
        patching.changes(mail().content, {**FILES, OLD: b"9\n"}.get)
    assert caught.value.message.startswith("patch: does not apply to this nixpkgs: ")
    with pytest.raises(ToolkitError):
        patching.changes(mail().content, lambda _: None)


def test_path_that_git_quotes_is_read_as_git_does() -> None:
    name = r'"a/\303\251.nix"'
    other = name.replace('"a/', '"b/')
    diff = (
        f"diff --git {name} {other}\n--- {name}\n+++ {other}\n@@ -1 +1 @@\n-a\n+b\n"
    ).encode()
    assert diffs.touched(diff) == (PurePosixPath("é.nix"),)
