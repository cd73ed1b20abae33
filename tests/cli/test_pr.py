import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.cli.test_usage import TABLE
from tests.clones import NOTES, Clone, git, snapshot

BRANCH = "notes-server-overridable-parts"
SUBJECT = "notes-server: let overrides of src and version reach web-ui"


@pytest.fixture
def unlet(unlet: Unlet, jane: str, sealed: Path) -> Unlet:
    """The command with git's configuration in its HOME."""
    assert jane
    shutil.copyfile(sealed / ".gitconfig", Path(unlet.env["HOME"]) / ".gitconfig")
    return unlet


def printed(stdout: str) -> dict[str, str]:
    """Return the printed lines of the last block, by their first words."""
    words = ("branch", "worktree", "before", "text", "look", "push", "open", "undo")
    lines = (line.partition(" ") for line in stdout.splitlines())
    return {word: rest.strip() for word, _, rest in lines if word in words}


def run(line: str) -> str:
    """Run a printed command in a shell, as a user would, and return what it printed."""
    done = subprocess.run(
        ["sh", "-c", line], check=False, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_branch_is_made_looked_at_pushed_moved_and_removed(  # noqa: PLR0915 - one run after the other
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone(name="my 'nix' pkgs")
    before = snapshot(clone)
    done = unlet("pr", "notes-server", "--repo", clone.top / "lib")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "passed   no-rebuild " in done.stdout
    said = printed(done.stdout)
    worktree, tip = Path(said["worktree"]), clone.git("rev-parse", BRANCH)
    assert worktree == clone.top.with_name(f"{clone.top.name}-{BRANCH}")
    assert said["branch"].startswith(f"{BRANCH}, on upstream/master (")
    assert said["branch"].endswith("by Jané Doe <jane@example.org>")
    assert f"  {tip[:12]}  {SUBJECT}" in done.stdout.splitlines()
    template = (clone.top / ".github/PULL_REQUEST_TEMPLATE.md").read_bytes()
    assert Path(said["text"]).read_bytes().endswith(template)
    assert snapshot(clone, branch=BRANCH, worktree=worktree) == before

    update = ("pr", "notes-server", "--repo", clone.top, "--update")
    log = run(said["look"])
    assert SUBJECT in [line.strip() for line in log.splitlines()]
    assert f"+++ b/{NOTES}" in log
    run(said["push"])
    fork = clone.upstream.parent.parent / "jane" / "nixpkgs.git"
    assert git(fork, "rev-parse", BRANCH) == tip
    words = shlex.split(said["open"])
    assert words[:3] == ["gh", "pr", "create"]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert options["--base"] == "master"
    assert options["--head"] == f"YOU:{BRANCH}"
    assert options["--body-file"] == said["text"]
    assert "notes-server" in options["--title"]

    clone.advance()
    (worktree / "mine").write_text("mine\n")
    git(worktree, "add", "mine")
    git(worktree, "commit", "--quiet", "--message=mine: add")
    own = git(worktree, "rev-parse", "HEAD")
    done = unlet(*update)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.endswith("  mine: add (yours)") for line in lines)
    again = printed(done.stdout)
    assert "open" not in again
    run(again["push"])
    assert git(fork, "rev-parse", BRANCH) == git(worktree, "rev-parse", "HEAD")
    assert again["before"].startswith(own[:12])
    run(again["before"].partition("; ")[2].removesuffix(" goes back"))
    assert git(worktree, "rev-parse", "HEAD") == own
    done = unlet(*update)
    assert done.returncode == 0
    assert git(worktree, "rev-parse", "HEAD~2") == clone.git(
        "rev-parse", "upstream/newer"
    )

    done = unlet("pr", "notes-server", "--repo", clone.top, "--remove")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines()[0].endswith(
        "has commits that unlet did not create, which would be lost"
    )
    git(worktree, "push", "--quiet", "--force", "origin", BRANCH)
    done = unlet(*shlex.split(said["undo"])[1:])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"removed branch {BRANCH} (was ")
    assert not worktree.exists()
    assert not (clone.common / "unlet").exists()
    assert clone.git("branch", "--list", BRANCH) == ""


