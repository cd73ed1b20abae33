"""A loopback server that speaks as GitHub does, with faults on request."""

import hashlib
import json
import subprocess
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, quote, unquote, urlsplit

from msgspec import Struct, field

from tests.serving import Handler, running

NAME = "NixOS/nixpkgs"
FORMAT = "%H%x00%cI%x00%B%x01"


class Fault(Struct, kw_only=True):
    """What is answered instead of the truth.

    `cut` ends the body early, `slow` waits before it, `trickle` within it.

    A redirect has a body as well, as GitHub's have; `chunked` ones say their length
    piece by piece.
    """

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b'{"message": "Server Error"}'
    cut: bool = False
    slow: float = 0.0
    trickle: float = 0.0
    truth: bool = False
    chunked: bool = False


class Request(Struct):
    path: str
    headers: dict[str, str]
    status: int = 0


class Forge(Struct, kw_only=True):
    """What the server knows, and what it was asked.

    `faults` maps a part of a path to what comes next for it.
    """

    url: str
    repository: Path
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    faults: dict[str, list[Fault]] = field(default_factory=dict[str, list[Fault]])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    page: int = 100
    old_name: str = "NixOS/nixpkgs-before"
    requests: list[Request] = field(default_factory=list[Request])

    @property
    def api(self) -> str:
        return f"{self.url}/api/v3"

    @property
    def raw(self) -> str:
        return f"{self.url}/raw"

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", self.repository, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def asked(self, part: str) -> list[Request]:
        return [request for request in self.requests if part in request.path]

    def options(self) -> list[str]:
        return ["--api-url", self.api, "--raw-url", self.raw]

    def pull(self, number: int, *, head: str, **more: object) -> None:
        """Add a pull request whose head is a branch."""
        document = {
            "title": f"docker: change {number}",
            "base": {"ref": "master"},
            "head": {"ref": head, "sha": self.git("rev-parse", head).strip()},
        }
        self.pulls[number] = {**document, **more}


class _Handler(Handler):
    forge: Forge
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        request = Request(
            self.path, {name.lower(): value for name, value in self.headers.items()}
        )
        self.forge.requests.append(request)
        self.request_of_this = request
        fault = next(
            (f for part, f in self.forge.faults.items() if part in self.path and f),
            None,
        )
        if fault is not None:
            request.status = fault[0].status
            self._fail(fault.pop(0))
            return
        if f"/{self.forge.old_name}/" in self.path:
            place = {"Location": self.path.replace(self.forge.old_name, NAME)}
            self._send(
                301,
                json.dumps(
                    {"message": "Moved Permanently", "url": place["Location"]}
                ).encode(),
                place,
            )
            return
        self._truth()

    def _fail(self, fault: Fault) -> None:
        time.sleep(fault.slow)
        if fault.truth:
            self._truth()
            return
        self.send_response(fault.status)
        for name, value in {
            "Content-Type": "application/json",
            **fault.headers,
        }.items():
            self.send_header(name, value)
        if fault.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(fault.body), fault.body))
            return
        self.send_header("Content-Length", str(len(fault.body) + 100 * fault.cut))
        self.end_headers()
        for byte in fault.body if fault.trickle else ():
            time.sleep(fault.trickle)
            self._write(bytes([byte]))
        if not fault.trickle:
            self._write(fault.body)
        self.close_connection = fault.cut

    def _write(self, content: bytes) -> None:
        try:
            self.wfile.write(content)
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def _truth(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        answer = self._answer(parts.path, query)
        headers = {"Vary": "Accept, Authorization", **self.forge.headers}
        if answer is None:
            self._send(404, b'{"message": "Not Found"}', headers)
            return
        if isinstance(answer, list):
            answer = self._page(
                cast("list[object]", answer), parts.path, query, headers
            )
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        headers["ETag"] = f'W/"{hashlib.sha256(body).hexdigest()}"'
        if self.headers.get("If-None-Match") == headers["ETag"]:
            self._send(304, b"", headers)
        else:
            self._send(200, body, headers)

    def _page(
        self,
        items: list[object],
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
    ) -> list[object]:
        size, number = (
            int(query.get("per_page", self.forge.page)),
            int(query.get("page", 1)),
        )
        size = min(size, self.forge.page)
        if number * size < len(items):
            rest = "&".join(
                f"{name}={quote(value)}"
                for name, value in query.items()
                if name != "page"
            )
            url = f"{self.forge.url}{path}?{rest}&page={number + 1}"
            headers["Link"] = f'<{url}>; rel="next", <{url}>; rel="last"'
        return items[(number - 1) * size : number * size]

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        # Before the answer leaves, since the test may look as soon as it came.
        self.request_of_this.status = status
        self.reply(status, body, headers)

    def _answer(self, path: str, query: dict[str, str]) -> object:
        if path.startswith(f"/raw/{NAME}/"):
            ref, _, file = path.removeprefix(f"/raw/{NAME}/").partition("/")
            return self._blob(unquote(ref), unquote(file))
        words = path.removeprefix(f"/api/v3/repos/{NAME}/").split("/")
        last = unquote(words[-1])
        if words[0] == "git":
            return self._branches(last)
        if words[0] == "commits":
            return self._commits(query)
        return (
            self.forge.pulls.get(int(last))
            if words[0] == "pulls"
            else self._compare(last)
        )

    def _git(self, *arguments: str) -> bytes | None:
        done = subprocess.run(
            ["git", "-C", self.forge.repository, *arguments],
            check=False,
            capture_output=True,
        )
        return done.stdout if done.returncode == 0 else None

    def _blob(self, ref: str, path: str) -> bytes | None:
        return self._git("cat-file", "blob", f"{ref}:{path}")

    def _branches(self, beginning: str) -> list[dict[str, Any]]:
        listed = (
            self._git("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads")
            or b""
        )
        rows = [line.split(" ") for line in listed.decode().splitlines()]
        return [
            {"ref": ref, "object": {"sha": sha, "type": "commit"}}
            for sha, ref in rows
            if ref.startswith(f"refs/heads/{beginning}")
        ]

    def _commits(self, query: dict[str, str]) -> list[dict[str, Any]] | None:
        log = self._git("log", f"--format={FORMAT}", query["sha"], "--", query["path"])
        return None if log is None else list(_parsed(log))

    def _compare(self, pair: str) -> dict[str, Any] | None:
        base, _, head = pair.partition("...")
        both = [self._git("rev-parse", name) for name in (base, head)]
        if None in both:
            return None
        shared = (self._git("merge-base", base, head) or b"").decode().strip()
        return {"merge_base_commit": {"sha": shared}}


def _parsed(log: bytes) -> Iterator[dict[str, Any]]:
    for record in log.decode().split("\x01")[:-1]:
        sha, date, message = record.lstrip("\n").split("\x00")
        yield {
            "sha": sha,
            "commit": {
                "message": message.strip(),
                "committer": {"name": "x", "date": date},
            },
        }


def serving(repository: Path) -> Generator[Forge]:
    forge = Forge(url="", repository=repository)
    with running(type("Kind", (_Handler,), {"forge": forge})) as forge.url:
        yield forge
