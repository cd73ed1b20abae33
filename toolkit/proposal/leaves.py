"""Find the leaf of a target, and import it."""

from functools import cache
from typing import Any

from toolkit.proposal.leaf import Leaf, Series
from toolkit.proposal.lifting import Lifts
from toolkit.proposal.registry import loaded, named


@cache
def leaf_of(name: str, recipe: str | None = None) -> Leaf[Any]:
    """Return the leaf of a target, and import only its module.

    For a recipe, all targets share one leaf.
    """
    if recipe is not None or (target := named().get(name)) is None:
        return Lifts()
    leaf: Leaf[Any] = loaded(target.leaf)()
    return leaf


def leaf_for(series: Series[Any]) -> Leaf[Any]:
    """Return the leaf that made a series."""
    return leaf_of(series.request.target, series.request.recipe)
