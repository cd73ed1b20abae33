"""Move definitions from their let, or the builder's call, to their new place."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise

from toolkit.lift import capture, inner, layer, passthru, style
from toolkit.lift.bindings import PASSTHRU, ShownAttribute
from toolkit.lift.passthru import Additions
from toolkit.lift.plan import OWN, Design, LiftPlan
from toolkit.lift.planning import is_plain
from toolkit.lift.shape import bound, joined, operands, path_of, result
from toolkit.lift.statements import (
    MovedDefinition,
    StatementEdit,
    after,
    extent,
    removals,
)
from toolkit.nix.attributes import SETS, statements, value
from toolkit.nix.edit import Edit, apply, inserted, replaced
from toolkit.nix.tree import Node, column

_LONG = 24
"""Longer definitions than this may pull up the passthru that they move into."""

_FAR = 100
"""The lines between the first use and a passthru that counts as far below it."""


def moved(
    planned: LiftPlan,
    edits: list[Edit],
    inherits: dict[int, StatementEdit],
    layered: Sequence[Node],
    parameter: str,
) -> str:
    """Return the text after all edits, with everything that moves in its new place."""
    tree = planned.shape.tree
    renames = _renames(planned)
    edits = [*edits, *chain.from_iterable(renames.values())]
    leaving = {
        name: planned.shape.bindings[name]
        for name in (*planned.leaving, *planned.taken)
    }
    leaving |= {node.place: node for node in layered}
    spans = {name: extent(node) for name, node in leaving.items()}
    for index in [*inherits]:
        if _owner(spans, tree.nodes[index].start) is not None:
            edits += inherits.pop(index).edits(tree.nodes[index])
    definitions = _definitions(planned, leaving, spans, edits)
    outside = [edit for edit in edits if _owner(spans, edit.start) is None]
    additions = _additions(planned, renames, definitions)
    if layered:
        parts = [(node, definitions[node.place]) for node in layered]
        additions, above = layer.divided(planned.construction, additions)
        outside += layer.around(planned, parts, above, parameter)
    outside += passthru.add(planned.construction, additions, inherits)
    outside += _shown(planned, definitions, inherits)
    going = [*spans.values()]
    for index, change in inherits.items():
        if change.leaves_nothing(tree.nodes[index]):
            going.append(extent(tree.nodes[index]))
        else:
            outside += change.edits(tree.nodes[index])
    outside, going = _nearer(planned, outside, going)
    gone = removals(planned.shape.lets, going)
    new = apply(tree.text, _in_order(planned, {*outside, *gone}))
    bound = [
        definitions[name] for name in planned.leaving if name not in planned.attributes
    ]
    return inner.bind(style.filled(tree.text, new), bound, name=tree.name)


def _owner(spans: Mapping[str, tuple[int, int]], offset: int) -> str | None:
    """Return the definition whose text contains an offset."""
    for name, (start, end) in spans.items():
        if start <= offset < end:
            return name
    return None


def _renames(planned: LiftPlan) -> dict[str, list[Edit]]:
    """Return the edits that give bindings the names of their new attributes."""
    return {
        name: _rename(planned, name)
        for name, route in planned.routes.items()
        if route.shown is None and route.path[1] != name
    }


def _definitions(
    planned: LiftPlan,
    leaving: Mapping[str, Node],
    spans: Mapping[str, tuple[int, int]],
    edits: Iterable[Edit],
) -> dict[str, MovedDefinition]:
    """Return the definitions that move, after the edits inside them."""
    text = planned.shape.tree.text
    within: dict[str | None, set[Edit]] = defaultdict(set)
    for edit in edits:
        within[_owner(spans, edit.start)].add(edit)
    return {
        name: MovedDefinition(
            name=name,
            text=apply(text[start:end], [edit.within(start) for edit in within[name]]),
            column=column(text, start),
            place=leaving[name].location,
            offset=start,
        )
        for name, (start, end) in spans.items()
        if name not in planned.taken
    }


def _additions(
    planned: LiftPlan,
    renames: Mapping[str, list[Edit]],
    definitions: Mapping[str, MovedDefinition],
) -> Additions:
    """Return the additions to passthru for bindings that no attribute shows."""
    names: list[str] = []
    parts: list[MovedDefinition] = []
    for name, route in planned.routes.items():
        if route.shown is not None:
            continue
        if name in planned.attributes:
            parts.append(definitions[name])
        elif renames.get(name) == []:
            parts.append(_shown_as(planned, name))
        else:
            names.append(route.path[1])
    return Additions(names=names, definitions=parts)


def _shown(
    planned: LiftPlan,
    definitions: Mapping[str, MovedDefinition],
    inherits: dict[int, StatementEdit],
) -> Iterator[Edit]:
    """Put definitions into the attributes that already show them."""
    below: dict[int, list[MovedDefinition]] = defaultdict(list)
    for name in planned.attributes:
        if (shown := planned.routes[name].shown) is None:
            continue
        pname = _pname_below(shown) if name in planned.own else None
        if pname is not None:
            inherits[shown.node.index].dropped.add(name)
            below[pname.index].append(definitions[name])
        else:
            yield from _through(shown, definitions[name], inherits)
    for index, parts in below.items():
        yield _behind(planned.shape.tree.nodes[index], parts)


def _nearer(
    planned: LiftPlan, edits: list[Edit], going: list[tuple[int, int]]
) -> tuple[list[Edit], list[tuple[int, int]]]:
    """Move a passthru from far below to the first use, unless it moves anyway."""
    far = _far_below(planned)
    if far is None or any(far[0] <= start < far[1] for start, _ in going):
        return edits, going
    text = planned.shape.tree.text
    start, end, place = far
    within = {edit for edit in edits if start <= edit.start and edit.end <= end}
    nearer = apply(text[start:end], [edit.within(start) for edit in within])
    margin = " " * column(text, place)
    above = inserted(place, f"{nearer}\n\n{margin}")
    return [*({*edits} - within), above], [*going, (start, end)]


def _far_below(planned: LiftPlan) -> tuple[int, int, int] | None:
    """Return the extent of a passthru to move up, and its new place.

    Long definitions move into it; the new place is the first attribute with a use.
    Return nothing if it is already near, or is longer than the definitions.
    """
    shown = planned.construction.attribute(PASSTHRU)
    literal = shown.enclosing(*SETS) if shown is not None else None
    if shown is None or literal is None or planned.design is Design.LAYER:
        return None
    if passthru.written_out(shown) is None:
        return None
    tree = planned.shape.tree
    uses = [tree.nodes[index] for index in planned.rerouted]
    users = (node for node in statements(literal) if any(map(node.contains, uses)))
    first = next(users, shown)
    (start, end), (place, _) = extent(shown), extent(first)
    moving = [planned.shape.bindings[name] for name in planned.attributes]
    lines = sum(node.text.count("\n") for node in moving)
    is_long = lines > max(_LONG, shown.text.count("\n"))
    is_far = tree.text[place:start].count("\n") > _FAR
    are_lines = shown.is_first and first.is_first
    return (start, end, place) if are_lines and is_long and is_far else None


def _rename(planned: LiftPlan, name: str) -> list[Edit]:
    """Return the edits that rename a binding to its attribute.

    Return none if it stays and the file already uses the name.
    """
    shape, new = planned.shape, planned.routes[name].path[-1]
    path = shape.bindings[name].children[0]
    if name in planned.attributes:
        return [replaced(path, new)]
    own = [use.node for use in shape.uses if use.name == name]
    kept = [node for node in own if node.index not in planned.rerouted]
    around = {node.parent.kind for node in kept if node.parent is not None}
    if "inherited_attrs" in around or not is_plain(shape.bindings[name]):
        return []
    if capture.mention(shape.tree.root, new) is not None:
        return []
    return [replaced(node, new) for node in (path, *kept)]


def _pname_below(shown: ShownAttribute) -> Node | None:
    """Return the name that a package defines below its `inherit`.

    If the version comes directly after the name, return that instead. Both have lines
    of their own.
    """
    literal = shown.node.enclosing(*SETS)
    if shown.node.kind != "inherit" or literal is None:
        return None
    below = [
        node
        for node in statements(literal, "binding", "inherit", "inherit_from")
        if node.start > shown.node.end and node.is_first
    ]
    for node, following in pairwise([*below, literal]):
        if path_of(node) == ("pname",):
            return following if path_of(following) == ("version",) else node
    return None


def _behind(node: Node, parts: Sequence[MovedDefinition]) -> Edit:
    """Put definitions after a binding, long ones after a blank line."""
    margin, end = node.column, after(node)
    ordered = sorted(parts, key=lambda part: OWN.index(part.name))
    lines = ""
    for part in ordered:
        written = part.written(margin)
        above = "\n\n" if "\n" in written else "\n"
        lines += f"{above}{' ' * margin}{written}"
    is_long = "\n" in ordered[-1].written(margin)
    if is_long and re.match(r"\n[ \t]*[^\s}]", node.tree.text[end:]):
        lines += "\n"
    return inserted(end, lines)


def _shown_as(planned: LiftPlan, name: str) -> MovedDefinition:
    """Return the definition that shows a binding under another name."""
    (_, attribute), node = planned.routes[name].path, planned.shape.bindings[name]
    return MovedDefinition(
        name=name,
        text=f"{attribute} = {name};",
        column=0,
        place=node.location,
        offset=node.start,
    )


def _in_order(planned: LiftPlan, edits: Collection[Edit]) -> Collection[Edit]:
    """Put the last operand of `//` first if definitions move into it.

    The order of the operands must make no difference. The definitions then stay near
    their let, and the change does not touch the attributes between.
    """
    tree = planned.shape.tree
    *others, last = operands(result(planned.construction.merged))
    routes = (planned.routes[name].shown for name in planned.attributes)
    shown = [attribute.node for attribute in routes if attribute is not None]
    if not others or not any(map(last.contains, shown)):
        return edits
    if not _are_apart(others, last):
        return edits
    start, end = others[0].start, last.end
    spans = ((last.start, end), (others[-1].end, last.start), (start, others[-1].end))
    within = {edit for edit in edits if start < edit.end <= end}
    turned = ""
    for left, right in spans:
        own = [edit for edit in within if left <= edit.start and edit.end <= right]
        turned += apply(tree.text[left:right], [edit.within(left) for edit in own])
    return {*edits} - within | {Edit(start, end, turned)}


def _are_apart(others: Sequence[Node], last: Node) -> bool:
    """Return whether sets have no attribute in common.

    The last set may be under conditions.
    """
    literals = [*others, *joined(last, optional=True)]
    if len(literals) != len(others) + 1:
        return False
    names: list[str] = []
    for literal in literals:
        if literal.kind not in SETS:
            return False
        names += {path[0] for path, _ in bound(literal)}
    return "" not in names and len({*names}) == len(names)


def _through(
    shown: ShownAttribute,
    definition: MovedDefinition,
    inherits: dict[int, StatementEdit],
) -> Iterator[Edit]:
    """Put a definition where an attribute has its name."""
    if shown.node.kind == "inherit":
        change = inherits[shown.node.index]
        change.dropped.add(definition.name)
        change.behind.append(definition)
        return
    equals = shown.node.symbol("=")
    above, moved = definition.parts(shown.node.indentation)
    if shown.node.is_first:
        yield inserted(shown.node.start, above)
    yield Edit(equals.end, value(shown.node).end, moved)
