from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clones import BRANCH, TARGET, git, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Unlet
    from tests.clones import Clone

SUBJECTS = (
    "docker: allow overriding moby, docker-{containerd,runc,tini}",
    "docker: look up rootlesskit last in dockerd-rootless",
)


BOTH = ("--only", "lift", "--only", "demote")


@pytest.fixture
def unlet(unlet: Unlet, jane: str, sealed: Path) -> Unlet:
    """The command with git's configuration in its HOME."""
    assert jane
    shutil.copyfile(sealed / ".gitconfig", Path(unlet.env["HOME"]) / ".gitconfig")
    return unlet


def printed(stdout: str) -> dict[str, str]:
    """Return what was printed in lines that begin with a word of the last block, by that word."""
    words = ("branch", "worktree", "before", "text", "look", "push", "open", "undo")
    lines = (line.partition(" ") for line in stdout.splitlines())
    return {word: rest.strip() for word, _, rest in lines if word in words}


def run(line: str) -> str:
    """Run a printed command in a shell, as a user would, and return what it printed."""
    done = subprocess.run(["sh", "-c", line], check=False, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_branch_is_made_looked_at_pushed_moved_and_removed(  # noqa: PLR0915 - one run after the other
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone(name="my 'nix' pkgs")
    before = snapshot(clone)
    done = unlet("pr", "--repo", clone.top / "lib", *BOTH)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "passed   no-rebuild " in done.stdout
    said = printed(done.stdout)
    worktree, tip = Path(said["worktree"]), clone.git("rev-parse", BRANCH)
    assert worktree == clone.beside
    assert said["branch"].startswith(f"{BRANCH}, on upstream/master (")
    assert said["branch"].endswith("by Jané Doe <jane@example.org>")
    assert f"  {tip[:12]}  {SUBJECTS[1]}" in done.stdout.splitlines()
    assert Path(said["text"]).is_file()
    assert snapshot(clone, branch=BRANCH, worktree=worktree) == before

    log = run(said["look"])
    assert [line.strip() for line in log.splitlines() if line.strip() in SUBJECTS] == list(SUBJECTS)
    assert f"+++ b/{TARGET}" in log
    run(said["push"])
    fork = clone.upstream.parent.parent / "jane" / "nixpkgs.git"
    assert git(fork, "rev-parse", BRANCH) == tip
    words = shlex.split(said["open"])
    assert words[:3] == ["gh", "pr", "create"]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert options["--base"] == "master"
    assert options["--head"] == f"YOU:{BRANCH}"
    assert options["--body-file"] == said["text"]
    assert "docker" in options["--title"]

    clone.advance()
    (worktree / "mine").write_text("mine\n")
    git(worktree, "add", "mine")
    git(worktree, "commit", "--quiet", "--message=mine: add")
    own = git(worktree, "rev-parse", "HEAD")
    done = unlet("pr", "--repo", clone.top, "--update")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.endswith("  mine: add (yours)") for line in lines)
    # What became of each commit, for the reviewer.
    assert any(line.strip().startswith("3:  ") and line.endswith("mine: add") for line in lines)
    again = printed(done.stdout)
    assert "open" not in again
    run(again["push"])
    assert git(fork, "rev-parse", BRANCH) == git(worktree, "rev-parse", "HEAD")
    assert again["before"].startswith(own[:12])
    run(again["before"].partition("; ")[2].removesuffix(" goes back"))
    assert git(worktree, "rev-parse", "HEAD") == own
    done = unlet("pr", "--repo", clone.top, "--update")
    assert done.returncode == 0
    assert git(worktree, "rev-parse", "HEAD~3") == clone.git("rev-parse", "upstream/newer")

    done = unlet("pr", "--repo", clone.top, "--remove")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines()[0].endswith("has commits that unlet did not make, which would be lost")
    git(worktree, "push", "--quiet", "--force", "origin", BRANCH)
    done = unlet(*shlex.split(said["undo"])[1:])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"removed branch {BRANCH} (was ")
    assert not worktree.exists()
    assert not (clone.common / "unlet").exists()
    assert clone.git("branch", "--list", BRANCH) == ""


