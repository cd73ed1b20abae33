from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolkit import patches
from toolkit.errors import ToolkitError
from toolkit.forge.nixpkgs import read, tracked

if TYPE_CHECKING:
    from pathlib import Path


def test_shipped_file_names_nixpkgs_and_the_known_pull_request() -> None:
    what = tracked()
    assert what.repository == "NixOS/nixpkgs"
    assert 549926 in what.pulls
    assert what.backport.format(number=1, branch="release-26.05") == "backport-1-to-release-26.05"


def test_unknown_field_is_a_typo(tmp_path: Path) -> None:
    path = tmp_path / "tracking.toml"
    path.write_text(f'repositry = "a/b"\n{(patches.shipped() / "tracking.toml").read_text()}')
    with pytest.raises(ToolkitError, match="field 'repositry' is unknown"):
        read(path)
