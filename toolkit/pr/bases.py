"""Which commit of the user's clone a branch begins at, and how old it is."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.git import clone as clones

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.git.clone import Base, Clone
    from toolkit.model import Progress
    from toolkit.pr.writing import BranchOrder

_OLD_DAYS = 14


def find(clone: Clone, order: BranchOrder, *, progress: Progress) -> tuple[Base, Mapping[str, Base]]:
    """Return the base that is asked for, and the further branches by name, after a fetch if one is asked for.

    Raise ToolkitError for one that the clone has not.
    """
    if order.fetch:
        progress.step("fetching")
        clones.fetch_branches(clone, (*(() if order.in_place else (order.base,)), *order.onto))
    base = clones.find_base(clone, order.base)
    if order.in_place and (upstream := clones.followed(clone, order.branch)) is not None:
        base = replace(base, remote=upstream[0], branch=upstream[1])
    return base, {name: clones.find_base(clone, name) for name in order.onto}


def warnings(base: Base) -> tuple[str, ...]:
    """Say that a base was fetched long ago."""
    if base.fetched is None:
        return ()
    days = int((time.time() - base.fetched) / 86400)
    return (f"{base.name}: was fetched {days} days ago; --fetch gets a newer one",) if days >= _OLD_DAYS else ()
