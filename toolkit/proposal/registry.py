"""Which leaf a target has, by patches/targets.toml."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from msgspec import Struct

from toolkit import patches
from toolkit.proposal.leaf import Leaf
from toolkit.proposal.lifting import Lifts


class NamedTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A target that has a leaf of its own, and a subject for `track`, each as `MODULE:NAME`.

    `branches` are named by what `--only` names; the first is what a pull request makes by default.
    """

    leaf: str
    subject: str
    branches: dict[str, str]


def target(name: str) -> NamedTarget | None:
    """Return the target of that name, None if it is a package like any other."""
    return named().get(name)


@cache
def named() -> Mapping[str, NamedTarget]:
    """Return the targets that have a leaf of their own."""
    return patches.read_toml(patches.shipped() / "targets.toml", dict[str, NamedTarget])


@cache
def leaf_of(name: str, recipe: str | None = None) -> Leaf:
    """Return the leaf of a target, of any target for a recipe the same; its module is imported for this alone."""
    if recipe is not None or (named := target(name)) is None:
        return Lifts()
    leaf: Leaf = loaded(named.leaf)()
    return leaf


def loaded(place: str) -> Any:  # noqa: ANN401 - what a named target gives
    """Return what is at `MODULE:NAME`."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def is_named(name: str) -> bool:
    """Return whether a target has a leaf of its own."""
    return name in named()


def usual() -> str:
    """Return the target that is meant if nobody names one: the first that has a leaf of its own."""
    return next(iter(named()))
