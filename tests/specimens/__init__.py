"""Trees around a docker file: one for each layout that the file had, and one for each state that it can be in.

Written for this project as the one in toolkit/specimen is, which is the newest layout.
The others have docker's directory, and what is beside it where a test needs that.
"""

from __future__ import annotations

from pathlib import Path

from toolkit import specimen

_ROOT = Path(__file__).resolve().parent

NEWEST = "29.6"

LAYOUTS = (
    "19.03",
    "20.10.14",
    "20.10.21",
    "24.0",
    "26.0",
    "27.0",
    "27.5",
    "27.5-alejandra",
    "28.4",
    NEWEST,
)
"""By the newest docker in it, oldest first."""

STATES = (
    "states/fixed",
    "states/half-demoted",
    "states/half-lifted",
    "states/no-wrapper",
    "states/unknown",
)
"""The newest layout after somebody's change, or a file of another kind."""

FOUR_RELEASES = "four-releases"
"""A layout of 2024 with two more releases."""


def path(name: str = NEWEST) -> Path:
    """Return the top of the tree of a layout or a state."""
    assert name in (*LAYOUTS, *STATES, FOUR_RELEASES)
    return specimen.path() if name == NEWEST else _ROOT / name


def nixpkgs(name: str = NEWEST) -> str:
    """Return the value of `--nixpkgs` for a layout or a state."""
    return "specimen" if name == NEWEST else str(path(name))
