"""The outcome of a lift as values: the parts, their hashes, the let, a `rec` set."""

from collections.abc import Mapping

from msgspec import Struct

from toolkit.lift.bindings import Reachability
from toolkit.lift.plan import PARAMETER


class PartHashes(Struct, frozen=True, kw_only=True):
    """The hashes that a new source or version needs, and what updates them."""

    parts: Mapping[str, tuple[str, ...]] = {}
    """The parts that contain each attribute with a hash."""

    downloads: tuple[tuple[str, ...], ...] = ()
    """The paths of downloads, except `src`, whose hash changes with a new version."""

    fetched: bool = False
    """Whether a hash fetches the package's `src`, too."""

    updated: tuple[str, ...] = ()
    """The parts that nix-update can update after the lift."""


class LetChange(Struct, frozen=True, kw_only=True):
    """The changes of the file's lets, and of names in definitions that left them."""

    moved: tuple[str, ...] = ()
    """The definitions that have left their let."""

    along: Mapping[str, tuple[str, ...]] = {}
    """The paths of definitions that moved along, but were not to be lifted."""

    through: tuple[str, ...] = ()
    """Those of `along` that passthru already showed."""

    own: tuple[str, ...] = ()
    """The bindings that have left the let as the package's own attributes."""

    left: tuple[str, ...] = ()
    """Bindings like the lifted ones that these use, and that stay in the let."""

    inner: bool = False
    """Whether moved definitions stand in a let that sees the final attributes."""

    parameter: str = PARAMETER
    """The name of the final attributes."""

    renamed: frozenset[str] = frozenset()
    """The new names of final attributes that parts have themselves."""


class RecChange(Struct, frozen=True, kw_only=True):
    """A `rec` set of the package's attributes that became a plain set."""

    dropped: bool = False
    """Whether `rec` had no effect, because nothing used another attribute."""

    names: tuple[str, ...] = ()
    """The attributes that now come from the final ones, if `places` has any."""

    places: tuple[str, ...] = ()
    """The package's attributes that use them."""


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
    """The attributes of passthru that use lifted bindings."""

    follows: Mapping[str, tuple[str, ...]] = {}
    """The package's attributes that lifted bindings now use."""

    apart: Mapping[str, tuple[str, ...]] = {}
    """The attributes that lifted bindings share with the package, but do not follow."""

    hashes: PartHashes = PartHashes()
    let: LetChange = LetChange()
    rec: RecChange | None = None
    """The change of the package's `rec` set; None if there was none."""
