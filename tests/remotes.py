"""Real repositories, real remotes and a real full disk."""

import base64
import json
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache as once
from pathlib import Path, PurePosixPath

import msgspec
import pytest
import tomli_w
from msgspec import Struct, field

from tests.progress import Steps
from tests.serving import Handler, running
from toolkit import shipped
from toolkit.cache import VARIABLE, Cache
from toolkit.model import Upstream

TARGET = PurePosixPath("pkgs/applications/virtualization/docker/default.nix")
NOBODY = 65534


class Repository(Struct, frozen=True):
    """A git repository with a worktree, driven by git itself."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Run git in the repository and return what it printed."""
        run = subprocess.run(
            ["git", "-C", self.path, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return run.stdout.strip()

    def commit(self, files: Mapping[str, str | bytes], message: str = "change") -> str:
        """Write files, commit them, and return the commit's id."""
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(
                content if isinstance(content, bytes) else content.encode()
            )
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD")


def state(path: Path) -> set[tuple[str, int, int]]:
    """Return what a write to a directory would change."""
    return {
        (str(each), each.lstat().st_mtime_ns, each.lstat().st_size)
        for each in (path, *path.rglob("*"))
    }


def nixpkgs(target: str = "{ docker = 1; }\n", **more: str) -> dict[str, str | bytes]:
    """Return the files of a nixpkgs-shaped tree, by path."""
    return {
        str(TARGET): target,
        str(TARGET.parent / "update.sh"): "#!/bin/sh\n",
        "lib/default.nix": "{ }\n",
        "lib/deep/er.nix": "{ deeper = true; }\n",
        "pkgs/top-level/all-packages.nix": "{ }: { }\n",
        "README.md": "a big file that nobody asked for\n" * 2000,
        **more,
    }


def flake_lock(path: Path, /, **locked: object) -> str:
    """Write a flake.lock whose nixpkgs is locked, and return its name."""
    nodes = {"root": {"inputs": {"nixpkgs": "nixpkgs"}}, "nixpkgs": {"locked": locked}}
    path.write_text(json.dumps({"version": 7, "root": "root", "nodes": nodes}))
    return str(path)


@pytest.fixture
def target() -> PurePosixPath:
    return TARGET


@pytest.fixture
def tree() -> Callable[..., dict[str, str | bytes]]:
    return nixpkgs


@pytest.fixture
def new_repository(tmp_path: Path) -> Callable[[str], Repository]:
    return lambda name: _new(tmp_path / name)


def _new(path: Path) -> Repository:
    path.mkdir()
    repository = Repository(path)
    repository.git("init", "--quiet", "--initial-branch=master")
    return repository


@once
def _cloned(base: Path) -> Repository:
    repository = _new(base / "cloned")
    repository.commit(nixpkgs("{ docker = 0; }\n"), "first")
    repository.git("tag", "--annotate", "--message=release", "v1")
    repository.git("checkout", "--quiet", "-b", "next")
    repository.commit({str(TARGET): "{ docker = 2; }\n"}, "third")
    repository.git("checkout", "--quiet", "master")
    repository.commit(nixpkgs(), "second")
    return repository


@pytest.fixture
def clone(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Repository:
    """A clone of a nixpkgs with two commits.

    `v1` is a tag of the first, `next` a branch with a third.
    """
    repository = Repository(tmp_path / "clone")
    subprocess.run(
        [
            "cp",
            "--archive",
            _cloned(tmp_path_factory.getbasetemp()).path,
            repository.path,
        ],
        check=True,
    )
    repository.git("update-index", "-q", "--refresh")
    return repository


class Remote(Struct):
    """A git server on loopback that is `git http-backend` behind an HTTP server.

    `protocol` False hides from it that the client speaks version 2; `required` is the
    password of `user`, where it asks for one. `requests` are the paths that were asked
    for.
    """

    url: str
    root: Path
    protocol: bool = True
    required: str | None = None
    requests: list[str] = field(default_factory=list[str])

    def serve(
        self, repository: Repository, name: str = "nixpkgs.git", **config: str
    ) -> str:
        """Publish a bare copy of a repository with settings such as `uploadpack__allowFilter`; return its URL."""
        bare = self.root / name
        subprocess.run(
            ["git", "clone", "--quiet", "--bare", "--shared", repository.path, bare],
            check=True,
        )
        for key, value in config.items():
            subprocess.run(
                ["git", "-C", bare, "config", key.replace("__", "."), value], check=True
            )
        return f"{self.url}/{name}"


class _Handler(Handler):
    remote: Remote

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        self.remote.requests.append(self.path)
        if self.remote.required is not None:
            expected = (
                "Basic "
                + base64.b64encode(f"user:{self.remote.required}".encode()).decode()
            )
            if self.headers.get("Authorization") != expected:
                self.reply(401, headers={"WWW-Authenticate": 'Basic realm="test"'})
                return
        if path.startswith("/static/"):
            file = self.remote.root / path.lstrip("/")
            self.reply(
                *(
                    (200, file.read_bytes())
                    if file.is_file()
                    else (404, b"nothing here")
                )
            )
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("GIT_")
            },
            "GIT_PROJECT_ROOT": str(self.remote.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "REMOTE_ADDR": "127.0.0.1",
        }
        if self.remote.protocol:
            environment["GIT_PROTOCOL"] = self.headers.get("Git-Protocol") or ""
        backend = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env=environment,
            capture_output=True,
            check=False,
        )
        head, _, content = backend.stdout.partition(b"\r\n\r\n")
        headers = dict(
            line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line
        )
        self.reply(int(headers.pop("Status", "200").split()[0]), content, headers)


@pytest.fixture
def server(tmp_path: Path) -> Generator[Remote]:
    """A git server that has nothing yet."""
    root = tmp_path / "served"
    root.mkdir()
    with serving(root) as remote:
        yield remote


@contextmanager
def serving(root: Path) -> Generator[Remote]:
    """Yield a git server of the repositories in a directory."""
    remote = Remote(url="", root=root)
    with running(type("Kind", (_Handler,), {"remote": remote})) as remote.url:
        yield remote


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """The cache of the user."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return Cache(tmp_path / "cache")


@pytest.fixture
def ship(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Upstream], None]:
    """Return what lets unlet come with other pins than those of patches/."""
    top = tmp_path_factory.mktemp("shipped")
    place = top / "patches/pins.toml"
    place.parent.mkdir()
    monkeypatch.setattr(shipped, "PACKAGE", top / "toolkit")

    def write(upstream: Upstream) -> None:
        document = msgspec.to_builtins(upstream, enc_hook=str)
        pins = [
            {name: value for name, value in pin.items() if value is not None}
            for pin in document["pin"]
        ]
        place.write_text(tomli_w.dumps({**document, "pin": pins}))

    return write


@pytest.fixture
def progress() -> Steps:
    return Steps()


@pytest.fixture
def full_disk() -> Generator[Callable[[], None]]:
    """Return a function after whose call no file of this process grows beyond 4 KiB.

    What is there stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 256 KiB. Only root may mount one.

    Another user gets a directory and the limit of `full_disk`.
    """
    directory = tmp_path / "small"
    directory.mkdir()
    if os.geteuid() == 0:
        options = ["-t", "tmpfs", "-o", "size=256k", "unlet-test", str(directory)]
        subprocess.run(["mount", *options], check=True)
        yield directory
        # Lazily, as a lock of a cache in it may be held.
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (262144, hard))
    yield directory
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def ordinary_user() -> Generator[Path]:
    """Run the test as a user whom permissions bind, in a directory of that user's, which is returned."""
    with tempfile.TemporaryDirectory(prefix="unlet-test-") as name:
        if os.geteuid() != 0:
            yield Path(name)
            return
        os.chown(name, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)
            os.setegid(0)
