"""Decide which parts can follow their package, and find the bindings between them and the followed attributes."""

import re
from collections.abc import Iterator, Mapping, Sequence

from toolkit.lift.bindings import Origin, kind, origin, shared
from toolkit.lift.shape import BuilderCall, Shape, callee, construction, path_of, result, selection
from toolkit.nix.attributes import value
from toolkit.nix.tree import Node


def can_follow(shape: Shape, name: str, follow: Sequence[str]) -> bool:
    """Return whether a part shares the followed attributes, and does not combine its own source with that version."""
    common = set(follow) & set(shared(shape, name))
    part = construction(result(value(shape.bindings[name])), overrides=True)
    sources = {where for attribute in follow if (where := origin(shape, attribute)) is not None}
    if not common or "src" in common or part is None:
        return bool(common)
    own = [(path[0], node) for path, node in part.attributes if path in {("src",), ("srcs",)}]
    return not own or not sources.isdisjoint(_made_with(shape, part, own))


def _made_with(shape: Shape, part: BuilderCall, attributes: Sequence[tuple[str, Node]]) -> Iterator[Origin]:
    """Yield where attributes of a part come from, by way of its others and of the lets' bindings."""
    own = {path[0]: node for path, node in part.attributes if len(path) == 1}
    final = part.final.children[0].text if part.final is not None else None
    waiting, known = [*attributes], {*attributes}
    while waiting:
        name, node = waiting.pop()
        for use in shape.references:
            if use.scope is None or not node.contains(use.node) or (node.kind == "inherit" and use.name != name):
                continue
            inherits = node.kind == "inherit_from" and use.node.parent is node
            selected = (name,) if inherits else selection(use.node)
            yield from ((use.scope.node.index, use.name, part) for part in ("", *selected))
            within = use.name == final or use.scope.node in part.sets
            names = selected if use.name == final else (use.name,)
            table = own if within else shape.bindings
            more = {(each, table[each]) for each in names if each in table} - known
            waiting += more
            known |= more


def between(shape: Shape, name: str, follows: Mapping[str, Origin]) -> frozenset[str]:
    """Return the bindings between a part and the attributes that it follows, except those in its meta."""
    origins = {where[:2] for where in follows.values() if not where[2]}
    sources = {name for _, name in origins}
    found: set[str] = set()
    waiting, known = [*shape.uses_in(shape.bindings[name])], {name}
    while waiting:
        use = waiting.pop()
        if use.name in known or use.name in sources or _is_of_meta(use.node):
            continue
        known.add(use.name)
        node = shape.bindings[use.name]
        taken = (each for each in shape.references if each.scope is not None and node.contains(each.node))
        if any((each.scope.node.index, each.name) in origins for each in taken if each.scope is not None):
            found.add(use.name)
        waiting += shape.uses_in(node)
    return frozenset(found)


def _is_of_meta(node: Node) -> bool:
    """Return whether a node stands in what a set binds `meta` to, or is inherited as that."""
    return node.text == "meta" or any(
        around.kind == "binding" and path_of(around)[:1] == ("meta",) for around in node.ancestors()
    )


def is_derivation(shape: Shape, name: str) -> bool:
    """Return whether a let's binding is a derivation: a package, a script, a download."""
    node = shape.bindings[name]
    function = callee(result(value(node))) if node.kind == "binding" else ()
    return kind(node) is not None or any(re.match(r"fetch\w+", each) for each in function[-1:])
