"""Find a target's leaf, by patches/targets.toml."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from msgspec import Struct

from toolkit import patches
from toolkit.proposal.leaf import Leaf, Series
from toolkit.proposal.lifting import Lifts


class OverlayUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a kind of overlay is needed: `always`, with the reason, or while a fact of the file has one of some values.

    By default until the file is fixed, and as long as it is the one that the overlay
    was made from.
    """

    always: str | None = None
    fact: str | None = None
    values: tuple[str, ...] = ()
    gone: str = "fixed"
    """The fact once it is not needed."""


class Tracking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of `track` that differs from other packages: further `facts`, the meanings of `words` in its table.

    `overlays` are its kinds of overlays, `without` is a sentence for users who remove
    theirs.
    """

    facts: tuple[str, ...] = ()
    words: dict[str, str] = {}
    overlays: dict[str, OverlayUse] = {}
    without: str | None = None


class NamedTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A target with its own leaf and its own subject for `track`, each as `MODULE:NAME`."""

    leaf: str
    subject: str
    tracking: Tracking
    parts: tuple[str, ...]
    """The names of packages that only its file binds."""
    overlay: tuple[str, ...]
    """The options of `overlay` that make its parts overridable."""
    branches: dict[str, str]
    """By their names for `--only`; by default, a pull request makes the first."""


@cache
def named() -> Mapping[str, NamedTarget]:
    """Return the targets with their own leaf."""
    return patches.read_toml(patches.shipped() / "targets.toml", dict[str, NamedTarget])


@cache
def leaf_of(name: str, recipe: str | None = None) -> Leaf[Any]:
    """Return the leaf of a target; for a recipe, all targets share one.

    Import only its module.
    """
    if recipe is not None or (target := named().get(name)) is None:
        return Lifts()
    leaf: Leaf[Any] = loaded(target.leaf)()
    return leaf


def leaf_for(series: Series[Any]) -> Leaf[Any]:
    """Return the leaf that made a series."""
    return leaf_of(series.request.target, series.request.recipe)


def loaded(place: str) -> Any:  # noqa: ANN401 - what a named target gives
    """Return the object at `MODULE:NAME`."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def tracking(name: str) -> Tracking:
    """Return what `track` shows of a target."""
    return named()[name].tracking if name in named() else Tracking()


def usual() -> str:
    """Return the default target: the first one with its own leaf."""
    return next(iter(named()))
