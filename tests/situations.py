"""The states that clones get into, each made by a function from one that makes a clone."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from tests.clones import BRANCH, TARGET, Clone, git


def _clean(make: Callable[..., Clone]) -> Clone:
    return make()


def _dirty(make: Callable[..., Clone]) -> Clone:
    """Modified, staged, added, deleted, renamed, untracked, ignored, and entries on the stash."""
    clone = make()
    for number in range(2):
        clone.write("README.md", f"stashed {number}\n")
        clone.git("stash", "push", "--quiet", "--message", f"mine {number}")
    clone.write(TARGET, "my own docker\n")
    clone.git("add", TARGET)
    clone.write(TARGET, "my own docker, later\n")
    clone.write("README.md", "mine\n")
    clone.write("new", "staged\n")
    clone.git("add", "new")
    clone.write("intended", "intended\n")
    clone.git("add", "--intent-to-add", "intended")
    clone.git("mv", "big/file", "big/moved")
    clone.git("rm", "--quiet", ".version")
    clone.write("untracked/file", "mine\n")
    clone.write("ignored/file", "mine\n")
    (clone.top / "result").symlink_to("/nix/store/nowhere")
    clone.git("update-index", "--assume-unchanged", "default.nix")
    return clone


def _merging(make: Callable[..., Clone]) -> Clone:
    clone = _with_my_commit(make)
    _expect_failure(clone, "merge", "upstream/newer")
    assert (clone.common / "MERGE_HEAD").is_file()
    return clone


def _detached(make: Callable[..., Clone]) -> Clone:
    clone = make()
    clone.git("checkout", "--quiet", "--detach", "HEAD~1")
    return clone


def _unborn(make: Callable[..., Clone]) -> Clone:
    clone = make()
    clone.git("checkout", "--quiet", "--orphan", "unborn")
    return clone


def _shallow(make: Callable[..., Clone]) -> Clone:
    clone = make("--depth=1", "--no-single-branch")
    assert (clone.common / "shallow").is_file()
    return clone


def _partial(make: Callable[..., Clone]) -> Clone:
    return make("--filter=blob:none")


def _sparse_cone(make: Callable[..., Clone]) -> Clone:
    clone = make("--sparse")
    clone.git("sparse-checkout", "set", "--cone", "lib")
    assert not (clone.top / "pkgs").exists()
    return clone


def _sparse_patterns(make: Callable[..., Clone]) -> Clone:
    clone = make("--no-checkout")
    clone.git("sparse-checkout", "set", "--no-cone", "/lib/*", "!/.version", "/*.md")
    clone.git("checkout", "--quiet", "master")
    return clone


def _linked(make: Callable[..., Clone]) -> Clone:
    """A worktree beside the main one, with settings of its own, and changes."""
    clone = make()
    other = clone.top.with_name("linked")
    clone.git("worktree", "add", "--quiet", "-b", "linked", other)
    clone.configure(extensions__worktreeConfig="true")
    git(other, "config", "--worktree", "core.quotePath", "false")
    (other / "README.md").write_text("mine\n")
    return replace(clone, repo=other)


def _others(make: Callable[..., Clone]) -> Clone:
    """Other worktrees: one locked, one detached, one whose directory is gone."""
    clone = make()
    for name in ("locked", "detached", "gone"):
        how = ("--detach",) if name == "detached" else ("-b", name)
        clone.git("worktree", "add", "--quiet", *how, clone.top.with_name(name))
    clone.git("worktree", "lock", "--reason", "on a stick\nthat is away", clone.top.with_name("locked"))
    shutil.rmtree(clone.top.with_name("gone"))
    clone.configure(gc__worktreePruneExpire="now")
    return clone


def _bare(make: Callable[..., Clone]) -> Clone:
    # Its own branches are those of its remote.
    return make("--bare", name="nixpkgs.git")


def _bare_with_worktree(make: Callable[..., Clone]) -> Clone:
    clone = make("--bare", name="nixpkgs.git")
    other = clone.top.with_name("linked")
    clone.git("worktree", "add", "--quiet", "-b", "linked", other)
    return replace(clone, repo=other)


def _apart(make: Callable[..., Clone]) -> Clone:
    """The git directory is elsewhere, and the config a link."""
    clone = make()
    git_directory = clone.top.parent / "apart.git"
    clone.git("init", "--quiet", f"--separate-git-dir={git_directory}")
    (git_directory / "config").rename(git_directory.with_name("config"))
    (git_directory / "config").symlink_to("../config")
    return clone


def _borrowing(make: Callable[..., Clone]) -> Clone:
    """All objects are another repository's, named by a path relative to this one."""
    clone = make()
    place = clone.common / "objects"
    shutil.rmtree(place)
    (place / "info").mkdir(parents=True)
    (place / "info" / "alternates").write_text(f"{os.path.relpath(clone.upstream / 'objects', place)}\n")
    clone.git("fsck", "--connectivity-only")
    return clone


