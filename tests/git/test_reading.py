import os
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from tests.clones import git
from tests.remotes import Remote, Repository, state
from toolkit.errors import ToolkitError, UsageError
from toolkit.git import reading
from toolkit.model import Oid

NOBODY = 65534


def shown(repository: Path, commit: Oid, path: PurePosixPath) -> bytes:
    (content,) = reading.read_objects(repository, [f"{commit}:{path}"])
    return content


@pytest.mark.parametrize(
    "rev", ["HEAD", "master", "v1", "next", "HEAD~1", "v1^{}", "@"]
)
def test_a_rev_is_the_commit_that_git_says(clone: Repository, rev: str) -> None:
    located = reading.locate(clone.path, rev)
    assert str(located.commit) == clone.git("rev-parse", f"{rev}^{{commit}}")
    assert located.committed == 1700000000
    assert located.repository == clone.path / ".git"
    assert reading.locate(clone.path, rev).commit == located.commit


def test_name_of_no_single_commit_is_refused(clone: Repository) -> None:
    for rev in (
        "",
        "-x",
        "--all",
        "a b",
        "a\nb",
        "HEAD:lib",
        "a..b",
        ":/text",
        "HEAD^@",
        "HEAD^!",
    ):
        with pytest.raises(
            UsageError, match=r"^--rev: '.*' is not a commit, branch or tag$"
        ):
            reading.locate(clone.path, rev)


