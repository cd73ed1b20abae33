"""The server with a small repository, and clients for it that are not patient."""

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.forge.server import NAME, Forge, serving
from toolkit.cache import Cache
from toolkit.forge.client import Client, Settings
from toolkit.forge.github import GitHub
from toolkit.forge.token import Token


def client(forge: Forge, tmp_path: Path, *, token: str | None = None, **patience: float) -> Client:
    return Client(
        api_url=forge.api,
        raw_url=forge.raw,
        token=Token(value=token, origin="GITHUB_TOKEN") if token is not None else None,
        cache=Cache(tmp_path / "cache"),
        settings=Settings(**{"timeout": 5.0, "wait": 0.5, "pause": 0.01, **patience}),
    )


def github(forge: Forge, tmp_path: Path, *, token: str | None = None, **patience: float) -> GitHub:
    return GitHub(client(forge, tmp_path, token=token, **patience), NAME)


@pytest.fixture
def forge(tmp_path: Path) -> Generator[Forge]:
    """A server of an empty repository with one commit and a few files."""
    repository = tmp_path / "served"
    repository.mkdir()
    subprocess.run(["git", "-C", repository, "init", "--quiet", "--initial-branch=master"], check=True)
    (repository / "file").write_text("content\n")
    subprocess.run(["git", "-C", repository, "add", "--all"], check=True)
    subprocess.run(["git", "-C", repository, "commit", "--quiet", "--message=first"], check=True)
    yield from serving(repository)
