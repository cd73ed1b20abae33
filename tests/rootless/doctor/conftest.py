"""A host for each test, and an image for its containers."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rootless.doctor.nixos import nixos
from toolkit import rootless

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.rootless.doctor.nixos import Host


@pytest.fixture(scope="session")
def programs() -> rootless.Host:
    return rootless.host()


@pytest.fixture
def host(programs: rootless.Host) -> Generator[Host]:
    if os.geteuid() != 0:
        pytest.skip("only root can make namespaces with an ordinary user in them")
    with nixos(programs, secrets.token_hex(4)) as made:
        yield made


@pytest.fixture(scope="session")
def image() -> bytes:
    """What `docker import` takes: a static busybox and what it serves."""
    stream = io.BytesIO()
    busybox = Path(shutil.which("busybox") or "busybox").read_bytes()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, mode, data in (("bin/busybox", 0o755, busybox), ("www/index.html", 0o644, b"here")):
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()
