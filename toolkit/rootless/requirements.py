"""What a rootless docker needs of this machine: programs, as nixpkgs' packages divide them, a user, the kernel's leave.

The user is an ordinary one, as dockerd-rootless.sh refuses root. Whatever is missing is one line, with what to do.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import stat
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.version import Version

from toolkit import process
from toolkit.errors import CommandError, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SCRIPT = "dockerd-rootless.sh"
NAMES = ("docker-rootlesskit", "rootlesskit")
"""The programs that the script looks for, in this order, each on all of PATH."""

# From this release on dockerd speaks to rootlesskit itself.
WITHOUT_PROXY = Version("28")
PROXY = "rootlesskit-docker-proxy"

DEBIAN = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "docker-init": "docker.io",
    "docker-proxy": "docker.io",
    "dockerd": "docker.io",
    SCRIPT: "docker.io",
    "gcc": "gcc libc6-dev",
    "ip": "iproute2",
    "newgidmap": "uidmap",
    "newuidmap": "uidmap",
    "nsenter": "util-linux",
    "rootlesskit": "rootlesskit",
    "runc": "runc",
    "setcap": "libcap2-bin",
    "setpriv": "util-linux",
    "slirp4netns": "slirp4netns",
    "unshare": "util-linux",
}
"""Each program that there must be → the package that has it in Debian."""

_PACKAGES = {
    "containerd": {"containerd": "containerd", "containerd-shim-runc-v2": "containerd-shim-runc-v2"},
    "docker-proxy": {"docker-proxy": "docker-proxy"},
    "iproute2": {"ip": "ip"},
    "moby": {"docker-proxy": "docker-proxy", "dockerd": "dockerd", SCRIPT: SCRIPT},
    "rootlesskit": {"rootlesskit": "rootlesskit", PROXY: PROXY},
    "runc": {"runc": "runc"},
    "slirp4netns": {"slirp4netns": "slirp4netns"},
    "tini": {"tini-static": "docker-init"},
    "util-linux": {"nsenter": "nsenter"},
    "util-linuxMinimal": {"nsenter": "nsenter"},
    "utillinux": {"nsenter": "nsenter"},
}
"""nixpkgs' package → what a program is called in it → what it is called here."""

# Beside PATH: what root has on it, and where docker's own packages put what only dockerd runs.
_PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec/docker", "/usr/share/docker.io/contrib")
_SECURITY_WRAPPERS = "/run/wrappers/bin"

TUN = Path("/dev/net/tun")
UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
PORT_START = "net.ipv4.ip_unprivileged_port_start"
APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
CAPABILITY = "security.capability"

# What rootlesskit maps: fewer than this and images with ordinary user ids do not unpack.
SUBORDINATE_IDS = 65536
# SUB_UID_MIN, from which on useradd gives ranges: login.defs(5).
_FIRST_SUBORDINATE = 100000


class Host(Struct, frozen=True, kw_only=True):
    """What was found: programs by name, and the version of the dockerd among them."""

    programs: Mapping[str, Path]
    version: Version

    @property
    def needs_proxy(self) -> bool:
        """Return whether this dockerd starts only where PATH has rootlesskit-docker-proxy."""
        return self.version < WITHOUT_PROXY

    def packages(self) -> dict[str, dict[str, str]]:
        """Return nixpkgs' package → program → path, as toolkit/docker/expressions/build.nix takes it."""
        return {
            package: {name: str(self.programs[here]) for name, here in names.items() if here in self.programs}
            for package, names in _PACKAGES.items()
        }


def host() -> Host:
    """Find the programs; raise ToolkitError for the first that is missing."""
    dockerd = _require("dockerd", "docker.io", places=())
    # nixpkgs has them in bin/ and libexec/docker/ of one package.
    beside = (dockerd.resolve().parent, dockerd.resolve().parent.parent / "libexec" / "docker")
    places = tuple(map(str, beside))
    programs = {name: _require(name, package, places=places) for name, package in DEBIAN.items()}
    said = process.run([str(dockerd), "--version"]).text
    found = re.search(r"version (\d+\.\d+\.\d+)", said)
    if found is None:
        raise ToolkitError(f"dockerd: cannot read its version from '{said}'")
    result = Host(programs=programs, version=Version(found[1]))
    if result.needs_proxy:
        programs[PROXY] = _require(PROXY, "rootlesskit", places=places)
    return result


