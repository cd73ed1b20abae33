"""Copies of a process that has imported the package: each runs a command line.

Run as a program with the number of a socket, it is that process.
"""

import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import toolkit
from toolkit import landlock
from toolkit.__main__ import main
from toolkit.cli import output
from toolkit.nix import limits

_MOST = 1 << 17


class Source:
    """Starts the process, and runs command lines in copies of it until it is closed.

    The variable WITHOUT takes a wall away from one: Landlock, or the `settings` of a
    sealed Nix. USER_ID makes root somebody else.

    `peak` is the most memory, in KiB, that the last of them had, or a program that it
    waited for.
    """

    peak = 0

    def __init__(self, env: Mapping[str, str], python: str = sys.executable) -> None:
        self._env = env
        self._python = python
        self._start()

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = [self._python, "-P", __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(
                argv,
                env=self._env,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command line as subprocess.run does; capture its output."""
        request = json.dumps([list(arguments), str(cwd), dict(env)]).encode()
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as out,
            tempfile.TemporaryFile("w+", encoding="utf-8") as err,
        ):
            socket.send_fds(self._socket, [request], [out.fileno(), err.fileno()])
            self._socket.settimeout(timeout)
            try:
                ended, self.peak = map(int, self._socket.recv(_MOST).split())
            except TimeoutError:
                # The next command line does not wait for this one.
                os.killpg(self._process.pid, signal.SIGKILL)
                self.close()
                self._start()
                raise
            status = os.waitstatus_to_exitcode(ended)
            printed = [
                os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(
                    errors="surrogateescape"
                )
                for file in (out, err)
            ]
            return subprocess.CompletedProcess(list(arguments), status, *printed)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


def _copies(connection: socket.socket) -> int:
    """Make a copy for each request, and send how it has ended.

    Return the exit code, of a copy that of its command.
    """
    for module in pkgutil.walk_packages(toolkit.__path__, "toolkit."):
        import_module(module.name)
    # A slow machine would print progress into an exact stderr.
    output.FIRST_LINE = 600.0
    gc.freeze()
    while True:
        request, files, _, _ = socket.recv_fds(connection, _MOST, 2)
        if not request:
            return 0
        child = os.fork()
        if child == 0:
            return _command(connection, request, files)
        for file in files:
            os.close(file)
        _, status, usage = os.wait4(child, 0)
        connection.send(f"{status} {usage.ru_maxrss}".encode())


def _command(connection: socket.socket, request: bytes, files: Sequence[int]) -> int:
    connection.close()
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
        os.close(file)
    arguments, cwd, env = json.loads(request)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    match os.environ.pop("WITHOUT", None):
        case "landlock":
            landlock.abi = lambda: 0  # type: ignore[assignment]
        case "settings":
            limits.CONFIGURATION.clear()
            limits.CONFIGURATION.update(
                {name: os.environ[name] for name in ("PATH", "HOME")}
            )
        case _:
            pass
    if user := os.environ.pop("USER_ID", None):
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))
    sys.argv[1:] = arguments
    return main()


if __name__ == "__main__":
    sys.exit(_copies(socket.socket(fileno=int(sys.argv[1]))))
