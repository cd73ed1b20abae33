"""What /proc tells any user about a process, and which processes are rootless docker's."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.docker.doctor.host.machine import Machine

STATE_DIRECTORY = "DOCKERD_ROOTLESS_ROOTLESSKIT_STATE_DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process: its effective and its bounding set of capabilities as bits, its start in seconds since the epoch.

    `environment` is that which it was started with, None where it may not be read.
    """

    pid: int
    parent: int
    command: tuple[str, ...]
    effective: int
    bounding: int
    no_new_privileges: bool
    started: float
    environment: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A rootless docker that runs: rootlesskit, which binds the ports, and its child, which has dockerd in it."""

    rootlesskit: Process
    child: Process

    def option(self, name: str) -> str | None:
        """Return the value of an option that rootlesskit was started with."""
        words = self.rootlesskit.command
        for word, following in zip(words, (*words[1:], ""), strict=True):
            if word == f"--{name}":
                return following
            if word.startswith(f"--{name}="):
                return word.partition("=")[2]
        return None


def process(pid: int, proc: Path = Path("/proc")) -> Process | None:
    """Return a process, None where there is none, or no access to what is world-readable."""
    place = proc / str(pid)
    try:
        status = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", (place / "status").read_text("utf-8", "replace")))
        command = (place / "cmdline").read_bytes()
        # The name, in brackets, may hold anything: proc(5).
        fields = (place / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return Process(
        pid=pid,
        parent=int(fields[1]),
        command=tuple(os.fsdecode(command).split("\0")[:-1]),
        effective=int(status.get("CapEff", "0"), 16),
        bounding=int(status.get("CapBnd", "0"), 16),
        no_new_privileges=status.get("NoNewPrivs") == "1",
        started=time.time() - age,
        environment=_environment(place),
    )


def daemon(machine: Machine, service: Mapping[str, str]) -> Daemon | None:
    """Return the user's rootless docker that runs, None where none does.

    `service` is the environment of the service: it may name another directory for rootlesskit's state, as may
    that of the shell.
    """
    for environment in (service, machine.environment):
        state = Path(environment.get(STATE_DIRECTORY) or machine.runtime / "dockerd-rootless")
        with suppress(OSError, ValueError):
            child = process(int((state / "child_pid").read_text()), machine.proc)
            parent = process(child.parent, machine.proc) if child is not None else None
            # The file may be left from a daemon that was killed, and its number be another process by now.
            if child is not None and parent is not None and "rootlesskit" in Path((*parent.command, "")[0]).name:
                return Daemon(rootlesskit=parent, child=child)
    return None


def _environment(place: Path) -> dict[str, str] | None:
    try:
        content = (place / "environ").read_bytes()
    except OSError:
        return None
    pairs = (variable.partition("=") for variable in os.fsdecode(content).split("\0") if variable)
    return {name: value for name, _, value in pairs}