def _require(name: str, package: str, *, places: tuple[str, ...]) -> Path:
    """Look on PATH and in more places; security wrappers count only for what has to be setuid."""
    path = [*os.environ.get("PATH", "").split(os.pathsep), *_PLACES, *places]
    if name in {"newuidmap", "newgidmap"}:
        path.insert(0, _SECURITY_WRAPPERS)
    else:
        path = [place for place in path if place != _SECURITY_WRAPPERS]
    found = shutil.which(name, path=os.pathsep.join(path))
    if found is None:
        raise ToolkitError(f"{name}: is not installed", hint=f"Debian, Ubuntu: apt install {package}")
    return Path(found)


class Account(Struct, frozen=True, kw_only=True):
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @property
    def groups(self) -> tuple[int, ...]:
        """All groups the user is in."""
        return tuple(os.getgrouplist(self.name, self.gid))


def account() -> Account:
    """Return this process's user; for root, the user who called sudo.

    Raise ToolkitError where that is nobody.
    """
    if os.geteuid() != 0:
        return _named(pwd.getpwuid(os.geteuid()))
    name = os.environ.get("SUDO_USER", "root")
    try:
        found = _named(pwd.getpwnam(name))
    except KeyError:
        raise ToolkitError(f"SUDO_USER: there is no user '{name}'") from None
    if found.uid == 0:
        raise ToolkitError(
            "rootless docker: root cannot have one", hint="run it with sudo as the user whose daemon it will be"
        )
    return found


