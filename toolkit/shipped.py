"""Locate the files that unlet ships: the package's expressions, overlays/, patches/ and docs/schema/."""

from pathlib import Path

from toolkit.errors import ToolkitError

# Not by importlib.resources: the files have to be on a disk for Nix, and to import it
# takes longer than to find them.
PACKAGE = Path(__file__).parent
EXPRESSIONS = PACKAGE / "expressions"


def shipped_path(name: str) -> Path:
    """Return the path of a file such as `overlays/NAME`: beside the package in a checkout, inside it when installed."""
    for place in (PACKAGE.parent, PACKAGE / "data"):
        if (place / name).is_file():
            return place / name
    raise ToolkitError(
        f"{name}: is missing from this installation of unlet",
        hint="install the package again",
    )