def test_json_is_one_document_for_each_thing_that_is_done(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    repo = ("pr", "--repo", clone.top, "--json")
    done = unlet(
        *repo, "notes-server", "--branch", "notes/x", "--trailer", "Assisted-by: nobody"
    )
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["clone"] == str(clone.top)
    made = document["made"]
    tip, base = (
        clone.git("rev-parse", "notes/x"),
        clone.git("rev-parse", "upstream/master"),
    )
    kept = made["contribution"]
    assert (kept["branch"], kept["commits"], made["subjects"]) == (
        "notes/x",
        [tip],
        [SUBJECT],
    )
    assert made["author"] == "Jané Doe <jane@example.org>"
    assert (made["base_name"], kept["base_commit"]) == ("upstream/master", base)
    assert kept["trailers"] == ["Assisted-by: nobody"]
    assert set(made["next"]) >= {"look", "push", "open"}
    assert document["before"] is None
    proofs = {proof["name"]: proof["status"] for proof in document["report"]["proofs"]}
    assert proofs["no-rebuild"] == "passed"

    clone.advance()
    done = unlet(*repo, "--update")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["before"] == tip

    done = unlet(*repo, "--remove", "--branch", "nowhere")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["exit_code"] == 3
    at, worktree = clone.git("rev-parse", "notes/x"), made["worktree"]
    done = unlet(*repo, "--remove")
    assert (done.returncode, done.stderr) == (0, "")
    gone = {
        "clone": str(clone.top),
        "branch": "notes/x",
        "worktree": worktree,
        "commit": at,
    }
    assert json.loads(done.stdout)["removed"] == gone


def test_proof_that_fails_is_status_1_and_nothing_is_made(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    clone.git("switch", "--quiet", "--create", "mine")
    sets = clone.top / "pkgs/top-level/all-packages.nix"
    other = (
        f"(callPackage ../../{NOTES} {{ }}).overrideAttrs (old: {{ ui = "
        f"old.passthru ? web-ui; }})"
    )
    sets.write_text(f"{sets.read_text().rstrip()[:-1]}  notes-lts = {other};\n}}\n")
    clone.git("commit", "--quiet", "--all", "--message=base")
    before = snapshot(clone)
    done = unlet("pr", "notes-server", "--repo", clone.top, "--base", "mine")
    assert (done.stderr, done.returncode) == ("", 1)
    assert "\nfailed   no-rebuild" in done.stdout
    assert done.stdout.splitlines()[-1] == "no branch was created: a proof failed"
    assert snapshot(clone) == before
    assert not (clone.common / "unlet").exists()


def test_impossible_branch_is_one_line_and_leaves_the_clone_as_it_was(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    before = snapshot(clone)
    for options, (status, message) in TABLE.pr.items():
        done = unlet("pr", "--repo", clone.top, *shlex.split(options))
        assert (done.returncode, done.stdout) == (status, ""), options
        first, *rest = done.stderr.splitlines()
        assert message in first
        assert len(rest) <= 1
        assert all(line.startswith("hint: ") for line in rest)
        assert snapshot(clone) == before
        assert not (clone.common / "unlet").exists()


def test_a_batch_lists_what_is_refused(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    repo = ("pr", "--repo", clone.top, "--recipe", "final-attrs")
    done = unlet(*repo, "status-board", "notes-server")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("status-board  wrote ")
    assert lines[1].startswith(
        "notes-server  refused: pkgs/by-name/no/notes-server/package.nix"
    )
    branch = "status-board-and-1-more-final-attrs"
    assert printed(done.stdout)["branch"].startswith(f"{branch}, on upstream/master (")
    assert unlet(*repo, "status-board", "notes-server", "--remove").stdout.startswith(
        f"removed branch {branch} "
    )
    document = json.loads(unlet(*repo, "status-board", "notes-server", "--json").stdout)
    assert [{*each} for each in document["packages"]] == [
        {"target", "report"},
        {"target", "error"},
    ]
    assert document["report"] is None


def test_each_pull_request_for_docker_makes_one_thing_and_names_the_others(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    made = {
        "lift": (
            "docker-overridable-components",
            "docker: allow overriding moby, docker-{containerd,runc,tini}",
        ),
        "demote": (
            "docker-rootlesskit-path",
            "docker: look up rootlesskit last in dockerd-rootless",
        ),
        "nixos-module": (
            "docker-rootless-privileged-ports",
            "nixos/docker-rootless: add option exposePrivilegedPorts",
        ),
    }
    for only, (branch, subject) in made.items():
        done = unlet(
            "pr", "--repo", clone.top, *(("--only", only) if only != "lift" else ())
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert clone.git("log", "--format=%s", f"upstream/master..{branch}") == subject
        others = [
            line for line in done.stdout.splitlines() if line.startswith("other ")
        ]
        again = f"other     unlet pr --repo {clone.top} --only"
        assert others == [
            f"{again} {name} creates a branch of its own"
            for name in made
            if name != only
        ]
        text = Path(printed(done.stdout)["text"]).read_text()
        assert ("#549926" in text) == (only == "lift")


def test_a_base_whose_builder_takes_no_function_gets_no_branch(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    before = snapshot(clone)
    done = unlet("pr", "--repo", clone.top, "--base", "upstream/20.10.14")
    assert (done.returncode, done.stdout) == (3, "")
    assert "nixpkgs would not accept this pull request: " in done.stderr
    command = (
        f"unlet overlay docker --nixpkgs {clone.top} --rev upstream/20.10.14 "
        "--kind patched"
    )
    assert done.stderr.endswith(f"hint: {command} makes an overlay from this docker\n")
    assert snapshot(clone) == before
