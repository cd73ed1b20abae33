"""The answers of Nix about overlays, as values."""

from __future__ import annotations

from msgspec import Struct, field


class Place(Struct, frozen=True, kw_only=True):
    """The file and line at which an attribute is defined."""

    file: str
    line: int | None


class Named(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay or of a scope, and its place in a file.

    `known` is true if nixpkgs itself has the attribute. A scope is a set of packages
    such as `python3Packages`, which has its own overrides.
    """

    name: str
    known: bool = True
    place: Place | None = None


class ValueFacts(Struct, frozen=True, kw_only=True):
    """The kind of a Nix value, and the derivation path if the value is a package."""

    kind: str
    drv: str | None = None


class Alias(Struct, frozen=True, kw_only=True):
    """Another attribute path to an overridden package.

    `drv` is the derivation at this path with the overlays, `plain` the derivation
    without any overlay.
    """

    path: tuple[str, ...]
    drv: str | None
    plain: str | None


class Pair(Struct, frozen=True, kw_only=True):
    """The value of an attribute without the override (`old`) and with it (`new`).

    `written` are the package's variables that the user's files define. For a package
    under an overlay, `passthru` are the names of its attribute passthru, and
    `downloads` are the attribute paths of the hashes of fixed-output derivations that
    the package, and the let-bound packages in its passthru, use.
    """

    old: ValueFacts
    new: ValueFacts
    aliases: tuple[Alias, ...] = ()
    written: tuple[str, ...] = ()
    passthru: tuple[str, ...] = ()
    downloads: tuple[tuple[str, ...], ...] = ()


class Look(Struct, frozen=True, kw_only=True):
    """The answer of Nix on which attributes an override sets.

    `old` and `new` are the kinds of the attribute without and with the override. If the
    override sets a scope such as python3Packages, `members` are the attributes in the
    scope, and `base` is the attribute path of the scope.
    """

    old: str
    new: str
    package: bool
    base: tuple[str, ...]
    hook: bool
    extended: bool
    members: tuple[Named, ...]


class Shown(Struct, frozen=True, kw_only=True):
    """The attributes of a package that differ although its derivation is the same."""

    meta: bool
    passthru: tuple[str, ...]


class OverrideCall(Struct, frozen=True, kw_only=True):
    """A call of a function such as `overrideAttrs` in the text of a file.

    `name` is the package's name. `bindings` are the lines of the attributes that
    contain the call; `is_local` is true if one of them is a let binding.
    """

    name: str
    line: int
    bindings: tuple[int, ...]
    is_local: bool


class OverlaySource(Struct, frozen=True, kw_only=True):
    """A file with overlays, and the Nix code that reads the overlays.

    `question` is the code, for reach.nix. `otherwise` is code to use if it does not
    evaluate, with an optional warning. `label` is the name of the overlays in the file,
    and `calls` are the overrides in the file's text.
    """

    question: str
    file: str
    otherwise: tuple[str, ...] = ()
    warning: str = ""
    is_configuration: bool = False
    calls: tuple[OverrideCall, ...] = ()
    label: str = ""


class SetOption(Struct, frozen=True, kw_only=True):
    """A NixOS option whose value contains an override of a package, perhaps in a list.

    `keys` is the path to the value in Nix's answer, `option` the name of the option,
    and `of` the attribute path of the package.
    """

    keys: tuple[str, ...]
    option: tuple[str, ...]
    of: tuple[str, ...]
    place: Place | None
    is_listed: bool = field(name="isListed")

    @property
    def is_whole(self) -> bool:
        """Return whether the override is a list member, or not in an option."""
        return self.is_listed or not self.option


class Taken(Struct, frozen=True, kw_only=True):
    """An option, such as a service's package, with an unexpected default.

    Its default is not the package that the option's name suggests.
    """

    option: str
    attribute: str


class Overlay(Struct, frozen=True, kw_only=True):
    """An overlay of the user, with its attributes.

    `key` is its name in the session with Nix, and `number` its place in the list of
    overlays. `listed` is false if the overlay is only defined in its file, and so has
    no order. `source` is the name of its file in the session. With `option`, the value
    represents an override in a NixOS option instead of an overlay.
    """

    key: str
    number: int
    file: str
    names: tuple[Named, ...]
    listed: bool
    source: str
    option: SetOption | None = None

    def place(self, name: str) -> Place | None:
        """Return the place of an attribute, or None if the overlay does not set it."""
        found = next((each for each in self.names if each.name == name), None)
        return (
            None if found is None else found.place or Place(file=self.file, line=None)
        )

    def is_before(self, other: Overlay) -> bool:
        """Return whether `other` is applied later, and may replace attributes."""
        is_ordered = self.file != other.file or (self.listed and other.listed)
        return (
            self.number < other.number
            and is_ordered
            and self.option is other.option is None
        )


class Listed(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay, with the list of overlays that are used together."""

    overlay: Overlay
    overlays: tuple[Overlay, ...]
    named: Named

    @property
    def name(self) -> str:
        """The name of the overlay's attribute."""
        return self.named.name

    @property
    def again(self) -> bool:
        """Return whether an earlier overlay sets the attribute, too."""
        return any(
            each.is_before(self.overlay) and each.place(self.name) is not None
            for each in self.overlays
        )

    @property
    def later(self) -> tuple[Overlay, ...]:
        """The later overlays that set the same attribute."""
        return tuple(
            each
            for each in self.overlays
            if self.overlay.is_before(each) and each.place(self.name)
        )
