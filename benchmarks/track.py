#!/usr/bin/env python3
"""Time `unlet track`: all refs against the slowest request.

The server answers each request after the same time.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PYTHON = str(ROOT / ".venv" / "bin" / "python")
NEWEST = ROOT / "toolkit" / "specimen" / "29.6"
TARGET = "pkgs/applications/virtualization/docker/default.nix"


def main() -> int:
    """Run all, and print one line a figure, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--delay",
        type=float,
        default=0.3,
        help="seconds of each answer (default: %(default)s)",
    )
    parser.add_argument(
        "--runs", type=int, default=5, help="of each contestant (default: %(default)s)"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON document instead of lines"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = dict(refs(Path(name), options.delay, options.runs))
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        for what, seconds in figures.items():
            print(f"{what:<58} {seconds:8.3f} s")
    return 0


def refs(directory: Path, delay: float, runs: int) -> Iterator[tuple[str, float]]:
    """Yield what the usual refs cost, when each answer takes `delay` seconds."""
    handler = type("Handler", (Handler,), {"delay": delay})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    where = ("--api-url", url, "--raw-url", url)
    yield f"one request that takes {delay:g} s", delay
    yield (
        "unlet track, 9 refs, nothing known",
        timed(lambda: unlet(where, directory / "http", fresh=True), runs),
    )
    yield (
        "unlet track, 9 refs, nothing new",
        timed(lambda: unlet(where, directory / "http"), runs),
    )
    server.shutdown()
    server.server_close()


class Handler(BaseHTTPRequestHandler):
    """A server with the newest specimen on every branch."""

    delay = 0.0
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer after the delay."""
        time.sleep(self.delay)
        body = self._body()
        tag = f'"{hashlib.sha256(body).hexdigest()}"'
        known = self.headers.get("If-None-Match") == tag
        self.send_response(304 if known else 200)
        self.send_header("ETag", tag)
        if not known:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if known else body)

    def _body(self) -> bytes:
        if "/matching-refs/" in self.path:
            beginning = self.path.rpartition("/")[2]
            names = ["release-25.11", "release-26.05", "nixos-25.11", "nixos-26.05"]
            names += ["nixos-unstable", "nixos-unstable-small"]
            found = [name for name in names if name.startswith(beginning)]
            return json.dumps(
                [
                    {"ref": f"refs/heads/{name}", "object": {"sha": "a" * 40}}
                    for name in found
                ]
            ).encode()
        if "/commits" in self.path:
            committer = {"date": "2026-08-01T00:00:00Z"}
            return json.dumps(
                [
                    {
                        "sha": "b" * 40,
                        "commit": {"message": "docker", "committer": committer},
                    }
                ]
            ).encode()
        return (NEWEST / TARGET).read_bytes()


def unlet(arguments: Sequence[str], cache: Path, *, fresh: bool = False) -> None:
    """Run `unlet track` with a cache, or without one.

    Only what its exit codes call a failure ends the benchmark.
    """
    if fresh:
        shutil.rmtree(cache, ignore_errors=True)
    env = {**os.environ, "UNLET_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [PYTHON, "-m", "toolkit", "track", *arguments],
        env=env,
        check=False,
        capture_output=True,
    )
    if done.returncode not in {0, 10}:
        sys.exit(
            f"status {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
        )


def timed(work: Callable[[], None], runs: int) -> float:
    """Return the median of the seconds that the work takes."""
    seconds: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return round(median(seconds), 3)


if __name__ == "__main__":
    sys.exit(main())
