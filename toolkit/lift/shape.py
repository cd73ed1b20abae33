"""Read the shape of a package's file: a function, the lets below it, and the final builder's call.

By syntax only; Nix is asked elsewhere how a builder uses its argument.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from toolkit.nix.attributes import (
    SETS,
    body,
    call,
    inherited,
    inside,
    operator,
    spine,
    statements,
    value,
)
from toolkit.nix.conditions import climb, guard
from toolkit.nix.scope import Reference, bound_names, references, static_name
from toolkit.nix.tree import Node, Tree

_WITHIN = frozenset(
    [
        "let_expression",
        "with_expression",
        "assert_expression",
        "parenthesized_expression",
    ]
)
_OVERRIDES = frozenset(
    ["override", "overrideAttrs", "overrideDerivation", "overridePythonAttrs"]
)


class BuilderCall(Struct, frozen=True, kw_only=True):
    """A builder's call on attributes.

    `builder` is the called expression, `argument` the expression of the attributes,
    `final` the function of the final attributes, if there is one, `sets` the literal
    sets that `//` joins to the attributes, some under conditions.
    """

    call: Node
    builder: Node
    argument: Node
    final: Node | None
    sets: tuple[Node, ...]

    @property
    def name(self) -> str:
        """The builder's dotted name as it is written."""
        return ".".join(callee(self.builder))

    @property
    def merged(self) -> Node:
        """The expression of the attributes, inside the function of the final ones."""
        return body(self.final) if self.final is not None else inside(self.argument)

    @property
    def plain(self) -> tuple[Node, ...]:
        """The sets that apply unconditionally."""
        return tuple(
            literal for literal in self.sets if not climb(literal, self.argument)
        )

    @property
    def attributes(self) -> Iterator[tuple[tuple[str, ...], Node]]:
        """The bindings of the sets, as `bound` yields them."""
        return (attribute for literal in self.sets for attribute in bound(literal))


class Shape(Struct, frozen=True, dict=True):
    """A file as a function of packages: `functions` and `lets` surround `body`, the outermost first.

    If the lets end in the name of one of their own bindings, or an `if` comes to one,
    `body` is that binding's value. The last let may be inside the body, in the
    builder's function of the final attributes.
    """

    tree: Tree
    functions: tuple[Node, ...]
    lets: tuple[Node, ...]
    body: Node

    @cached_property
    def bindings(self) -> Mapping[str, Node]:
        """The bindings of the lets by name; an inner one hides an outer one."""
        return {
            name: node for let in self.lets for name, node in bound_names(let).items()
        }

    @cached_property
    def construction(self) -> BuilderCall | None:
        """The builder's call that the file ends in, or None."""
        return construction(self.body)

    @cached_property
    def references(self) -> list[Reference]:
        """All uses of names in the file, in the order of the text."""
        return references(self.tree.root)

    @cached_property
    def uses(self) -> list[Reference]:
        """The uses of the lets' bindings, in the order of the text."""
        names = self.bindings
        return [
            reference
            for reference in self.references
            if reference.scope is not None
            and reference.scope.names.get(reference.name)
            is names.get(reference.name, self)
        ]

    @cached_property
    def inner(self) -> frozenset[str]:
        """The names of the bindings that can see the final attributes."""
        return frozenset(
            name for name, node in self.bindings.items() if self.body.contains(node)
        )

    def owner(self, node: Node) -> str | None:
        """Return the let's binding around a node.

        None for the package itself and everything outside.
        """
        bindings = self.bindings.items()
        return next(
            (
                name
                for name, at in bindings
                if at.contains(node) and not at.contains(self.body)
            ),
            None,
        )

    def uses_in(self, node: Node) -> list[Reference]:
        """Return the uses of the lets' bindings within `node`."""
        return [reference for reference in self.uses if node.contains(reference.node)]

    @cached_property
    def reached(self) -> frozenset[str]:
        """The names of the bindings that the body uses, directly or through others."""
        found: set[str] = set()
        waiting = [
            reference.name
            for reference in self.uses_in(self.body)
            if self.owner(reference.node) is None
        ]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [
                    reference.name for reference in self.uses_in(self.bindings[name])
                ]
        return frozenset(found)


def read(tree: Tree, start: Node | None = None) -> Shape:
    """Return the shape of a file, or of a function in it: follow its functions, lets, withs and asserts to the end."""
    around = spine(start if start is not None else tree.root)
    functions = tuple(node for node in around if node.kind == "function_expression")
    lets = tuple(node for node in around if node.kind == "let_expression")
    shape = Shape(tree=tree, functions=functions, lets=lets, body=around[-1])
    is_choice = shape.body.kind == "if_expression" and _only_call(shape.body) is None
    ends = map(result, branches(shape.body) if is_choice else [shape.body])
    names = {end.text for end in ends if end.kind == "variable_expression"}
    named = shape.bindings.get(names.pop()) if len(names) == 1 else None
    if named is not None and named.kind == "binding":
        shape = replace(shape, body=result(value(named)))
    if (only := _only_call(shape.body)) is not None:
        shape = replace(shape, body=only)
    if shape.construction is None or shape.construction.final is None:
        return shape
    inner = (
        node
        for node in spine(body(shape.construction.final))
        if node.kind == "let_expression"
    )
    return replace(shape, lets=(*shape.lets, *inner))


