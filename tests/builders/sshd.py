"""Builders of Nix on this machine: OpenSSH's server on loopback, a store for each."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

_USER = "root"
_SERVER = """\
ListenAddress 127.0.0.1
HostKey {key}
AuthorizedKeysFile {key}.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv "NIX_CONFIG=substituters ="
"""
_CLIENT = """\
Host {name}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {key}
  IdentitiesOnly yes
  HostKeyAlias builder
  UserKnownHostsFile {known}
  StrictHostKeyChecking yes
"""


class Builder(Struct, frozen=True, kw_only=True):
    """A server, its store, and how Nix names both."""

    name: str
    server: subprocess.Popen[bytes]
    store: Path

    @property
    def line(self) -> str:
        """Its line in Nix's list of machines: two builds at once."""
        return f"{self.url} x86_64-linux - 2 1"

    @property
    def url(self) -> str:
        return f"ssh-ng://{self.name}?remote-store={self.store}"

    @property
    def is_building(self) -> bool:
        """Whether a program that it has started is one of a build."""
        return any(map(_is_of_a_chunk, self._started()))

    def end(self) -> None:
        """End the server with all sessions; Nix there then ends its builds."""
        started = self._started()
        for process in (self.server.pid, *started):
            if _command(process).startswith("sshd"):
                _signal(process, signal.SIGKILL)
        self.server.wait()
        until = time.monotonic() + 10
        while any(map(_is_alive, started)) and time.monotonic() < until:
            time.sleep(0.05)
        for process in filter(_is_alive, started):
            _signal(process, signal.SIGKILL)

    def _started(self) -> list[int]:
        parents = {int(path.name): _parent(path) for path in _processes()}
        known = [self.server.pid]
        for process in known:
            known += [child for child, parent in parents.items() if parent == process]
        return known[1:]


@contextmanager
def serving(directory: Path, *names: str) -> Generator[tuple[list[Builder], Path]]:
    """Yield builders with these names, and the settings of an ssh that reaches them."""
    # Without it, OpenSSH's server does not start.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    key, known, client = (directory / name for name in ("key", "known", "ssh"))
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True
    )
    known.write_text(f"builder {(directory / 'key.pub').read_text()}")
    settings = directory / "sshd"
    settings.write_text(_SERVER.format(key=key))
    builders: list[Builder] = []
    try:
        for name in names:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = str(free.getsockname()[1])
            with client.open("a") as file:
                file.write(
                    _CLIENT.format(
                        name=name, port=port, user=_USER, key=key, known=known
                    )
                )
            # It ends with the tests, even if a signal ends these.
            bound = ["setpriv", "--pdeathsig", "TERM", "/usr/sbin/sshd"]
            argv = [*bound, "-D", "-e", "-f", str(settings), "-p", port]
            with (directory / f"{name}.log").open("wb") as log:
                server = subprocess.Popen(argv, stderr=log, start_new_session=True)
            store = directory / name
            builders.append(Builder(name=name, server=server, store=store))
            _await(int(port))
        yield builders, client
    finally:
        for builder in builders:
            builder.end()


def _await(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


def _parent(process: Path) -> int:
    with suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _command(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text().strip()
    return ""


def _is_of_a_chunk(process: int) -> bool:
    with suppress(OSError):
        return b"-chunk.sh" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def _is_alive(process: int) -> bool:
    with suppress(OSError):
        stat = Path(f"/proc/{process}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


def _signal(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)
