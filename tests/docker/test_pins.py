from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from toolkit import patches, specimen
from toolkit.docker.pins import look
from toolkit.errors import ToolkitError
from toolkit.git.reading import blob_id
from toolkit.model import Oid, Pin, Silence

if TYPE_CHECKING:
    from pathlib import Path


def _git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, encoding="utf-8")
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    tree = tmp_path / "nixpkgs"
    shutil.copytree(specimen.path(), tree)
    _git(tree, "init", "--quiet", "--initial-branch=master")
    _git(tree, "config", "uploadpack.allowAnySHA1InWant", "true")
    _git(tree, "config", "uploadpack.allowFilter", "true")
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--message=base")
    return tree


def test_blob_and_newest_are_read_from_the_commit(remote: Path) -> None:
    upstream = replace(patches.upstream(), remote=remote.as_uri())
    pin = Pin(name="here", commit=Oid(_git(remote, "rev-parse", "HEAD")), about="")
    found = look(pin, upstream, Silence())
    assert found == replace(pin, blob=blob_id((remote / upstream.file).read_bytes()), newest="29.6.1")


def test_file_with_another_blob_than_recorded_is_an_error(remote: Path) -> None:
    upstream = replace(patches.upstream(), remote=remote.as_uri())
    pin = Pin(name="here", commit=Oid(_git(remote, "rev-parse", "HEAD")), about="", blob=Oid("0" * 40))
    with pytest.raises(ToolkitError, match=r"^pin here: the file has blob [0-9a-f]{40}, recorded is 0{40}$"):
        look(pin, upstream, Silence())
