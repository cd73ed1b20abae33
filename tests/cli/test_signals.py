"""A signal is heeded within five seconds, even while a stranger's file is read."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.clones import NOTES, TARGET, edit
from tests.test_process import wait_for_child, working_below

pytestmark = pytest.mark.clock

ENDLESS = (
    "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in "
    "builtins.toJSON (f 60))"
)
SECONDS = 5.0
INTERRUPTED = 130


def started(unlet: Unlet, *arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*unlet.argv, *arguments], cwd=unlet.cwd, env=unlet.env, stderr=subprocess.PIPE
    )


def heeded(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, said
    assert b"Traceback" not in said
    assert time.monotonic() - began < SECONDS


def test_signal_is_heeded_while_a_pipe_is_read(unlet: Unlet) -> None:
    os.mkfifo(unlet.cwd / "pipe")
    process = started(unlet, "propose", "--file", "pipe")
    # This waits until it is opened at the other end.
    writing = os.open(unlet.cwd / "pipe", os.O_WRONLY)
    try:
        os.write(writing, b"{ }: ")
        time.sleep(0.5)
        heeded(process, signal.SIGINT)
    finally:
        os.close(writing)


def test_signal_is_heeded_while_nix_evaluates(unlet: Unlet, tree: Path) -> None:
    edit(tree, 'version = "', f'version = {ENDLESS} + "')
    process = started(unlet, "find", "notes-server", "--nixpkgs", tree)
    evaluating = wait_for_child(process.pid, "nix-instantiate")
    heeded(process, signal.SIGTERM)
    assert not Path(
        f"/proc/{evaluating}/stat"
    ).exists() or evaluating not in working_below(process.pid, "nix-instantiate")


@pytest.mark.parametrize(
    ("target", "how"), [("docker", "--parse"), ("notes-server", "--eval")]
)
def test_signal_is_heeded_while_nix_parses(
    unlet: Unlet, tree: Path, target: str, how: str
) -> None:
    number, file = (
        (signal.SIGINT, TARGET) if target == "docker" else (signal.SIGTERM, NOTES)
    )
    # Nix needs the square of its length for such a name, and looks for no signal
    # meanwhile.
    (tree / file).write_text(f"{{ a{'.a' * 50_000} = 1; }}\n")
    process = started(unlet, "propose", target, "--nixpkgs", tree, "--out", "out")
    parsing = wait_for_child(process.pid, "nix-instantiate")
    assert how.encode() in Path(f"/proc/{parsing}/cmdline").read_bytes()
    heeded(process, number)
    assert parsing not in working_below(process.pid, "nix-instantiate")


def test_signal_ends_a_run_for_several_packages_and_none_is_half_written(
    unlet: Unlet, tree: Path, tmp_path: Path
) -> None:
    # A proof that is not the first asks for it.
    edit(tree, 'description = "', f'description = {ENDLESS} + "')
    out = tmp_path / "out"
    process = started(
        unlet,
        "propose",
        "notes-server",
        "status-board",
        "--nixpkgs",
        tree,
        "--out",
        out,
    )
    while not [*out.glob(".*/overlay/default.nix")] and process.poll() is None:
        time.sleep(0.01)
    wait_for_child(process.pid, "nix-instantiate")
    heeded(process, signal.SIGINT)
    assert [*out.iterdir()] == []


@pytest.mark.parametrize(
    ("command", "number"), [("overlay", signal.SIGTERM), ("propose", signal.SIGKILL)]
)
def test_unfinished_result_is_replaced_by_the_next_run(
    unlet: Unlet, tree: Path, tmp_path: Path, command: str, number: signal.Signals
) -> None:
    """The proofs of the second package, or of the overlay, do not end at first."""
    edit(tree, 'description = "', f'description = {ENDLESS} + "')
    targets = (
        ["notes-server"] if command == "overlay" else ["status-board", "notes-server"]
    )
    out = tmp_path / "out"
    words: list[str | Path] = [command, *targets, "--nixpkgs", tree, "--out", out]
    process = started(unlet, *words)
    while not [*out.rglob(".unlet-unfinished")] and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert [*out.rglob(".unlet-unfinished")] != []
    edit(tree, f'description = {ENDLESS} + "', 'description = "')
    done = unlet(*words)
    assert (done.returncode, "is not empty" in done.stderr) == (0, False)
    assert [*out.rglob(".unlet-unfinished")] == []
    again = unlet(*words)
    assert again.returncode == 3
    assert "is not empty" in again.stdout + again.stderr