def _named(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def require(host: Host, account: Account, *, ports: Collection[int]) -> None:
    """Raise ToolkitError for the first thing that a rootless daemon of `account` lacks on this machine."""
    require_tun(host, account)
    require_setuid(host)
    require_subordinate_ids(account)
    require_namespaces(host, account)
    require_bare(host.programs["rootlesskit"])
    require_privileged(min(ports))
    for port in ports:
        require_free(port)


def as_account(host: Host, account: Account, argv: list[str]) -> list[str]:
    """Return a command that runs `argv` as that user."""
    if os.geteuid() != 0:
        return argv
    identity = [f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups"]
    return [str(host.programs["setpriv"]), *identity, *argv]


def require_tun(host: Host, account: Account, path: Path = TUN) -> None:
    """Require the device of the network that slirp4netns makes."""
    device, directory = quote(str(path)), quote(str(path.parent))
    if not path.exists():
        raise ToolkitError(
            f"{path}: no such file or directory",
            hint=f"as root: mkdir -p {directory} && mknod -m 666 {device} c 10 200 (in a container: --device {device})",
        )
    if not stat.S_ISCHR(path.stat().st_mode):
        raise ToolkitError(f"{path}: is not a device", hint=f"as root: rm {device} && mknod -m 666 {device} c 10 200")
    if not succeeds(as_account(host, account, ["test", "-r", str(path), "-a", "-w", str(path)])):
        raise ToolkitError(f"{path}: permission denied for {account.name}", hint=f"as root: chmod 666 {device}")


def require_setuid(host: Host) -> None:
    """Require that newuidmap and newgidmap may map more than the user's own id."""
    for name in ("newuidmap", "newgidmap"):
        path = host.programs[name]
        if not path.stat().st_mode & stat.S_ISUID and not _has_capability(path):
            raise ToolkitError(
                f"{path}: is neither setuid nor has capabilities",
                hint="reinstall the package that sets its rights (Debian, Ubuntu: apt install --reinstall uidmap)",
            )


class SubordinateIds(Struct, frozen=True, kw_only=True):
    """The ids that a file gives to the user; `ranges` are (first, count).

    `elsewhere`: nsswitch.conf(5) names a source other than files.
    """

    path: Path
    ranges: tuple[tuple[int, int], ...]
    readable: bool
    elsewhere: bool

    @property
    def count(self) -> int:
        """How many ids there are."""
        return sum(count for _, count in self.ranges)

    @property
    def enough(self) -> bool:
        """Whether images with ordinary user ids can be unpacked."""
        return self.count >= SUBORDINATE_IDS

    def overlap(self, own: int) -> str | None:
        """Return what the kernel refuses to map: two ranges that overlap, or one that contains the user's `own` id."""
        spans = sorted((first, first + count - 1) for first, count in self.ranges if count)
        for before, after in pairwise(spans):
            if after[0] <= before[1]:
                return f"{before[0]}-{before[1]} and {after[0]}-{after[1]} overlap"
        return next((f"{first}-{last} contains {own}" for first, last in spans if first <= own <= last), None)


def subordinate_ids(account: Account, directory: Path = Path("/etc")) -> tuple[SubordinateIds, ...]:
    """Return what `directory`/subuid and subgid have for a user; subuid(5)."""
    switch = text_of(directory / "nsswitch.conf") or ""
    sources = [line.split()[1:] for line in switch.splitlines() if line.startswith("subid:")]
    owners = {account.name, str(account.uid)}
    found: list[SubordinateIds] = []
    for name in ("subuid", "subgid"):
        path = directory / name
        text = text_of(path)
        entries = [re.fullmatch(r"([^:]+):(\d+):(\d+)", line.strip()) for line in (text or "").splitlines()]
        found.append(
            SubordinateIds(
                path=path,
                ranges=tuple((int(entry[2]), int(entry[3])) for entry in entries if entry and entry[1] in owners),
                readable=text is not None or not path.exists(),
                elsewhere=any(source != ["files"] for source in sources),
            )
        )
    return tuple(found)


def require_subordinate_ids(account: Account, directory: Path = Path("/etc")) -> None:
    """Require ids to map, as `directory`/subuid and subgid give them."""
    for found in subordinate_ids(account, directory):
        if not found.enough:
            has, ids = f"only {found.count}" if found.ranges else "no", free_range(directory)
            raise ToolkitError(
                f"{found.path}: {account.name} has {has} subordinate ids",
                hint=f"as root: usermod --add-subuids {ids} --add-subgids {ids} {account.name}",
            )


def free_range(directory: Path = Path("/etc")) -> str:
    """Return FIRST-LAST, as many subordinate ids as a daemon needs behind all that `directory` gives to anyone."""
    ends = [_FIRST_SUBORDINATE]
    for name in ("subuid", "subgid"):
        entries = re.findall(r"^[^:\n]+:(\d+):(\d+)$", text_of(directory / name) or "", re.MULTILINE)
        ends += [int(first) + int(count) for first, count in entries]
    return f"{max(ends)}-{max(ends) + SUBORDINATE_IDS - 1}"


def require_namespaces(host: Host, account: Account) -> None:
    """Try it; where AppArmor restricts it, rootlesskit may have a profile that allows it, and its log tells."""
    argv = [str(host.programs["unshare"]), "--user", "--net", "--mount", "true"]
    if number_in(APPARMOR) != 1 and not succeeds(as_account(host, account, argv)):
        raise ToolkitError(
            f"user namespaces: the kernel gives {account.name} none",
            hint="as root: sysctl user.max_user_namespaces=15000 (in a container: --privileged)",
        )


def require_bare(rootlesskit: Path) -> None:
    """With a capability of its own it needs no security wrapper, and port 80 would show nothing."""
    if _has_capability(rootlesskit):
        raise ToolkitError(
            f"{rootlesskit}: has capabilities of its own",
            hint=f"as root: setcap -r {rootlesskit}, and afterwards setcap cap_net_bind_service=ep {rootlesskit}",
        )


def require_privileged(port: int, setting: Path = UNPRIVILEGED) -> None:
    """Require that a port takes a capability; the setting is described in ip-sysctl of the kernel."""
    first = number_in(setting)
    if first is not None and first <= port:
        raise ToolkitError(
            f"{PORT_START}: is {first}, so every program may bind port {port}",
            hint=f"as root: sysctl {PORT_START}=1024, and afterwards {PORT_START}={first}",
        )


def require_free(port: int) -> None:
    """Find what listens on every address; the daemons have loopback addresses of their own."""
    with suppress(OSError), socket.create_connection(("127.127.127.127", port), timeout=1):
        raise ToolkitError(
            f"port {port}: is in use: something on this machine listens on it on every address",
            hint=f"stop it (as root: ss -tlnp sport = :{port} names it)",
        )


def _has_capability(path: Path) -> bool:
    with suppress(OSError):
        return bool(os.getxattr(path, CAPABILITY))
    return False


def succeeds(argv: list[str]) -> bool:
    """Return whether a program ends with status 0."""
    try:
        process.run(argv)
    except CommandError:
        return False
    return True


def number_in(path: Path) -> int | None:
    """Return the number in a file, None if it has none or cannot be read."""
    with suppress(ValueError):
        return int(text_of(path) or "")
    return None


def text_of(path: Path) -> str | None:
    """Return the text of a file, None if it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None
