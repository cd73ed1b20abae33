"""What to do, in the words of the machine: options on NixOS, commands elsewhere."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.docker.doctor.host.programs import Program
    from toolkit.docker.doctor.sight import Sight

_WRAPPER = (
    'security.wrappers.docker-rootlesskit = { owner = "root"; group = "root"; '
    'capabilities = "cap_net_bind_service+ep"; source = "${pkgs.rootlesskit}/bin/rootlesskit"; };'
)


def restart(sight: Sight) -> str:
    """Say how the daemon is started again."""
    return "restart the daemon" if sight.service.missing else "systemctl --user restart docker"


def missing(sight: Sight) -> str:
    """Say how rootlesskit gets onto PATH."""
    if sight.machine.is_nixos:
        return f"an override took it out of dockerd-rootless' PATH; put it behind PATH (--suffix), or: {_WRAPPER}"
    return "install rootlesskit (Debian, Ubuntu: apt install rootlesskit)"


def shadowed(sight: Sight, hidden: Program) -> str:
    """Say how a security wrapper comes first."""
    if sight.machine.is_nixos:
        name = f"name it docker-rootlesskit, which comes first: {_WRAPPER}"
        return f"{name} (or use the overlay 'rewrap'), then {restart(sight)}"
    link = hidden.path.with_name("docker-rootlesskit")
    return f"as root: mv {shlex.quote(str(hidden.path))} {shlex.quote(str(link))}, a name that comes first"


def capability(sight: Sight, program: Program | None) -> str:
    """Say how rootlesskit gets the capability, and what else would do."""
    setting = sysctl(sight, "net.ipv4.ip_unprivileged_port_start", sight.port)
    other = f"or let every program have the port: {setting}"
    if sight.machine.is_nixos:
        return f"{_WRAPPER} {other}"
    path = shlex.quote(str(program.resolved)) if program is not None else "ROOTLESSKIT"
    return f"as root: setcap cap_net_bind_service=ep {path}; {other}"


def wrappers(sight: Sight) -> str:
    """Say how security wrappers are made anew."""
    if sight.machine.is_nixos:
        return f"as root: systemctl restart suid-sgid-wrappers (or nixos-rebuild switch), then {restart(sight)}"
    return f"make the security wrapper anew, then {restart(sight)}"


def setuid(sight: Sight, name: str) -> str:
    """Say how newuidmap and newgidmap may do their work."""
    if sight.machine.is_nixos:
        return f"put /run/wrappers/bin on the service's PATH, where {name} is setuid; security.wrappers has it"
    return f"Debian, Ubuntu: apt install --reinstall uidmap; or as root: chmod u+s $(command -v {name})"


def remount(point: Path) -> str:
    """Say how capabilities and setuid bits come to count on a mount."""
    return f"as root: mount -o remount,suid {shlex.quote(str(point))}"


def subordinate_ids(sight: Sight) -> str:
    """Say how the user gets subordinate ids."""
    user = sight.machine.user.name
    if sight.machine.is_nixos:
        return f"users.users.{user}.autoSubUidGidRange = true;"
    return f"as root: usermod --add-subuids 300000-365535 --add-subgids 300000-365535 {user}"


def sysctl(sight: Sight, setting: str, value: int) -> str:
    """Say how a setting of the kernel is changed."""
    if sight.machine.is_nixos:
        return f'boot.kernel.sysctl."{setting}" = {value};'
    return f"as root: sysctl {setting}={value}, and a line in /etc/sysctl.d for the next boot"
