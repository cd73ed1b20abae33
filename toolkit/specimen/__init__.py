"""The embedded nixpkgs-shaped trees: one a layout of docker's file, and one a state that a tool must tell apart.

Written for this project, no copies of nixpkgs: names and structure are upstream's, every hash and text is
invented. The newest one is a whole package set, which evaluates and builds without a network as nixpkgs does with
one; of the others there is docker's directory. This module only says where they are; nothing here reads them.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import UsageError

_ROOT = Path(__file__).resolve().parent

# by the newest docker of the layout, oldest first
_LAYOUTS = (
    "19.03",
    "20.10.14",
    "20.10.21",
    "24.0",
    "26.0",
    "27.0",
    "27.5",
    "27.5-alejandra",
    "28.4",
    "29.6",
)

# 29.6 after somebody's change, or a file of another kind
_STATES = (
    "states/fixed",
    "states/half-demoted",
    "states/half-lifted",
    "states/no-wrapper",
    "states/unknown",
)


def names() -> tuple[str, ...]:
    """Name the layouts, oldest first; the states are not among them."""
    return _LAYOUTS


def states() -> tuple[str, ...]:
    """Name the specimens that a rewrite has nothing or not everything to do in, as `states/…`."""
    return _STATES


def is_tree(root: Path) -> bool:
    """Tell whether a tree is the whole package set of a specimen, or a copy of it.

    It needs to be told what to build with, by `config.tools`.
    """
    return (root / "pkgs" / "stdenv" / "stub.nix").is_file()


def path(name: str = "29.6") -> Path:
    """Return the top of the tree of a layout or a state.

    Raises UsageError for any other name.
    """
    if name not in _LAYOUTS and name not in _STATES:
        known = ", ".join((*_LAYOUTS, *_STATES))
        raise UsageError(f"specimen: no specimen named '{name}'", hint=f"there are {known}")
    return _ROOT / name
