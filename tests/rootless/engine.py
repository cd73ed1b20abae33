"""Docker's HTTP API on a daemon's socket, as far as it takes to publish a port (docs: Engine API reference)."""

import http.client
import json
import socket
from pathlib import Path
from urllib.parse import urlencode

from msgspec import Struct

IMAGE = "unlet:answer"
LISTENING = "8000/tcp"
SERVER = ["/bin/busybox", "httpd", "-f", "-p", "8000", "-h", "/www"]
CALL_SECONDS = 30.0


class Engine(Struct, frozen=True):
    """A daemon.

    Without a version in the path it speaks its newest, so that this works with each.
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
        self._call(
            "POST",
            f"/images/create?{urlencode({'fromSrc': '-', 'repo': name, 'tag': tag})}",
            image,
        )

    def create(self, name: str, *, address: str, port: int) -> None:
        """Make a container that shall answer on a port of `address`, as `docker create -p` does."""
        options: dict[str, object] = {
            "Image": IMAGE,
            "Cmd": SERVER,
            "ExposedPorts": {LISTENING: {}},
            "StopSignal": "SIGKILL",
            "HostConfig": {
                "PortBindings": {
                    LISTENING: [{"HostIp": address, "HostPort": str(port)}]
                }
            },
        }
        self._call(
            "POST", f"/containers/create?name={name}", json.dumps(options).encode()
        )

    def start(self, name: str) -> str | None:
        """Start a container; return what the daemon has against it, None if it runs."""
        status, answer = self._ask("POST", f"/containers/{name}/start")
        return (
            str(json.loads(answer)["message"])
            if status >= http.HTTPStatus.BAD_REQUEST
            else None
        )

    def remove(self, name: str) -> None:
        """Remove a container, running or not."""
        self._call("DELETE", f"/containers/{name}?force=1&v=1")

    def _call(self, method: str, url: str, body: bytes = b"") -> None:
        status, answer = self._ask(method, url, body)
        assert status < http.HTTPStatus.BAD_REQUEST, (method, url, answer)

    def _ask(self, method: str, url: str, body: bytes = b"") -> tuple[int, bytes]:
        connection = _Connection(self.socket)
        try:
            connection.request(method, url, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
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
