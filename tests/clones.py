"""Clones of nixpkgs as contributors have them, and what has to stay of each."""

import os
import shutil
import subprocess
from pathlib import Path, PurePath

from msgspec import Struct

from tests import specimens
from toolkit import specimen

TARGET = "pkgs/applications/virtualization/docker/default.nix"
NOTES = "pkgs/by-name/no/notes-server/package.nix"
BRANCH = "docker-overridable-components"
REMOTE = "https://github.com/NixOS/nixpkgs.git"

HOOKS = (
    *(
        "applypatch-msg",
        "commit-msg",
        "fsmonitor-watchman",
        "post-applypatch",
        "post-checkout",
        "post-commit",
    ),
    *(
        "post-index-change",
        "post-merge",
        "post-rewrite",
        "pre-applypatch",
        "pre-auto-gc",
        "pre-commit",
    ),
    *(
        "pre-merge-commit",
        "pre-push",
        "pre-rebase",
        "prepare-commit-msg",
        "push-to-checkout",
        "reference-transaction",
    ),
    "sendemail-validate",
)


def git(
    directory: Path, *arguments: str | Path, stdin: str | None = None, **env: str
) -> str:
    """Run git and return what it printed."""
    run = subprocess.run(
        ["git", "-C", directory, *arguments],
        env={**os.environ, **env},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, (arguments, run.stderr)
    return run.stdout.removesuffix("\n")


def commit_all(directory: Path) -> Path:
    """Make a repository of a directory, with all of it in one commit."""
    git(directory, "init", "--quiet", "--initial-branch=master")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message=base")
    return directory


def edit(tree: Path, old: str, new: str, file: str | PurePath = NOTES) -> None:
    """Replace a text in a file of a tree, where it stands first."""
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new, 1))


def patched(clone: Path) -> Path:
    """Return a patch beside a clone, with all that is not committed there, which goes."""
    git(clone, "add", "--all")
    patch = clone.parent / "p.diff"
    # An empty line ends a binary file.
    patch.write_text(git(clone, "diff", "--cached", "--no-color", "--binary") + "\n\n")
    git(clone, "reset", "--quiet", "--hard")
    return patch


