"""The builder's call at the end of dockerGen, and docker's attributes in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.nix.attributes import SETS, call, inside, operator, spine, statements
from toolkit.nix.conditions import guard
from toolkit.nix.scope import binding_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.nix.tree import Node


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
