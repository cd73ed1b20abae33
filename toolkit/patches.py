"""Read the TOML files in `patches/`: texts of the proposal, and known pins.

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
"""The names of the fields whose texts keep their line breaks, because they are not
Markdown of a pull request.
"""


class Tracked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The repository of nixpkgs' development, and its branches that `track` reads.

    `releases` counts the newest releases to read; their branch and channel names begin
    with `release_branch` and `release_channel`. `places` are earlier paths of the
    package's file.
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
    """Return the content of patches/tracking.toml."""
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

    In each text, `{NAME}` is replaced by the value that `names` has for it; then `form`
    converts the text. Texts of commits are stripped instead. Raise ToolkitError if the
    file is unreadable or not TOML, or if a field does not fit `kind`.
    """
    content = files.read(path)

    def filled(field: str, text: str) -> str:
        for name, value in (names or {}).items():
            text = text.replace(f"{{{name}}}", value)
        return text.strip() if field in _AS_WRITTEN else form(text)

    return documents.read_toml(content, kind, document=str(path), form=filled)
