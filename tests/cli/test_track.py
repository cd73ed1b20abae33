import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.forge.server import Fault, Forge
from tests.track.conftest import Nixpkgs, forge, layout, nixpkgs

__all__ = ["forge", "nixpkgs"]

SECRET = "ghp_0123456789abcdefSECRET"  # noqa: S105 - a token of nobody


def test_clone_needs_no_network_library(unlet: Unlet, nixpkgs: Nixpkgs) -> None:
    done = unlet(
        "track",
        "--git-dir",
        nixpkgs.path,
        PYTHONPROFILEIMPORTTIME="1",
        PYTHONWARNINGS="",
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "toolkit.track.refs" in imported
    assert imported.isdisjoint({"requests", "rich", "urllib3", "jinja2"})


def test_quiet_run_with_nothing_new_prints_nothing(
    unlet: Unlet, nixpkgs: Nixpkgs, tmp_path: Path
) -> None:
    arguments = (
        "track",
        "--git-dir",
        nixpkgs.path,
        "--state",
        tmp_path / "state.json",
        "--quiet",
    )
    assert [unlet(*arguments).stdout for _ in range(2)] == ["", ""]
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    nixpkgs.git("branch", "--force", "nixos-unstable", "master")
    done = unlet(*arguments)
    assert done.returncode == 10
    assert "master: state was not fixed and is now fixed" in done.stdout.splitlines()
    assert (
        "verdict was nothing to do yet and is now update your nixpkgs"
        in done.stdout.splitlines()
    )
    assert done.stdout.splitlines()[-1].startswith("fixed in nixos-unstable since ")


def test_verdict_is_about_the_overlay_that_is_named(
    unlet: Unlet, nixpkgs: Nixpkgs
) -> None:
    nixpkgs.commit("docker: half", layout("states/half-demoted"))
    where = ("track", "--git-dir", nixpkgs.path, "--ref", "master")
    assert unlet("overlay", "--nixpkgs", "specimen").returncode == 0
    rewrapped = unlet(*where, "--overlay", "overlay")
    assert rewrapped.returncode == 10
    assert (
        "\nrootlesskit is out of the PATH prefix in master: you can remove the overlay"
        in rewrapped.stdout
    )
    assert (
        unlet(*where, "--kind", "patched")
        .stdout.splitlines()[-2]
        .startswith("keep the overlay: half fixed")
    )
    assert (
        "it works with and without the fix"
        in unlet(*where, "--kind", "wrapper-name").stdout
    )
    assert unlet(*where, "--overlay", ".").returncode == 3


def test_forms_are_written_to_files_and_to_stdout(
    unlet: Unlet, nixpkgs: Nixpkgs
) -> None:
    where = ("--git-dir", nixpkgs.path)
    done = unlet("track", *where, "--markdown", "a.md", "--html", "a.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert (unlet.cwd / "a.html").read_text().startswith("<!doctype html>")
    printed = unlet("track", *where, "--markdown", "-").stdout
    dated = r"checked .*,"
    assert re.sub(dated, "", printed) == re.sub(
        dated, "", (unlet.cwd / "a.md").read_text()
    )
    assert unlet("track", *where, "--html", "-").stdout.startswith("<!doctype html>")
    done = unlet("track", "--git-dir", nixpkgs.path, "--html", "nowhere/a.html")
    assert (done.returncode, done.stderr) == (
        3,
        "nowhere/a.html: 'nowhere' is not a directory\n",
    )


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--state", "/dev/null"),
        ("--markdown", "pipe"),
        ("--html", "null"),
        ("--state", "pages/.git/HEAD"),
        ("--html", "pages/.git/HEAD"),
    ],
)
def test_place_that_is_no_file_stays_what_it_is(
    unlet: Unlet, nixpkgs: Nixpkgs, option: str, name: str
) -> None:
    os.mkfifo(unlet.cwd / "pipe")
    (unlet.cwd / "null").symlink_to("/dev/null")
    (unlet.cwd / "pages/.git").mkdir(parents=True)
    (unlet.cwd / "pages/.git/HEAD").write_text("mine")
    before = {path: path.lstat() for path in (Path("/dev/null"), *unlet.cwd.rglob("*"))}
    done = unlet("track", "--git-dir", nixpkgs.path, option, name)
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(
        rf"{name}: (exists and is not a file|is inside the git directory "
        r".*)\n(hint: .*\n)?",
        done.stderr,
    )
    after = {path: path.lstat() for path in (Path("/dev/null"), *unlet.cwd.rglob("*"))}
    assert {path: (was.st_ino, was.st_mode) for path, was in before.items()} == {
        path: (now.st_ino, now.st_mode) for path, now in after.items()
    }


@pytest.mark.parametrize("option", ["--state", "--markdown", "--html"])
def test_link_to_a_file_is_written_through(
    unlet: Unlet, nixpkgs: Nixpkgs, option: str
) -> None:
    (unlet.cwd / "kept").mkdir()
    (unlet.cwd / "kept/file").write_text("")
    (unlet.cwd / "link").symlink_to("kept/file")
    done = unlet("track", "--git-dir", nixpkgs.path, option, "link")
    assert done.returncode in {0, 10}, done.stderr
    assert (unlet.cwd / "link").is_symlink()
    assert (unlet.cwd / "kept/file").stat().st_size > 100


def test_token_is_in_nothing_that_is_printed_or_written(
    unlet: Unlet, forge: Forge
) -> None:
    forge.faults["/commits?"] = [
        Fault(status=401, body=b'{"message": "Bad credentials"}')
    ] * 99
    options = (
        *forge.options(),
        "--state",
        "s.json",
        "--html",
        "a.html",
        "--markdown",
        "a.md",
        "--verbose",
    )
    done = unlet(
        "track", *options, GITHUB_TOKEN=SECRET, UNLET_CACHE_DIR=str(unlet.cwd / "cache")
    )
    assert any(
        SECRET in request.headers.get("authorization", "") for request in forge.requests
    )
    assert (
        "the server refuses the token from GITHUB_TOKEN: Bad credentials" in done.stdout
    )
    assert SECRET not in done.stdout + done.stderr
    written = [
        path
        for path in unlet.cwd.parent.rglob("*")
        if path.is_file() and ".git" not in path.parts
    ]
    assert len(written) > 5
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


def test_interrupt_does_not_wait_for_a_server(unlet: Unlet, forge: Forge) -> None:
    forge.faults["/raw/"] = [Fault(slow=20.0, truth=True)] * 9
    command = [*unlet.argv, "track", *forge.options()]
    process = subprocess.Popen(
        command, env=unlet.env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while not forge.asked("/raw/") and time.monotonic() < deadline:
        time.sleep(0.02)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=15)
    assert (process.returncode, said.strip()) == (130, b"unlet: interrupted")
    assert time.monotonic() - began < 3
