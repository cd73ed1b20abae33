"""Nix's answers about overlays, as values."""

from __future__ import annotations

from msgspec import Struct, field


class Place(Struct, frozen=True, kw_only=True):
    """Where an attribute is written."""

    file: str
    line: int | None


class Named(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay, or of a scope, `known` if nixpkgs has it."""

    name: str
    known: bool = True
    place: Place | None = None


class ValueFacts(Struct, frozen=True, kw_only=True):
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

    old: ValueFacts
    new: ValueFacts
    aliases: tuple[Alias, ...] = ()


class Behind(Struct, frozen=True, kw_only=True):
    """A package behind an overlay, without the user's override and with it; `passthru` are the names in that."""

    old: ValueFacts
    new: ValueFacts
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


class OverlaySource(Struct, frozen=True, kw_only=True):
    """A place with overlays: Nix that reads it, as the functions of reach.nix, and the file to name.

    `otherwise` reads it if that does not evaluate, with a warning if there is one; `label` is what it is called in the
    file. `unread` are lines with overrides that are in no overlay, each with the name of the package.
    """

    question: str
    file: str
    otherwise: str | None = None
    warning: str = ""
    unread: tuple[tuple[int, str], ...] = ()
    label: str = ""


class SetOption(Struct, frozen=True, kw_only=True):
    """An option that is set to an override of a package, of a list one of it; `keys` lead there from the modules."""

    keys: tuple[str, ...]
    option: tuple[str, ...]
    of: tuple[str, ...]
    place: Place | None
    is_listed: bool = field(name="isListed")


class Taken(Struct, frozen=True, kw_only=True):
    """An option that by default is another attribute of nixpkgs than its name says."""

    option: str
    attribute: str


class Overlay(Struct, frozen=True, kw_only=True):
    """An overlay by its name in the session, its number in the list of all, and the attributes that it has.

    `listed` is false for one that its file only names: such have no order among themselves. `source` is the name of its
    file in the session. One with an option is no overlay, but what that is set to.
    """

    key: str
    number: int
    file: str
    names: tuple[Named, ...]
    listed: bool
    source: str
    option: SetOption | None = None

    def place(self, name: str) -> Place | None:
        """Return where it has an attribute, None if it has none of that name."""
        found = next((each for each in self.names if each.name == name), None)
        return None if found is None else found.place or Place(file=self.file, line=None)

    def is_before(self, other: Overlay) -> bool:
        """Return whether another overlay is put on after it, and may replace what it sets."""
        is_ordered = self.file != other.file or (self.listed and other.listed)
        return self.number < other.number and is_ordered and self.option is other.option is None


class Listed(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay in a list of them."""

    overlay: Overlay
    overlays: tuple[Overlay, ...]
    named: Named

    @property
    def name(self) -> str:
        """The attribute."""
        return self.named.name

    @property
    def again(self) -> bool:
        """Whether an earlier overlay has it too."""
        return any(each.is_before(self.overlay) and each.place(self.name) is not None for each in self.overlays)

    @property
    def later(self) -> tuple[Overlay, ...]:
        """The later overlays that have it too."""
        return tuple(each for each in self.overlays if self.overlay.is_before(each) and each.place(self.name))
