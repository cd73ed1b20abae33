import os
import subprocess
from collections.abc import Callable, Generator
from pathlib import PurePosixPath

import pytest

from tests.clones import REMOTE, TARGET, Clone, git, objects, snapshot
from toolkit.errors import ToolkitError
from toolkit.git import clone as clones
from toolkit.git import committing
from toolkit.git.committing import Workshop
from toolkit.model import FileChange, Oid

MESSAGE = (
    "docker: wörds\n\n# No comment.\n\n\n------------------------ >8 "
    "------------------------\nAll of it.\n"
)


def change(path: str, after: str | bytes, before: bytes | None = b"") -> FileChange:
    content = after if isinstance(after, bytes) else after.encode()
    return FileChange(path=PurePosixPath(path), before=before, after=content)


@pytest.fixture
def clone(new_clone: Callable[..., Clone]) -> Clone:
    return new_clone()


@pytest.fixture
def shop(clone: Clone) -> Generator[Workshop]:
    with committing.workshop(clones.open_clone(clone.repo, REMOTE)) as shop:
        yield shop


def head(clone: Clone, rev: str = "HEAD") -> Oid:
    return Oid(clone.git("rev-parse", rev))


class TestCommit:
    def test_files_are_changed_added_and_keep_their_modes(
        self, clone: Clone, shop: Workshop
    ) -> None:
        executable = f"{TARGET.rpartition('/')[0]}/update.sh"
        mode = clone.git("ls-tree", "HEAD", executable).split()[0]
        files = [
            change(TARGET, "docker\n"),
            change(executable, "script\n"),
            change('a new/"file"\t*', b"\0\r\n"),
        ]
        oid = shop.commit(head(clone), files, MESSAGE)
        shop.keep()
        assert clone.git("rev-parse", f"{oid}^") == str(head(clone))
        names = (
            clone.git(
                "diff-tree", "-r", "-z", "--name-only", "--no-commit-id", str(oid)
            )
            .strip("\0")
            .split("\0")
        )
        assert sorted(names) == sorted(str(file.path) for file in files)
        for file in files:
            raw = subprocess.run(
                ["git", "-C", clone.top, "cat-file", "blob", f"{oid}:{file.path}"],
                check=True,
                capture_output=True,
            )
            assert raw.stdout == file.after
        assert mode == "100755"
        assert clone.git("ls-tree", str(oid), executable).split()[0] == mode

    def test_message_is_as_it_was_given(self, clone: Clone, shop: Workshop) -> None:
        clone.configure(
            commit__cleanup="scissors",
            core__commentChar="d",
            i18n__commitEncoding="latin1",
        )
        oid = shop.commit(head(clone), [change(TARGET, "docker\n")], MESSAGE)
        raw = shop.run("cat-file", "commit", str(oid))
        assert raw.partition("\n\n")[2] + "\n" == MESSAGE
        assert "\nencoding " not in raw

    def test_clone_gets_nothing_until_it_is_told_to_keep_it(
        self, clone: Clone, jane: str
    ) -> None:
        before, had = snapshot(clone), objects(clone)
        with committing.workshop(clones.open_clone(clone.repo, REMOTE)) as shop:
            oid = shop.commit(head(clone), [change(TARGET, "docker\n")], MESSAGE)
            place = shop.directory
            assert objects(clone) == had
            shop.keep()
        assert not place.exists()
        assert snapshot(clone) == before
        # A blob, five trees, a commit.
        assert len(objects(clone) - had) == 7
        assert clone.git("log", "-1", "--format=%an <%ae>", str(oid)) == jane

    def test_identity_of_a_worktree_counts_there(self, clone: Clone) -> None:
        other = clone.top.with_name("linked")
        clone.git("worktree", "add", "--quiet", "-b", "linked", other)
        clone.configure(extensions__worktreeConfig="true")
        git(other, "config", "--worktree", "user.email", "other@example.org")
        opened = clones.open_clone(other, REMOTE)
        with committing.workshop(opened) as shop:
            oid = shop.commit(head(clone), [change(TARGET, "docker\n")], MESSAGE)
            assert (
                shop.run("log", "-1", "--format=%ae %ce", str(oid))
                == "other@example.org other@example.org"
            )
        assert clones.people(opened)["author"].endswith("<other@example.org>")

    def test_author_and_committer_may_differ(
        self, clone: Clone, shop: Workshop
    ) -> None:
        clone.configure(author__name="Author", committer__email="committer@example.org")
        oid = shop.commit(head(clone), [change(TARGET, "docker\n")], MESSAGE)
        said = shop.run("log", "-1", "--format=%an <%ae>, %cn <%ce>", str(oid))
        assert said == "Author <jane@example.org>, Jané Doe <committer@example.org>"
        assert clones.people(shop.clone)["author"] == "Author <jane@example.org>"

    def test_full_disk_is_one_line(
        self,
        clone: Clone,
        shop: Workshop,
        full_disk: Callable[[], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        shop.commit(head(clone), [change(TARGET, os.urandom(20000))], MESSAGE)
        before = snapshot(clone)
        # Where the core of a program that is ended by the limit would go.
        monkeypatch.chdir(shop.directory)
        full_disk()
        with pytest.raises(
            ToolkitError, match=r"^.*/src/nixpkgs: git cannot write to it: "
        ) as caught:
            shop.keep()
        assert "\n" not in str(caught.value)
        assert snapshot(clone) == before


class TestSignature:
    def test_configuration_decides(self, clone: Clone) -> None:
        signers = clone.sign()
        opened = clones.open_clone(clone.repo, REMOTE)
        with committing.workshop(opened) as shop:
            oid = shop.commit(head(clone), [change(TARGET, "docker\n")], MESSAGE)
            assert shop.run("log", "-1", "--format=%G?", str(oid)) == "G"
        assert signers.is_file()

    @pytest.mark.parametrize("how", ["ssh", "gpg"])
    def test_failure_is_one_line(self, clone: Clone, how: str) -> None:
        if how == "ssh":
            clone.sign(working=False)
        else:
            clone.configure(commit__gpgSign="true", gpg__program="/bin/false")
        had = objects(clone)
        with committing.workshop(clones.open_clone(clone.repo, REMOTE)) as shop:
            with pytest.raises(
                ToolkitError, match=r"git cannot sign the commit: "
            ) as caught:
                shop.commit(head(clone), [change(TARGET, "docker\n")], MESSAGE)
            assert "commit.gpgSign false" in str(caught.value.hint)
            assert "\n" not in str(caught.value)
        assert objects(clone) == had


class TestPick:
    def mine(
        self,
        clone: Clone,
        name: str,
        content: str,
        message: str = "mine: wörds",
        *,
        encoding: str = "utf-8",
    ) -> Oid:
        clone.write(name, content)
        clone.git("add", "--all")
        text = clone.upstream.with_name("message")
        text.write_text(message, encoding=encoding)
        how = (
            f"--file={text}",
            "--cleanup=verbatim",
            "--author=Jo <jo@example.org>",
            "--date=@1500000000 +0200",
        )
        clone.git("commit", "--quiet", *how)
        return head(clone)

    def test_author_date_and_message_stay(self, clone: Clone, shop: Workshop) -> None:
        base = head(clone)
        clone.configure(
            i18n__commitEncoding="latin1",
            i18n__logOutputEncoding="latin1",
            log__showSignature="true",
            log__date="relative",
            color__ui="always",
        )
        message = "mine: wörds\n\n#1\n\nEnd.\n"
        (mine,) = shop.recorded(
            base, self.mine(clone, "mine", "mine\n", message, encoding="latin-1")
        )
        picked = shop.pick(mine, head(clone, "upstream/newer"))
        assert picked is not None
        said = shop.run(
            "log",
            "-1",
            "--format=%an <%ae> %ad|%B",
            "--date=raw",
            "--no-color",
            "--encoding=UTF-8",
            str(picked),
        )
        assert (
            said.rstrip("\n")
            == "Jo <jo@example.org> 1500000000 +0200|mine: wörds\n\n#1\n\nEnd."
        )
        assert shop.content(picked, PurePosixPath("mine")) == b"mine\n"
        assert shop.content(picked, PurePosixPath("README.md")) == b"second\n"

    def test_commit_that_is_there_already_is_itself_or_nothing(
        self, clone: Clone, shop: Workshop
    ) -> None:
        base = head(clone)
        (mine,) = shop.recorded(base, self.mine(clone, "README.md", "second\n"))
        assert shop.pick(mine, base) == mine.hexsha
        assert shop.pick(mine, head(clone, "upstream/newer")) is None

    def test_conflict_names_commit_and_files(
        self, clone: Clone, shop: Workshop
    ) -> None:
        base = head(clone)
        clone.write("big/file", "mine\n")
        (mine,) = shop.recorded(base, self.mine(clone, "README.md", "mine\n"))
        with pytest.raises(ToolkitError) as caught:
            shop.pick(mine, head(clone, "upstream/newer"))
        assert str(caught.value).endswith(
            f"commit {mine.hexsha[:12]} 'mine: wörds' conflicts in README.md, big/file"
        )
        assert f"git rebase --interactive {base[:12]} " in str(caught.value.hint)

    def test_deletions_modes_and_links_are_carried(
        self, clone: Clone, shop: Workshop
    ) -> None:
        base = head(clone)
        clone.git("rm", "--quiet", ".version")
        (clone.top / "default.nix").chmod(0o755)
        (clone.top / "link").symlink_to("default.nix")
        (mine,) = shop.recorded(base, self.mine(clone, "mine", "mine\n"))
        picked = shop.pick(mine, head(clone, "upstream/newer"))
        listed = shop.run(
            "diff-tree", "-r", "--no-commit-id", "--raw", f"{picked}^", str(picked)
        )
        assert [line.split()[1] + line.split()[4] for line in listed.splitlines()] == [
            "000000D",
            "100755M",
            "120000A",
            "100644A",
        ]

    def test_commit_that_git_would_sign_is_signed_again(self, clone: Clone) -> None:
        base = head(clone)
        clone.sign()
        tip = self.mine(clone, "mine", "mine\n")
        with committing.workshop(clones.open_clone(clone.repo, REMOTE)) as shop:
            (mine,) = shop.recorded(base, tip)
            picked = shop.pick(mine, head(clone, "upstream/newer"))
            assert shop.run("log", "-1", "--format=%G?", str(picked)) == "G"


class TestHistory:
    def test_file_that_a_commit_has_not(self, clone: Clone, shop: Workshop) -> None:
        with pytest.raises(
            ToolkitError, match=rf"commit {head(clone).short} has no file 'nowhere'"
        ):
            shop.content(head(clone), PurePosixPath("nowhere"))
