"""A user, a directory that this user gets into, and the host that the daemons run on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.external.rootless.account import remains, require_root, temporary_account
from toolkit.external import rootless

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session")
def host() -> rootless.Host:
    return rootless.host()


@pytest.fixture(scope="session")
def account() -> Generator[rootless.Account]:
    if not require_root():
        pytest.skip("only root can make a user and a security wrapper")
    with temporary_account() as made:
        yield made


@pytest.fixture
def place(account: rootless.Account, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A directory for temporary files; after the test nothing of the user's is left, in it or elsewhere."""
    # pytest's own are closed to other users.
    with tempfile.TemporaryDirectory(prefix="unlet-test-", dir="/tmp") as name:  # noqa: S108 - the name is random
        Path(name).chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", name)
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setenv("SUDO_USER", account.name)
        yield Path(name)
        assert remains(account, Path(name)) == []
