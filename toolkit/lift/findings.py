"""Which packages the lets of one file bind, and how far out of reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.lift.doors import Reachability, shared, state
from toolkit.lift.kinds import BindingKind, kind, without_final
from toolkit.lift.shape import read
from toolkit.nix.attributes import value

if TYPE_CHECKING:
    from toolkit.nix.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A package that a let of a file binds.

    `builder` is its builder's name as it is written, `shares` which of `src` and `version` it takes from the same place
    as the package that the file is for. `liftable` tells that the package's own builder may have final attributes.
    """

    name: str
    builder: str
    kind: BindingKind
    line: int
    state: Reachability
    shares: tuple[str, ...]
    liftable: bool


def find(tree: Tree) -> tuple[Binding, ...]:
    """Return what the lets below the file's functions bind and its package is made of, in the order of the file.

    Nothing for a file that does not end in a builder's call.
    """
    shape = read(tree)
    if not shape.lets or not shape.functions or shape.construction is None:
        return ()
    found: list[Binding] = []
    for name, node in shape.bindings.items():
        known = kind(node)
        if known is None or name not in shape.reached or value(node).contains(shape.body):
            continue
        found.append(
            Binding(
                name=name,
                kind=known[0],
                builder=known[1],
                line=node.line,
                state=state(shape, name),
                shares=shared(shape, name),
                liftable=without_final(shape.construction.name) is None,
            )
        )
    return tuple(sorted(found, key=lambda binding: binding.line))
