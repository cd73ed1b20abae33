import shutil
from pathlib import Path

import pytest

from tests.clones import git
from tests.pins import fill
from toolkit import patches, specimen
from toolkit.errors import ToolkitError
from toolkit.git.reading import blob_id
from toolkit.model import Oid, Upstream


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """A file with one pin, of a remote that has the specimen."""
    tree = tmp_path / "nixpkgs"
    shutil.copytree(specimen.path(), tree)

    git(tree, "init", "--quiet", "--initial-branch=master")
    git(tree, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tree, "config", "uploadpack.allowFilter", "true")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message=base")
    path = tmp_path / "pins.toml"
    head = f'# Known.\n\nremote = "{tree.as_uri()}"\ndefault = "here"\nfile = "{patches.upstream().file}"\n'
    path.write_text(f'{head}\n[[pin]]\nname = "here"\ncommit = "{git(tree, "rev-parse", "HEAD")}"\nabout = "it"\n')
    return path


def test_blob_is_that_of_the_file_in_the_commit(pins: Path) -> None:
    before = pins.read_text()
    fill(pins)
    upstream = patches.read_toml(pins, Upstream)
    blob = blob_id((specimen.path() / upstream.file).read_bytes())
    assert pins.read_text() == f'{before}blob = "{blob}"\n'


def test_file_with_another_blob_than_recorded_is_an_error(pins: Path) -> None:
    before = f'{pins.read_text()}blob = "{Oid("0" * 40)}"\n'
    pins.write_text(before)
    with pytest.raises(ToolkitError, match=r"^pin here: the file has blob [0-9a-f]{40}, recorded is 0{40}$"):
        fill(pins)
    assert pins.read_text() == before
