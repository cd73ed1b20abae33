from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.rootless.account import remains, wait_for
from toolkit.rootless.daemon import SUPERVISOR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolkit.rootless import Account

ORPHANS = (
    "for i in 1 2 3; do setsid sh -c 'trap \"\" TERM; sleep 300 & wait' & done; setsid sleep 300 & touch started; "
)


@pytest.fixture
def start(place: Path, account: Account) -> Callable[[str], tuple[Path, subprocess.Popen[str]]]:
    def run(script: str) -> tuple[Path, subprocess.Popen[str]]:
        directory = place / "daemon"
        directory.mkdir()
        os.chown(directory, account.uid, account.gid)
        argv = [sys.executable, "-I", str(SUPERVISOR), str(directory), str(account.uid), str(account.gid)]
        argv += [str(account.gid), "/nonexistent", "sh", "-c", f"cd {directory}; {script}"]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return directory, process

    return run


def test_end_of_stdin_ends_all_that_was_started_and_removes_the_directory(
    start: Callable[[str], tuple[Path, subprocess.Popen[str]]], account: Account
) -> None:
    directory, process = start(ORPHANS + "id -u >whoami; exec sleep 300")
    assert wait_for(directory, "whoami").exists()
    assert wait_for(directory, "started").stat().st_uid == account.uid
    assert len([line for line in remains(account, directory) if line.startswith("process")]) >= 5
    stdout, _ = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (0, "")
    assert not directory.exists()


def test_program_that_ends_by_itself_is_told_and_its_orphans_go_too(
    start: Callable[[str], tuple[Path, subprocess.Popen[str]]],
) -> None:
    directory, process = start(ORPHANS + "echo gone wrong; exit 5")
    assert process.stdout is not None
    assert process.stdout.readline() == "ended 5\n"
    assert (directory / "log").read_text() == "gone wrong\n"
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_supervisor_does_its_work_when_the_one_who_started_it_is_killed(place: Path, account: Account) -> None:
    directory = place / "daemon"
    directory.mkdir()
    os.chown(directory, account.uid, account.gid)
    script = f"cd {directory}; {ORPHANS} exec sleep 300"
    parent = (
        "import subprocess, sys, time\n"
        "subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)\n"
        "time.sleep(300)\n"
    )
    identity = [str(account.uid), str(account.gid), str(account.gid)]
    argv = [sys.executable, "-c", parent, sys.executable, "-I", str(SUPERVISOR), str(directory), *identity]
    with subprocess.Popen([*argv, "/nonexistent", "sh", "-c", script]) as process:
        wait_for(directory, "started")
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 30
    while remains(account, place) and time.monotonic() < end:
        time.sleep(0.05)


def test_interrupt_of_the_terminal_does_not_reach_the_daemon(
    start: Callable[[str], tuple[Path, subprocess.Popen[str]]],
) -> None:
    directory, process = start("touch started; trap 'touch interrupted; exit' INT; sleep 300 & wait")
    wait_for(directory, "started")
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.2)
    assert not (directory / "interrupted").exists()
    assert process.poll() is None
    process.communicate(timeout=30)
