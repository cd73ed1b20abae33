"""One daemon: started by a wrapper, told to publish ports, asked by HTTP, stopped; and several side by side."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import select
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from msgspec import Struct, field

from toolkit import documents
from toolkit.errors import ToolkitError, reason_of
from toolkit.parallel import results
from toolkit.rootless.symptoms import causes, recognise, symptoms

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from toolkit.rootless.sites import Site

SUPERVISOR = Path(__file__).with_name("supervisor.py")
START_SECONDS = 60.0
ANSWER_SECONDS = 10.0
CALL_SECONDS = 30.0
# What the supervisor needs at most, with all its patience; see there.
STOP_SECONDS = 60.0
TICK = 0.05
SIDE_BY_SIDE = 3

# The driver of cgroups is for a daemon in a systemd session, and iptables for its containers' way out: neither
# has a part in publishing a port, and not every kernel has the latter.
OPTIONS = (
    *("--storage-driver", "vfs"),
    *("--exec-opt", "native.cgroupdriver=cgroupfs"),
    "--iptables=false",
    "--ip6tables=false",
    *("--shutdown-timeout", "2"),
)

IMAGE = "unlet:answer"
LISTENING = "8000/tcp"
SERVER = ["/bin/busybox", "httpd", "-f", "-p", "8000", "-h", "/www"]

_DECIDED_BY_WRAPPER = ("rootlesskit", "docker-proxy")


class PortOutcome(StrEnum):
    """What becomes of a published port. UNABLE is about this machine and says nothing about the wrapper."""

    ANSWERS = "answers"
    REFUSED = "refused"
    NO_START = "no start"
    OTHER = "other"
    UNABLE = "unable"


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a port, and why where it does not answer."""

    kind: PortOutcome
    detail: str = ""
    hint: str = ""


def missing(program: str) -> Outcome:
    """Return the outcome if PATH lacks `rootlesskit` or its `docker-proxy`, which is what the wrapper decides."""
    return Outcome(kind=PortOutcome.NO_START, detail=causes()[program].fact)


class Row(Struct, frozen=True, kw_only=True):
    """A daemon to start: `program` is a dockerd-rootless, `wrapper` the security wrapper's name, None for none."""

    program: Path
    wrapper: str | None


def run(site: Site, rows: Sequence[Row], *, ports: Sequence[int]) -> tuple[tuple[Outcome, ...], ...]:
    """Start a daemon for each row, a few at a time, and return what became of each port on it, in order.

    When an exception leaves this, KeyboardInterrupt included, the daemons are gone and their data with them.
    """
    crew = _Crew()
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
        futures: list[Future[tuple[Outcome, ...]]] = []
        try:
            futures += (pool.submit(_row, site, str(number), row, ports, crew) for number, row in enumerate(rows))
            return results(futures)
        finally:
            for future in futures:
                future.cancel()
            crew.stop()


def _row(site: Site, name: str, row: Row, ports: Sequence[int], crew: _Crew) -> tuple[Outcome, ...]:
    with _running(site, name, row, crew) as running:
        if (outcome := running.wait_until_ready()) is not None:
            return (outcome,) * len(ports)
        running.engine.import_image(site.image.read_bytes())
        # A loopback address of its own: daemons side by side do not meet.
        address = "127." + ".".join(str(64 + secrets.randbelow(64)) for _ in range(3))
        return tuple(running.publish(address, port, token=site.token) for port in ports)


