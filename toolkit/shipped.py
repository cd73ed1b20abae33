"""Find the files that unlet ships.

They are the package's Nix expressions, overlays/, patches/ and docs/schema/.
"""

from pathlib import Path

from toolkit.errors import ToolkitError

# Not by importlib.resources: the files have to be on a disk for Nix, and to import it
# takes longer than to find them.
PACKAGE = Path(__file__).parent
EXPRESSIONS = PACKAGE / "expressions"


def shipped_path(name: str) -> Path:
    """Return the path of a shipped file, such as `overlays/NAME`.

    In a checkout, it is beside the package; in an installation, it is inside the
    package.
    """
    for place in (PACKAGE.parent, PACKAGE / "data"):
        if (place / name).is_file():
            return place / name
    raise ToolkitError(
        f"{name}: this file is missing from the installation of unlet",
        hint="install unlet again",
    )
