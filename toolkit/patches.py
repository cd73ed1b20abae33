"""The proposal and the known pins: TOML files in `patches/`, read into values, and the pins written back.

They stand beside the package in a checkout and inside of it when installed. Where that place cannot be
written, pins that were filled in go to the user's configuration, and take the place of those of the same name.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath  # noqa: TC003 - a field of what documents are read into
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, field
from msgspec.structs import asdict

from toolkit import documents, files, model
from toolkit.errors import ToolkitError, UsageError
from toolkit.shipped import shipped_path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

T = TypeVar("T")

_PINS = "pins.toml"

_HEADER = """\
# Known commits of nixpkgs. `unlet pins update` fetches each and fills in `blob`, the id of `file` in it, and `newest`,
# the newest release in that file.

"""


_AS_WRITTEN = frozenset(["subject", "body", "description"])
"""What is no Markdown of a pull request: its lines stay."""


class Message(Struct, frozen=True, kw_only=True):
    """A commit message without its trailers; `body` has lines of at most 72 characters and no line feed at its end.

    `proven` are the sentences that end the body, each by the proof without which it may not be said.
    """

    subject: str
    body: str
    proven: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def whole(self) -> str:
        """The body with all that is to be proven."""
        return self.backed(self.proven)

    def backed(self, passed: Collection[str]) -> str:
        """Return the body with what the proofs of these names have proven, and nothing else of `proven`."""
        return "\n\n".join([self.body, *(text for proof, text in self.proven.items() if proof in passed)])


class _Pins(Struct, frozen=True, kw_only=True):
    """The user's own file of pins."""

    pin: tuple[model.Pin, ...]


class _Shipped(_Pins, frozen=True, kw_only=True):
    """patches/pins.toml."""

    remote: str
    default: str
    file: PurePosixPath


def upstream() -> model.Upstream:
    """Return nixpkgs with its known pins: the shipped ones in their order, then those that only the user's file has."""
    path = shipped() / _PINS
    found = read_toml(path, _Shipped)
    known = _by_name(path, found)
    if (theirs := own() / _PINS).is_file():
        known |= {pin.name: pin for pin in read_pins(theirs)}
    return model.Upstream(remote=found.remote, default_pin=found.default, file=found.file, pins=tuple(known.values()))


def read_pins(path: Path) -> tuple[model.Pin, ...]:
    """Read the user's own file of pins; raise ToolkitError as `read_toml` does, and if two have one name."""
    return tuple(_by_name(path, read_toml(path, _Pins)).values())


def _by_name(path: Path, pins: _Pins) -> dict[str, model.Pin]:
    found: dict[str, model.Pin] = {}
    for pin in pins.pin:
        if pin.name in found:
            raise ToolkitError(f"{path}: two pins have the name '{pin.name}'")
        found[pin.name] = pin
    return found


def pin(name: str | None = None) -> model.Pin:
    """Return the pin of that name, or the default pin; raise UsageError if there is none."""
    nixpkgs = upstream()
    wanted = name if name is not None else nixpkgs.default_pin
    known = {pin.name: pin for pin in nixpkgs.pins}
    if wanted not in known:
        raise UsageError(f"pin: '{wanted}' is unknown", hint=f"known pins are {', '.join(known)}; see 'unlet pins'")
    return known[wanted]


def write_pins(pins: Sequence[model.Pin]) -> Path:
    """Replace the file of pins as a whole, and return its path.

    The shipped file is taken where it can be written, else the user's own.
    """
    ours = shipped() / _PINS
    path, of = (
        (ours, upstream()) if os.access(ours, os.W_OK) and os.access(ours.parent, os.W_OK) else (own() / _PINS, None)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, pins_toml(pins, of=of))
    except OSError as error:
        raise ToolkitError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def pins_toml(pins: Sequence[model.Pin], *, of: model.Upstream | None = None) -> bytes:
    """Return the content of a file of pins, with what is known of nixpkgs itself if `of` says it."""
    import tomli_w  # noqa: PLC0415 - for `unlet pins update` alone

    tables = [{key: str(value) for key, value in asdict(pin).items() if value is not None} for pin in pins]
    known = {"remote": of.remote, "default": of.default_pin, "file": str(of.file)} if of is not None else {}
    content: str = tomli_w.dumps({**known, "pin": tables})
    return (_HEADER + content).encode()


def shipped() -> Path:
    """Return the directory `patches/`; raise ToolkitError where it is missing."""
    return shipped_path(f"patches/{_PINS}").parent


def own() -> Path:
    """Return the directory of the user's own files of this kind, which may not be there."""
    import platformdirs  # noqa: PLC0415 - not needed before the pins are

    return platformdirs.user_config_path("unlet")


def read_toml(
    path: Path, kind: type[T], *, names: Mapping[str, str] | None = None, form: Callable[[str], str] = str.strip
) -> T:
    """Return a TOML file as a value of `kind`; in each text `{NAME}` becomes each of `names`, then `form` is applied.

    Messages of commits and descriptions are only stripped.

    Raise ToolkitError if it cannot be read, is no TOML, or has a field that is not as `kind` has it.
    """
    content = files.read(path)

    def filled(field: str, text: str) -> str:
        for name, value in (names or {}).items():
            text = text.replace(f"{{{name}}}", value)
        return text.strip() if field in _AS_WRITTEN else form(text)

    return documents.read_toml(content, kind, document=str(path), form=filled)