class _Daemon(Struct, frozen=True, kw_only=True):
    """A daemon that was started; its supervisor is the process that we see."""

    directory: Path
    supervisor: subprocess.Popen[bytes]

    @property
    def engine(self) -> Engine:
        return Engine(self.directory / "docker.sock")

    def wait_until_ready(self) -> Outcome | None:
        """Wait for the socket; return why it will never be there, None if it is."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.engine.ready():
                return None
            if self._ended():
                return self._failure("ended")
            time.sleep(TICK)
        return self._failure(f"does not answer after {START_SECONDS:g} s")

    def publish(self, address: str, port: int, *, token: str) -> Outcome:
        """Publish a port of a container, ask it, and remove the container."""
        name = f"port-{port}"
        self.engine.create(name, address=address, port=port)
        try:
            if (objection := self.engine.start(name)) is not None:
                refused = symptoms()["privileged-port"].pattern.search(objection) is not None
                kind = PortOutcome.REFUSED if refused else PortOutcome.OTHER
                return Outcome(kind=kind, detail=objection)
            return _ask(address, port, token)
        finally:
            self.engine.remove(name)

    def _ended(self) -> bool:
        output = self.supervisor.stdout
        return output is None or bool(select.select([output], [], [], 0)[0])

    def _failure(self, what: str) -> Outcome:
        lines = (self.directory / "log").read_text("utf-8", "replace").splitlines()
        signs = recognise(lines)
        if not signs:
            last = next((line for line in reversed(lines) if line.strip()), "it wrote nothing")
            return Outcome(kind=PortOutcome.OTHER, detail=f"the daemon {what}: {last.strip()}")
        cause = signs[0].symptom.causes[0]
        if cause.name in _DECIDED_BY_WRAPPER:
            return missing(cause.name)
        return Outcome(kind=PortOutcome.UNABLE, detail=cause.fact, hint=cause.remedies(nixos=False)[0])


@contextmanager
def _running(site: Site, name: str, row: Row, crew: _Crew) -> Generator[_Daemon]:
    """Start a daemon in a directory of its own; in the end it is stopped and the directory removed."""
    directory = site.directory / name
    account = site.account
    directory.mkdir(mode=0o700)
    for path in (directory, directory / "home"):
        path.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(path, account.uid, account.gid)
    identity = (str(account.uid), str(account.gid), ",".join(map(str, account.groups)))
    places = (
        *("--host", f"unix://{directory / 'docker.sock'}"),
        *("--data-root", str(directory / "data")),
        *("--exec-root", str(directory / "exec")),
        *("--pidfile", str(directory / "docker.pid")),
    )
    supervisor = crew.start(
        [
            *(sys.executable, "-I", str(SUPERVISOR), str(directory), *identity),
            *(str(site.host.programs["rootlesskit"]), str(row.program), *OPTIONS, *places),
        ],
        {
            "HOME": str(directory / "home"),
            "LANG": "C.UTF-8",
            "PATH": site.path(row.wrapper),
            "XDG_RUNTIME_DIR": str(directory),
        },
    )
    try:
        yield _Daemon(directory=directory, supervisor=supervisor)
    finally:
        crew.end(supervisor)
    if directory.exists():
        raise ToolkitError(f"rootless docker: what it left in '{directory}' cannot be removed")


def _ask(address: str, port: int, token: str) -> Outcome:
    """Ask until the container's server is up, which is a moment after it was started."""
    end = time.monotonic() + ANSWER_SECONDS
    said = "nothing"
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(address, port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/")
            said = connection.getresponse().read().decode("utf-8", "replace")
            if said == token:
                return Outcome(kind=PortOutcome.ANSWERS)
            break
        except (OSError, http.client.HTTPException) as error:
            said = str(error)
            time.sleep(TICK)
        finally:
            connection.close()
    return Outcome(kind=PortOutcome.OTHER, detail=f"the container's port answers '{said[:80]}'")


class Engine(Struct, frozen=True):
    """Docker's HTTP API on a daemon's socket, as far as it takes to publish a port (docs: Engine API reference).

    Without a version in the path the daemon speaks its newest, so that this works with each.
    """

    socket: Path

    def ready(self) -> bool:
        """Return whether a daemon answers there."""
        try:
            return self._ask("GET", "/_ping")[0] == http.HTTPStatus.OK
        except OSError:
            return False

    def import_image(self, image: bytes) -> None:
        """Make an image of a tar file, as `docker import` does."""
        name, _, tag = IMAGE.partition(":")
        self._call("POST", f"/images/create?{urlencode({'fromSrc': '-', 'repo': name, 'tag': tag})}", image)

    def create(self, name: str, *, address: str, port: int) -> None:
        """Make a container that shall answer on a port of `address`, as `docker create -p` does."""
        options: dict[str, object] = {
            "Image": IMAGE,
            "Cmd": SERVER,
            "ExposedPorts": {LISTENING: {}},
            "StopSignal": "SIGKILL",
            "HostConfig": {"PortBindings": {LISTENING: [{"HostIp": address, "HostPort": str(port)}]}},
        }
        kind = {"Content-Type": "application/json"}
        self._call("POST", f"/containers/create?name={name}", json.dumps(options).encode(), kind)

    def start(self, name: str) -> str | None:
        """Start a container; return what the daemon has against it, None if it runs."""
        return self._call("POST", f"/containers/{name}/start", may_object=True)

    def remove(self, name: str) -> None:
        """Remove a container, running or not."""
        self._call("DELETE", f"/containers/{name}?force=1&v=1")

    def _call(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        may_object: bool = False,
    ) -> str | None:
        try:
            status, answer = self._ask(method, url, body, headers)
            objection = _message(answer) if status >= http.HTTPStatus.BAD_REQUEST else None
        except OSError as error:
            objection, may_object = reason_of(error), False
        if objection is not None and not may_object:
            raise ToolkitError(f"dockerd: {method} {url.partition('?')[0]}: {objection}")
        return objection

    def _ask(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = _Connection(self.socket)
        try:
            connection.request(method, url, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=CALL_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Failure(Struct, frozen=True, kw_only=True):
    message: str


def _message(body: bytes) -> str:
    try:
        return documents.read(body, _Failure, document="dockerd").message
    except ToolkitError:
        return body.decode("utf-8", "replace").strip()


class _Crew(Struct, frozen=True):
    """The supervisors that are at work, so that another thread can make them all stop."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _living: set[subprocess.Popen[bytes]] = field(default_factory=set["subprocess.Popen[bytes]"])
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self, argv: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped.is_set():
                raise ToolkitError("rootless docker: not started, another daemon failed")
            process = subprocess.Popen(
                argv,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._living.add(process)
            return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Let a supervisor end its daemon, and wait for it."""
        with self._lock:
            _close(process)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        if process.stdout is not None:
            process.stdout.close()
        with self._lock:
            self._living.discard(process)
        if status != 0:
            raise ToolkitError("rootless docker: a daemon could not be stopped")

    def stop(self) -> None:
        """Let all supervisors end their daemons; the threads that they belong to wait for them."""
        self._stopped.set()
        with self._lock:
            for process in self._living:
                _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
