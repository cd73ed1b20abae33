"""Which parts can follow their package, and what stands between them and what they follow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.lift.bindings import kind, origin, shared
from toolkit.lift.shape import callee, construction, path_of, result
from toolkit.nix.attributes import value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.lift.bindings import Origin
    from toolkit.lift.shape import Shape
    from toolkit.nix.tree import Node


def can_follow(shape: Shape, name: str, follow: Sequence[str]) -> bool:
    """Return whether a part shares attributes that are followed, and keeps no source beside another version."""
    common = set(follow) & set(shared(shape, name))
    found = construction(result(value(shape.bindings[name])))
    own = [node for path, node in found.attributes if path in {("src",), ("srcs",)}] if found is not None else []
    if not common or "src" in common or not own:
        return bool(common)
    where = origin(shape, "version")
    return any(
        use.scope is not None and where is not None and (use.scope.node.index, use.name) == where[:2]
        for use in shape.references
        if any(node.contains(use.node) for node in own)
    )


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
    return kind(node) is not None or any(re.match(r"fetch[A-Z]", each) for each in function[-1:])
