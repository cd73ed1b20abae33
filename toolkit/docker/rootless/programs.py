"""Two small C programs, compiled here: a wrapper's machine code, and a stand-in for NixOS' security wrapper."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import process
from toolkit.cache import default_cache
from toolkit.errors import CommandError, ToolkitError

if TYPE_CHECKING:
    from toolkit.docker.rootless.hosts import Host

LAUNCHER = Path(__file__).parents[1] / "expressions" / "builder" / "launcher.c"
SECURITY_WRAPPER = Path(__file__).with_name("security-wrapper.c")
CAPABILITIES = "cap_net_bind_service,cap_setpcap=ep"


def launcher(host: Host) -> Path:
    """Return the static launcher of toolkit/docker/expressions, compiled once; the cache keeps it.

    Raise ToolkitError where gcc cannot link statically.
    """
    gcc = host.programs["gcc"]
    named = f"{gcc} {platform.machine()}".encode()
    key = hashlib.sha256(LAUNCHER.read_bytes() + named).hexdigest()[:32]

    def make(directory: Path) -> None:
        _compile(gcc, LAUNCHER, directory / "launcher")

    def check(directory: Path) -> bool:
        return (directory / "launcher").is_file()

    return default_cache().obtain("launcher", key, make=make, check=check) / "launcher"


def security_wrapper(host: Host, source: Path, target: Path, *, gid: int) -> None:
    """Make `target` a program that runs `source` with the capability to bind ports below 1024; for a group.

    Like NixOS' own it has file capabilities and makes them ambient. Raise ToolkitError where the file system or
    the user's rights do not allow that.
    """
    _compile(host.programs["gcc"], SECURITY_WRAPPER, target, f'-DSOURCE="{source}"')
    if os.geteuid() == 0:
        os.chown(target, 0, gid)
    target.chmod(0o750)
    try:
        process.run([str(host.programs["setcap"]), CAPABILITIES, str(target)])
    except CommandError as error:
        if os.strerror(errno.EOPNOTSUPP) in error.stderr:
            raise ToolkitError(
                f"setcap: the file system of {target.parent} has no extended attributes",
                hint="set TMPDIR to a directory on another file system",
            ) from error
        raise ToolkitError(
            "setcap: only root may give a security wrapper its capability", hint="run it with sudo"
        ) from error


def _compile(gcc: Path, source: Path, target: Path, *options: str) -> None:
    argv = [str(gcc), "-static", "-O2", "-Wall", *options, "-o", str(target), str(source)]
    try:
        process.run(argv)
    except CommandError as error:
        raise ToolkitError(
            f"gcc: cannot make a static program of {source.name}: {_first_error(error)}",
            hint="Debian, Ubuntu: apt install libc6-dev linux-libc-dev",
        ) from error


def _first_error(error: CommandError) -> str:
    return next(
        (line.strip() for line in error.stderr.splitlines() if "error" in line or "cannot" in line), error.message
    )
