"""The proposal and the known pins: read the TOML files in `patches/`.

In a checkout, that directory is beside the package; in an installation, it is inside
the package.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

from msgspec import Struct

from toolkit import documents, files, model
from toolkit.shipped import shipped_path

T = TypeVar("T")

_PINS = "pins.toml"

_AS_WRITTEN = frozenset(["subject", "body", "description"])
"""Texts that are not Markdown of a pull request, so their line breaks stay."""


class Tracked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The repository of nixpkgs' development, and its relevant branches.

    `releases` counts the newest releases to look at; their branch and channel names
    begin with `release_branch` and `release_channel`. `places` are paths that the file
    had earlier.
    """

    repository: str
    api_url: str
    raw_url: str
    branches: tuple[str, ...]
    channels: tuple[str, ...]
    release_branch: str
    release_channel: str
    releases: int
    places: tuple[PurePosixPath, ...]


@cache
def tracked() -> Tracked:
    """Return patches/tracking.toml."""
    return read_toml(shipped() / "tracking.toml", Tracked)


def upstream() -> model.Upstream:
    """Return nixpkgs with its known pins."""
    return read_toml(shipped() / _PINS, model.Upstream)


def shipped() -> Path:
    """Return the directory `patches/`; raise ToolkitError if it is missing."""
    return shipped_path(f"patches/{_PINS}").parent


def read_toml(
    path: Path,
    kind: type[T],
    *,
    names: Mapping[str, str] | None = None,
    form: Callable[[str], str] = str.strip,
) -> T:
    """Return a TOML file as a value of `kind`.

    In each text, `names` gives the values for `{NAME}`; then `form` converts it. Texts
    of commits are only stripped. Raise ToolkitError if the file is unreadable or not
    TOML, or a field does not fit `kind`.
    """
    content = files.read(path)

    def filled(field: str, text: str) -> str:
        for name, value in (names or {}).items():
            text = text.replace(f"{{{name}}}", value)
        return text.strip() if field in _AS_WRITTEN else form(text)

    return documents.read_toml(content, kind, document=str(path), form=filled)
