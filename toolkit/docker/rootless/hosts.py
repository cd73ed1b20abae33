"""What of this machine makes up a rootless docker: its programs, as nixpkgs' packages divide them, and a user.

The user is an ordinary one, as dockerd-rootless.sh refuses root.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.version import Version

from toolkit import process
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT = "dockerd-rootless.sh"

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


class Host(Struct, frozen=True, kw_only=True):
    """What was found: programs by name, and the version of the dockerd among them."""

    programs: Mapping[str, Path]
    version: Version

    @property
    def needs_proxy(self) -> bool:
        """Tell whether this dockerd starts only where PATH has rootlesskit-docker-proxy."""
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
