"""Find the files that unlet ships.

They are the package's Nix expressions, overlays/, patches/ and docs/schema/.
"""

from pathlib import Path

from toolkit.errors import ToolkitError

# importlib.resources is not used: Nix needs the files on a disk, and the import takes
# longer than the search.
PACKAGE = Path(__file__).parent
EXPRESSIONS = PACKAGE / "expressions"


def shipped_path(name: str) -> Path:
    """Return the path of a shipped file, such as `overlays/NAME`.

    In a checkout, the file is beside the package; in an installation, it is inside the
    package. Raise ToolkitError if the file is missing.
    """
    for place in (PACKAGE.parent, PACKAGE / "data"):
        if (place / name).is_file():
            return place / name
    raise ToolkitError(
        f"{name}: this file is missing from the installation of unlet",
        hint="install unlet again",
    )
