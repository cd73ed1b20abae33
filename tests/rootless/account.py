"""An ordinary user who lives as long as a test, and what to look for when nothing of a daemon may be left."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolkit import rootless
from toolkit.rootless import Account, Host

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session")
def host() -> Host:
    """The programs that the daemons run on."""
    _require_root()
    return rootless.host()


@pytest.fixture(scope="session")
def account() -> Generator[Account]:
    """A user for the tests of one process."""
    _require_root()
    with temporary_account() as made:
        yield made


@pytest.fixture
def place(account: Account, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A directory for temporary files; after the test nothing of the user's is left, in it or elsewhere."""
    # pytest's own are closed to other users, and /tmp may be mounted nosuid.
    with tempfile.TemporaryDirectory(prefix="unlet-test-", dir="/var/tmp") as name:
        Path(name).chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", name)
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setenv("SUDO_USER", account.name)
        yield Path(name)
        assert remains(account, Path(name)) == []


@contextmanager
def temporary_account() -> Generator[Account]:
    """Make a user with subordinate ids, which useradd gives to each; only root may."""
    name = f"unlet-test-{secrets.token_hex(4)}"
    subprocess.run(["useradd", "--no-create-home", "--shell", "/usr/sbin/nologin", name], check=True)
    try:
        entry = pwd.getpwnam(name)
        yield Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)


def remains(account: Account, directory: Path) -> list[str]:
    """Return the processes and sockets of a user, the mounts below a directory, and the files in it."""
    processes = [
        f"process {entry.name}: {_command(entry)}"
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and _owner(entry) == account.uid
    ]
    sockets = [
        f"socket {line.split()[1]}"
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in _lines(Path("/proc/net") / table)[1:]
        if line.split()[7] == str(account.uid)
    ]
    mounts = [f"mount {line}" for line in _lines(Path("/proc/self/mounts")) if str(directory) in line]
    return [*processes, *sockets, *mounts, *(f"file {path}" for path in directory.rglob("*"))]


def wait_for(path: Path, pattern: str, seconds: float = 30.0, process: subprocess.Popen[str] | None = None) -> Path:
    """Wait for a file that a pattern matches, and return it; `process` is the one that shall make it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := next(path.glob(pattern), None):
            return found
        if process is not None and process.poll() is not None:
            raise AssertionError(process.communicate())
        time.sleep(0.02)
    raise AssertionError(f"no {pattern} in {path}")


def _owner(entry: Path) -> int:
    try:
        return entry.stat().st_uid
    except OSError:
        return -1


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _require_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a user and a security wrapper")
