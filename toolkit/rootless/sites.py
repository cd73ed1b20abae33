"""The directory that all daemons of one question live below, and what they share: programs and an image.

Two of the programs are compiled here: a wrapper's machine code, and a stand-in for NixOS' security wrapper.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import platform
import secrets
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import files, process
from toolkit.cache import default_cache
from toolkit.errors import CommandError, ToolkitError
from toolkit.rootless import requirements

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from toolkit.rootless.requirements import Account, Host

# The longest name of a socket below it is DIRECTORY/99/exec/containerd/containerd-debug.sock; unix(7) allows 107 bytes.
MAXIMUM_LENGTH = 60

# What a service of NixOS has on PATH behind the security wrappers, and the two programs that rootlesskit sets a
# network up with: not every release of the file has them in its wrapper. No rootlesskit is among them.
UNIT = (
    *("cat", "chmod", "chown", "cp", "env", "find", "grep", "id", "ln", "ls", "mkdir", "mount", "mv"),
    *("ip", "nsenter"),
    *("readlink", "realpath", "rm", "rmdir", "sed", "sh", "stat", "test", "touch", "umount", "uname"),
)


class Site(Struct, frozen=True, kw_only=True):
    """A place for daemons of `account`. Every container answers with `token`; `image` is its tar file."""

    directory: Path
    host: Host
    account: Account
    token: str

    @property
    def image(self) -> Path:
        """What `docker import` takes."""
        return self.directory / "image.tar"

    def path(self, wrapper: str | None) -> str:
        """Return the PATH of a service, with the directory of security wrappers in front."""
        return f"{self._wrappers(wrapper)}:{self.directory / 'unit'}"

    def add_wrappers(self, names: Collection[str | None], *, rootlesskit: Path) -> None:
        """Make directories that stand for /run/wrappers/bin: one with a security wrapper of each name, None without.

        `rootlesskit` is the program that the security wrapper runs. Raise ToolkitError where that cannot be made.
        """
        for name in names:
            directory = self._wrappers(name)
            directory.mkdir()
            for program in ("newuidmap", "newgidmap"):
                (directory / program).symlink_to(self.host.programs[program])
            if name is not None:
                security_wrapper(self.host, rootlesskit, directory / name, gid=self.account.gid)

    def _wrappers(self, name: str | None) -> Path:
        return self.directory / f"wrappers-{name or 'none'}"


@contextmanager
def site(host: Host, account: Account, *, busybox: Path) -> Generator[Site]:
    """Make a site; it is removed again whatever happens. `busybox` is a static one, for the image.

    Raise ToolkitError where no directory for temporary files will do.
    """
    directory = Path(tempfile.mkdtemp(prefix="unlet-", dir=temporary(host, account)))
    try:
        # Others may pass, as the daemon's user does, but not look around.
        directory.chmod(0o711)
        made = Site(directory=directory, host=host, account=account, token=secrets.token_hex(16))
        _write_image(made.image, busybox, made.token)
        _link_unit(directory / "unit", host)
        yield made
    finally:
        files.remove(directory)


def temporary(host: Host, account: Account) -> Path:
    """Return a directory for temporary files that the daemon's user gets into."""
    candidates = (Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/tmp"))  # noqa: S108 - mkdtemp goes there
    for place in candidates:
        short = len(str(place)) + len("/unlet-12345678") <= MAXIMUM_LENGTH
        if not short or not os.access(place, os.W_OK | os.X_OK):
            continue
        entered = requirements.succeeds(requirements.as_account(host, account, ["test", "-x", str(place)]))
        if entered and not os.statvfs(place).f_flag & (os.ST_NOSUID | os.ST_NOEXEC):
            return place
    raise ToolkitError(
        f"{candidates[0]}: no program can have capabilities there, nor in /var/tmp: mounted nosuid or noexec, "
        f"or closed to {account.name}",
        hint="set TMPDIR to another directory with a short name",
    )


def _write_image(path: Path, busybox: Path, token: str) -> None:
    content = busybox.read_bytes()
    if b"/ld-" in content[:4096]:
        raise ToolkitError(f"{busybox}: is not statically linked", hint="Debian, Ubuntu: apt install busybox-static")
    with tarfile.open(path, "w") as image:
        for name, mode, data in (("bin/busybox", 0o755, content), ("www/index.html", 0o644, token.encode())):
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(data)
            image.addfile(member, io.BytesIO(data))


def _link_unit(directory: Path, host: Host) -> None:
    directory.mkdir()
    for name in UNIT:
        if found := host.programs.get(name) or shutil.which(name):
            (directory / name).symlink_to(found)


LAUNCHER = Path(__file__).with_name("launcher.c")
SECURITY_WRAPPER = Path(__file__).with_name("security-wrapper.c")
CAPABILITIES = "cap_net_bind_service,cap_setpcap=ep"


def launcher(host: Host) -> Path:
    """Return the static program of launcher.c, compiled once; the cache keeps it.

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
