"""What an expression comes to: the builder's call at the end of a function, and on what it depends what gets where.

Knows lib's functions for optional values, `if`, and how nixpkgs calls its builders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.nix.attributes import SETS, call, inside, name_of, operator, spine, statements
from toolkit.nix.scope import binding_names, look_up, references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolkit.nix.scope import Reference
    from toolkit.nix.tree import Node

_OPTIONAL = frozenset(["optional", "optionals", "optionalString", "optionalAttrs"])
_FOR_EACH = frozenset(["makeBinPath", "makeSearchPath", "makeSearchPathOutput", "concatStringsSep", "toString"])
"""Functions of lib that have each element of a list in their result, whatever the others are."""

_BODIES = frozenset(["with_expression", "let_expression", "assert_expression"])
_WHOLE = frozenset(
    ["parenthesized_expression", "list_expression", "string_expression", "indented_string_expression", "interpolation"]
)
_BOUND = frozenset(
    [
        "attrset_expression",
        "binding",
        "binding_set",
        "formal",
        "inherit",
        "inherited_attrs",
        "rec_attrset_expression",
    ]
)


class Condition(Struct, frozen=True, kw_only=True):
    """What has to hold for a value to be used: `node`, or, if `negated`, its opposite.

    `function` is what takes it, such as `lib.optionals`; None for that of an `if`.
    """

    node: Node
    negated: bool = False
    function: Node | None = None

    def conjuncts(self) -> list[Condition]:
        """Return the parts that all have to hold, without the parentheses and the `!` around each."""
        node = inside(self.node)
        if node.kind == "unary_expression" and node.children[0].text == "!":
            return Condition(node=node.children[-1], negated=not self.negated).conjuncts()
        if operator(node) == ("||" if self.negated else "&&"):
            sides = (node.children[0], node.children[-1])
            return [part for side in sides for part in Condition(node=side, negated=self.negated).conjuncts()]
        return [Condition(node=node, negated=self.negated)]

    def is_among(self, others: Iterable[Condition]) -> bool:
        """Tell whether one of others, conjuncts as this one, is written the same and its names are the same."""
        return any(
            self.negated == other.negated
            and _words(self.node) == _words(other.node)
            and all(look_up(name.name, other.node).means(name) for name in references_in(self.node))
            for other in others
        )


class Climb(Struct, frozen=True, kw_only=True):
    """How a value gets into what stands around it.

    `conditions` are those under which it does, the outermost first. `opaque` is the innermost expression of which it
    is not known what it makes of the value.
    """

    conditions: tuple[Condition, ...]
    opaque: Node | None


def climb(node: Node, top: Node) -> Climb:
    """Follow the value of `node` to `top`, which has it in it."""
    conditions: list[Condition] = []
    opaque: Node | None = None
    for child, parent in _upwards(node, top):
        condition = guard(child, parent)
        if condition is not None:
            conditions.insert(0, condition)
        elif opaque is None and not _has_whole(child, parent):
            opaque = parent
    return Climb(conditions=tuple(conditions), opaque=opaque)


def guards(node: Node) -> list[Condition]:
    """Return the conjuncts that hold wherever `node` is evaluated, as far as its own file shows."""
    found: list[Condition] = []
    for child, parent in _upwards(node, node.tree.root):
        if (condition := guard(child, parent)) is not None:
            found += condition.conjuncts()
    return found


def guard(child: Node, parent: Node) -> Condition | None:
    """Return the condition under which `parent` evaluates `child`, which stands directly in it."""
    if parent.kind == "if_expression":
        condition, _, _ = (part for part in parent.children if part.kind not in {"if", "then", "else", "comment"})
        return None if child is condition else Condition(node=condition, negated=child is parent.children[-1])
    if parent.kind == "apply_expression":
        function, *arguments = call(parent)
        if len(arguments) == 2 and child is arguments[1] and name_of(function) in _OPTIONAL:  # noqa: PLR2004
            return Condition(node=arguments[0], function=function)
    return None


def references_in(node: Node) -> Iterator[Reference]:
    """Yield the names that are used in an expression and bound outside of it."""
    for reference in references(node):
        if reference.scope is None:
            yield look_up(reference.name, reference.node)


def _upwards(node: Node, top: Node) -> Iterator[tuple[Node, Node]]:
    while node is not top and node.parent is not None:
        yield node, node.parent
        node = node.parent


def _has_whole(child: Node, parent: Node) -> bool:
    """Tell whether the value of `child` is in that of `parent`, which has no condition for it."""
    if parent.kind in _WHOLE:
        return parent.kind != "list_expression" or child.kind != "list_expression"
    if parent.kind in _BODIES:
        return child is parent.children[-1]
    if parent.kind == "binary_expression":
        return operator(parent) in {"++", "+"}
    if parent.kind == "apply_expression":
        function, *arguments = call(parent)
        # Of `f a b` the inner call `f a` is no value by itself.
        return child is arguments[-1] and name_of(function) in _FOR_EACH
    return parent.kind in _BOUND


def _words(node: Node) -> list[str]:
    return [part.text for part in node.walk() if not part.children and part.kind != "comment"]


class Construction(Struct, frozen=True, kw_only=True):
    """The call: `builder` is what is called, `argument` what with.

    `function` is the argument's lambda, None where it is no function of one name. `operands` are what the attributes
    are merged from by `//`.
    """

    builder: Node
    argument: Node
    function: Node | None
    operands: tuple[Node, ...]

    @property
    def final(self) -> str | None:
        """The name of what docker is in the end, such as `finalAttrs`."""
        return self.function.children[0].text if self.function is not None else None

    def holder(self, names: Sequence[str], *kinds: str) -> tuple[Node, Node] | None:
        """Return the set that has all of `names` by statements of these kinds, and the operand that it stands in."""
        for operand in self.operands:
            for node in _sets(operand):
                if {name for each in statements(node, *kinds) for name in binding_names(each)} >= {*names}:
                    return node, operand
        return None


def construction(generator: Node) -> Construction | None:
    """Return the call that dockerGen, a function, comes to, None where that is no call of one argument."""
    called = call(spine(generator)[-1])
    if len(called) != 2:  # noqa: PLR2004 - a function and its argument
        return None
    builder, argument = called
    function: Node | None = inside(argument)
    merged = inside(argument)
    if merged.kind == "function_expression" and merged.children[0].kind == "identifier":
        merged = inside(merged.children[-1])
    else:
        function = None
    return Construction(builder=builder, argument=argument, function=function, operands=tuple(_operands(merged)))


def final_attributes(generator: Node) -> Mapping[str, Node]:
    """Return docker's attributes by name, if they are a function of what docker is in the end."""
    built = construction(generator)
    if built is None or built.function is None:
        return {}
    sets = [node for operand in built.operands for node in _sets(operand)]
    return {name: node for each in sets for node in statements(each, "binding") for name in binding_names(node)}


def _sets(operand: Node) -> Iterator[Node]:
    """Yield the sets of attributes in an operand: itself, that of `lib.optionalAttrs`, those in branches of `if`."""
    node = spine(operand)[-1]
    if node.kind in SETS:
        yield node
    elif node.kind == "apply_expression":
        yield from _sets(call(node)[-1])
    elif node.kind == "if_expression":
        for branch in node.children:
            if guard(branch, node) is not None:
                yield from _sets(branch)


def _operands(node: Node) -> Iterator[Node]:
    if operator(node) == "//":
        for side in node.children:
            if side.kind not in {"//", "comment"}:
                yield from _operands(side)
    else:
        yield node