def make_upstream(directory: Path, *options: str) -> Path:
    """Make `NixOS/nixpkgs.git` in a directory: `master`, `newer` after it, and branches with another docker file."""
    who = {
        f"GIT_{role}_{what}": "upstream"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    env = {**who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*arguments: str) -> None:
        git(work, *arguments, **env)

    def commit(message: str) -> None:
        run("add", "--all")
        run("commit", "--quiet", f"--message={message}")

    work = directory / "work"
    work.mkdir()
    run("init", "--quiet", "--initial-branch=master", *options)
    (work / "README.md").write_text("first\n")
    commit("first")
    shutil.copytree(specimen.path(), work, dirs_exist_ok=True)
    _shape(work)
    (work / "big").mkdir()
    (work / "big" / "file").write_text("nobody asked for it\n" * 1000)
    commit("nixpkgs")
    run("branch", "trunk")
    for name in ("states/fixed", "19.03", "20.10.14"):
        run("checkout", "--quiet", "-b", Path(name).name, "master")
        shutil.copyfile(specimens.path(name) / TARGET, work / TARGET)
        commit(name)
    run("checkout", "--quiet", "-b", "other", "master")
    run("rm", "--quiet", TARGET)
    run("commit", "--quiet", "--message=other")
    run("checkout", "--quiet", "-b", "newer", "master")
    target = work / TARGET
    target.write_text(
        target.read_text().replace("  docker_29 =", "  # the newest\n  docker_29 =")
    )
    (work / "README.md").write_text("second\n")
    (work / "big" / "file").write_text("nobody asked for it again\n" * 1000)
    commit("newer")
    run("checkout", "--quiet", "master")
    bare = directory / "NixOS" / "nixpkgs.git"
    run("clone", "--quiet", "--bare", "--template=", str(work), str(bare))
    # In one file, since it is copied for many tests.
    run("-C", str(bare), "gc", "--quiet")
    run("-C", str(bare), "config", "uploadpack.allowFilter", "true")
    run("-C", str(bare), "config", "uploadpack.allowAnySHA1InWant", "true")
    return bare


def _shape(work: Path) -> None:
    """Add what nixpkgs has beside its packages: what git reads on the way to each file, links and modes."""
    (work / ".gitignore").write_text("result\nignored/\n")
    (work / ".gitattributes").write_text(
        "*.lock linguist-generated\n*.patch -whitespace\n"
    )
    (work / ".mailmap").write_text("Jane Doe <jane@example.org> <doe@example.org>\n")
    (work / "pkgs" / ".gitattributes").write_text("*.nix diff=nix\n")
    (work / "pkgs" / "applications" / ".gitignore").write_text("*.orig\n")
    (work / "lib" / ".version").write_text((work / ".version").read_text())
    (work / ".version").unlink()
    (work / ".version").symlink_to("lib/.version")
    for script in work.rglob("*.sh"):
        script.chmod(0o755)


class Clone(Struct, frozen=True, kw_only=True):
    """A clone of `upstream`, in a directory of its own.

    `repo` is what a user names, `top` where the clone is.
    """

    top: Path
    repo: Path
    upstream: Path

    def git(self, *arguments: str | Path, stdin: str | None = None, **env: str) -> str:
        return git(self.top, *arguments, stdin=stdin, **env)

    @property
    def common(self) -> Path:
        return Path(self.git("rev-parse", "--path-format=absolute", "--git-common-dir"))

    @property
    def beside(self) -> Path:
        """Where a worktree of the branch is by default."""
        top = Path(git(self.repo, "rev-parse", "--path-format=absolute", "--git-dir"))
        if git(self.repo, "rev-parse", "--is-bare-repository") == "false":
            top = Path(git(self.repo, "rev-parse", "--show-toplevel"))
        return top.with_name(f"{top.name.removesuffix('.git')}-{BRANCH}")

    def write(self, name: str, content: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def configure(self, **settings: str) -> None:
        """Set variables of the clone, with `__` for the dots in their names."""
        for name, value in settings.items():
            self.git("config", name.replace("__", "."), value)

    def advance(self, branch: str = "newer") -> None:
        """Let upstream's master be another of its branches, and fetch it."""
        self.git(
            "fetch", "--quiet", "upstream", f"+{branch}:refs/remotes/upstream/master"
        )

    def install_hooks(self) -> None:
        """Install each hook that git knows; all of them write, and fail."""
        for name in HOOKS:
            hook = self.common / "hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(
                f"#!/bin/sh\necho {name} >>'{self.upstream.parent.parent}/ran'\nexit "
                "1\n"
            )
            hook.chmod(0o755)

    def sign(self, *, working: bool = True) -> Path:
        """Let all commits be signed with a new key of ssh, and return the file of those who may sign."""
        directory = self.upstream.parent.parent
        key, signers = directory / "key", directory / "signers"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True
        )
        signers.write_text(f"jane@example.org {key.with_suffix('.pub').read_text()}")
        self.configure(
            commit__gpgSign="true",
            gpg__format="ssh",
            gpg__ssh__allowedSignersFile=str(signers),
            user__signingKey=str(key if working else directory / "lost"),
        )
        return signers

    @property
    def hooks_run(self) -> list[str]:
        ran = self.upstream.parent.parent / "ran"
        return ran.read_text().splitlines() if ran.exists() else []


def make_clone(
    template: Path, directory: Path, *options: str, name: str = "nixpkgs"
) -> Clone:
    """Clone a copy of an upstream that `make_upstream` made.

    Its fork is `origin`, the remote of NixOS `upstream`.
    """
    upstream, fork = (
        directory / "NixOS" / "nixpkgs.git",
        directory / "jane" / "nixpkgs.git",
    )
    for bare in (upstream, fork):
        if not bare.exists():
            bare.parent.mkdir(exist_ok=True)
            subprocess.run(["cp", "--archive", template, bare], check=True)
    top = directory / "src" / name
    top.parent.mkdir(exist_ok=True)
    options = (
        "--quiet",
        "--no-local",
        "--branch=master",
        "--origin=upstream",
        *options,
    )
    git(directory, "clone", *options, f"file://{upstream}", top)
    git(top, "remote", "add", "origin", fork)
    return Clone(top=top, repo=top, upstream=upstream)


