"""Decide whether a part can take attributes from its package."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from toolkit.lift.bindings import Origin, origin, origins, shared
from toolkit.lift.shape import BuilderCall, Shape, path_of, selection
from toolkit.nix.scope import Reference
from toolkit.nix.tree import Node


def can_follow(shape: Shape, name: str, follow: Sequence[str]) -> bool:
    """Return whether a part can follow attributes of the package.

    It must share them, and must not combine a source of its own with the package's
    version.
    """
    common = set(follow) & set(shared(shape, name))
    origins = {
        where for attribute in follow if (where := origin(shape, attribute)) is not None
    }
    return "src" in common or (bool(common) and is_made_with(shape, name, origins))


def is_made_with(shape: Shape, name: str, sources: Collection[Origin]) -> bool:
    """Return whether the source of a part, if it has its own, uses one of these."""
    part = shape.part(name, overrides=True)
    if part is None:
        return True
    own = [
        (path[0], node)
        for path, node in part.attributes
        if path in {("src",), ("srcs",)}
    ]
    return not own or not {*sources}.isdisjoint(_made_with(shape, part, own))


def _made_with(
    shape: Shape, part: BuilderCall, attributes: Sequence[tuple[str, Node]]
) -> Iterator[Origin]:
    """Yield where the values of a part's attributes come from, through lets."""
    own = {path[0]: node for path, node in part.attributes if len(path) == 1}
    final = part.final.children[0].text if part.final is not None else None
    waiting, known = [*attributes], {*attributes}
    while waiting:
        name, node = waiting.pop()
        for use in _uses(shape, name, node):
            inherits = node.kind == "inherit_from" and use.node.parent is node
            selected = (name,) if inherits else selection(use.node)
            yield from origins(use, *selected)
            is_own = use.name == final or use.binder in part.sets
            table = own if is_own or use.scope is None else use.scope.names
            names = selected if use.name == final else (use.name,)
            more = {(each, table[each]) for each in names if each in table} - known
            waiting += more
            known |= more


def _uses(shape: Shape, name: str, node: Node) -> Iterator[Reference]:
    """Yield the uses of bound names in the value that a statement gives a name."""
    for use in shape.references:
        is_bound = use.binder is not None and node.contains(use.node)
        if is_bound and (node.kind != "inherit" or use.name == name):
            yield use


def between(shape: Shape, name: str, follows: Mapping[str, Origin]) -> frozenset[str]:
    """Return the bindings between a part and the attributes that it follows.

    Ignore those in its meta.
    """
    sources = {(index, name) for index, name, part in follows.values() if not part}
    ends = {"meta", *(name for _, name in sources)}
    found: set[str] = set()
    waiting, known = [*shape.uses_in(shape.bindings[name])], {name}
    while waiting:
        use = waiting.pop()
        if use.name in known or use.name in ends or _is_in_meta(use):
            continue
        known.add(use.name)
        node = shape.bindings[use.name]
        if any(
            taken.binder is not None
            and node.contains(taken.node)
            and (taken.binder.index, taken.name) in sources
            for taken in shape.references
        ):
            found.add(use.name)
        waiting += shape.uses_in(node)
    return frozenset(found)


def _is_in_meta(use: Reference) -> bool:
    around = (node for node in use.node.ancestors() if node.kind == "binding")
    return any(path_of(binding)[:1] == ("meta",) for binding in around)
