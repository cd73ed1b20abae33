import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clones import REMOTE, Clone, git, objects, snapshot
from tests.remotes import Remote
from toolkit.errors import ToolkitError, UsageError
from toolkit.git import clone as clones
from toolkit.git import reading
from toolkit.model import Oid


@pytest.fixture
def clone(new_clone: Callable[..., Clone]) -> Clone:
    return new_clone()


def opened(clone: Clone) -> clones.Clone:
    return clones.open_clone(clone.repo, REMOTE)


class TestOpening:
    def test_clone_is_found_from_within_and_through_a_link(
        self, clone: Clone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = clones.open_clone(clone.top / "pkgs/top-level", REMOTE)
        assert (found.top, found.common, found.upstream, found.partial) == (
            clone.top,
            clone.top / ".git",
            "upstream",
            False,
        )
        assert set(found.remotes) == {"upstream", "origin"}
        link = clone.upstream.with_name("link")
        link.symlink_to(clone.top)
        monkeypatch.chdir(link.parent)
        assert clones.open_clone(link.relative_to(link.parent), REMOTE).top == clone.top

    def test_worktree_that_is_elsewhere_is_refused(
        self, clone: Clone, tmp_path: Path
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        git(clone.repo, "config", "core.worktree", str(elsewhere))
        with pytest.raises(
            ToolkitError, match=r"its core\.worktree points to another directory"
        ):
            opened(clone)

    def test_git_directory_elsewhere_is_that_of_a_worktree_or_is_refused(
        self, clone: Clone, tmp_path: Path
    ) -> None:
        (clone.top / ".git").rename(tmp_path / "moved.git")
        (clone.top / ".git").write_text(f"gitdir: {tmp_path / 'moved.git'}\n")
        assert opened(clone).common == tmp_path / "moved.git"
        (tmp_path / "secret").write_text("nobody-sees-this\n")
        for content in (f"gitdir: {tmp_path / 'secret'}\n", "nonsense"):
            (clone.top / ".git").write_text(content)
            with pytest.raises(ToolkitError) as caught:
                opened(clone)
            assert "nobody" not in str(caught.value)

    def test_list_of_shallow_commits_is_bounded(self, clone: Clone) -> None:
        (clone.top / ".git/shallow").symlink_to("/dev/zero")
        with pytest.raises(ToolkitError):
            clones.branches(clone.repo, REMOTE)

    def test_bare_repository_has_to_be_allowed(
        self, new_clone: Callable[..., Clone], sealed: Path
    ) -> None:
        clone = new_clone("--bare", name="nixpkgs.git")
        (sealed / ".gitconfig").write_text("[safe]\n\tbareRepository = explicit\n")
        with pytest.raises(
            ToolkitError, match=r"git cannot read it: cannot use bare repository"
        ):
            opened(clone)

    @pytest.mark.parametrize("place", ["nowhere", "file", ".git/objects/info"])
    def test_no_clone_is_one_line(self, clone: Clone, place: str) -> None:
        (clone.top / "file").touch()
        with pytest.raises(ToolkitError) as caught:
            clones.open_clone(clone.top / place, REMOTE)
        assert "\n" not in str(caught.value)


class TestRemotes:
    def test_upstream_is_known_by_its_end(self, clone: Clone) -> None:
        for url, is_upstream in {
            "https://github.com/NixOS/nixpkgs": True,
            "https://github.com/nixos/nixpkgs.git/": True,
            "git@github.com:NixOS/nixpkgs.git": True,
            "ssh://git@github.com/NixOS/nixpkgs": True,
            "gh:NixOS/nixpkgs": True,
            "/srv/mirrors/NixOS/nixpkgs.git": True,
            "https://github.com/jane/nixpkgs": False,
            "git@github.com:NixOS/nixpkgs-review.git": False,
        }.items():
            clone.git("remote", "set-url", "upstream", url)
            assert (opened(clone).upstream == "upstream") is is_upstream

    @pytest.mark.parametrize(
        ("urls", "base", "push"),
        [
            (
                {
                    "upstream": "github.com/NixOS/nixpkgs",
                    "origin": "github.com/jane/nixpkgs",
                },
                "upstream",
                "origin",
            ),
            (
                {
                    "upstream": "github.com/NixOS/nixpkgs",
                    "fork": "github.com/jane/nixpkgs",
                },
                "upstream",
                "fork",
            ),
            # The same repository by another URL.
            (
                {
                    "upstream": "github.com/NixOS/nixpkgs",
                    "origin": "mirror.example/NixOS/nixpkgs",
                },
                "upstream",
                None,
            ),
            # No host that is known.
            (
                {"upstream": "git.example/pkgs", "origin": "git.example/jane/pkgs"},
                "upstream",
                "origin",
            ),
            (
                {"origin": "git.example/pkgs", "upstream": "git.example/jane/pkgs"},
                "origin",
                "upstream",
            ),
            ({"upstream": "git.example/pkgs"}, "upstream", None),
            ({"origin": "git.example/pkgs"}, "origin", None),
            (
                {"origin": "git.example/pkgs", "mirror": "git.example/pkgs.git"},
                "origin",
                None,
            ),
            ({"origin": "git.example/pkgs"}, None, None),
            # A clone of a fork alone.
            ({"origin": "github.com/jane/nixpkgs"}, "origin", "origin"),
            ({}, None, None),
        ],
    )
    def test_push_remote_is_never_the_remote_of_the_base(
        self, clone: Clone, urls: dict[str, str], base: str | None, push: str | None
    ) -> None:
        branch = clones.Base(
            name="x", commit=Oid(clone.git("rev-parse", "HEAD")), remote=base
        )
        for name in ("upstream", "origin"):
            clone.git("remote", "remove", name)
        for name, place in urls.items():
            clone.git("remote", "add", name, f"https://{place}")
        assert clones.push_remote(opened(clone), branch) == push
        clone.configure(remote__pushDefault=base or "elsewhere")
        assert clones.push_remote(opened(clone), branch) == (
            push if base is not None else "elsewhere"
        )

    @pytest.mark.parametrize(
        ("name", "remote"),
        [("master", "upstream"), ("origin/x", "origin"), ("HEAD", None)],
    )
    def test_remote_of_a_base_is_known(
        self, clone: Clone, name: str, remote: str | None
    ) -> None:
        for each in ("upstream", "origin"):
            clone.git("remote", "set-url", each, f"https://git.example/{each}")
            clone.git("update-ref", f"refs/remotes/{each}/master", "HEAD")
        clone.git("update-ref", "refs/remotes/origin/x", "HEAD")
        assert clones.find_base(opened(clone), name).remote == remote

    def test_owner_is_known_on_github(self) -> None:
        for url, owner in {
            "git@github.com:jane/nixpkgs.git": "jane",
            "https://token@github.com/jane/nixpkgs": "jane",
            "ssh://git@github.com/jane/nixpkgs": "jane",
            "https://example.org/github.community/jane/nixpkgs": None,
            "/home/jane/nixpkgs.git": None,
        }.items():
            assert clones.github_owner(url) == owner


class TestBase:
    def test_name_is_a_commit(self, clone: Clone) -> None:
        clone.git("branch", "mine")
        clone.git("tag", "--annotate", "--message=v1", "v1")
        newer = clone.git("rev-parse", "upstream/newer")
        for name, called, branch in (
            ("upstream/master", "upstream/master", "master"),
            ("trunk", "upstream/trunk", "trunk"),
            ("mine", "mine", "mine"),
            ("HEAD", "HEAD", None),
            ("v1", "v1", None),
            ("HEAD~0", "HEAD~0", None),
            (newer, newer, None),
            (newer[:9], newer[:9], None),
        ):
            base = clones.find_base(opened(clone), name)
            assert (base.name, base.branch) == (called, branch)
            assert str(base.commit) == clone.git(
                "rev-parse", f"{name}^{{commit}}" if name != "trunk" else called
            )
        # A remote's branch is preferred to a local one.
        clone.git("update-ref", "refs/heads/master", "HEAD~1")
        base = clones.find_base(opened(clone), "master")
        assert (base.name, str(base.commit)) == (
            "upstream/master",
            clone.git("rev-parse", "upstream/master"),
        )

    def test_unknown_one_is_told_with_those_that_are_there(self, clone: Clone) -> None:
        with pytest.raises(
            ToolkitError, match=r"has no branch, tag or commit 'main'"
        ) as caught:
            clones.find_base(opened(clone), "main")
        assert str(caught.value.hint).startswith(
            "name one that exists with --base NAME"
        )

    def test_base_must_be_the_name_of_a_commit(self, clone: Clone) -> None:
        for name in ("", "-x", "a b", "a..b", "HEAD:README.md", "@{-1}^-", "a\nb"):
            with pytest.raises(UsageError, match=r"^--base: "):
                clones.find_base(opened(clone), name)
        with pytest.raises(ToolkitError):
            clones.find_base(opened(clone), clone.git("rev-parse", "HEAD:README.md"))


class TestIdentity:
    def test_configuration_of_the_clone_comes_first(
        self, clone: Clone, jane: str
    ) -> None:
        assert set(clones.people(opened(clone)).values()) == {jane}
        clone.configure(user__email="jane@work.example.org")
        assert (
            clones.people(opened(clone))["author"] == "Jané Doe <jane@work.example.org>"
        )

    def test_nobody_is_made_up(
        self, clone: Clone, sealed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EMAIL", "jane@machine.example.org")
        for config in (
            "",
            "[user]\n\tname = Jane\n",
            "[user]\n\temail = jane@example.org\n",
            "[user]\n\tname = Jane\n\temail =\n",
            "[user]\n\tname = <>\n\temail = jane@example.org\n",
            "[user]\n\tuseConfigOnly = false\n",
            "[author]\n\tname = Jane\n\temail = jane@example.org\n",
        ):
            (sealed / ".gitconfig").write_text(config)
            with pytest.raises(
                ToolkitError, match=r"git has no name and address for the commits"
            ) as caught:
                clones.people(opened(clone))
            assert "git config --global user.name" in str(caught.value.hint)

    @pytest.mark.parametrize("role", ["author", "committer"])
    def test_author_needs_an_address_that_upstream_accepts(
        self, clone: Clone, role: str
    ) -> None:
        clone.git("config", f"{role}.email", "jane")
        with pytest.raises(
            ToolkitError,
            match=rf": the email address of the {role} 'Jané Doe <jane>' has no @$",
        ):
            clones.people(opened(clone))


class TestBranches:
    def test_commit_of_a_branch(self, clone: Clone) -> None:
        clone.git("tag", "docker")
        assert clones.branch_commit(opened(clone), "docker") is None
        clone.git("branch", "docker", "HEAD~1")
        assert str(clones.branch_commit(opened(clone), "docker")) == clone.git(
            "rev-parse", "HEAD~1"
        )

    def test_branch_needs_a_name_that_git_accepts(self, clone: Clone) -> None:
        clone.git("checkout", "--quiet", "trunk")
        for name in (
            "",
            "-x",
            "@{-1}",
            "@{u}",
            "a b",
            "a..b",
            "HEAD",
            "a.lock",
            "/a",
            "a/",
            "a~1",
        ):
            with pytest.raises(UsageError, match=r"^--branch: "):
                clones.branch_commit(opened(clone), name)


class TestFetching:
    def test_only_the_branches_that_are_asked_for_move(self, clone: Clone) -> None:
        git(clone.upstream, "tag", "v2", "newer")
        for name in ("master", "trunk"):
            git(clone.upstream, "update-ref", f"refs/heads/{name}", "newer")
        clone.git("tag", "mine")
        clone.install_hooks()
        clone.configure(
            fetch__prune="true",
            fetch__pruneTags="true",
            gc__auto="1",
            remote__upstream__tagOpt="--tags",
        )
        before = snapshot(clone)
        clones.fetch_branches(opened(clone), ["master"])
        after = snapshot(clone)
        assert clone.git("rev-parse", "upstream/master") == git(
            clone.upstream, "rev-parse", "newer"
        )
        changed = {
            name
            for name in before.keys() | after.keys()
            if before.get(name) != after.get(name)
        }
        assert changed == {
            "refs",
            "git/FETCH_HEAD",
            "git/refs/remotes/upstream/master",
            "git/logs/refs/remotes/upstream/master",
        }
        assert clone.git("tag") == "mine"
        assert clone.hooks_run == []

    def test_remote_is_the_one_in_the_name(self, clone: Clone) -> None:
        git(
            clone.upstream.parent.parent / "jane" / "nixpkgs.git",
            "update-ref",
            "refs/heads/mine",
            "newer",
        )
        clones.fetch_branches(opened(clone), ["origin/mine", "trunk", "upstream/fixed"])
        assert clone.git("rev-parse", "origin/mine") == clone.git(
            "rev-parse", "upstream/newer"
        )

    def test_error_for_a_missing_commit_is_one_line(self, clone: Clone) -> None:
        with pytest.raises(
            ToolkitError,
            match=r"cannot fetch from 'upstream': couldn't find remote ref",
        ) as caught:
            clones.fetch_branches(opened(clone), ["nowhere"])
        assert "\n" not in str(caught.value)
        for name in ("upstream", "origin"):
            clone.git("remote", "remove", name)
        with pytest.raises(ToolkitError, match="has no remote to fetch from"):
            clones.fetch_branches(opened(clone), ["master"])

    def test_partial_clone_gets_what_it_lacks_alone(
        self, upstream: Path, tmp_path: Path, jane: str, server: Remote
    ) -> None:
        assert jane
        shutil.copytree(upstream, server.root / "NixOS" / "nixpkgs.git")
        top = tmp_path / "partial"
        git(
            tmp_path,
            "clone",
            "--quiet",
            "--filter=blob:none",
            "--no-checkout",
            f"{server.url}/NixOS/nixpkgs.git",
            top,
        )
        clone = clones.open_clone(top, REMOTE)
        commit = clones.find_base(clone, "newer").commit
        asked = len(server.requests)
        missing = reading.missing_files(clone.common, commit)
        assert missing
        assert len(server.requests) == asked
        refs = git(top, "for-each-ref")
        clones.fetch_files(clone, commit)
        assert len(server.requests) > asked
        assert reading.missing_files(clone.common, commit) == ()
        assert git(top, "for-each-ref") == refs
        assert not (clone.common / "FETCH_HEAD").exists()
        # Nothing more to ask for.
        asked = len(server.requests)
        clones.fetch_files(clone, commit)
        assert len(server.requests) == asked

    def test_clone_without_trees_is_one_line(
        self, new_clone: Callable[..., Clone]
    ) -> None:
        clone = new_clone("--filter=tree:0", "--no-checkout")
        had = objects(clone)
        with pytest.raises(ToolkitError) as caught:
            reading.missing_files(
                opened(clone).common, Oid(clone.git("rev-parse", "HEAD"))
            )
        assert "\n" not in str(caught.value)
        assert objects(clone) == had
