"""Which parts can follow their package, and what stands between them and what they follow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.lift.bindings import kind, origin, shared
from toolkit.lift.shape import callee, construction, path_of, result
from toolkit.nix.attributes import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.lift.bindings import Origin
    from toolkit.lift.shape import Shape
    from toolkit.nix.scope import Reference
    from toolkit.nix.tree import Node


def can_follow(shape: Shape, name: str, follow: Sequence[str]) -> bool:
    """Return whether a part shares attributes that are followed, and keeps no source beside another version."""
    common = set(follow) & set(shared(shape, name))
    found = construction(result(value(shape.bindings[name])))
    own = [node for path, node in found.attributes if path in {("src",), ("srcs",)}] if found is not None else []
    if not common or "src" in common or not own:
        return bool(common)
    sources = {where[:2] for attribute in follow if (where := origin(shape, attribute)) is not None}
    return any((use.scope.node.index, use.name) in sources for use in _made_with(shape, own) if use.scope is not None)


def _made_with(shape: Shape, nodes: Sequence[Node]) -> Iterator[Reference]:
    """Yield the uses of names that expressions are made with, those in bindings of the lets that they use included."""
    waiting, known = [*nodes], set[str]()
    while waiting:
        node = waiting.pop()
        yield from (use for use in shape.references if node.contains(use.node))
        used = {use.name for use in shape.uses_in(node)} - known
        known |= used
        waiting += [shape.bindings[name] for name in used]


def between(shape: Shape, name: str, follows: Mapping[str, Origin]) -> frozenset[str]:
    """Return the bindings that one is made with, but for its meta, and that take from the let what is to follow."""
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
    """Return whether a binding of the lets is a derivation: a package, a script, a download."""
    node = shape.bindings[name]
    function = callee(result(value(node))) if node.kind == "binding" else ()
    return kind(node) is not None or any(re.match(r"fetch\w+", each) for each in function[-1:])
