import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli.conftest import Unlet
from tests.clones import Clone, edit

SPECIMEN = ("propose", "--nixpkgs", "specimen")


def _on_a_terminal(unlet: Unlet, *arguments: str, **env: str) -> tuple[int, str]:
    """Run unlet on a terminal of 100 columns, and return its status and its output."""
    ours, theirs = pty.openpty()
    command = [*unlet.argv, *arguments]
    env = {**unlet.env, "TERM": "xterm-256color", "COLUMNS": "100", **env}
    process = subprocess.Popen(
        command, cwd=unlet.cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    # Linux says EIO where the other side is closed.
    with suppress(OSError):
        while chunk := os.read(ours, 65536):
            written += chunk
    os.close(ours)
    return process.wait(timeout=60), written.decode()


def test_json_is_the_report_file_and_nothing_else(unlet: Unlet) -> None:
    called = ("--binding", "web-ui", "--as", "web-ui=ui")
    systems = ("--system", "x86_64-linux", "--system", "aarch64-linux")
    done = unlet(*SPECIMEN, "notes-server", *called, *systems, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (unlet.cwd / "proposal" / "report.json").read_text()
    document = json.loads(done.stdout)
    assert document["source"]["nixpkgs"] == "specimen"
    assert set(document["files"]) >= {"report.json", "overlay/notes-server/package.nix"}
    (proof,) = (proof for proof in document["proofs"] if proof["name"] == "no-rebuild")
    assert proof["claim"].endswith(" on x86_64-linux, aarch64-linux")
    assert (
        "finalAttrs.passthru.ui" in (unlet.cwd / "proposal/upstream.diff").read_text()
    )


def test_verbose_prints_each_command_on_stderr_and_the_rest_as_comments(
    unlet: Unlet,
) -> None:
    done = unlet(*SPECIMEN, "notes-server", "-v")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert any(
        "nix-instantiate --eval " in line and not line.startswith("#") for line in lines
    )
    assert "# proving no-rebuild" in lines
    assert "nix-instantiate --eval" not in done.stdout


def test_terminal_shows_progress_and_then_as_many_rows_as_it_has_for_a_newcomer(
    unlet: Unlet,
) -> None:
    status, written = _on_a_terminal(unlet, *SPECIMEN)
    assert status == 0
    progress, _, result = written.rpartition("\x1b[2K")
    assert "proving" in progress
    assert "\x1b[32mpassed\x1b[0m   no-rebuild " in result
    assert "to contribute" in result
    shown = [re.sub(r"\x1b\[\d+m", "", line) for line in result.splitlines()]
    assert len(shown) <= 24
    assert [line for line in shown if len(line) > 80] == []


def test_no_color_draws_without_colours(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text("No subuid ranges found\n")
    for env, coloured in ({"NO_COLOR": "1"}, False), ({}, True):
        _, written = _on_a_terminal(
            unlet, "doctor", "--elsewhere", "--log", "log", **env
        )
        assert "subordinate-ids-missing" in written
        assert ("\x1b[1;31m" in written) is coloured


def test_checkout_that_one_is_in_is_the_source_and_stays_as_it_is(
    unlet: Unlet, tree: Path
) -> None:
    before = sorted(tree.rglob("*"))
    here = replace(unlet, cwd=tree / "pkgs" / "by-name")
    done = here("propose", "notes-server")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"source   {tree}" in done.stdout
    assert "wrote    ../../../proposal: " in done.stdout
    assert "notes-server" in here("find", "notes-server").stdout
    assert sorted(tree.rglob("*")) == before


def test_several_packages_have_a_proposal_each(unlet: Unlet) -> None:
    alone = unlet(*SPECIMEN, "notes-server", "--out", "alone")
    done = unlet(*SPECIMEN, "notes-server", "status-board", "--out", "lifts")
    assert done.returncode == alone.returncode == 0
    *lines, after = done.stdout.splitlines()
    assert after == "to contribute  unlet pr NAME --repo DIR"
    assert [line.split(":")[0] for line in lines] == [
        "notes-server  wrote lifts/notes-server",
        "status-board  wrote lifts/status-board",
    ]
    assert all(re.search(r"\b1[012] of 1[234] proofs passed", line) for line in lines)
    for name in ("notes-server", "status-board"):
        document = json.loads((unlet.cwd / "lifts" / name / "report.json").read_text())
        assert document["target"] == name
        statuses = {proof["name"]: proof["status"] for proof in document["proofs"]}
        assert statuses["follows"] == (
            "passed" if name == "notes-server" else "not run"
        )
    diff = (unlet.cwd / "lifts/notes-server/upstream.diff").read_bytes()
    assert diff == (unlet.cwd / "alone/upstream.diff").read_bytes()


def test_a_refused_package_is_named_and_stops_no_other(unlet: Unlet) -> None:
    done = unlet(
        *SPECIMEN,
        "log-viewer",
        "notes-server",
        "notes-serve",
        "--json",
        "--out",
        "lifts",
    )
    assert (done.returncode, done.stderr) == (3, "")
    first, second, third = json.loads(done.stdout)["proposals"]
    assert (first["target"], first["exit_code"]) == ("log-viewer", 3)
    assert first["error"]["message"].endswith("there is no 'let' around the package")
    assert second["report"] == json.loads(
        (unlet.cwd / second["out"] / "report.json").read_text()
    )
    assert third["error"]["hint"] == "did you mean notes-server?"
    assert [path.name for path in (unlet.cwd / "lifts").iterdir()] == ["notes-server"]
    again = unlet(*SPECIMEN, "log-viewer", "notes-server", "--quiet", "--out", "lifts")
    assert again.returncode == 3
    lines = [line for line in again.stdout.splitlines() if "hint" not in line]
    assert [line.split("  ")[0] for line in lines] == ["log-viewer", "notes-server"]
    assert "lifts/notes-server: is not empty" in again.stdout


def test_a_full_disk_proves_nothing_and_nothing_is_written(
    unlet: Unlet, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    mounted = (
        f"mount -t tmpfs -o size=64k none {tmp_path}/full && "
        f'TMPDIR={tmp_path}/full exec "$@"'
    )
    argv = [*unlet.argv, "propose", "--nixpkgs", "specimen", "--out", f"{tmp_path}/out"]
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", mounted, "sh", *argv],
        env=unlet.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-2:]) == (
        3,
        [
            "git: no space left on device",
            "hint: free some space there, or set TMPDIR to another directory",
        ],
    )
    assert not (tmp_path / "out").exists()


def test_the_tree_of_a_stranger_is_evaluated_sealed(
    unlet: Unlet, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("mine")
    reading = f"SECRET = builtins.readFile {tmp_path}/secret;"
    edit(tree, "\nstdenv.mkDerivation {", f"\nstdenv.mkDerivation {{ {reading}")
    done = unlet("propose", "notes-server", "--nixpkgs", tree)
    assert (done.returncode, done.stdout) == (3, "")
    assert "' is forbidden in restricted mode" in done.stderr


@pytest.mark.parametrize(
    "command", [("propose",), ("propose", "notes-server"), ("overlay",)]
)
def test_nothing_is_written_into_a_git_directory(
    unlet: Unlet, command: tuple[str, ...]
) -> None:
    (unlet.cwd / ".git").mkdir()
    done = unlet(*command, "--nixpkgs", "specimen", "--out", ".git/x")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(".git/x: is inside the git directory '")
    assert list((unlet.cwd / ".git").iterdir()) == []


def test_mails_have_git_s_author_and_the_date_of_the_commit(
    unlet: Unlet, new_clone: Callable[..., Clone]
) -> None:
    clone = new_clone()
    asked = (
        "propose",
        "notes-server",
        "--nixpkgs",
        clone.top,
        "--rev",
        "upstream/master",
    )
    assert (
        unlet(
            *asked, GIT_AUTHOR_NAME="Jo", GIT_AUTHOR_EMAIL="jo@example.org"
        ).returncode
        == 0
    )
    (mail,) = (unlet.cwd / "proposal/series").iterdir()
    date = int(clone.git("log", "-1", "--format=%ct", "upstream/master"))
    sent = formatdate(date, usegmt=True).replace("GMT", "+0000")
    assert mail.read_text().splitlines()[1:3] == [
        "From: Jo <jo@example.org>",
        f"Date: {sent}".replace(", 0", ", "),
    ]
