"""Find the packages that a file's lets define, and how far an override reaches them.

The syntax decides: an attribute may show a binding, and the uses of the binding show
whether an override of that attribute reaches them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from toolkit.lift.kinds import BindingKind, kind, without_final
from toolkit.lift.shape import Shape, branches, result, selection
from toolkit.nix.attributes import inherited, inherited_from, inside, operator, value
from toolkit.nix.scope import Reference
from toolkit.nix.tree import Node


class Binding(Struct, frozen=True, kw_only=True):
    """A package defined in a let of a file.

    `builder` is the builder's name as written; `shares` lists what it takes from the
    same place as the file's package, as in `shared`. `liftable` is true if the builder
    of the file's package may accept a function of final attributes.
    """

    name: str
    builder: str
    kind: BindingKind
    line: int
    state: Reachability
    shares: tuple[str, ...]
    liftable: bool

    @property
    def reason(self) -> str | None:
        """The reason why upstream would want a lift, in words.

        None for a private part with its own source.
        """
        return reason(self.state, self.shares)


def find(shape: Shape) -> tuple[Binding, ...]:
    """Return the packages in the lets that the file's package uses, in order.

    Return none for a file that ends in a set of packages, a list or a name.
    """
    if not shape.lets or not shape.functions or not makes_one(shape.body):
        return ()
    bindings: list[Binding] = []
    for name, node in shape.bindings.items():
        known = kind(node)
        if known is None or name not in shape.reached:
            continue
        if not value(node).contains(shape.body):
            bindings.append(_binding(shape, name, known))
    return tuple(sorted(bindings, key=lambda binding: binding.line))


def _binding(shape: Shape, name: str, known: tuple[BindingKind, str]) -> Binding:
    call = shape.construction
    return Binding(
        name=name,
        kind=known[0],
        builder=known[1],
        line=shape.bindings[name].line,
        state=state(shape, name),
        shares=shared(shape, name),
        liftable=call is not None and without_final(call.name) is None,
    )


def makes_one(expression: Node) -> bool:
    """Return whether an expression is one package.

    It may be a call, an `if` between packages, or a package extended with `//`.
    """
    expression = result(expression)
    if expression.kind == "if_expression":
        return any(map(makes_one, branches(expression)))
    if operator(expression) == "//":
        return makes_one(expression.children[0])
    return expression.kind == "apply_expression"


PASSTHRU = "passthru"


class Reachability(StrEnum):
    """How far an override reaches a let's binding, judged by the syntax."""

    HIDDEN = "hidden"
    SHOWN = "shown without effect"
    PARTIAL = "reached in part"
    ROUTED = "routed"


class ShownAttribute(Struct, frozen=True, kw_only=True):
    """An attribute of a package that exposes a let's binding."""

    path: tuple[str, ...]
    """The attribute's path in the package."""

    node: Node
    """The attribute's binding or inherit."""

    use: Node
    """The let's name in it."""


def shown_attributes(shape: Shape, name: str) -> tuple[ShownAttribute, ...]:
    """Return the attributes that expose the binding `name`, in their order."""
    if shape.construction is None:
        return ()
    uses = {use.node.index: use.node for use in shape.uses if use.name == name}
    shown: list[ShownAttribute] = []
    for path, node in shape.construction.attributes:
        if node.kind == "inherit_from" or not _is_shown(path):
            continue
        if (use := uses.get(_source(path, node).index)) is not None:
            shown.append(ShownAttribute(path=path, node=node, use=use))
    return tuple(shown)


def _is_shown(path: tuple[str, ...]) -> bool:
    """Return whether a path can show a binding.

    Such a path is an attribute, an attribute of passthru, or one of a set in passthru.
    """
    match path:
        case ("passthru",):
            return False
        case (_,) | ("passthru", _):
            return True
        case ("passthru", around, _):
            return around != "tests"
        case _:
            return False


def direct_uses(shape: Shape, name: str) -> list[Reference]:
    """Return the uses of a binding in the package that no override changes.

    A use of the attribute by its name, inside the `rec` set that defines it, is one of
    them.
    """
    shown = shown_attributes(shape, name)
    passed = {attribute.use.index for attribute in shown}
    own = [use for use in shape.uses if use.name == name]
    direct = [use for use in own if use.node.index not in passed]
    return [
        *(use for use in direct if _is_reached(shape, use.node)),
        *(use for attribute in shown for use in uses_by_rec(shape, attribute)),
    ]


_NAMES = frozenset(["name", "pname", "version", "meta"])
"""The attributes with a part's name."""


def only_names(use: Node) -> bool:
    """Return whether a use takes only the part's name, not something that is built."""
    names = selection(use)
    return bool(names) and _NAMES.issuperset(names)


def own_attribute(shape: Shape, use: Node) -> str | None:
    """Return the attribute of the package that one must override to replace a use.

    It is a list with the use as an element, perhaps joined to others by `++`, or an
    environment variable.
    """
    if shape.construction is None or use.parent is None:
        return None
    paths = {
        node.index: path
        for path, node in shape.construction.attributes
        if node.kind == "binding"
    }
    for node in use.ancestors():
        path = ".".join(paths.get(node.index, ()))
        if path.isupper() or re.fullmatch(r"env\.[^.]+", path):
            return path
    if use.parent.kind != "list_expression":
        return None
    joined = (
        node
        for node in use.parent.ancestors()
        if operator(node) != "++" and node.kind != "parenthesized_expression"
    )
    own = paths.get(next(joined).index, ())
    return own[0] if len(own) == 1 else None