def copy_clone(template: Path, directory: Path) -> Clone:
    """Copy all of a directory in which `make_clone` has made a clone, with what lies beside it."""
    subprocess.run(["cp", "--archive", f"{template}/.", directory], check=True)
    top = directory / "src" / "nixpkgs"
    config = top / ".git" / "config"
    config.write_text(config.read_text().replace(str(template), str(directory)))
    for entry in (top / ".git" / "worktrees").glob("*"):
        link = Path(
            (entry / "gitdir")
            .read_text()
            .replace(str(template), str(directory))
            .strip()
        )
        (entry / "gitdir").write_text(f"{link}\n")
        link.write_text(f"gitdir: {entry}\n")
        git(link.parent, "update-index", "-q", "--refresh")
    git(top, "update-index", "-q", "--refresh")
    return Clone(top=top, repo=top, upstream=directory / "NixOS" / "nixpkgs.git")


def snapshot(
    clone: Clone, *, branch: str | None = None, worktree: Path | None = None
) -> dict[str, object]:
    """Return all that is the user's: what is in the clone, in its worktrees, beside them and in HOME.

    Left out are the branch that was made for the user, its worktree, and objects that
    were added.
    """
    common = clone.common
    refs = git(
        common, "for-each-ref", "--format=%(refname) %(objectname) %(symref)"
    ).splitlines()
    stashed = any(line.startswith("refs/stash ") for line in refs)
    state: dict[str, object] = {
        "refs": [line for line in refs if not line.startswith(f"refs/heads/{branch} ")],
        "stash": git(common, "reflog", "show", "refs/stash") if stashed else "",
    }
    ids = [
        path.name
        for path in common.glob("worktrees/*")
        if worktree is not None
        and (path / "gitdir").read_text().strip() == str(worktree / ".git")
    ]
    ours = [
        "objects",
        "reftable",
        *(
            [f"refs/heads/{branch}", f"logs/refs/heads/{branch}", "unlet"]
            if branch is not None
            else []
        ),
        *(f"worktrees/{each}" for each in ids),
    ]
    for path in sorted(common.rglob("*")):
        name = str(path.relative_to(common))
        if (
            not any(name == each or name.startswith(f"{each}/") for each in ours)
            and not path.is_dir()
        ):
            # `git branch -D` writes the config anew, even where nothing in it changes.
            state[f"git/{name}"] = (
                path.read_bytes() if name == "config" else _file(path)
            )
    listed = git(common, "worktree", "list", "--porcelain", "-z").split("\0")
    tops = [
        Path(line.removeprefix("worktree "))
        for line in listed
        if line.startswith("worktree ")
    ]
    state["worktrees"] = sorted(str(top) for top in tops if top != worktree)
    for top in (*tops, Path.home()):
        if top in {worktree, common} or not top.is_dir():
            continue
        for path in sorted(top.rglob("*")):
            cached = ".cache" in path.parts
            if (
                not path.is_relative_to(common)
                and not cached
                and (path.is_symlink() or not path.is_dir())
            ):
                state[str(path)] = _file(path)
    beside = {path for top in tops if top.is_dir() for path in top.parent.iterdir()}
    state["beside"] = sorted(str(path) for path in beside if path != worktree)
    return state


def objects(clone: Clone) -> set[str]:
    """Return the names of the files that have the objects."""
    place = clone.common / "objects"
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}


def _file(path: Path) -> tuple[int, int, object]:
    status = path.lstat()
    content = path.readlink() if path.is_symlink() else path.read_bytes()
    return status.st_mode, status.st_mtime_ns, content
