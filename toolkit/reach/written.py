"""Find the overrides in the text of a Nix file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from toolkit import files
from toolkit.errors import ToolkitError
from toolkit.nix.attributes import inside
from toolkit.nix.tree import Node, parsed
from toolkit.reach.answers import Place

METHODS = frozenset(
    [
        "appendOverlays",
        "extend",
        "override",
        "overrideAttrs",
        "overrideDerivation",
        "overridePythonAttrs",
        "overrideScope",
        "overrideScope'",
    ]
)


class WrittenCall(Struct, frozen=True, kw_only=True):
    """A call such as `prev.NAME.overrideAttrs { … }` in the text of a Nix file.

    The fields are nodes of the syntax tree: `subject` is the overridden package, and
    `method` the last name in `function`.
    """

    node: Node
    function: Node
    method: Node
    subject: Sequence[Node]
    argument: Node

    @property
    def name(self) -> str:
        """The name of the package, without the set that contains it."""
        first = self.subject[0]
        if len(self.subject) > 1:
            return self.subject[-1].text.strip('"')
        inner = call(inside(first))
        return inner.name if inner is not None else first.text

    @property
    def chain(self) -> list[WrittenCall]:
        """The override calls that are applied to one package, the first one first."""
        inner = call(inside(self.subject[0])) if len(self.subject) == 1 else None
        return [self] if inner is None else [*inner.chain, self]

    @property
    def bindings(self) -> list[Node]:
        """The bindings that contain the call, the innermost first."""
        return [node for node in self.node.ancestors() if node.kind == "binding"]

    @property
    def is_local(self) -> bool:
        """Return whether a let binding, other than an overlay's, contains the call."""
        return any(
            binding.parent is not None
            and binding.parent.parent is not None
            and binding.parent.parent.kind == "let_expression"
            and not _is_overlay(binding)
            for binding in self.bindings
        )


def _is_overlay(binding: Node) -> bool:
    """Return whether a binding's value is a function of two arguments."""
    function = binding.child("function_expression")
    return function is not None and function.child("function_expression") is not None


def call(node: Node) -> WrittenCall | None:
    """Return the override call that an expression is, or None for other expressions."""
    if node.kind != "apply_expression":
        return None
    function, argument = (each for each in node.children if each.kind != "comment")
    path = function.child("attrpath") if function.kind == "select_expression" else None
    if path is None:
        return None
    names = [name for name in path.children if name.kind not in {".", "comment"}]
    if names[-1].text not in METHODS:
        return None
    return WrittenCall(
        node=node,
        function=function,
        method=names[-1],
        subject=(function.children[0], *names[:-1]),
        argument=argument,
    )


def calls(root: Node) -> Iterator[WrittenCall]:
    """Yield the override calls in a file.

    If several calls are applied to one package in turn, only the last is yielded.
    """
    inner = set[Node]()
    for node in root.walk():
        written = call(node)
        if written is not None and node not in inner:
            inner |= {each.node for each in written.chain}
            yield written


def root_of(file: Path) -> Node | None:
    """Return the syntax tree of a file, or None if it cannot be parsed.

    Nix reports the syntax error later.
    """
    try:
        return parsed(files.read(file).decode(errors="replace"), name=str(file)).root
    except ToolkitError:
        return None


def binding_at(place: Place | None) -> Node | None:
    """Return the outermost binding that begins on the line of a place."""
    root = root_of(Path(place.file)) if place is not None else None
    return next(
        (
            node
            for node in (() if root is None else root.walk())
            if node.kind == "binding" and place is not None and node.line == place.line
        ),
        None,
    )