def _is_reached(shape: Shape, node: Node) -> bool:
    owner = shape.owner(node)
    return owner in shape.reached if owner is not None else shape.body.contains(node)


def uses_by_rec(shape: Shape, shown: ShownAttribute) -> Iterator[Reference]:
    """Yield the uses of an attribute by its name within its `rec` set."""
    owner = shown.node.enclosing("rec_attrset_expression", "attrset_expression")
    for use in shape.references:
        if use.scope is not None and use.binder is owner and use.name == shown.path[-1]:
            yield use


def reason(state: Reachability, shares: Sequence[str]) -> str | None:
    """Return `Binding.reason` of a binding in a state that shares some attributes."""
    if shares:
        return f"shares {', '.join(shares)}"
    return state.value if state in {Reachability.SHOWN, Reachability.PARTIAL} else None


def state(shape: Shape, name: str) -> Reachability:
    """Return how far an override reaches a binding, judged by the syntax."""
    shown = shown_attributes(shape, name)
    if not shown:
        return Reachability.HIDDEN
    if not direct_uses(shape, name):
        return Reachability.ROUTED
    # An attribute of the derivation is itself part of what is built.
    if all(attribute.path[0] == PASSTHRU for attribute in shown):
        return Reachability.SHOWN
    return Reachability.PARTIAL


def source_argument(shape: Shape, name: str) -> str | None:
    """Return the file's argument that contains the part's source, or None."""
    part = shape.part(name)
    attributes = part.attributes if part is not None else ()
    sources = [_source(path, node) for path, node in attributes if path == ("src",)]
    uses = [_taken(shape, source) for source in sources]
    if not uses or uses[0] is None:
        return None
    names = (use for use in uses if use is not None)
    are_arguments = all(use.binder in shape.functions for use in names)
    return uses[0].name if are_arguments else None


_NAME = re.compile(r"[A-Za-z_][\w-]*")


def own_names(shape: Shape, name: str) -> tuple[str, ...]:
    """Return the names of a binding's package, first without its owner's prefix.

    Return none if the name is computed from anything but names and versions of other
    packages.
    """
    part, package = shape.part(name), shape.construction
    if part is None or package is None:
        return ()
    statements = (node for path, node in part.attributes if path in _NAMED)
    written = next(map(_written, statements), "")
    own = [_written(node) for path, node in package.attributes if path == ("pname",)]
    bare = written.removeprefix(f"{own[0]}-") if own and own[0] else written
    names = dict.fromkeys([bare, written])
    return tuple(name for name in names if _NAME.fullmatch(name) and name not in own)


_NAMED = {("pname",), ("name",)}


def _written(statement: Node) -> str:
    """Return the text of a bound string, without `${ … }` at its ends, or nothing."""
    literal = value(statement)
    if literal.kind != "string_expression":
        return ""
    parts = [
        child.text if child.kind == "string_fragment" else "\0"
        for child in literal.children[1:-1]
    ]
    return "".join(parts).strip("\0-")


Origin = tuple[int, str, str]
"""Where a value comes from: the index of a name's binder, the name, its attribute."""


SHARED = ("src", "version")
"""The attributes that a part may share with its package."""

WITH_SOURCE = ("patches", "vendorHash")
"""The attributes that belong to one source: a part shares all of them or none."""


def shared(shape: Shape, name: str) -> tuple[str, ...]:
    """Return which of SHARED a binding takes from the package's own place.

    With `src`, also which of WITH_SOURCE.
    """
    binding = shape.bindings[name]
    uses = (use for use in shape.references if binding.contains(use.node))
    taken = {taken for use in uses for taken in origins(use)}
    names = [
        attribute
        for attribute in (*SHARED, *WITH_SOURCE)
        if origin(shape, attribute) in taken
    ]
    with_source = "src" in names
    return tuple(part for part in names if with_source or part in SHARED)


def origins(use: Reference, *more: str) -> Iterator[Origin]:
    """Yield where the values of a use come from: its name, its selections."""
    if use.binder is not None:
        for part in ("", *(more or selection(use.node))):
            yield use.binder.index, use.name, part


def origin(shape: Shape, attribute: str) -> Origin | None:
    """Return where the value of one of the package's attributes comes from.

    Return None if it is not a name, or is bound more than once.
    """
    call = shape.construction
    attributes = call.attributes if call is not None else ()
    nodes = [node for path, node in attributes if path == (attribute,)]
    if len(nodes) != 1:
        return None
    source = _source((attribute,), nodes[0])
    use = _taken(shape, source)
    if use is None or use.binder is None:
        return None
    path = source.child("attrpath")
    inherits = nodes[0].kind == "inherit_from"
    if path is not None and (inherits or len(path.children) != 1):
        return None
    part = attribute if inherits else "".join(selection(use.node)[:1])
    return use.binder.index, use.name, part


def _taken(shape: Shape, source: Node) -> Reference | None:
    """Return the name that a source is, or is selected from."""
    variable = source.children[0] if source.kind == "select_expression" else source
    return next((use for use in shape.references if use.node is variable), None)


def _source(path: tuple[str, ...], node: Node) -> Node:
    """Return the expression that an attribute is bound to.

    For an inherit, it is the name, or the source that the name is inherited from.
    """
    if node.kind == "binding":
        return inside(value(node))
    if node.kind == "inherit_from":
        return inherited_from(node)
    names = (name for name in inherited(node) if name.text.strip('"') == path[-1])
    return next(names, node)
