"""Keep the meaning of names: choose a parameter's name, and check names that move."""

import re
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from toolkit.errors import RefusalError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.passthru import written_out
from toolkit.lift.plan import PARAMETER, Design, LiftPlan
from toolkit.lift.shape import Shape
from toolkit.lift.wanted import home
from toolkit.nix.attributes import SETS
from toolkit.nix.edit import Edit, replaced
from toolkit.nix.scope import GLOBALS, Reference, look_up
from toolkit.nix.tree import Node

_OTHERS = ("finalPackage", "outerAttrs")
"""Names for the final attributes, if another package around uses the usual one."""

_MARKS = "'_"


def parameter(planned: LiftPlan, sites: Iterable[Node]) -> str:
    """Return a name for the final attributes that is unused at all these places.

    Raise RefusalError if the package uses a name with another meaning at one of them.
    """
    construction = planned.construction
    sites = list(sites)
    names = (
        (construction.final.children[0].text,)
        if construction.final is not None
        else (PARAMETER, *_OTHERS)
    )
    for name in names:
        is_used = construction.final is None and _is_used(planned, name)
        if not is_used and not any(_is_hidden(planned, name, site) for site in sites):
            return name
    place = next(
        (site for site in sites if _is_hidden(planned, names[0], site)),
        construction.argument,
    )
    raise RefusalError(
        f"{place.location}: '{names[0]}' is not the package's finalAttrs here"
    )


def _is_hidden(planned: LiftPlan, name: str, site: Node) -> bool:
    """Return whether a scope inside the final attributes binds the name, too."""
    binder = look_up(name, site).binder
    final = planned.construction.final
    if binder is None or binder is final or binder in _renamable(planned, name, site):
        return False
    if _home(planned, site).contains(binder):
        return True
    return final is not None and final.contains(binder)


def renamed(planned: LiftPlan, name: str, sites: Iterable[Node]) -> Iterator[Edit]:
    """Yield edits that rename the final attributes of moved definitions.

    A function that does not use them becomes its result. Only definitions that take
    something from the package change.
    """
    functions: dict[int, tuple[Node, str]] = {}
    for site in sites:
        if (owner := planned.shape.owner(site)) is not None:
            for function in _renamable(planned, name, site):
                functions[function.index] = function, owner
    for function, owner in functions.values():
        new = f"{re.split(r'[^A-Za-z0-9]+', owner.strip(_MARKS))[-1]}Attrs"
        yield from _renamed(planned.shape, function, new)


def _renamed(shape: Shape, function: Node, new: str) -> Iterator[Edit]:
    """Rename the parameter of a function."""
    name = function.children[0].text
    own = (use for use in shape.references if use.binder is function)
    uses = [use.node for use in own if use.name == name]
    parents = {use.parent.kind for use in uses if use.parent is not None}
    is_taken = any(use.name == new for use in shape.references)
    if is_taken or "inherited_attrs" in parents:
        raise RefusalError(
            f"{function.location}: '{name}' is not the package's finalAttrs here"
        )
    around, body = function.parent, function.children[-1]
    if (
        not uses
        and around is not None
        and around.kind == "parenthesized_expression"
        and body.kind in SETS
    ):
        yield Edit(around.start, body.start, "")
        yield Edit(body.end, around.end, "")
    else:
        yield from (replaced(node, new) for node in (function.children[0], *uses))


def _renamable(planned: LiftPlan, name: str, site: Node) -> list[Node]:
    """Return the functions with this parameter around a place that moves."""
    owner = planned.shape.owner(site)
    if owner not in planned.moved:
        return []
    binding = planned.shape.bindings[owner]
    return [
        node
        for node in site.ancestors()
        if node.kind == "function_expression"
        and binding.contains(node)
        and node.child("formals") is None
        and node.children[0].text == name
    ]


def _is_used(planned: LiftPlan, name: str) -> bool:
    """Return whether a new parameter of this name would hide an outer name."""
    argument = planned.construction.argument
    for use in planned.shape.references:
        is_moved = planned.shape.owner(use.node) in planned.moved
        if use.name != name or not (is_moved or argument.contains(use.node)):
            continue
        if use.binder is None:
            return True
        homes = (argument, _home(planned, use.node))
        if not any(home.contains(use.binder) for home in homes):
            return True
    return False


def require_meanings(planned: LiftPlan) -> None:
    """Raise RefusalError if a name would change its meaning in its new place.

    A `rec` set of the package may bind the name, because unlet removes every such
    `rec`.
    """
    call, bindings = planned.construction, planned.shape.bindings
    for use in planned.shape.references:
        owner = planned.shape.owner(use.node)
        is_replaced = (
            use.node.index in planned.rerouted or use.node.index in planned.followed
        )
        if owner is None or owner not in planned.moved or is_replaced:
            continue
        layered = planned.design is Design.LAYER
        place = (call.call if layered else _place(planned, owner)).children[0]
        by_set = look_up(use.name, place).binder in call.sets
        if not by_set and not same_meaning(use, bindings[owner], place):
            raise RefusalError(
                f"{use.node.location}: '{use.name}' would get another meaning if it "
                f"moved to '{owner}'"
            )
    for name in planned.names:
        if planned.routes[name].shown is not None or name in planned.moved:
            continue
        place = _place(planned, name)
        if look_up(name, place.children[0]).binding is not bindings[name]:
            raise RefusalError(
                f"{place.location}: '{name}' does not mean the same here as in the let"
            )


def same_meaning(use: Reference, definition: Node, place: Node) -> bool:
    """Return whether a name in a definition has the same meaning at a place."""
    if use.binder is not None and definition.contains(use.binder):
        return True
    other = look_up(use.name, place)
    if use.scope is None and other.scope is None and use.name in GLOBALS:
        return True
    outer = [scope for scope in use.withs if not definition.contains(scope.node)]
    return replace(use, withs=tuple(outer)).means(other)


def mention(node: Node, name: str) -> Node | None:
    """Return a place where the file writes `name` as a name."""
    names = (part for part in node.walk() if part.kind == "identifier")
    return next((part for part in names if part.text == name), None)


def _place(planned: LiftPlan, name: str) -> Node:
    """Return the set that a definition moves into, or the place of its let."""
    if name in planned.moved and name not in planned.attributes:
        return planned.construction.merged
    route = planned.routes[name]
    if route.shown is not None:
        return route.shown.node.enclosing(*SETS) or route.shown.node
    node = planned.construction.attribute(PASSTHRU)
    literal = written_out(node) if node is not None else None
    return literal or home(planned.construction)


def _home(planned: LiftPlan, node: Node) -> Node:
    """Return the let's binding around a node, or else the package's attributes."""
    owner = planned.shape.owner(node)
    return (
        planned.shape.bindings[owner]
        if owner is not None
        else planned.construction.argument
    )
