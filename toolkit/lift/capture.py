"""Keep the meaning of every name: choose the parameter of the final attributes, and check names in moved text."""

import re
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from toolkit.errors import RefusalError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.passthru import written_out
from toolkit.lift.plan import PARAMETER, Design, LiftPlan
from toolkit.lift.wanted import home
from toolkit.nix.attributes import SETS
from toolkit.nix.edit import Edit
from toolkit.nix.scope import GLOBALS, Reference, look_up
from toolkit.nix.tree import Node

_OTHERS = ("finalPackage", "outerAttrs")
"""Names for the final attributes where those of another package, within this one, have the usual one."""

_MARKS = "'_"


def parameter(planned: LiftPlan, sites: Iterable[Node]) -> str:
    """Return a name for the final attributes that is free at all of these places.

    Raise RefusalError if the package uses a name with a different meaning at one of
    them.
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
        f"{place.location}: '{names[0]}' does not mean the package's final attributes here"
    )


def _is_hidden(planned: LiftPlan, name: str, site: Node) -> bool:
    """Return whether a name is bound between a place and the function of the final attributes."""
    scope = look_up(name, site).scope
    final = planned.construction.final
    if (
        scope is None
        or scope.node is final
        or scope.node in _renamable(planned, name, site)
    ):
        return False
    return _home(planned, site).contains(scope.node) or (
        final is not None and final.contains(scope.node)
    )


def renamed(planned: LiftPlan, name: str, sites: Iterable[Node]) -> Iterator[Edit]:
    """Yield edits that rename the final attributes of moved definitions that use this same name.

    A function that does not use them becomes its result. Only what takes something from
    the package changes.
    """
    references = planned.shape.references
    functions = {
        function.index: (function, owner)
        for site in sites
        if (owner := planned.shape.owner(site)) is not None
        for function in _renamable(planned, name, site)
    }
    taken = {use.name for use in references}
    for function, owner in functions.values():
        new = f"{re.split(r'[^A-Za-z0-9]+', owner.strip(_MARKS))[-1]}Attrs"
        uses = [
            use.node
            for use in references
            if use.name == name and use.scope and use.scope.node is function
        ]
        whole = next(
            (
                use
                for use in uses
                if use.parent is not None and use.parent.kind == "inherited_attrs"
            ),
            None,
        )
        if new in taken or whole is not None:
            raise RefusalError(
                f"{function.location}: '{name}' does not mean the package's final "
                "attributes here"
            )
        around, body = function.parent, function.children[-1]
        if (
            not uses
            and around is not None
            and around.kind == "parenthesized_expression"
            and body.kind in SETS
        ):
            yield from (
                Edit(around.start, body.start, ""),
                Edit(body.end, around.end, ""),
            )
        else:
            yield from (
                Edit(node.start, node.end, new)
                for node in (function.children[0], *uses)
            )


def _renamable(planned: LiftPlan, name: str, site: Node) -> list[Node]:
    """Return the functions of this parameter around a place, within the definition that moves."""
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
    """Return whether a new parameter of this name would take a name from what is around the package."""
    argument = planned.construction.argument
    return any(
        use.name == name
        and (
            argument.contains(use.node)
            or planned.shape.owner(use.node) in planned.moved
        )
        and (use.scope is None or not argument.contains(use.scope.node))
        and not (
            use.scope is not None and _home(planned, use.node).contains(use.scope.node)
        )
        for use in planned.shape.references
    )


def require_meanings(planned: LiftPlan) -> None:
    """Raise RefusalError if a name would change its meaning in a definition's new place.

    A `rec` set of the package may bind the name, since no such set stays.
    """
    sets = {literal.index for literal in planned.construction.sets}
    for use in planned.shape.references:
        owner = planned.shape.owner(use.node)
        if (
            owner not in planned.moved
            or use.node.index in planned.rerouted
            or use.node.index in planned.followed
        ):
            continue
        layered = planned.design is Design.LAYER
        place = (
            planned.construction.call if layered else _place(planned, owner)
        ).children[0]
        there = look_up(use.name, place)
        by_set = there.scope is not None and there.scope.node.index in sets
        if not by_set and not same_meaning(use, planned.shape.bindings[owner], place):
            raise RefusalError(
                f"{use.node.location}: '{use.name}' means something different where "
                f"'{owner}' has to go"
            )
    for name in planned.names:
        place = _place(planned, name)
        scope = look_up(name, place.children[0]).scope
        new = planned.routes[name].shown is None and name not in planned.moved
        if new and (
            scope is None or scope.names[name] is not planned.shape.bindings[name]
        ):
            raise RefusalError(
                f"{place.location}: '{name}' does not mean the same here as in the let"
            )


def same_meaning(use: Reference, definition: Node, place: Node) -> bool:
    """Return whether a name in a definition is bound within it, or has the same meaning at a place."""
    if use.scope is not None and definition.contains(use.scope.node):
        return True
    there = look_up(use.name, place)
    if use.scope is None and there.scope is None and use.name in GLOBALS:
        return True
    return replace(
        use,
        withs=tuple(
            scope for scope in use.withs if not definition.contains(scope.node)
        ),
    ).means(there)


def mention(node: Node, name: str) -> Node | None:
    """Return a place where `name` is written as one."""
    return next(
        (
            each
            for each in node.walk()
            if each.kind == "identifier" and each.text == name
        ),
        None,
    )


def _place(planned: LiftPlan, name: str) -> Node:
    """Return the set that a definition moves into, or what a let is put around."""
    if name in planned.moved and name not in planned.attributes:
        return planned.construction.merged
    route = planned.routes[name]
    if route.shown is not None:
        return route.shown.node.enclosing(*SETS) or route.shown.node
    node = next(
        (node for path, node in planned.construction.attributes if path == (PASSTHRU,)),
        None,
    )
    return (written_out(node) if node is not None else None) or home(
        planned.construction
    )


def _home(planned: LiftPlan, node: Node) -> Node:
    """Return the binding of the lets that a node stands in, or else the package's attributes."""
    owner = planned.shape.owner(node)
    return (
        planned.shape.bindings[owner]
        if owner is not None
        else planned.construction.argument
    )
