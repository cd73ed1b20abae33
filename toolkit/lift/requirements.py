"""Refuse a plan of a lift that cannot be right, with its place in the file."""

import re
from collections.abc import Iterator, Sequence
from shlex import quote

from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.bindings import SHARED, shared
from toolkit.lift.following import between, can_follow
from toolkit.lift.kinds import is_derivation
from toolkit.lift.plan import OWN, Design, LiftPlan
from toolkit.lift.shape import Shape, selection
from toolkit.nix.conditions import climb, guards
from toolkit.nix.scope import Reference
from toolkit.nix.tree import Node


def require_right(planned: LiftPlan) -> None:
    """Raise RefusalError for a plan that cannot be right."""
    _require_distinct(planned)
    _require_all_within(planned)
    _require_all_there(planned)
    _require_all_followed(planned)
    _require_whole(planned)
    if planned.design is not Design.LAYER:
        _require_one(planned)


def _require_distinct(planned: LiftPlan) -> None:
    """Raise RefusalError if two bindings would become one attribute."""
    known: dict[tuple[str, ...], str] = {}
    for name, route in planned.routes.items():
        if (other := known.setdefault(route.path, name)) != name:
            fact = (
                f"'{other}' and '{name}' would both become the attribute '"
                f"{'.'.join(route.path)}'"
            )
            hint = f"choose another name with --as {quote(name)}=NAME"
            raise RefusalError(
                f"{planned.shape.bindings[name].location}: {fact}", hint=hint
            )


def _require_all_within(planned: LiftPlan) -> None:
    """Raise RefusalError if the final attributes do not reach a use."""
    shape, argument = planned.shape, planned.construction.argument
    for use in shape.uses:
        if shape.owner(use.node) is not None:
            continue
        if use.node.index in planned.rerouted:
            if not argument.contains(use.node):
                raise RefusalError(
                    f"{use.node.location}: the builder itself is chosen with '"
                    f"{use.name}'"
                )
        elif use.name in planned.moved and (
            use.name in planned.attributes or not argument.contains(use.node)
        ):
            route = planned.routes.get(use.name)
            if route is None or route.shown is None or route.shown.use is not use.node:
                fact = (
                    f"'{use.name}' would have to move, but it is used here, where "
                    "finalAttrs does not exist"
                )
                raise RefusalError(f"{use.node.location}: {fact}")


def _require_all_followed(planned: LiftPlan) -> None:
    """Raise RefusalError if a part would mix followed values with values of the let."""
    shape, follows = planned.shape, planned.follows
    if not follows:
        return
    _require_no_source_of_their_own(shape, planned.moved, tuple(follows))
    for name in planned.moved:
        for other in sorted(between(shape, name, follows) - {*planned.moved}):
            fact = (
                f"'{name}' uses '{other}', which takes {' or '.join(follows)} from "
                "the let"
            )
            raise RefusalError(f"{shape.bindings[other].location}: {fact}")
    if {*follows} != {"version"}:
        return
    # With the source goes the version; a version alone would be another one for half of
    # what is made of it.
    for other in sorted(shape.reached - {*planned.moved, *OWN}):
        if "version" in shared(shape, other) and is_derivation(shape, other):
            fact = (
                f"an override of version would not reach '{other}', which stays in "
                "the let"
            )
            raise RefusalError(f"{shape.bindings[other].location}: {fact}")


def _require_whole(planned: LiftPlan) -> None:
    """Raise RefusalError if a part uses the sources of followed attributes directly."""
    shape = planned.shape
    sources = _sources(planned)
    whole = {name: attribute for (name, _), attribute in sources.items()}
    followed = {(name, part) for _, name, part in planned.follows.values()}
    moved = {*planned.moved} - {*planned.own}
    for use in shape.uses:
        if use.name not in whole or shape.owner(use.node) not in moved:
            continue
        taken = _taken(use) - followed
        if taken & sources.keys() or (use.name, None) in taken | sources.keys():
            fact = (
                f"an override of {whole[use.name]} would not reach '{use.name}' here, "
                f"from which {whole[use.name]} is made"
            )
            raise RefusalError(f"{use.node.location}: {fact}")


