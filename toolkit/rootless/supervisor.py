"""A program, not a module: runs a daemon, and ends it with all that it has started when stdin ends.

    python -I supervisor.py DIRECTORY UID GID GROUPS ROOTLESSKIT PROGRAM [ARGUMENT…]

DIRECTORY is the daemon's own: its output goes to DIRECTORY/log, and the directory is removed in the end. PROGRAM
becomes rootlesskit under the same process id; it runs as UID, GID and GROUPS (numbers with commas) when this
is root, else as this user, and then ROOTLESSKIT is what can remove files of subordinate users. A line
`ended STATUS` on stdout says that the program is gone before stdin has ended.

Being a subreaper it inherits every orphan (prctl(2)), containerd's shims among them, so none is left. Being a
process of its own it does its work even where the one that started it was killed. A SIGKILL to rootlesskit, which
would leave its mounts and its network behind, comes last, when the processes that hold these have ended.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
TICK = 0.02
TERM_SECONDS = 20.0
KILL_SECONDS = 2.0


def main(arguments: list[str]) -> int:
    """Run the program until stdin ends; return 0 when nothing of it is left."""
    directory, uid, gid, groups, rootlesskit, *command = arguments
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        return 1
    program = _start(command, Path(directory) / "log", _identity(uid, gid, groups))
    reaped: dict[int, int] = {}
    told = False
    while not select.select([0], [], [], TICK)[0]:
        _reap(reaped)
        if program in reaped and not told:
            told = True
            sys.stdout.write(f"ended {reaped[program]}\n")
            sys.stdout.flush()
    gone = _stop(program, reaped)
    _remove(Path(directory), rootlesskit)
    return 0 if gone and not Path(directory).exists() else 1


def _identity(uid: str, gid: str, groups: str) -> tuple[int, int, list[int]] | None:
    return (int(uid), int(gid), [int(group) for group in groups.split(",")]) if os.geteuid() == 0 else None


def _start(command: list[str], log: Path, identity: tuple[int, int, list[int]] | None) -> int:
    user, group, groups = identity or (None, None, None)
    # SIG_IGN would be inherited.
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=user,
            group=group,
            extra_groups=groups,
            start_new_session=True,
            preexec_fn=_default_signals,  # noqa: PLW1509 - there is one thread
        )
    process.returncode = 0  # it is reaped below, not by Popen
    return process.pid


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _reap(reaped: dict[int, int]) -> bool:
    """Take in what has ended; return whether any child is left."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
            reaped[pid] = os.waitstatus_to_exitcode(status)
    except ChildProcessError:
        return False


def _stop(program: int, reaped: dict[int, int]) -> bool:
    """End the program, then what it leaves; return whether all are gone."""
    if program not in reaped:
        _signal(program, signal.SIGTERM)
        _wait(reaped, TERM_SECONDS, until=program)
    if program not in reaped:
        # Without its child rootlesskit takes away what it has set up, and ends; one whose child had not yet said that
        # it is ready waits for that for ever.
        for pid in _children(program):
            _signal(pid, signal.SIGKILL)
        _wait(reaped, TERM_SECONDS, until=program)
    for number in (signal.SIGTERM, signal.SIGKILL):
        began = time.monotonic()
        while _reap(reaped) and time.monotonic() - began < KILL_SECONDS:
            for pid in _children(os.getpid()):
                if pid != program or number is signal.SIGKILL:
                    _signal(pid, number)
            time.sleep(TICK)
    return not _reap(reaped)


def _wait(reaped: dict[int, int], seconds: float, *, until: int) -> None:
    end = time.monotonic() + seconds
    while _reap(reaped) and until not in reaped and time.monotonic() < end:
        time.sleep(TICK)


def _children(parent: int) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                # The name, in brackets, may hold anything: proc(5).
                fields = (entry / "stat").read_text("latin-1").rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(entry.name))
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _remove(directory: Path, rootlesskit: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists() and os.geteuid() != 0:
        subprocess.run([rootlesskit, "rm", "-rf", str(directory)], stdin=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
