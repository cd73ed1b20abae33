"""Programs and processes as the kernel sees them: rights, mounts, and which processes are rootless docker's."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import process as programs
from toolkit.errors import CommandError, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.docker.doctor.machine import Machine

SETUID = 7
NET_BIND_SERVICE = 10
"""Bits of capabilities(7), counted from 0."""

STATE_DIRECTORY = "DOCKERD_ROOTLESS_ROOTLESSKIT_STATE_DIR"

_ATTRIBUTE = "security.capability"
_REVISION = 0xFF000000
_EFFECTIVE = 1
# Revision → words behind the first one: permitted and inheritable, the same for the upper bits, the namespace's root.
_WORDS = {1: 2, 2: 4, 3: 5}
# A security wrapper has a few kilobytes, a statically linked one less than a megabyte.
_WRAPPER_BYTES = 4 << 20
_TRIAL_SECONDS = 10.0


class Capability(Struct, frozen=True, kw_only=True):
    """The file capabilities of a program: sets of bits; `root` is the user id of the namespace that they count in."""

    permitted: int
    inheritable: int
    effective: bool
    root: int = 0

    def grants(self, bit: int) -> bool:
        """Return whether whoever starts the program gets the capability outside of every namespace."""
        return bool(self.permitted >> bit & 1) and self.root == 0

    def __str__(self) -> str:
        flags = "ep" if self.effective else "p"
        within = f", only in the user namespace of user {self.root}" if self.root else ""
        return f"0x{self.permitted:x}={flags}{within}"


class Program(Struct, frozen=True, kw_only=True):
    """A program that was found.

    `path` is as PATH has it, `resolved` the file behind all links. `attributes`: its file system can hold capabilities.
    `changed` is the time of its inode's last change, in seconds since the epoch. `nosuid` is the mount point that
    makes capabilities and setuid void, None if nothing does. `source` is the program that a security wrapper runs, if
    it can be read.
    """

    path: Path
    resolved: Path
    capability: Capability | None
    attributes: bool
    setuid: bool
    changed: float
    nosuid: Path | None
    source: Path | None

    def grants(self, bit: int) -> bool:
        """Return whether the file has the capability, even if its mount makes it void."""
        return self.capability is not None and self.capability.grants(bit)


class Trial(Struct, frozen=True, kw_only=True):
    """The output of `--version`; `status` is None if the program could not be started or did not end."""

    status: int | None
    output: str


def locate(name: str, path: str) -> Iterator[Path]:
    """Yield each program of this name on a PATH, in order, as a shell finds them."""
    for entry in path.split(os.pathsep) if path else ():
        candidate = Path(entry or ".") / name
        with suppress(OSError):
            if candidate.is_file() and os.access(candidate, os.X_OK):
                yield candidate


def look(path: Path) -> Program:
    """Return the facts about a program; raise ToolkitError if it cannot be read."""
    try:
        resolved = path.resolve(strict=True)
        status = resolved.stat()
        nosuid = bool(os.statvfs(resolved).f_flag & os.ST_NOSUID)
    except OSError as error:
        raise ToolkitError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    value, attributes = _attribute(resolved)
    return Program(
        path=path,
        resolved=resolved,
        capability=parse(value) if value else None,
        attributes=attributes,
        setuid=bool(status.st_mode & stat.S_ISUID) and status.st_uid == 0,
        changed=status.st_ctime,
        nosuid=mount_point(resolved) if nosuid else None,
        source=_source(resolved),
    )


def parse(value: bytes) -> Capability | None:
    """Read the attribute's value (struct vfs_ns_cap_data in linux/capability.h); None if it has another form."""
    if len(value) < 4:  # noqa: PLR2004 - a word
        return None
    head, *data = (int.from_bytes(value[at : at + 4], "little") for at in range(0, len(value) // 4 * 4, 4))
    words = _WORDS.get((head & _REVISION) >> 24)
    if words is None or len(data) < words:
        return None
    low, low_inheritable, high, high_inheritable, root = [*data[:words], 0, 0, 0][:5]
    return Capability(
        permitted=low | high << 32,
        inheritable=low_inheritable | high_inheritable << 32,
        effective=bool(head & _EFFECTIVE),
        root=root,
    )


def mount_point(path: Path) -> Path:
    """Return the mount point that `path` lies below; proc_pid_mountinfo(5)."""
    with suppress(OSError):
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
        points = {
            re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4]) for line in mounts.splitlines()
        }
        return next(parent for parent in (path, *path.parents) if str(parent) in points)
    return Path("/")


