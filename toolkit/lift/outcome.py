"""The outcome of a lift as values: the parts, their hashes, the let, a `rec` set."""

from collections.abc import Mapping

from msgspec import Struct

from toolkit.lift.bindings import Reachability
from toolkit.lift.plan import PARAMETER


class PartHashes(Struct, frozen=True, kw_only=True):
    """The hashes that another source or version needs, and who updates them."""

    parts: Mapping[str, tuple[str, ...]] = {}
    """The parts that each attribute made by a hash is in."""

    downloads: tuple[tuple[str, ...], ...] = ()
    """The paths of downloads, except `src`, whose hash a new version changes."""

    fetched: bool = False
    """Whether a hash fetches the package's `src`, too."""

    updated: tuple[str, ...] = ()
    """The parts that nix-update updates from now on."""


class LetChange(Struct, frozen=True, kw_only=True):
    """The changes of the file's lets, and of names in definitions that left them."""

    moved: tuple[str, ...] = ()
    """The definitions that have left their let."""

    along: Mapping[str, tuple[str, ...]] = {}
    """The paths of moved definitions that are neither lifted nor the package's own."""

    through: tuple[str, ...] = ()
    """Those of `along` that passthru showed before."""

    own: tuple[str, ...] = ()
    """The bindings that have left the let as the package's own attributes."""

    left: tuple[str, ...] = ()
    """Bindings that lifted ones are made with, that stand as these did, and stay."""

    inner: bool = False
    """Whether moved definitions stand in a let that sees the final attributes."""

    parameter: str = PARAMETER
    """The name of the final attributes."""

    renamed: frozenset[str] = frozenset()
    """The new names of final attributes that parts have themselves."""


class RecChange(Struct, frozen=True, kw_only=True):
    """A `rec` set of the package's attributes that is a plain set now."""

    dropped: bool = False
    """Whether nothing in the set used another attribute of it."""

    names: tuple[str, ...] = ()
    """The attributes that are taken from the final ones, if `places` has any."""

    places: tuple[str, ...] = ()
    """The package's attributes that take them."""


class Lifted(Struct, frozen=True, kw_only=True):
    """A file whose package takes the lifted bindings from its own attributes."""

    text: str
    """The new text of the file."""

    methods: Mapping[str, tuple[str, ...]]
    """The path of each lifted binding among the package's attributes."""

    states: Mapping[str, Reachability] = {}
    """How far an override reached each lifted binding before."""

    used: Mapping[str, tuple[str, ...]] = {}
    """The attributes that use each lifted binding; none if others use it, too."""

    shown: tuple[tuple[str, ...], ...] = ()
    """The attributes of passthru that are made with lifted bindings."""

    follows: Mapping[str, tuple[str, ...]] = {}
    """The package's attributes that lifted bindings take over."""

    apart: Mapping[str, tuple[str, ...]] = {}
    """The attributes that lifted bindings share with the package, and do not follow."""

    hashes: PartHashes = PartHashes()
    let: LetChange = LetChange()
    rec: RecChange | None = None
    """The change of the package's attributes, None if they were no `rec` set."""
