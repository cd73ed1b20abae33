"""The embedded nixpkgs-shaped tree.

Written for this project, no copy of nixpkgs: names and structure are upstream's, every hash and text is invented. It
is a whole package set, which evaluates and builds without a network as nixpkgs does with one. This module only says
where it is.
"""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parent / "29.6"


def is_tree(root: Path) -> bool:
    """Return whether a tree is the specimen, or a copy of it.

    `config.tools` has to name what it builds with.
    """
    return (root / "pkgs" / "stdenv" / "stub.nix").is_file()


def path() -> Path:
    """Return the top of the tree."""
    return _ROOT
