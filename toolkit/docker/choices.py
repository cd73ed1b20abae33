"""What the user can choose of a proposal."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from toolkit.errors import ToolkitError
from toolkit.model import Step

if TYPE_CHECKING:
    from collections.abc import Iterable

E = TypeVar("E", bound=StrEnum)


class Strategy(StrEnum):
    """How the components leave the `let … in`; see toolkit.docker.rewrite.lift."""

    ATTRS_FIRST = "attrs-first"
    HIDDEN = "hidden"
    PARAMETER = "parameter"


class Demotion(StrEnum):
    """What becomes of rootlesskit in the wrapper's PATH."""

    SUFFIX = "suffix"
    DROP = "drop"


class Extra(StrEnum):
    """A commit that the series has on request alone, in the order in which they follow the first two."""

    NIXOS_TEST = "nixos-test"
    NIXOS_MODULE = "nixos-module"
    RELEASE_NOTE = "release-note"


class OverlayKind(StrEnum):
    """Which overlay: `rewrap` makes a new wrapper around the finished docker, `patched` is the patched file."""

    REWRAP = "rewrap"
    PATCHED = "patched"


LIFT, DEMOTE = "lift", "demote"
"""The steps of the proposal, by name."""


def steps(strategy: Strategy | None, demotion: Demotion | None) -> tuple[Step, ...]:
    """Return the steps by the design of each; None leaves the step out."""
    chosen = {LIFT: strategy, DEMOTE: demotion}
    return tuple(Step(name=name, design=design) for name, design in chosen.items() if design is not None)


def strategy_of(steps: Iterable[Step]) -> Strategy | None:
    """Return how the components leave the let; None if they stay. Raise ToolkitError for an unknown design."""
    return next((_known(Strategy, step.design) for step in steps if step.name == LIFT), None)


def demotion_of(steps: Iterable[Step]) -> Demotion | None:
    """Return what becomes of rootlesskit; None if nothing does. Raise ToolkitError for an unknown design."""
    return next((_known(Demotion, step.design) for step in steps if step.name == DEMOTE), None)


def extras_of(names: Iterable[str]) -> tuple[Extra, ...]:
    """Return the extras of these names; raise ToolkitError for an unknown one."""
    return tuple(_known(Extra, name) for name in names)


def _known(kind: type[E], name: str) -> E:
    if name not in set(kind):
        raise ToolkitError(f"{kind.__name__.lower()} '{name}' is unknown; known are {', '.join(kind)}")
    return kind(name)
