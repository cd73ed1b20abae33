"""Read the shape of a package's file: its functions, lets, and the builder's call.

Only the syntax counts here; Nix shows elsewhere how a builder uses its argument.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    """A call of a builder with attributes.

    `builder` is the called expression, and `argument` the expression of the attributes.
    `final` is the function of the final attributes, if there is one. `sets` are the
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

    def attribute(self, *path: str) -> Node | None:
        """Return the first binding of an attribute, or None."""
        return next((node for bound, node in self.attributes if bound == path), None)

    def has(self, name: str) -> bool:
        """Return whether an attribute, or a part of one, is bound."""
        return any(path[0] == name for path, _ in self.attributes)


class Shape(Struct, frozen=True, dict=True):
    """A file as a function of packages.

    `functions` and `lets` surround `body`, the outermost first.

    If the lets end in the name of one of their own bindings, or an `if` leads to one,
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
        bound = [use for use in self.references if use.name in names]
        return [use for use in bound if use.binding is names[use.name]]

    @cached_property
    def inner(self) -> frozenset[str]:
        """The names of the bindings that can see the final attributes."""
        bindings = self.bindings.items()
        return frozenset(name for name, node in bindings if self.body.contains(node))

    def owner(self, node: Node) -> str | None:
        """Return the let's binding around a node.

        None for the package itself and everything outside.
        """
        for name, binding in self.bindings.items():
            if binding.contains(node) and not binding.contains(self.body):
                return name
        return None

    def uses_in(self, node: Node) -> list[Reference]:
        """Return the uses of the lets' bindings within `node`."""
        return [use for use in self.uses if node.contains(use.node)]

    def needs(self, name: str) -> set[str]:
        """Return the names of the lets' bindings that one of them uses."""
        return {use.name for use in self.uses_in(self.bindings[name])}

    def part(self, name: str, *, overrides: bool = False) -> BuilderCall | None:
        """Return the builder's call in a binding, as `construction` does."""
        return construction(result(value(self.bindings[name])), overrides=overrides)

    @cached_property
    def reached(self) -> frozenset[str]:
        """The names of the bindings that the body uses, directly or through others."""
        uses = self.uses_in(self.body)
        own = [use.name for use in uses if self.owner(use.node) is None]
        return closure(own, self.needs)


def closure(
    names: Iterable[str], needs: Callable[[str], Iterable[str]]
) -> frozenset[str]:
    """Return names together with all that they need, directly or through others."""
    known: set[str] = set()
    waiting = [*names]
    while waiting:
        if (name := waiting.pop()) not in known:
            known.add(name)
            waiting += needs(name)
    return frozenset(known)


def read(tree: Tree, start: Node | None = None) -> Shape:
    """Return the shape of a file, or of a function in it.

    Follow its functions, lets, withs and asserts to the end.
    """
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
    within = spine(body(shape.construction.final))
    inner = (node for node in within if node.kind == "let_expression")
    return replace(shape, lets=(*shape.lets, *inner))


def _only_call(expression: Node) -> Node | None:
    """Return the one builder's call in an `if`, or before `//`; else None."""
    if operator(expression) == "//":
        choices = operands(expression)[:1]
    elif expression.kind == "if_expression":
        choices = branches(expression)
    else:
        return None
    calls: list[Node] = []
    for end in map(result, choices):
        ends = [_only_call(end), end]
        calls += [call for call in ends if call is not None and construction(call)]
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
    """Read a builder's call, or a call that `overrides`.

    Its last argument is a set, or a function that ends in one.
    """
    if expression.kind != "apply_expression":
        return None
    builder, argument = (part for part in expression.children if part.kind != "comment")
    if not overrides and _OVERRIDES.intersection(callee(builder)[-1:]):
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
    """Yield the sets that `//` joins, in the order of the text.

    On request, include those under conditions.
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

    Without `//`, return the expression alone.
    """
    if operator(node) != "//":
        return [node]
    sides = (side for side in node.children if side.kind not in {"//", "comment"})
    return [part for side in sides for part in operands(side)]


def bound(literal: Node) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Yield the path and binding of each attribute in a set, and in nested sets.

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
    names = (part for part in children if part.kind not in {".", "comment"})
    return tuple(static_name(name) or "" for name in names)


def callee(function: Node) -> tuple[str, ...]:
    """Return the dotted name of a function, without calls that override it.

    Return an empty name if it has none.
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
    """Return the attributes that a use selects, by `.a` or by `inherit (it) a b`."""
    around = variable.parent
    if (
        around is None
        or around.kind not in {"select_expression", "inherit_from"}
        or around.children[-1] is variable
    ):
        return ()
    names = _names(around.child("attrpath", "inherited_attrs"))
    return names[:1] if around.kind == "select_expression" else names