def test_a_branch_that_only_a_remote_has_is_found_unless_remotes_differ(
    clone: Repository, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", clone.path, copy], check=True)
    assert str(reading.locate(copy, "next").commit) == clone.git("rev-parse", "next")
    clone.git("branch", "--force", "next", "v1^{}")
    subprocess.run(
        ["git", "-C", copy, "remote", "add", "-f", "fork", clone.path], check=True
    )
    with pytest.raises(
        ToolkitError,
        match=r"'next' means a different commit in each of fork/next, origin/next",
    ):
        reading.locate(copy, "next")
    with pytest.raises(
        ToolkitError, match=r"copy: has no commit, branch or tag 'nixos-99'$"
    ) as raised:
        reading.locate(copy, "nixos-99")
    assert raised.value.hint == f"git -C {copy} fetch origin nixos-99"
    with pytest.raises(ToolkitError) as raised:
        reading.locate(copy, "HEAD~99")
    assert raised.value.hint == f"run 'git -C {copy} log --oneline' to list its commits"


def test_a_shallow_clone_without_the_rev_says_so(
    clone: Repository, tmp_path: Path
) -> None:
    first = clone.git("rev-parse", "v1^{}")
    subprocess.run(
        [
            "git",
            "clone",
            "--quiet",
            "--depth=1",
            clone.path.as_uri(),
            tmp_path / "shallow",
        ],
        check=True,
    )
    with pytest.raises(
        ToolkitError, match=rf"shallow: has no commit, branch or tag '{first}'"
    ) as raised:
        reading.locate(tmp_path / "shallow", first)
    subprocess.run(str(raised.value.hint).split(), check=True)
    assert str(reading.locate(tmp_path / "shallow", first).commit) == first


def test_directory_without_a_repository_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name, is_one in (("plain", False), ("file", True)):
        (tmp_path / name).mkdir()
        if is_one:
            (tmp_path / name / ".git").write_text("gitdir: /nonexistent\n")
        assert reading.is_repository(tmp_path / name) is is_one
        with pytest.raises(
            ToolkitError, match=rf"{name}: git cannot read it: not a git repository"
        ):
            reading.locate(tmp_path / name)


def test_a_worktree_reads_the_repository_that_it_belongs_to(
    clone: Repository, tmp_path: Path
) -> None:
    clone.git("worktree", "add", "--quiet", str(tmp_path / "worktree"), "next")
    assert reading.is_repository(tmp_path / "worktree")
    located = reading.locate(tmp_path / "worktree")
    assert str(located.commit) == clone.git("rev-parse", "next")
    assert located.repository == clone.path / ".git"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_repository_of_another_user_is_one_line_and_git_decides(
    clone: Repository, sealed: Path, target: PurePosixPath
) -> None:
    for path in (clone.path, *clone.path.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    with pytest.raises(
        ToolkitError, match=r"clone: the repository belongs to another user"
    ) as raised:
        reading.locate(clone.path)
    assert raised.value.hint == f"git config --global --add safe.directory {clone.path}"
    subprocess.run(str(raised.value.hint).split(), check=True)
    assert (sealed / ".gitconfig").exists()
    located = reading.locate(clone.path)
    assert shown(located.repository, located.commit, target) == b"{ docker = 1; }\n"


def test_contents_are_the_bytes_of_the_commit(
    clone: Repository, target: PurePosixPath
) -> None:
    content = b"\0\xff\r\n" * 50_000
    commit = Oid(clone.commit({"blob": content}))
    (clone.path / "blob").write_bytes(b"changed")
    assert shown(clone.path / ".git", commit, PurePosixPath("blob")) == content
    assert (
        shown(clone.path / ".git", reading.locate(clone.path, "v1").commit, target)
        == b"{ docker = 0; }\n"
    )


@pytest.mark.parametrize("path", ["gone", "lib", "README.md/x", "a b blob"])
def test_file_that_the_commit_lacks_is_none_or_named(
    clone: Repository, path: str
) -> None:
    commit = clone.git("rev-parse", "HEAD")
    names = [f"{commit}:{path}", f"{commit}:{path}.too", f"{commit}:README.md"]
    assert [
        found is None for found in reading.contents(clone.path / ".git", names)
    ] == [True, True, False]
    with pytest.raises(ToolkitError, match=rf"object '{names[0]}' is missing"):
        reading.read_objects(clone.path / ".git", names)


def test_export_writes_the_files_of_the_paths_as_they_are(
    clone: Repository, tmp_path: Path
) -> None:
    (clone.path / "lib" / "run").write_text("#!/bin/sh\n")
    (clone.path / "lib" / "run").chmod(0o755)
    (clone.path / "lib" / "link").symlink_to("default.nix")
    clone.commit(
        {
            "lib/.gitattributes": "* export-subst eol=crlf\n",
            "lib/sub st": "$Format:%H$\n",
            "lib/ü": "u\n",
        }
    )
    commit = reading.locate(clone.path, "HEAD").commit
    into = tmp_path / "into"
    before = state(clone.path)
    paths = [PurePosixPath("lib"), PurePosixPath("gone")]
    entries = reading.export(clone.path / ".git", commit, paths, into)
    assert state(clone.path) == before
    names = {
        ".gitattributes",
        "deep/er.nix",
        "default.nix",
        "link",
        "run",
        "sub st",
        "ü",
    }
    assert {str(entry.path) for entry in entries} == {f"lib/{name}" for name in names}
    assert {
        str(path.relative_to(into / "lib"))
        for path in into.rglob("*")
        if not path.is_dir()
    } == names
    assert (into / "lib" / "sub st").read_bytes() == b"$Format:%H$\n"
    assert (into / "lib" / "link").readlink() == Path("default.nix")
    assert os.access(into / "lib" / "run", os.X_OK)
    assert not (into / "lib" / "default.nix").stat().st_mode & 0o111


def test_export_leaves_submodules_out(clone: Repository, tmp_path: Path) -> None:
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib/module")
    clone.git("commit", "--quiet", "--message=module")
    commit = reading.locate(clone.path, "HEAD").commit
    reading.export(
        clone.path / ".git", commit, [PurePosixPath("lib")], tmp_path / "into"
    )
    assert not (tmp_path / "into" / "lib" / "module").exists()


def test_export_does_not_write_outside(clone: Repository, tmp_path: Path) -> None:
    blob = clone.git("rev-parse", "HEAD:lib/default.nix")
    inner = git(clone.path, "mktree", stdin=f"100644 blob {blob}\tescaped\n")
    outer = git(clone.path, "mktree", stdin=f"040000 tree {inner}\t..\n")
    commit = Oid(clone.git("commit-tree", outer, "-m", "evil"))
    with pytest.raises(ToolkitError, match=r"contains the unsafe path '\.\./escaped'"):
        reading.export(
            clone.path / ".git", commit, [PurePosixPath(".")], tmp_path / "into"
        )
    assert not (tmp_path / "escaped").exists()


def test_reading_fetches_nothing_that_a_partial_clone_lacks(
    clone: Repository, server: Remote, tmp_path: Path, target: PurePosixPath
) -> None:
    url = server.serve(clone, uploadpack__allowFilter="true")
    partial = tmp_path / "partial"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", "--filter=blob:none", url, partial],
        check=True,
    )
    before = state(partial)
    server.requests.clear()
    located = reading.locate(partial)
    with pytest.raises(
        ToolkitError, match=r"partial: (object .* is missing|git cannot read it)"
    ) as raised:
        shown(located.repository, located.commit, target)
    assert raised.value.hint is not None
    assert "name its remote instead" in raised.value.hint
    assert server.requests == []
    assert state(partial) == before


def test_reading_stops_at_the_limit_of_a_large_file(clone: Repository) -> None:
    (clone.path / "large").write_bytes(b"abc" * 1_000_000)
    clone.git("add", "large")
    clone.git("commit", "--quiet", "--message=large")
    head = clone.git("rev-parse", "HEAD")
    large, other = reading.contents(
        clone.path / ".git", [f"{head}:large", f"{head}:lib/default.nix"], most=4
    )
    assert large is not None
    assert large[1] == b"abcab"
    assert other is not None
    assert other[1] == b"{ }\n"


def made(place: Path, *options: str) -> None:
    subprocess.run(["git", "init", "--quiet", *options, place], check=True)
    subprocess.run(
        ["git", "-C", place, "commit", "--quiet", "--allow-empty", "--message=x"],
        check=True,
    )


@pytest.mark.parametrize("damage", ["cut", "other", "empty"])
def test_corrupt_file_is_one_line(tmp_path: Path, damage: str) -> None:
    made(tmp_path)
    (tmp_path / "file").write_text(str(os.urandom(999)))
    for arguments in (("add", "file"), ("commit", "--quiet", "--message=file")):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    located = reading.locate(tmp_path)
    (entry,) = reading.entries(
        located.repository, located.commit, [PurePosixPath("file")]
    )
    content = located.repository / "objects" / str(entry.blob)[:2] / str(entry.blob)[2:]
    content.chmod(0o644)
    content.write_bytes(
        {"cut": content.read_bytes()[:-8], "other": b"x" * 40, "empty": b""}[damage]
    )
    with pytest.raises(ToolkitError, match=r"\A[^\n]*(cannot read|is missing)[^\n]*\Z"):
        shown(located.repository, located.commit, PurePosixPath("file"))


def test_file_below_a_link_of_the_same_commit_is_not_written(
    clone: Repository, tmp_path: Path
) -> None:
    outside, into = tmp_path / "outside", tmp_path / "into"
    outside.mkdir()
    into.mkdir()
    # Git makes no such tree, but takes one for what it says.
    link, file = (
        git(clone.path, "hash-object", "-w", "--stdin", stdin=content)
        for content in (str(outside), "theirs")
    )

    def tree(*entries: str) -> str:
        return git(
            clone.path, "mktree", stdin="".join(f"{entry}\n" for entry in entries)
        )

    below = tree(f"100644 blob {file}\tb")
    both = tree(f"120000 blob {link}\ta", f"040000 tree {below}\ta")
    commit = Oid(clone.git("commit-tree", "-m", "theirs", both))
    with pytest.raises(ToolkitError, match=r"has the file 'a/b' below a link$"):
        reading.export(clone.path / ".git", commit, [PurePosixPath("a")], into)
    assert list(outside.iterdir()) == []