def _only_call(expression: Node) -> Node | None:
    """Return the one builder's call among what an `if` may come to, or the one that `//` adds to; else none."""
    if operator(expression) == "//":
        choices = operands(expression)[:1]
    elif expression.kind == "if_expression":
        choices = branches(expression)
    else:
        return None
    ends = [result(choice) for choice in choices]
    calls = [
        call
        for end in ends
        for call in (_only_call(end), end)
        if call is not None and construction(call)
    ]
    return calls[0] if len(calls) == 1 else None


def branches(choice: Node) -> list[Node]:
    """Return the possible results of an `if`."""
    keywords = {child.kind: index for index, child in enumerate(choice.children)}
    return [choice.children[keywords["then"] + 1], choice.children[-1]]


def result(node: Node) -> Node:
    """Return the expression inside lets, withs, asserts and parentheses."""
    while node.kind in _WITHIN:
        node = body(node)
    return node


def construction(expression: Node, *, overrides: bool = False) -> BuilderCall | None:
    """Read a builder's call, or one that `overrides`: its last argument is a set, or a function that ends in one."""
    if expression.kind != "apply_expression":
        return None
    builder, argument = (
        child for child in expression.children if child.kind != "comment"
    )
    if not overrides and callee(builder)[-1:] in {(name,) for name in _OVERRIDES}:
        return None
    attributes = inside(argument)
    final = attributes if attributes.kind == "function_expression" else None
    if final is not None and final.child("formals") is not None:
        return None
    merged = body(final) if final is not None else attributes
    sets = tuple(joined(result(merged), optional=True))
    found = BuilderCall(
        call=expression, builder=builder, argument=argument, final=final, sets=sets
    )
    return found if found.plain else None


def joined(node: Node, *, optional: bool = False) -> Iterator[Node]:
    """Yield the literal sets that `//` joins, in the order of the text.

    On request also conditional ones.
    """
    node = inside(node)
    if node.kind in SETS:
        yield node
    elif operator(node) == "//":
        for child in node.children:
            yield from joined(child, optional=optional)
    elif optional:
        for child in node.children:
            if guard(child, node) is not None:
                yield from joined(child, optional=True)


def operands(node: Node) -> list[Node]:
    """Return the operands of `//`, in the order of the text.

    The expression alone if there is none.
    """
    if operator(node) != "//":
        return [node]
    return [
        part
        for child in node.children
        if child.kind not in {"//", "comment"}
        for part in operands(child)
    ]


def bound(literal: Node) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Yield path and binding of each attribute in a literal set, and in the literal sets within it.

    A binding is a `binding` or, for an inherited name, the `inherit` or `inherit_from`.
    """
    for child in statements(literal):
        if child.kind == "binding":
            path = path_of(child)
            yield path, child
            for inside in joined(result(value(child))):
                yield from (((*path, *below), node) for below, node in bound(inside))
        elif child.kind in {"inherit", "inherit_from"}:
            for name in inherited(child):
                yield (static_name(name) or "",), child


def path_of(binding: Node) -> tuple[str, ...]:
    """Return the names in a binding's path; computed ones are empty."""
    return _names(binding.children[0])


def _names(parts: Node | None) -> tuple[str, ...]:
    children = parts.children if parts is not None else ()
    return tuple(
        static_name(part) or ""
        for part in children
        if part.kind not in {".", "comment"}
    )


def callee(function: Node) -> tuple[str, ...]:
    """Return the dotted name of a function, without calls that override it.

    Empty if it has no name.
    """
    function = inside(function)
    if function.kind == "apply_expression":
        base = inside(call(function)[0])
        name = callee(base)
        return name[:-1] if name and name[-1] in _OVERRIDES else name
    if function.kind == "select_expression":
        return (*callee(function.children[0]), *_names(function.child("attrpath")))
    return (function.text,) if function.kind == "variable_expression" else ()


def selection(variable: Node) -> tuple[str, ...]:
    """Return the attributes that are selected from a variable at this use, by `.a` or by `inherit (it) a b`."""
    around = variable.parent
    if (
        around is None
        or around.kind not in {"select_expression", "inherit_from"}
        or around.children[-1] is variable
    ):
        return ()
    names = _names(around.child("attrpath", "inherited_attrs"))
    return names[:1] if around.kind == "select_expression" else names
