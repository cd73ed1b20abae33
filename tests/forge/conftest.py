"""The server with a small repository, and clients for it that are not patient."""

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.forge.server import NAME, Forge, serving
from toolkit.cache import Cache
from toolkit.forge import client as clients
from toolkit.forge.client import Client
from toolkit.forge.github import GitHub
from toolkit.forge.token import Token


def client(
    forge: Forge, tmp_path: Path, *, token: str | None = None, timeout: float = 5.0
) -> Client:
    return Client(
        api_url=forge.api,
        raw_url=forge.raw,
        token=Token(value=token, origin="GITHUB_TOKEN") if token is not None else None,
        cache=Cache(tmp_path / "cache"),
        timeout=timeout,
    )


def github(
    forge: Forge, tmp_path: Path, *, token: str | None = None, timeout: float = 5.0
) -> GitHub:
    return GitHub(client(forge, tmp_path, token=token, timeout=timeout), NAME)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_PAUSES", (0.01, 0.02))


@pytest.fixture
def forge(tmp_path: Path) -> Generator[Forge]:
    """A server of an empty repository with one commit and a few files."""
    repository = tmp_path / "served"
    repository.mkdir()
    subprocess.run(
        ["git", "-C", repository, "init", "--quiet", "--initial-branch=master"],
        check=True,
    )
    (repository / "file").write_text("content\n")
    subprocess.run(["git", "-C", repository, "add", "--all"], check=True)
    subprocess.run(
        ["git", "-C", repository, "commit", "--quiet", "--message=first"], check=True
    )
    yield from serving(repository)
