"""Attribute sets and calls as written: bindings, paths, values, arguments."""

from toolkit.nix.tree import Node

SETS = frozenset(["attrset_expression", "rec_attrset_expression"])
"""The kinds of nodes that are attribute sets."""


def statements(attributes: Node, *kinds: str) -> list[Node]:
    """Return the statements and comments of a set or a let, or only some kinds."""
    bound = attributes.child("binding_set")
    return (
        [node for node in bound.children if not kinds or node.kind in kinds]
        if bound is not None
        else []
    )


def inherited(statement: Node) -> list[Node]:
    """Return the names that an `inherit` takes."""
    names = statement.child("inherited_attrs")
    return (
        [node for node in names.children if node.kind != "comment"]
        if names is not None
        else []
    )


def inherited_from(statement: Node) -> Node:
    """Return the source expression of an `inherit (source)`."""
    return inside(
        next(
            child
            for child in statement.children
            if child.kind not in {"inherit", "(", "comment"}
        )
    )


def path(binding: Node) -> str:
    """Return the attribute path of a binding as written."""
    return binding.children[0].text


def full_path(binding: Node) -> str:
    """Return the attribute path of a binding, from the outermost plain set on."""
    parts = [path(binding)]
    node = binding.parent
    while node is not None and node.kind in {
        "binding_set",
        "attrset_expression",
        "binding",
    }:
        if node.kind == "binding":
            parts.append(path(node))
        node = node.parent
    return ".".join(reversed(parts))


def value(binding: Node) -> Node:
    """Return the expression of a binding."""
    return next(
        child
        for child in reversed(binding.children)
        if child.kind not in {";", "comment"}
    )


def call(expression: Node) -> list[Node]:
    """Return the function of a call and its arguments.

    Return the expression alone if it is not a call. Ignore parentheses around a
    function.
    """
    if expression.kind != "apply_expression":
        return [expression]
    function, argument = (
        child for child in expression.children if child.kind != "comment"
    )
    return [*call(inside(function)), argument]


def name_of(function: Node) -> str:
    """Return the last name of a function written as `a.b.c`."""
    return inside(function).text.rpartition(".")[2]


def operator(node: Node) -> str | None:
    """Return the operator of a binary expression, or None."""
    if node.kind != "binary_expression":
        return None
    return next(child.text for child in node.children[1:] if child.kind != "comment")


def body(node: Node) -> Node:
    """Return the body of a function, let, with, assert or parenthesis."""
    return [child for child in node.children if child.kind not in {"comment", ")"}][-1]


def inside(node: Node) -> Node:
    """Return an expression without the parentheses around it."""
    while node.kind == "parenthesized_expression":
        node = body(node)
    return node


_THROUGH = frozenset(
    [
        "function_expression",
        "let_expression",
        "with_expression",
        "assert_expression",
        "parenthesized_expression",
    ]
)


def spine(node: Node) -> list[Node]:
    """Return the expressions whose value `node` takes, from outside to inside.

    Pass through lambdas, lets, withs, asserts and parentheses.
    """
    found = [node]
    while node.kind in _THROUGH:
        node = body(node)
        found.append(node)
    return found
