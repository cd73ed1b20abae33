"""What the kernel and the machine's settings allow an ordinary user."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import process
from toolkit.docker.rootless.requirements import SUBORDINATE_IDS
from toolkit.errors import CommandError, ToolkitError

if TYPE_CHECKING:
    from toolkit.docker.doctor.host.machine import Machine

PORT_START = Path("sys/net/ipv4/ip_unprivileged_port_start")
NAMESPACES = Path("sys/user/max_user_namespaces")
CLONE = Path("sys/kernel/unprivileged_userns_clone")
APPARMOR = Path("sys/kernel/apparmor_restrict_unprivileged_userns")
TUN = Path("net/tun")

_DEFAULT_PORT_START = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SubordinateIds:
    """How many ids a file gives the user. `elsewhere` says that nsswitch.conf(5) names another place than files."""

    path: Path
    count: int
    readable: bool
    elsewhere: bool

    @property
    def enough(self) -> bool:
        """Tell whether images with ordinary user ids can be unpacked."""
        return self.count >= SUBORDINATE_IDS


def first_unprivileged_port(machine: Machine) -> int:
    """Return from which port on everybody may listen, in the network that this process is in."""
    value = _number(machine.proc / PORT_START)
    return _DEFAULT_PORT_START if value is None else value


def subordinate_ids(machine: Machine) -> tuple[SubordinateIds, ...]:
    """Return what /etc/subuid and /etc/subgid have for the user; subuid(5)."""
    switch = _text(machine.etc / "nsswitch.conf") or ""
    sources = [line.split()[1:] for line in switch.splitlines() if line.startswith("subid:")]
    found: list[SubordinateIds] = []
    for name in ("subuid", "subgid"):
        path = machine.etc / name
        text = _text(path)
        entries = [line.split(":") for line in (text or "").splitlines()]
        owners = {machine.user.name, str(machine.user.uid)}
        count = sum(
            int(entry[2])
            for entry in entries
            if len(entry) == 3 and entry[0] in owners and entry[2].isdecimal()  # noqa: PLR2004 - name:first:count
        )
        elsewhere = any(source != ["files"] for source in sources)
        readable = text is not None or not path.exists()
        found.append(SubordinateIds(path=path, count=count, readable=readable, elsewhere=elsewhere))
    return tuple(found)


def tun_problem(machine: Machine) -> str | None:
    """Return why the device for the container network cannot be used, None where it can."""
    path = machine.dev / TUN
    try:
        if not stat.S_ISCHR(path.stat().st_mode):
            return f"{path} is no device"
    except OSError as error:
        return f"{path}: {(error.strerror or str(error)).lower()}"
    return None if os.access(path, os.R_OK | os.W_OK) else f"{path}: permission denied"


def namespaces_problem(machine: Machine) -> str | None:
    """Return why an ordinary user gets no user namespace, None where they do; it tries to make one."""
    if _number(machine.proc / NAMESPACES) == 0:
        return "user.max_user_namespaces is 0"
    if _number(machine.proc / CLONE) == 0:
        return "kernel.unprivileged_userns_clone is 0"
    try:
        process.run(["unshare", "--user", "--map-root-user", "true"])
    except CommandError as error:
        return error.stderr.strip() or error.message
    except ToolkitError:
        return None
    return None


def apparmor_restricts(machine: Machine, program: Path | None) -> bool:
    """Tell whether AppArmor keeps user namespaces from `program`: it is told to, and no profile names the program.

    None stands for a program without a profile.
    """
    if _number(machine.proc / APPARMOR) != 1:
        return False
    if program is None:
        return True
    return all(str(program) not in (_text(profile) or "") for profile in (machine.etc / "apparmor.d").glob("*"))


def _number(path: Path) -> int | None:
    with suppress(ValueError):
        return int(_text(path) or "")
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None