def _sources(planned: LiftPlan) -> dict[tuple[str, str | None], str]:
    """Return the bindings, with their parts, that followed attributes use."""
    shape = planned.shape
    follows = planned.follows.items()
    origins = {name: attribute for attribute, (_, name, part) in follows if not part}
    others = {*origins, *planned.moved, *OWN}
    sources: dict[tuple[str, str | None], str] = {}
    for name in reversed([*origins]):
        if (binding := shape.bindings.get(name)) is None:
            continue
        for use in shape.uses_in(binding):
            if use.name in others or _names_platform(shape.bindings[use.name]):
                continue
            inherits = binding.kind == "inherit_from"
            taken = {(use.name, name)} if inherits else _taken(use)
            sources |= dict.fromkeys(taken, origins[name])
    return sources


def _taken(use: Reference) -> set[tuple[str, str | None]]:
    """Return a name with each attribute that is selected from it, or with None."""
    return {(use.name, part) for part in selection(use.node) or [None]}


def _require_one(planned: LiftPlan) -> None:
    """Raise RefusalError for another part of the name, or an `assert` on it."""
    shape = planned.shape
    for use in shape.references:
        if use.name not in planned.names or use.binder not in shape.lets:
            continue
        own = shape.bindings[use.name]
        if use.binding is not None and use.binding is not own:
            fact = (
                f"this is another '{use.name}'; an override would replace only the "
                f"one at {own.place}"
            )
            raise RefusalError(
                f"{use.binding.location}: {fact}",
                hint="rename one of them",
            )
    waiting = [*_in_asserts(shape)]
    known: set[str] = set()
    while waiting:
        use = waiting.pop()
        if use.name in planned.names:
            raise RefusalError(
                f"{use.node.location}: no override reaches the assert here, which "
                f"uses '{use.name}'"
            )
        if use.name not in known:
            known.add(use.name)
            waiting += shape.uses_in(shape.bindings[use.name])


def _in_asserts(shape: Shape) -> Iterator[Reference]:
    """Yield the uses of bindings in the asserts around the package."""
    for node in shape.tree.nodes:
        is_outside = shape.owner(node) is None and not shape.body.contains(node)
        if node.kind == "assert_expression" and is_outside:
            yield from shape.uses_in(node.children[1])


def _names_platform(node: Node) -> bool:
    """Return whether a binding depends on the platform in its name."""
    nodes = node.walk()
    names = {part.text for part in nodes if part.kind == "identifier"}
    strings = [part.text for part in nodes if part.kind == "string_fragment"]
    are_short = all(re.fullmatch(r"[\w.-]{1,20}", text) for text in strings)
    return "hostPlatform" in names and are_short and "sha256" not in "".join(strings)


def _require_no_source_of_their_own(
    shape: Shape, names: Sequence[str], follow: Sequence[str]
) -> None:
    """Raise RefusalError for a part with its own source that shares a version."""
    for name in names:
        shares = not {*follow}.isdisjoint(shared(shape, name))
        if shares and not can_follow(shape, name, follow):
            fact = (
                f"the source of '{name}' does not depend on {' or '.join(follow)} of "
                "the package"
            )
            raise RefusalError(f"{shape.bindings[name].location}: {fact}")


def require_followers(planned: LiftPlan, follow: Sequence[str]) -> None:
    """Raise LayoutError if no lifted binding would follow the package."""
    shape = planned.shape
    owners = {shape.owner(shape.tree.nodes[index]) for index in planned.followed}
    if owners.isdisjoint(planned.names):
        _require_no_source_of_their_own(shape, planned.names, follow)
        raise LayoutError(
            f"{shape.body.location}: no part that moves uses "
            f"{' or '.join(follow or SHARED)} of the package"
        )


def _require_all_there(planned: LiftPlan) -> None:
    """Raise RefusalError for a use under weaker conditions than the attribute's.

    The package may then lack the attribute that the use needs.
    """
    shape, whole = planned.shape, planned.construction.argument
    shown = {
        name: route.shown.node
        for name, route in planned.routes.items()
        if route.shown is not None
    }
    needed = {
        name: [part for each in climb(node, whole) for part in each.conjuncts()]
        for name, node in shown.items()
    }
    for use in shape.uses:
        if use.node.index not in planned.rerouted or not needed.get(use.name):
            continue
        owner = shape.owner(use.node)
        around = guards(shown[owner]) if owner in shown else []
        given = [*guards(use.node), *around]
        if not all(condition.is_among(given) for condition in needed[use.name]):
            raise RefusalError(
                f"{use.node.location}: '{use.name}' is used here even when the "
                "package lacks that attribute"
            )