def test_a_branch_that_has_nothing_to_move_to_is_not_proven_again(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    repo = ("pr", "--repo", clone.top)
    assert unlet(*repo).returncode == 0
    branch = clone.git("branch", "--list", "docker*", "--format=%(refname:short)")
    tip, base = clone.git("rev-parse", branch), clone.git("rev-parse", "upstream/master")
    done = unlet(*repo, "--update")
    line = f"branch {branch} is as it was made, and so is its base upstream/master ({base[:12]}): nothing to update\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, line, "")
    same = {"branch": branch, "commit": tip, "base": {"name": "upstream/master", "commit": base}}
    assert json.loads(unlet(*repo, "--update", "--json").stdout)["unchanged"] == same
    # What is asked for besides is done, and so is what has changed.
    assert "no-rebuild" in unlet(*repo, "--update", "--trailer", "Assisted-by: nobody").stdout
    clone.advance()
    assert "no-rebuild" in unlet(*repo, "--update").stdout
    assert "nothing to update" in unlet(*repo, "--update").stdout
    assert "no-rebuild" in unlet(*repo, "--update", "--tier", "isolated").stdout


def test_neither_is_the_branch_of_another_package(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    clone = new_clone()
    made = unlet("pr", "notes-server", "--repo", clone.top)
    template = (clone.top / ".github/PULL_REQUEST_TEMPLATE.md").read_bytes()
    assert Path(printed(made.stdout)["text"]).read_bytes().endswith(template)
    assert "nothing to update" in unlet("pr", "notes-server", "--repo", clone.top, "--update").stdout


def test_json_is_one_document_for_each_thing_that_is_done(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    clone = new_clone()
    repo = ("pr", "--repo", clone.top)
    done = unlet(*repo, *BOTH, "--json", "--branch", "docker/x", "--trailer", "Assisted-by: nobody")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["clone"] == str(clone.top)
    made = document["made"]
    tip = clone.git("rev-parse", "docker/x")
    assert (made["branch"], made["commits"][-1]) == ("docker/x", {"id": tip, "subject": SUBJECTS[1]})
    assert made["author"] == "Jané Doe <jane@example.org>"
    assert made["base"] == {"name": "upstream/master", "commit": clone.git("rev-parse", "upstream/master")}
    assert made["trailers"] == ["Assisted-by: nobody"]
    assert set(made["next"]) >= {"look", "push", "open"}
    assert (document["before"], document["range_diff"]) == (None, [])
    proofs = {proof["name"]: proof["status"] for proof in document["report"]["proofs"]}
    assert proofs["no-rebuild"] == "passed"

    clone.advance()
    done = unlet(*repo, "--json", "--update")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["before"] == tip
    assert len([line for line in document["range_diff"] if line[:1].isdigit()]) == 2

    done = unlet(*repo, "--json", "--remove", "--branch", "nowhere")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["exit_code"] == 3
    at, worktree = clone.git("rev-parse", "docker/x"), made["worktree"]
    done = unlet(*repo, "--json", "--remove")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["removed"] == {"branch": "docker/x", "worktree": worktree, "commit": at}


def test_quiet_prints_only_what_did_not_pass(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    clone = new_clone()
    done = unlet("pr", "-q", "notes-server", "--repo", clone.top)
    assert (done.returncode, done.stderr) == (0, "")
    told = ("passed  ", "branch ", "look ", "undo ", "lines added")
    assert not any(line.startswith(told) for line in done.stdout.splitlines())
    done = unlet("pr", "-q", "--repo", clone.top, "--remove")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_proof_that_fails_is_status_1_and_nothing_is_made(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    clone = new_clone()
    before = snapshot(clone)
    # This old file's builder takes no function.
    done = unlet("pr", "--repo", clone.top, "--base", "20.10.14", "--design", "move")
    assert (done.stderr, done.returncode) == ("", 1)
    assert "failed   no-rebuild" in done.stdout
    assert done.stdout.splitlines()[-1] == "no branch was made: a proof failed"
    assert snapshot(clone) == before
    assert not (clone.common / "unlet").exists()


def test_worktree_is_not_made_in_a_git_directory(unlet: Unlet, refusing: Clone) -> None:
    before = snapshot(refusing)
    done = unlet("pr", "--repo", refusing.top, "--worktree", refusing.common / "x")
    assert (done.returncode, done.stdout) == (3, "")
    assert "is inside of the git directory" in done.stderr
    assert snapshot(refusing) == before


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--base", "nowhere"), 3, "has no branch, tag or commit 'nowhere'"),
        (("--base", "other"), 3, f"has no '{TARGET}'"),
        (("--base", "fixed"), 3, "fixed"),
        (("--base", "a..b"), 2, "--base: 'a..b' is not a commit, branch or tag"),
        (("--branch", "a b"), 2, "--branch: 'a b' cannot be the name of a branch"),
        (("--branch", "master"), 3, "branch 'master' already exists"),
        (("--branch", "master/x"), 3, "branch 'master/x' cannot be beside 'master'"),
        (("--worktree", "."), 3, "is there already"),
        (("--worktree", "no/where"), 2, "is not a directory"),
        (("--trailer", "nobody"), 2, "nobody"),
        (("--with", "everything"), 2, "everything"),
        (("--update",), 3, "unlet made no branch here"),
        (("--remove",), 3, "unlet made no branch here"),
        (("--remove", "--branch", "master"), 3, "branch 'master' was not made by unlet"),
        (("--update", "--branch", "nowhere"), 3, "there is no branch 'nowhere'"),
        (("--update", "--worktree", "x"), 2, "--worktree"),
        (("--remove", "--base", "master"), 2, "--base"),
        (("--remove", "--fetch"), 2, "--fetch"),
        (("--remove", "--update"), 2, "--update and --remove exclude each other"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_the_clone_as_it_was(
    unlet: Unlet, refusing: Clone, arguments: tuple[str, ...], status: int, message: str
) -> None:
    before = snapshot(refusing)
    done = unlet("pr", "--repo", refusing.top, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    first, *rest = done.stderr.splitlines()
    assert message in first
    assert len(rest) <= 1
    assert all(line.startswith("hint: ") for line in rest)
    assert snapshot(refusing) == before
    assert not (refusing.common / "unlet").exists()


@pytest.fixture
def refusing(new_clone: Callable[..., Clone]) -> Clone:
    return new_clone()


def test_no_clone_and_nobody_are_one_line(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    done = unlet("pr")
    assert (done.returncode, done.stderr) == (3, ".: is not a git repository\n")
    done = unlet("pr", "--repo", "nowhere")
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "nowhere: no such directory")
    clone = new_clone()
    (Path(unlet.env["HOME"]) / ".gitconfig").unlink()
    done = unlet("pr", "--repo", clone.top)
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == f"{clone.top}: git has no name and address for the commits"


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, ("git", "apply --check")), (signal.SIGTERM, ("git", "reset --quiet --hard"))],
    ids=["proving", "checking-out"],
)
def test_signal_is_status_130_and_leaves_the_clone_as_it_was(
    unlet: Unlet, new_clone: Callable[..., Clone], tmp_path: Path, number: signal.Signals, moment: tuple[str, str]
) -> None:
    clone, (program, words) = new_clone(), moment
    before = snapshot(clone)
    mark, directory = tmp_path / "mark", tmp_path / "bin"
    directory.mkdir()
    (directory / program).write_text(
        f'#!/bin/sh\ncase " $* " in *" {words} "*) touch "{mark}"; exec sleep 60;; esac\n'
        f'exec {shutil.which(program)} "$@"\n'
    )
    (directory / program).chmod(0o755)
    env = {**unlet.env, "PATH": f"{directory}:{unlet.env['PATH']}", "PYTHONWARNINGS": ""}
    # A shell that starts this in the background lets the signal be ignored.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from toolkit.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "pr", "--repo", str(clone.top)]
    with subprocess.Popen(
        command, cwd=unlet.cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not mark.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            assert mark.exists()
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, stdout, stderr.strip()) == (130, "", "unlet: interrupted")
    assert snapshot(clone) == before
    assert not (clone.common / "unlet").exists()


def test_what_was_written_is_there_while_it_is_written_anew(
    unlet: Unlet, new_clone: Callable[..., Clone], tmp_path: Path
) -> None:
    clone = new_clone()
    assert unlet("pr", "--repo", clone.top).returncode == 0
    clone.advance()
    place, log, directory = clone.common / "unlet" / BRANCH, tmp_path / "log", tmp_path / "bin"
    names = sorted(path.name for path in place.iterdir())
    assert {"pull-request.md", "report.md", "boxes.md", "upstream.diff"} <= {*names}
    directory.mkdir()
    for program in ("git", "nix-instantiate", "nix-build"):
        (directory / program).write_text(
            f'#!/bin/sh\necho $(ls "{place}") >>"{log}"\nexec {shutil.which(program)} "$@"\n'
        )
        (directory / program).chmod(0o755)
    done = unlet("pr", "--repo", clone.top, "--update", PATH=f"{directory}:{unlet.env['PATH']}")
    assert (done.returncode, done.stderr) == (0, "")
    seen = log.read_text().splitlines()
    assert len(seen) > 20
    assert all({*names} <= {*line.split()} for line in seen)
    assert [path.name for path in place.parent.iterdir()] == [BRANCH]
    said = [path for path in place.rglob("*") if path.is_file() and f".{BRANCH}." in path.read_text(errors="replace")]
    assert said == []


def test_removal_that_was_killed_is_undone_or_finished(
    unlet: Unlet, new_clone: Callable[..., Clone], tmp_path: Path
) -> None:
    clone, directory = new_clone(), tmp_path / "bin"
    before = snapshot(clone)
    assert unlet("pr", "--repo", clone.top).returncode == 0
    made = snapshot(clone)
    directory.mkdir()
    path = f"{directory}:{unlet.env['PATH']}"
    for words in ("update-ref -d", "worktree remove"):
        (directory / "git").write_text(
            f'#!/bin/sh\ncase " $* " in *" {words} "*) kill -KILL $PPID; exit;; esac\nexec {shutil.which("git")} "$@"\n'
        )
        (directory / "git").chmod(0o755)
        assert unlet("pr", "--repo", clone.top, "--remove", PATH=path).returncode == -signal.SIGKILL
        assert not clone.beside.exists()
        again = unlet("pr", "--repo", clone.top, "--update")
        if words == "update-ref -d":
            assert again.returncode == 0
            assert snapshot(clone) == made
        else:
            assert again.stderr.splitlines()[0] == f"{clone.top}: branch '{BRANCH}' is gone"
    assert unlet("pr", "--repo", clone.top, "--remove").returncode == 0
    assert snapshot(clone) == before
    assert not (clone.common / "unlet").exists()


def test_full_disk_is_one_line_and_leaves_the_clone_as_it_was(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    clone = new_clone()
    assert unlet("pr", "--repo", clone.top, *BOTH).returncode == 0
    # All before it can be written, whatever stands in it on a busy machine; the cache has what it needs.
    sizes = sorted(path.stat().st_size for path in (clone.common / "unlet" / BRANCH).rglob("*") if path.is_file())
    assert sizes[-1] == (clone.common / "unlet" / BRANCH / "report.json").stat().st_size
    limit = sum(sizes[-2:]) // 2
    assert unlet("pr", "--repo", clone.top, "--remove").returncode == 0
    before = snapshot(clone)
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "import sys; from toolkit.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "pr", "--repo", str(clone.top), *BOTH],
        cwd=unlet.cwd,
        env={**unlet.env, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    first, *rest = done.stderr.splitlines()
    assert "cannot be written: file too large" in first.lower()
    assert len(rest) <= 1
    assert snapshot(clone) == before
    assert not (clone.common / "unlet").exists()


def test_any_package_gets_a_branch_which_is_removed_by_its_name(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    clone = new_clone()
    before = snapshot(clone)
    done = unlet("pr", "notes-server", "--repo", clone.repo)
    assert (done.returncode, done.stderr) == (0, "")
    told = printed(done.stdout)
    branch = "notes-server-overridable-parts"
    assert told["branch"].startswith(branch)
    subject = git(Path(told["worktree"]), "log", "-1", "--format=%s")
    assert subject.startswith("notes-server: let overrides of src and version reach ")
    assert "notes-server" in Path(told["text"]).read_text()
    updated = unlet("pr", "notes-server", "--repo", clone.repo, "--update", "--json")
    assert (updated.returncode, json.loads(updated.stdout)["unchanged"]["branch"]) == (0, branch)
    assert unlet("pr", "notes-server", "--repo", clone.repo, "--remove").returncode == 0
    assert snapshot(clone) == before


def test_options_of_one_target_are_refused_for_the_other(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    clone = new_clone()
    assert unlet("pr", "notes-server", "--repo", clone.repo, "--only", "lift").returncode == 2
    assert unlet("pr", "--repo", clone.repo, "--design", "layer").returncode == 2
    assert unlet("pr", "notes-server", "--repo", clone.repo, "--rootlesskit", "drop").returncode == 2


def test_each_pull_request_for_docker_makes_one_thing_and_names_the_others(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    made = {
        ("lift",): ("docker-overridable-components", [SUBJECTS[0]]),
        ("demote",): ("docker-rootlesskit-path", [SUBJECTS[1]]),
        ("nixos-module",): (
            "docker-rootless-privileged-ports",
            [
                "nixos/docker-rootless: add option exposePrivilegedPorts",
                "nixos/release-notes: mention the privileged ports of rootless docker",
            ],
        ),
    }
    for (only,), (branch, subjects) in made.items():
        done = unlet("pr", "--repo", clone.top, *(("--only", only) if only != "lift" else ()))
        assert (done.returncode, done.stderr) == (0, "")
        said = clone.git("log", "--reverse", "--format=%s", f"upstream/master..{branch}").splitlines()
        assert said == subjects
        others = [line for line in done.stdout.splitlines() if line.startswith("other ")]
        assert others == [
            f"other     unlet pr --only {name} makes a branch of its own" for (name,) in made if name != only
        ]
        text = Path(printed(done.stdout)["text"]).read_text()
        assert ("#549926" in text) == (only == "lift")
        assert unlet("pr", "--repo", clone.top, "--branch", branch, "--update").returncode == 0
        assert clone.git("log", "--reverse", "--format=%s", f"upstream/master..{branch}").splitlines() == subjects


def test_a_base_whose_builder_takes_no_function_gets_no_branch(unlet: Unlet, new_clone: Callable[..., Clone]) -> None:
    clone = new_clone()
    before = snapshot(clone)
    done = unlet("pr", "--repo", clone.top, "--base", "upstream/20.10.14")
    assert (done.returncode, done.stdout) == (3, "")
    assert "such a pull request has no place upstream: " in done.stderr
    assert done.stderr.endswith("hint: unlet overlay --kind patched makes an overlay with this docker\n")
    assert snapshot(clone) == before