def _reftable(make: Callable[..., Clone]) -> Clone:
    clone = make("--ref-format=reftable")
    assert (clone.common / "reftable").is_dir()
    return clone


def _hooked(make: Callable[..., Clone]) -> Clone:
    clone = make()
    clone.install_hooks()
    return clone


def _configured(make: Callable[..., Clone]) -> Clone:
    """Line ends, messages, names of branches."""
    clone = make()
    template = clone.top.with_name("template")
    template.write_text("# mine\n")
    attributes = clone.top.with_name("attributes")
    attributes.write_text("* text=auto eol=crlf ident\n*.md filter=loud\n")
    clone.configure(
        branch__autoSetupMerge="always",
        branch__autoSetupRebase="always",
        checkout__defaultRemote="origin",
        color__ui="always",
        commit__cleanup="scissors",
        commit__status="false",
        commit__template=str(template),
        commit__verbose="true",
        core__attributesFile=str(attributes),
        core__autocrlf="true",
        core__commentChar="d",
        core__eol="crlf",
        core__quotePath="false",
        core__safecrlf="true",
        diff__external="false",
        diff__noprefix="true",
        filter__loud__smudge="tr a-z A-Z",
        format__pretty="raw",
        i18n__commitEncoding="latin1",
        i18n__logOutputEncoding="latin1",
        log__date="relative",
        log__showSignature="true",
        merge__conflictStyle="diff3",
        push__autoSetupRemote="true",
        rerere__enabled="true",
        status__showUntrackedFiles="no",
        worktree__guessRemote="true",
    )
    return clone


def _input(make: Callable[..., Clone]) -> Clone:
    """How the index is kept, and that housekeeping is due at once."""
    clone = make()
    clone.configure(
        core__autocrlf="input",
        core__fsmonitor=str(clone.upstream.parent.parent / "monitor"),
        core__logAllRefUpdates="false",
        core__splitIndex="true",
        core__untrackedCache="true",
        core__whitespace="cr-at-eol",
        feature__manyFiles="true",
        gc__auto="1",
        gc__autoPackLimit="1",
        gc__autoDetach="false",
        index__threads="1",
        maintenance__auto="true",
    )
    monitor = clone.upstream.parent.parent / "monitor"
    monitor.write_text(f"#!/bin/sh\necho fsmonitor >>'{clone.upstream.parent.parent}/ran'\nexit 1\n")
    monitor.chmod(0o755)
    clone.git("update-index", "--split-index", "--untracked-cache")
    (clone.upstream.parent.parent / "ran").unlink(missing_ok=True)
    return clone


def _packed(make: Callable[..., Clone]) -> Clone:
    """All packed, read-only, and a tag that is called as the branch will be."""
    clone = make()
    clone.git("tag", BRANCH, "HEAD~1")
    clone.git("gc", "--quiet", "--prune=now")
    clone.git("pack-refs", "--all")
    clone.git("commit-graph", "write", "--reachable")
    (clone.common / "config").chmod(0o400)
    return clone


def _with_my_commit(make: Callable[..., Clone]) -> Clone:
    clone = make()
    clone.git("checkout", "--quiet", "-b", "mine")
    clone.write("README.md", "mine\n")
    clone.git("commit", "--quiet", "--all", "--message=mine")
    return clone


def _expect_failure(clone: Clone, *arguments: str) -> None:
    run = subprocess.run(["git", "-C", clone.top, *arguments], capture_output=True, check=False)
    assert run.returncode == 1, run.stderr


# Each function takes one that makes a clone with options of git-clone, and returns the clone in its state.
SITUATIONS: Mapping[str, Callable[[Callable[..., Clone]], Clone]] = {
    function.__name__.strip("_").replace("_", "-"): function
    for function in (
        _clean,
        _dirty,
        _merging,
        _detached,
        _unborn,
        _shallow,
        _partial,
        _sparse_cone,
        _sparse_patterns,
        _linked,
        _others,
        _bare,
        _bare_with_worktree,
        _apart,
        _borrowing,
        _reftable,
        _hooked,
        _configured,
        _input,
        _packed,
    )
}
