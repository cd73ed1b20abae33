"""Where the files of overlays/ are, which unlet comes with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from toolkit.errors import ToolkitError

_PACKAGE = Path(str(files("toolkit")))
_PLACES = (_PACKAGE.parent / "overlays", _PACKAGE / "data" / "overlays")


def shipped_path(name: str) -> Path:
    """Return where a file of overlays/ is: beside the package in a checkout, inside of it when installed."""
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    raise ToolkitError(f"overlays/{name}: is missing from this installation of unlet")
