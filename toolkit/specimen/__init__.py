"""The embedded nixpkgs-shaped tree.

It was written for this project and copies nothing from nixpkgs: names and structure are
upstream's, every hash and text is invented. It is a whole package set, which evaluates
and builds like nixpkgs, without a network.
"""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parent / "29.6"


def path() -> Path:
    """Return the top of the tree."""
    return _ROOT
