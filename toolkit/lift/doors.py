"""Find by syntax how a package shows what its file's lets bind, and whether an override of that reaches all uses."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.lift.shape import selection
from toolkit.nix.attributes import inherited, inherited_from, inside, value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.lift.shape import Shape
    from toolkit.nix.scope import Reference
    from toolkit.nix.tree import Node

PASSTHRU = "passthru"


class Reachability(StrEnum):
    """How far an override reaches what a let binds, by syntax."""

    HIDDEN = "hidden"
    SHOWN = "shown without effect"
    PARTIAL = "reached in part"
    ROUTED = "routed"


class Door(Struct, frozen=True, kw_only=True):
    """An attribute of a package that is one of its lets' bindings.

    `path` is the attribute's among those of the package, `node` the binding or the inherit that it is bound by, `use`
    the name of the let's binding in it.
    """

    path: tuple[str, ...]
    node: Node
    use: Node


def doors(shape: Shape, name: str) -> tuple[Door, ...]:
    """Return the attributes that show the binding `name`, in the order of the text."""
    if shape.construction is None:
        return ()
    uses = {use.node.index: use.node for use in shape.uses if use.name == name}
    return tuple(
        Door(path=path, node=node, use=use)
        for path, node in shape.construction.attributes
        if len(path) == 1 + (path[0] == PASSTHRU)
        and node.kind != "inherit_from"
        and (use := uses.get(_source(path, node).index)) is not None
    )


def direct_uses(shape: Shape, name: str) -> list[Reference]:
    """Return the uses of a binding that an override of its doors leaves as they are, of those that the package reaches.

    A use of the attribute by its name, within a `rec` set that binds it, is one of them.
    """
    shown = doors(shape, name)
    passed = {door.use.index for door in shown}
    reached = [shape.body, *(shape.bindings[user] for user in shape.reached)]
    return [
        *(
            use
            for use in shape.uses
            if use.name == name and use.node.index not in passed and any(place.contains(use.node) for place in reached)
        ),
        *(use for door in shown for use in uses_by_rec(shape, door)),
    ]


def uses_by_rec(shape: Shape, door: Door) -> Iterator[Reference]:
    """Yield the uses of an attribute by its name within the `rec` set that binds it."""
    owner = door.node.enclosing("rec_attrset_expression", "attrset_expression")
    for use in shape.references:
        if use.scope is not None and use.scope.node is owner and use.name == door.path[-1]:
            yield use


def state(shape: Shape, name: str) -> Reachability:
    """Return how far an override reaches a binding, by syntax."""
    shown = doors(shape, name)
    if not shown:
        return Reachability.HIDDEN
    if not direct_uses(shape, name):
        return Reachability.ROUTED
    # An attribute of the derivation is itself part of what is built.
    return Reachability.SHOWN if all(door.path[0] == PASSTHRU for door in shown) else Reachability.PARTIAL


Origin = tuple[int, str, str]
"""Where a value is taken from: the index of the scope that binds a name, the name, the attribute that is selected."""


def shared(shape: Shape, name: str) -> tuple[str, ...]:
    """Return which of `src` and `version` a binding takes from where the package takes its own: a let, a parameter."""
    binding = shape.bindings[name]
    taken = {
        (use.scope.node.index, use.name, part)
        for use in shape.references
        if use.scope is not None and binding.contains(use.node)
        for part in ("", *selection(use.node))
    }
    return tuple(attribute for attribute in ("src", "version") if origin(shape, attribute) in taken)


def origin(shape: Shape, attribute: str) -> Origin | None:
    """Return where the package takes an attribute from, None where it is no name, or bound more than once."""
    attributes = shape.construction.attributes if shape.construction is not None else ()
    found = [node for path, node in attributes if path == (attribute,)]
    if len(found) != 1:
        return None
    source = _source((attribute,), found[0])
    variable = source.children[0] if source.kind == "select_expression" else source
    use = next((use for use in shape.references if use.node is variable), None)
    if use is None or use.scope is None:
        return None
    path = source.child("attrpath")
    if path is not None and len(path.children) > 1:
        return None
    part = attribute if found[0].kind == "inherit_from" else next(iter(selection(variable)), "")
    return use.scope.node.index, use.name, part


def _source(path: tuple[str, ...], node: Node) -> Node:
    """Return the expression that an attribute is bound to; of an inherit the name, or what is inherited from."""
    if node.kind == "binding":
        return inside(value(node))
    if node.kind == "inherit_from":
        return inherited_from(node)
    return next((child for child in inherited(node) if child.text.strip('"') == path[-1]), node)