def content(path: Path) -> bytes:
    """Return the content of a wrapper; raise ToolkitError if it cannot be read, or is far too big for one."""
    try:
        if path.stat().st_size > _WRAPPER_BYTES:
            raise ToolkitError(f"{path}: is too big for a wrapper")
        return path.read_bytes()
    except OSError as error:
        raise ToolkitError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def try_version(program: Path) -> Trial:
    """Run `program --version`, which changes nothing and shows whether a security wrapper works."""
    try:
        # With it NixOS' security wrapper prints which capabilities it passes on.
        done = programs.run([str(program), "--version"], env={"WRAPPER_DEBUG": "1"}, ok=None, timeout=_TRIAL_SECONDS)
    except CommandError as error:
        return Trial(status=None, output=error.stderr.strip())
    except ToolkitError as error:
        return Trial(status=None, output=error.message)
    return Trial(status=done.status, output=f"{done.text}\n{done.stderr}".strip())


def _attribute(path: Path) -> tuple[bytes, bool]:
    try:
        return os.getxattr(path, _ATTRIBUTE), True
    except OSError as error:
        return b"", error.errno != errno.ENOTSUP


def _source(path: Path) -> Path | None:
    """Return what a security wrapper runs: until 2023 a file beside it named it, since then the wrapper does."""
    with suppress(OSError):
        return Path(path.with_name(f"{path.name}.real").read_text())
    with suppress(OSError):
        if path.stat().st_size <= _WRAPPER_BYTES:
            text = path.read_bytes()
            if b"inherit capabilities" in text:
                found = re.search(rb"(?<=[\0'`])/[^\0'`]*/(?:docker-)?rootlesskit(?=[\0'`])", text)
                return Path(os.fsdecode(found[0])) if found else None
    return None


class Process(Struct, frozen=True, kw_only=True):
    """A process: its effective and its bounding set of capabilities as bits, its start in seconds since the epoch.

    `environment` is the one that it was started with, None if it may not be read.
    """

    pid: int
    parent: int
    command: tuple[str, ...]
    effective: int
    bounding: int
    no_new_privileges: bool
    started: float
    environment: Mapping[str, str] | None

    def has(self, bit: int) -> bool:
        """Return whether the process has the capability in effect."""
        return bool(self.effective >> bit & 1)


class Daemon(Struct, frozen=True, kw_only=True):
    """A running rootless docker: rootlesskit, which binds the ports, and its child, which contains dockerd."""

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
    """Return a process, None if there is none, or if even the world-readable facts cannot be read."""
    place = proc / str(pid)
    try:
        status = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", (place / "status").read_text("utf-8", "replace")))
        command = (place / "cmdline").read_bytes()
        # The name, in brackets, may contain anything: proc(5).
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
    """Return the user's running rootless docker, None if none runs.

    `service` is the environment of the service: like that of the shell it may name another directory for
    rootlesskit's state.
    """
    for environment in (service, machine.environment):
        state = Path(environment.get(STATE_DIRECTORY) or machine.runtime / "dockerd-rootless")
        with suppress(OSError, ValueError):
            child = process(int((state / "child_pid").read_text()), machine.proc)
            parent = process(child.parent, machine.proc) if child is not None else None
            # The file may be left over from a daemon that was killed, and its number belong to another process now.
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
