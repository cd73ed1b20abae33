"""What takes Nix too long ends an inspection within its time, whichever evaluation it is at."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from toolkit import specimen
from toolkit.nix import limits
from toolkit.proposal.inspection import inspect_package

if TYPE_CHECKING:
    from pathlib import Path

NOTES = "pkgs/by-name/no/notes-server/package.nix"
HOSTILE = {
    "exponential": "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in builtins.toJSON (f 60))",
    "endless closure": "(toString (builtins.length (builtins.genericClosure { startSet = [ { key = 0; } ]; "
    "operator = x: [ { key = x.key + 1; } ]; })))",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_package_that_takes_nix_too_long_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 4.0)
    tree = shutil.copytree(specimen.path(), tmp_path / "tree")
    file = tree / NOTES
    file.write_text(file.read_text().replace('version = "', f'version = {HOSTILE[what]} + "', 1))
    began = time.monotonic()
    found = inspect_package(tree, "notes-server")
    seconds = time.monotonic() - began
    assert found.system is None
    assert found.reason is not None
    # One evaluation more would take a minute.
    assert seconds < 40
