"""The conditions under which a value is used: those of `if`, and of lib's functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from toolkit.nix.attributes import call, inside, name_of, operator
from toolkit.nix.scope import Reference, look_up, references
from toolkit.nix.tree import Node

_OPTIONAL = frozenset(["optional", "optionals", "optionalString", "optionalAttrs"])


class Condition(Struct, frozen=True, kw_only=True):
    """The condition for using a value: `node`, or its opposite if `negated`.

    `function` is the one that takes the condition, such as `lib.optionals`; None for an
    `if`.
    """

    node: Node
    negated: bool = False
    function: Node | None = None

    def conjuncts(self) -> list[Condition]:
        """Return the operands of `&&`, each without parentheses and `!` around it."""
        node = inside(self.node)
        if node.kind == "unary_expression" and node.children[0].text == "!":
            return Condition(
                node=node.children[-1], negated=not self.negated
            ).conjuncts()
        if operator(node) == ("||" if self.negated else "&&"):
            sides = (node.children[0], node.children[-1])
            return [
                part
                for side in sides
                for part in Condition(node=side, negated=self.negated).conjuncts()
            ]
        return [Condition(node=node, negated=self.negated)]

    def is_among(self, others: Iterable[Condition]) -> bool:
        """Return whether another condition has the same text and the same meaning."""
        return any(
            self.negated == other.negated
            and _words(self.node) == _words(other.node)
            and all(
                look_up(name.name, other.node).means(name)
                for name in references_in(self.node)
            )
            for other in others
        )


def climb(node: Node, top: Node) -> list[Condition]:
    """Return the conditions for the value of `node` up to `top`, outermost first."""
    found: list[Condition] = []
    while node is not top and (parent := node.parent) is not None:
        if (condition := guard(node, parent)) is not None:
            found.append(condition)
        node = parent
    return found[::-1]


def guards(node: Node) -> list[Condition]:
    """Return the operands of `&&` that are true if `node` is evaluated."""
    return [
        part
        for condition in climb(node, node.tree.root)
        for part in condition.conjuncts()
    ]


def guard(child: Node, parent: Node) -> Condition | None:
    """Return the condition under which `parent` evaluates its direct child `child`."""
    if parent.kind == "if_expression":
        condition, _, _ = (
            part
            for part in parent.children
            if part.kind not in {"if", "then", "else", "comment"}
        )
        return (
            None
            if child is condition
            else Condition(node=condition, negated=child is parent.children[-1])
        )
    if parent.kind == "apply_expression":
        function, *arguments = call(parent)
        if (
            len(arguments) == 2  # noqa: PLR2004
            and child is arguments[1]
            and name_of(function) in _OPTIONAL
        ):
            return Condition(node=arguments[0], function=function)
    return None


def references_in(node: Node) -> Iterator[Reference]:
    """Yield the names that an expression uses and does not bind."""
    for reference in references(node):
        if reference.scope is None:
            yield look_up(reference.name, reference.node)


def _words(node: Node) -> list[str]:
    return [
        part.text
        for part in node.walk()
        if not part.children and part.kind != "comment"
    ]
