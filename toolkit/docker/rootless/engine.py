"""Docker's HTTP API on a daemon's socket, as far as it takes to publish a port (docs: Engine API reference).

Without a version in the path the daemon speaks its newest, so that this works with each.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from msgspec import Struct

from toolkit import documents
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGE = "unlet:answer"
LISTENING = "8000/tcp"
SERVER = ["/bin/busybox", "httpd", "-f", "-p", "8000", "-h", "/www"]
SECONDS = 30.0


class _Failure(Struct, frozen=True, kw_only=True):
    message: str


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ready(path: Path) -> bool:
    """Tell whether a daemon answers there."""
    try:
        return _ask(path, "GET", "/_ping")[0] == http.HTTPStatus.OK
    except OSError:
        return False


def import_image(path: Path, image: bytes) -> None:
    """Make an image of a tar file, as `docker import` does."""
    name, _, tag = IMAGE.partition(":")
    _call(path, "POST", f"/images/create?{urlencode({'fromSrc': '-', 'repo': name, 'tag': tag})}", image)


def create(path: Path, name: str, *, address: str, port: int) -> None:
    """Make a container that shall answer on a port of `address`, as `docker create -p` does."""
    options: dict[str, object] = {
        "Image": IMAGE,
        "Cmd": SERVER,
        "ExposedPorts": {LISTENING: {}},
        "StopSignal": "SIGKILL",
        "HostConfig": {"PortBindings": {LISTENING: [{"HostIp": address, "HostPort": str(port)}]}},
    }
    _call(
        path,
        "POST",
        f"/containers/create?name={name}",
        json.dumps(options).encode(),
        {"Content-Type": "application/json"},
    )


def start(path: Path, name: str) -> str | None:
    """Start a container; return what the daemon has against it, None where it runs."""
    status, answer = _try(path, "POST", f"/containers/{name}/start")
    return None if status < http.HTTPStatus.BAD_REQUEST else _message(answer)


def remove(path: Path, name: str) -> None:
    """Remove a container, running or not."""
    _call(path, "DELETE", f"/containers/{name}?force=1&v=1")


def _call(
    path: Path, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> None:
    status, answer = _try(path, method, url, body, headers)
    if status >= http.HTTPStatus.BAD_REQUEST:
        raise ToolkitError(f"dockerd: {method} {url.partition('?')[0]}: {_message(answer)}")


def _try(
    path: Path, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    try:
        return _ask(path, method, url, body, headers)
    except OSError as error:
        fact = (error.strerror or str(error)).lower()
        raise ToolkitError(f"dockerd: {method} {url.partition('?')[0]}: {fact}") from error


def _ask(
    path: Path, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    connection = _Connection(path)
    try:
        connection.request(method, url, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def _message(body: bytes) -> str:
    try:
        return documents.read(body, _Failure, document="dockerd").message
    except ToolkitError:
        return body.decode("utf-8", "replace").strip()
