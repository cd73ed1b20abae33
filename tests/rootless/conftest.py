"""A host for each test, and an image for its containers."""

import io
import os
import secrets
import tarfile
from collections.abc import Generator

import pytest

from tests.rootless.nixos import Host, nixos, program


@pytest.fixture
def host() -> Generator[Host]:
    if os.geteuid() != 0:
        pytest.skip("only root can make namespaces with an ordinary user in them")
    with nixos(secrets.token_hex(4)) as made:
        yield made


@pytest.fixture(scope="session")
def image() -> bytes:
    """What `docker import` takes: a static busybox and what it serves."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, mode, data in (
            ("bin/busybox", 0o755, program("busybox").read_bytes()),
            ("www/index.html", 0o644, b"here"),
        ):
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()
