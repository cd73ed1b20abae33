"""Nix's answers about overlays, as values."""

from __future__ import annotations

from msgspec import Struct, field


class Place(Struct, frozen=True, kw_only=True):
    """The file and line of an attribute."""

    file: str
    line: int | None


class Named(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay, or of a scope; `known` is true if nixpkgs has it."""

    name: str
    known: bool = True
    place: Place | None = None


class ValueFacts(Struct, frozen=True, kw_only=True):
    """The kind of a value, and the derivation of a package."""

    kind: str
    drv: str | None = None


class Alias(Struct, frozen=True, kw_only=True):
    """Another path to the same package.

    It has the derivation there, and the one without any overlay.
    """

    path: tuple[str, ...]
    drv: str | None
    plain: str | None


class Pair(Struct, frozen=True, kw_only=True):
    """An attribute without and with the override.

    `written` are the package's variables that the user's files define. For a package
    under an overlay, `passthru` are the names in it, and `downloads` are the paths of
    the hashes of what the package, and its parts in passthru, download.
    """

    old: ValueFacts
    new: ValueFacts
    aliases: tuple[Alias, ...] = ()
    written: tuple[str, ...] = ()
    passthru: tuple[str, ...] = ()
    downloads: tuple[tuple[str, ...], ...] = ()


class Look(Struct, frozen=True, kw_only=True):
    """The kind of an attribute, and the members of a scope that change."""

    old: str
    new: str
    package: bool
    base: tuple[str, ...]
    hook: bool
    extended: bool
    members: tuple[Named, ...]


class Shown(Struct, frozen=True, kw_only=True):
    """How a package differs apart from its derivation."""

    meta: bool
    passthru: tuple[str, ...]


class OverrideCall(Struct, frozen=True, kw_only=True):
    """A call of a function such as `overrideAttrs`, as the file has it.

    It has the package's name and the line. `bindings` are the lines of the attributes
    around it; `is_local` is true in a `let`.
    """

    name: str
    line: int
    bindings: tuple[int, ...]
    is_local: bool


class OverlaySource(Struct, frozen=True, kw_only=True):
    """A place with overlays: the Nix code that reads it, and the file to name.

    The code is for reach.nix. `otherwise` are fallbacks if it does not evaluate, with
    an optional warning; `label` is its name in the file. `calls` are the overrides in
    the file's text.
    """

    question: str
    file: str
    otherwise: tuple[str, ...] = ()
    warning: str = ""
    is_configuration: bool = False
    calls: tuple[OverrideCall, ...] = ()
    label: str = ""


class SetOption(Struct, frozen=True, kw_only=True):
    """An option that contains an override of a package, perhaps in a list.

    `keys` is the option's path.
    """

    keys: tuple[str, ...]
    option: tuple[str, ...]
    of: tuple[str, ...]
    place: Place | None
    is_listed: bool = field(name="isListed")

    @property
    def is_whole(self) -> bool:
        """Return whether the option, if any, names no package."""
        return self.is_listed or not self.option


class Taken(Struct, frozen=True, kw_only=True):
    """An option whose default is another attribute than its name suggests."""

    option: str
    attribute: str


class Overlay(Struct, frozen=True, kw_only=True):
    """An overlay: its name in the session, its number in the list, its attributes.

    `listed` is false if its file only names it: such overlays have no order. `source`
    is its file's name in the session. With an option, it is the option's value instead
    of an overlay.
    """

    key: str
    number: int
    file: str
    names: tuple[Named, ...]
    listed: bool
    source: str
    option: SetOption | None = None

    def place(self, name: str) -> Place | None:
        """Return the place of an attribute in the overlay; None if it has none."""
        found = next((each for each in self.names if each.name == name), None)
        return (
            None if found is None else found.place or Place(file=self.file, line=None)
        )

    def is_before(self, other: Overlay) -> bool:
        """Return whether a later overlay follows, which may replace attributes."""
        is_ordered = self.file != other.file or (self.listed and other.listed)
        return (
            self.number < other.number
            and is_ordered
            and self.option is other.option is None
        )


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
        """Return whether an earlier overlay has the attribute, too."""
        return any(
            each.is_before(self.overlay) and each.place(self.name) is not None
            for each in self.overlays
        )

    @property
    def later(self) -> tuple[Overlay, ...]:
        """The later overlays with the same attribute."""
        return tuple(
            each
            for each in self.overlays
            if self.overlay.is_before(each) and each.place(self.name)
        )
