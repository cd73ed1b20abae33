"""Where the files are that unlet comes with: the expressions of the package, overlays/, patches/ and docs/schema/."""

from pathlib import Path

from toolkit.errors import ToolkitError

# Not by importlib.resources: the files have to be on a disk for Nix, and to import it takes longer than to find them.
PACKAGE = Path(__file__).parent
EXPRESSIONS = PACKAGE / "expressions"


def shipped_path(name: str) -> Path:
    """Return where a file such as `overlays/NAME` is: beside the package in a checkout, inside of it when installed."""
    for place in (PACKAGE.parent, PACKAGE / "data"):
        if (place / name).is_file():
            return place / name
    raise ToolkitError(f"{name}: is missing from this installation of unlet", hint="install the package again")
