"""Parse a Nix file into a tree whose nodes know where they stand.

The grammar (tree-sitter-nix, through ast-grep) is a guide for finding things, not a judge: it accepts some
files that Nix rejects. Whether a file is valid Nix is asked of `nix-instantiate --parse`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ast_grep_py import SgRoot

from toolkit.errors import NixSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode


@dataclass(slots=True, eq=False)
class Node:
    """One node of the tree. `start` and `end` are offsets into `tree.text`, in characters.

    The node and all below it are `tree.nodes[index:after]`.
    """

    tree: Tree
    kind: str
    start: int
    end: int
    parent: Node | None
    children: list[Node]
    index: int
    after: int = 0

    @property
    def text(self) -> str:
        """The source text of the node."""
        return self.tree.text[self.start : self.end]

    def child(self, *kinds: str) -> Node | None:
        """Return the first child of one of these kinds."""
        return next((child for child in self.children if child.kind in kinds), None)

    def walk(self) -> list[Node]:
        """Return the node and everything below it, in the order of the text."""
        return self.tree.nodes[self.index : self.after]

    def ancestors(self) -> Iterator[Node]:
        """Yield the parent, its parent, and so on."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def enclosing(self, *kinds: str) -> Node | None:
        """Return the innermost node around this one that is of one of these kinds."""
        return next((node for node in self.ancestors() if node.kind in kinds), None)

    def contains(self, other: Node) -> bool:
        """Tell whether `other` is this node or stands below it."""
        return self.start <= other.start and other.end <= self.end

    @property
    def place(self) -> str:
        """`line:column` of the node's start, both counted from 1."""
        return self.tree.place(self.start)

    @property
    def line(self) -> int:
        """The line of the node's start, counted from 1."""
        return self.tree.text.count("\n", 0, self.start) + 1


class Tree:
    """A parsed file. `name` is used in messages; `root` is the file's expression."""

    def __init__(self, text: str, *, name: str) -> None:
        """Parse `text`; raise NixSyntaxError at the first place that the grammar rejects."""
        self.text = text
        self.name = name
        self.nodes: list[Node] = []
        source = self._convert(SgRoot(text, "nix").root(), None)
        broken = next((node for node in self.nodes if node.kind == "ERROR"), None)
        broken = broken or next((node for node in self.nodes if _is_missing(node)), None)
        if broken is not None:
            raise syntax_error(name, text, broken.start)
        expressions = [node for node in source.children if node.kind != "comment"]
        if not expressions:
            raise NixSyntaxError(f"{name}:1:1: no expression in this file", excerpt="")
        self.source = source
        self.root = expressions[0]

    def _convert(self, source: SgNode, parent: Node | None) -> Node:
        span = source.range()
        node = Node(self, source.kind(), span.start.index, span.end.index, parent, [], len(self.nodes))
        self.nodes.append(node)
        node.children = [self._convert(child, node) for child in source.children()]
        node.after = len(self.nodes)
        return node

    def place(self, offset: int) -> str:
        """`line:column` of an offset, both counted from 1."""
        line, column = _line_and_column(self.text, offset)
        return f"{line}:{column}"


def syntax_error(name: str, text: str, offset: int) -> NixSyntaxError:
    """Describe a place of `text` that is not Nix, with its line and a caret."""
    line, column = _line_and_column(text, offset)
    lines = text.split("\n")
    shown = lines[line - 1].rstrip("\r").replace("\t", " ") if line <= len(lines) else ""
    fact, hint = "syntax error", None
    if shown.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        fact, hint = "merge conflict marker", "resolve the merge first"
    return NixSyntaxError(f"{name}:{line}:{column}: {fact}", excerpt=f"{shown}\n{' ' * (column - 1)}^", hint=hint)


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _is_missing(node: Node) -> bool:
    """Recognise a token which the parser made up to go on: it has a kind, but no text."""
    return node.start == node.end and not node.children and node.kind not in _MAY_BE_EMPTY


_MAY_BE_EMPTY = frozenset({"source_code", "string_fragment", "binding_set"})
