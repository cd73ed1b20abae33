"""Put attributes that use a lifted binding into an `overrideAttrs` around the call.

This serves builders that accept no function of the final attributes, or do not see
overrides of them.
"""

from collections.abc import Iterator, Sequence

from toolkit.errors import RefusalError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.passthru import Additions
from toolkit.lift.plan import LiftPlan
from toolkit.lift.shape import BuilderCall, bound, path_of
from toolkit.lift.statements import MovedDefinition
from toolkit.nix.attributes import inherited
from toolkit.nix.edit import Edit, inserted
from toolkit.nix.scope import Reference
from toolkit.nix.tree import Node

PREVIOUS = "previousAttrs"


def attributes(planned: LiftPlan) -> tuple[Node, ...]:
    """Return the attributes that use a lifted binding and move to the layer.

    Raise RefusalError if the package cannot be divided in this way.
    """
    construction, call = planned.construction, planned.construction.call
    references = planned.shape.references
    if (
        taken := next((use for use in references if use.name == PREVIOUS), None)
    ) is not None:
        raise RefusalError(
            f"{taken.node.location}: the overlay needs the name '{PREVIOUS}', which "
            "is already used here"
        )
    if planned.shape.inner:
        raise RefusalError(
            f"{call.location}: a name means something else inside the set of attributes"
        )
    leaving = _leaving(planned)
    names = [name for node in leaving for name in _names(node)]
    kept = {
        path[0]
        for path, other in construction.attributes
        if not any(node.contains(other) for node in leaving)
    }
    kept.add(PASSTHRU)
    if "" in names or len({*names, *kept}) < len(names) + len(kept):
        raise RefusalError(
            f"{call.location}: the use of a lifted part is nested in an attribute, so "
            "the overlay cannot replace it"
        )
    for use in references:
        is_left = use.name in names and _is_of(construction, use)
        if is_left and not any(node.contains(use.node) for node in leaving):
            raise RefusalError(
                f"{use.node.location}: '{use.name}' is used outside the attributes "
                "that the overlay can replace"
            )
    return leaving


def _leaving(planned: LiftPlan) -> tuple[Node, ...]:
    """Return the statements of the package that use a lifted binding, in order."""
    sets = planned.construction.sets
    statements = [node for literal in sets for _, node in bound(literal)]
    leaving: dict[int, Node] = {}
    for index in planned.rerouted:
        place = planned.shape.tree.nodes[index]
        if planned.shape.owner(place) is not None:
            continue
        node = next((node for node in statements if node.contains(place)), None)
        if node is None:
            raise RefusalError(
                f"{place.location}: is not inside an attribute of the package"
            )
        leaving[node.index] = node
    return tuple(leaving[index] for index in sorted(leaving))


def leaves(construction: BuilderCall, layered: Sequence[Node], use: Reference) -> bool:
    """Return whether a name means an attribute of its `rec` set that moves."""
    return _is_of(construction, use) and any(
        node.contains(use.node) for node in layered
    )


def divided(
    construction: BuilderCall, additions: Additions
) -> tuple[Additions, Additions]:
    """Divide the additions to passthru between the builder's call and the layer."""
    if not construction.has(PASSTHRU):
        return Additions(), additions
    return (
        Additions(names=additions.names),
        Additions(definitions=additions.definitions),
    )


def around(
    planned: LiftPlan,
    layered: Sequence[tuple[Node, MovedDefinition]],
    additions: Additions,
    parameter: str,
) -> Iterator[Edit]:
    """Yield the edits that put the layer around the builder's call."""
    call = planned.construction.call
    column = call.indentation + 6
    parts = [definition.written(column) for _, definition in layered]
    if additions:
        known = "" if planned.construction.has(PASSTHRU) else " or { }"
        before = f"{PREVIOUS}.{PASSTHRU}{known}"
        parts.append(f"{PASSTHRU} = {before} // {additions.open(column)};")
    apart = "\n\n" if any("\n" in part for part in parts) else "\n"
    previous = PREVIOUS if any(PREVIOUS in part for part in parts) else "_"
    written = apart.join(f"{' ' * column}{part}" for part in parts)
    inner, outer = " " * (column - 2), " " * (column - 4)
    yield inserted(call.start, "(")
    yield inserted(
        call.end,
        f").overrideAttrs\n{outer}(\n{inner}{parameter}: {previous}: "
        f"{{\n{written}\n{inner}}}\n{outer})",
    )


def _names(node: Node) -> tuple[str, ...]:
    """Return the attributes that a statement binds.

    Return "" for a statement that binds a part of an attribute.
    """
    if node.kind == "binding":
        path = path_of(node)
        return path if len(path) == 1 else ("",)
    return tuple(name.text for name in inherited(node))


def _is_of(construction: BuilderCall, use: Reference) -> bool:
    return any(use.binder is literal for literal in construction.sets)
