"""Whole nixpkgs trees, from the folder that UNLET_NIXPKGS names.

None is shipped with this project.
"""

import os
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

# Read here: within a test the environment is sealed.
_FOLDER = os.environ.get("UNLET_NIXPKGS")
_TREES = (
    sorted(path.parent for path in Path(_FOLDER).glob("*/nixos")) if _FOLDER else []
)


def trees(
    *, having: str = "default.nix", lacking: str = "no such file"
) -> list[ParameterSet]:
    """Return a parameter for each tree that has one path and lacks another.

    Without any, one that says why.
    """
    found = [
        tree
        for tree in _TREES
        if (tree / having).exists() and not (tree / lacking).exists()
    ]
    if found:
        return [pytest.param(tree, id=tree.name) for tree in found]
    reason = f"UNLET_NIXPKGS is {_FOLDER or 'not set'}: no whole nixpkgs to try"
    return [pytest.param(None, id="nixpkgs", marks=pytest.mark.skip(reason=reason))]
