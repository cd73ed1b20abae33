"""Programs as the kernel sees them.

It reads their places on PATH, their rights, and the mounts that disable those rights.
"""

import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from toolkit import files, process
from toolkit.doctor.machine import SERVICES
from toolkit.environment import variables
from toolkit.errors import CommandError, ToolkitError, reason_of

SETUID = 7
NET_BIND_SERVICE = 10
"""The bit of the capability in capabilities(7), counted from 0."""

# Revision → the length of the attribute in bytes: the third one has the namespace's
# root at its end.
_LENGTHS = {2: 20, 3: 24}
# A security wrapper has a few kilobytes, a statically linked one less than a megabyte.
WRAPPER_BYTES = 4 << 20
_TRIAL_SECONDS = 10.0


class Capability(Struct, frozen=True, kw_only=True):
    """A program's file capabilities as sets of bits.

    `root` is the user id of the namespace in which they count.
    """

    permitted: int
    effective: bool
    root: int = 0

    def grants(self, bit: int) -> bool:
        """Return whether anyone who starts the program gains the capability.

        It must count outside of all user namespaces.
        """
        return bool(self.permitted >> bit & 1) and self.root == 0

    def __str__(self) -> str:
        flags = "ep" if self.effective else "p"
        within = (
            f", only in the user namespace of user {self.root}" if self.root else ""
        )
        return f"0x{self.permitted:x}={flags}{within}"


class Program(Struct, frozen=True, kw_only=True):
    """A program on this machine.

    `path` is its path by PATH, `resolved` the file behind all links. `changed` is the
    time of its inode's last change, in seconds since the epoch. `nosuid` is the mount
    point that disables capabilities and setuid, or None. `source` is the program that a
    security wrapper runs, if it can be read.
    """

    path: Path
    resolved: Path
    capability: Capability | None
    setuid: bool
    changed: float
    nosuid: Path | None
    source: Path | None

    def grants(self, bit: int) -> bool:
        """Return whether the file has the capability, even if its mount disables it."""
        return self.capability is not None and self.capability.grants(bit)


class Trial(Struct, frozen=True, kw_only=True):
    """The result of running a program with `--version`.

    `status` is None if the program did not start or did not end.
    """

    status: int | None
    output: str


def locate(name: str, path: str) -> Iterator[Path]:
    """Yield each program of this name on a PATH, in the order of a shell."""
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
        raise ToolkitError(f"{path}: {reason_of(error)}") from None
    value = b""
    with suppress(OSError):
        value = os.getxattr(resolved, "security.capability")
    return Program(
        path=path,
        resolved=resolved,
        capability=parse(value),
        setuid=bool(status.st_mode & stat.S_ISUID) and status.st_uid == 0,
        changed=status.st_ctime,
        nosuid=mount_point(resolved) if nosuid else None,
        source=_source(resolved),
    )


def parse(value: bytes) -> Capability | None:
    """Read a file's capabilities (struct vfs_ns_cap_data in linux/capability.h).

    Return None if it has another form.
    """
    if _LENGTHS.get(int.from_bytes(value[3:4])) != len(value):
        return None
    flags, low, _, high, _ = struct.unpack_from("<5I", value)
    root = int.from_bytes(value[20:], "little")
    return Capability(permitted=low | high << 32, effective=bool(flags & 1), root=root)


def mount_point(path: Path) -> Path:
    """Return the mount point that `path` lies below; proc_pid_mountinfo(5)."""
    with suppress(OSError):
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
        points = {
            re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4])
            for line in mounts.splitlines()
        }
        return next(parent for parent in (path, *path.parents) if str(parent) in points)
    return Path("/")


def try_version(program: Path) -> Trial:
    """Run `program --version`, which shows whether a security wrapper works."""
    try:
        # With it NixOS' security wrapper prints which capabilities it passes on.
        done = process.run(
            [str(program), "--version"],
            env=variables(SERVICES, {"WRAPPER_DEBUG": "1"}),
            ok=None,
            timeout=_TRIAL_SECONDS,
        )
    except CommandError as error:
        return Trial(status=None, output=error.stderr.strip())
    except ToolkitError as error:
        return Trial(status=None, output=error.message)
    return Trial(status=done.status, output=f"{done.text}\n{done.stderr}".strip())


def _source(path: Path) -> Path | None:
    """Return the program that a security wrapper runs.

    Until 2023, a file beside the wrapper named it; since then, the wrapper does.
    """
    with suppress(OSError):
        return Path(path.with_name(f"{path.name}.real").read_text())
    with suppress(ToolkitError):
        text = files.read(path, most=WRAPPER_BYTES)
        if b"inherit capabilities" in text:
            found = re.search(
                rb"(?<=[\0'`])/[^\0'`]*/(?:docker-)?rootlesskit(?=[\0'`])", text
            )
            return Path(os.fsdecode(found[0])) if found else None
    return None
