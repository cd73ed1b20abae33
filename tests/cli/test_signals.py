"""A signal is heeded within five seconds, also while a stranger's file is read and evaluated."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.test_process import wait_for_child, working_below
from toolkit import specimen

DOCKER = "pkgs/applications/virtualization/docker/default.nix"
NOTES = "pkgs/by-name/no/notes-server/package.nix"
ENDLESS = "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in builtins.toJSON (f 60))"
SECONDS = 5.0
INTERRUPTED = 130


def started(unlet: Unlet, *arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*unlet.argv, *arguments], cwd=unlet.cwd, env=unlet.env, stderr=subprocess.PIPE)


def heeded(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, said
    assert b"Traceback" not in said
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_is_heeded_while_a_pipe_is_read(unlet: Unlet, number: signal.Signals) -> None:
    os.mkfifo(unlet.cwd / "pipe")
    process = started(unlet, "propose", "--file", "pipe")
    # This waits until it is opened at the other end.
    writing = os.open(unlet.cwd / "pipe", os.O_WRONLY)
    try:
        os.write(writing, b"{ }: ")
        time.sleep(0.5)
        heeded(process, number)
    finally:
        os.close(writing)


def test_signal_is_heeded_while_nix_evaluates(unlet: Unlet, tmp_path: Path) -> None:
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    file = tree / NOTES
    file.write_text(file.read_text().replace('version = "', f'version = {ENDLESS} + "', 1))
    process = started(unlet, "find", "notes-server", "--nixpkgs", tree)
    evaluating = wait_for_child(process.pid, "nix-instantiate")
    heeded(process, signal.SIGTERM)
    assert not Path(f"/proc/{evaluating}/stat").exists() or evaluating not in working_below(
        process.pid, "nix-instantiate"
    )


@pytest.mark.parametrize(("target", "how"), [("docker", "--parse"), ("notes-server", "--eval")])
def test_signal_is_heeded_while_nix_parses(unlet: Unlet, tmp_path: Path, target: str, how: str) -> None:
    number, file = (signal.SIGINT, DOCKER) if target == "docker" else (signal.SIGTERM, NOTES)
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    # Nix needs the square of its length for such a name, and looks for no signal meanwhile.
    (tree / file).write_text(f"{{ a{'.a' * 50_000} = 1; }}\n")
    process = started(unlet, "propose", target, "--nixpkgs", tree, "--out", tmp_path / "out")
    parsing = wait_for_child(process.pid, "nix-instantiate")
    assert how.encode() in Path(f"/proc/{parsing}/cmdline").read_bytes()
    heeded(process, number)
    assert parsing not in working_below(process.pid, "nix-instantiate")


def test_signal_ends_a_run_for_several_packages_and_none_is_half_written(unlet: Unlet, tmp_path: Path) -> None:
    tree, out = shutil.copytree(specimen.path(), tmp_path / "tree"), tmp_path / "out"
    file = tree / NOTES
    # A proof that is not the first asks for it.
    file.write_text(file.read_text().replace('description = "', f'description = {ENDLESS} + "', 1))
    process = started(unlet, "propose", "notes-server", "status-board", "--nixpkgs", tree, "--out", out)
    while not [*out.glob(".*/overlay/default.nix")] and process.poll() is None:
        time.sleep(0.01)
    wait_for_child(process.pid, "nix-instantiate")
    heeded(process, signal.SIGINT)
    assert [*out.iterdir()] == []
