"""What Nix answers about overlays, and what is asked about: values, without a question."""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True, kw_only=True):
    """Where an attribute is written."""

    file: str
    line: int


class Named(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay, or of a scope, `known` if nixpkgs has it."""

    name: str
    known: bool = True
    place: Place | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """What Nix says of a value; but for `kind` only of a package."""

    kind: str
    drv: str | None = None
    out: str | None = None
    version: str | None = None
    pname: str | None = None
    src: str | None = None


class Alias(Struct, frozen=True, kw_only=True):
    """Another path that leads to the same package: the derivation there, and without any overlay."""

    path: tuple[str, ...]
    drv: str | None
    plain: str | None


class Pair(Struct, frozen=True, kw_only=True):
    """An attribute without the override and with it."""

    old: Facts
    new: Facts
    aliases: tuple[Alias, ...] = ()


class Behind(Struct, frozen=True, kw_only=True):
    """A package behind an overlay, without the user's override and with it; `passthru` are the names in that."""

    old: Facts
    new: Facts
    passthru: tuple[str, ...]


class Look(Struct, frozen=True, kw_only=True):
    """What kind of thing an attribute is, and which members of a scope the override changes."""

    old: str
    new: str
    package: bool
    base: tuple[str, ...]
    hook: bool
    extended: bool
    members: tuple[Named, ...]


class Shown(Struct, frozen=True, kw_only=True):
    """What differs of a package beside its derivation."""

    meta: bool
    passthru: tuple[str, ...]


class Source(Struct, frozen=True, kw_only=True):
    """A place with overlays: Nix that reads it, as the functions of reach.nix, and the file to name.

    `otherwise` reads it if that does not evaluate, `label` is what it is called in the file.
    """

    question: str
    file: str
    otherwise: str | None = None
    label: str = ""


class Subject(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay, which has a name in the session; `again` if an earlier overlay has it too."""

    overlay: str
    used: str
    file: str
    named: Named
    again: bool = False

    @property
    def name(self) -> str:
        """The attribute."""
        return self.named.name
