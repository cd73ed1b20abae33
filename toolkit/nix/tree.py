"""Parse a Nix file into a tree whose nodes know their positions.

The grammar (tree-sitter-nix, through ast-grep) only locates code: it accepts some files
that Nix rejects. `nix-instantiate --parse` decides whether a file is valid Nix.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import inf

from ast_grep_py import SgNode, SgRoot
from msgspec import Struct

from toolkit import confined
from toolkit.errors import NixSyntaxError, RefusalError, excerpt

_VISIBLE = re.compile(r"\S")
_UNREADABLE = re.compile(r"(?<!/).\*/(?=(?:then|else)\b)", re.DOTALL)
"""The end of a comment with a keyword; the grammar misreads it after a path."""

_DEEPEST = 300

# A file of 800 kB takes the parser 0.1 s, but 8,000 times `?-` take it 20 s: the cube
# of some lengths.
_SECONDS = 0.5
_PER_SECOND = 1 << 20
_HARMLESS = 1 << 10


class Node(Struct, eq=False):
    """A node of the tree.

    `start` and `end` are offsets into `tree.text`, in characters.

    `tree.nodes[index:after]` are the node and its descendants.
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
        """Return the first child of one of these kinds, or None."""
        return next((child for child in self.children if child.kind in kinds), None)

    def symbol(self, kind: str) -> Node:
        """Return the first child of a kind that the grammar requires here."""
        return next(child for child in self.children if child.kind == kind)

    def walk(self) -> list[Node]:
        """Return the node and its descendants, in the order of the text."""
        return self.tree.nodes[self.index : self.after]

    def ancestors(self) -> Iterator[Node]:
        """Yield the parent, its parent, and so on."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def enclosing(self, *kinds: str) -> Node | None:
        """Return the innermost ancestor of one of these kinds, or None."""
        return next((node for node in self.ancestors() if node.kind in kinds), None)

    def contains(self, other: Node) -> bool:
        """Return whether `other` is this node or one of its descendants."""
        return self.start <= other.start and other.end <= self.end

    @property
    def place(self) -> str:
        """`line:column` of the node's start, both counted from 1."""
        return self.tree.place(self.start)

    @property
    def column(self) -> int:
        """The column of the node's start, counted from 0."""
        return column(self.tree.text, self.start)

    @property
    def indentation(self) -> int:
        """The indentation of the line that the node starts on."""
        return indentation(self.tree.text, self.start)

    @property
    def is_first(self) -> bool:
        """Whether only white space precedes the node on its line."""
        return is_first(self.tree.text, self.start)

    @property
    def location(self) -> str:
        """`file:line:column` of the node's start, for messages."""
        return f"{self.tree.name}:{self.place}"

    @property
    def line(self) -> int:
        """The line of the node's start, counted from 1."""
        return self.tree.text.count("\n", 0, self.start) + 1


class Tree:
    """A parsed file. `name` is used in messages; `root` is the file's expression."""

    def __init__(self, text: str, *, name: str, known: bool = False) -> None:
        """Parse `text`.

        Raise NixSyntaxError at the first place that the grammar rejects. Raise
        RefusalError for a file that takes the parser too long (unless `known` says it
        does not), or whose expressions are nested too deeply.
        """
        if not known and not all(readable([text])):
            raise RefusalError(
                f"{name}: unlet needs more than {_limit([text]):.1f} s of processor "
                "time to parse this file"
            )
        self.text = text
        self.name = name
        self.nodes: list[Node] = []
        self._parsed = _UNREADABLE.sub("*/ ", text)
        self.source = self._convert(SgRoot(self._parsed, "nix").root())
        # The parser makes up a token to go on: it has a kind, but no text.
        empty = (
            node for node in self.nodes if node.start == node.end and not node.children
        )
        if (
            missing := next(
                (node for node in empty if node.kind not in _MAY_BE_EMPTY), None
            )
        ) is not None:
            raise syntax_error(name, text, missing.start)
        expressions = [node for node in self.source.children if node.kind != "comment"]
        if not expressions:
            raise NixSyntaxError(
                f"{name}:1:1: this file contains no expression", excerpt=""
            )
        self.root = expressions[0]

    def _convert(self, top: SgNode) -> Node:
        """Copy the parser's tree, in time that is linear in the file's length.

        The parser library computes a node's line and column from the beginning of the
        line: that takes long in a long line. So the lengths of the tokens' own texts
        are added instead.
        """
        source = Node(self, top.kind(), 0, len(self.text), None, [], 0)
        self.nodes.append(source)
        unfinished = [(source, iter(top.children()))]
        offset = 0
        while unfinished:
            parent, rest = unfinished[-1]
            given = next(rest, None)
            if given is None:
                unfinished.pop()
                parent.after = len(self.nodes)
                if parent.children:
                    parent.start = parent.children[0].start
                    # The outermost node also has the white space at the end of the
                    # file.
                    parent.end = (
                        parent.children[-1].end if unfinished else len(self.text)
                    )
                continue
            children = given.children()
            token = given.text() if not children else ""
            if not children and not token and parent.kind == "inherited_attrs":
                # A name that the grammar misses in `inherit;`.
                continue
            node = Node(self, given.kind(), offset, offset, parent, [], len(self.nodes))
            if node.kind == "ERROR":
                raise syntax_error(self.name, self.text, given.range().start.index)
            self.nodes.append(node)
            parent.children.append(node)
            if children:
                if len(unfinished) == _DEEPEST:
                    raise RefusalError(
                        f"{self.name}:{self.place(offset)}: the code is nested more "
                        f"than {_DEEPEST} levels deep"
                    )
                unfinished.append((node, iter(children)))
                continue
            node.start = self._beginning(token, offset)
            node.end = node.start + len(token)
            if node.kind == "comment" and token.startswith("/*"):
                node.end = self.text.index("*/", node.start + 2) + 2
            offset = node.end
            node.after = len(self.nodes)
        return source

    def _beginning(self, token: str, offset: int) -> int:
        """Return where the next token begins, if only white space comes before."""
        if self._parsed.startswith(token, offset):
            return offset
        visible = _VISIBLE.search(self._parsed, offset)
        return visible.start() if visible is not None else offset

    def place(self, offset: int) -> str:
        """`line:column` of an offset, both counted from 1."""
        line, column = _line_and_column(self.text, offset)
        return f"{line}:{column}"


@lru_cache(maxsize=32)
def parsed(text: str, *, name: str, known: bool = False) -> Tree:
    """Return the Tree of a text, which nobody changes; raise as Tree does."""
    return Tree(text, name=name, known=known)


def readable(texts: Sequence[str], *, most: float = inf) -> list[bool]:
    """Return for each text whether the parser finishes in time.

    Many texts together take hardly longer than one.

    Slow texts share `most` CPU seconds; after these, the rest counts as unreadable.
    """
    left = most

    def are(some: Sequence[str]) -> list[bool]:
        nonlocal left
        if sum(map(len, some)) <= _HARMLESS:
            return [True] * len(some)
        seconds = min(_limit(some), left)
        if seconds <= 0 or confined.ends(
            lambda: [SgRoot(text, "nix") for text in some], seconds=seconds
        ):
            return [seconds > 0] * len(some)
        left -= seconds
        middle = len(some) // 2
        return [*are(some[:middle]), *are(some[middle:])] if middle else [False]

    return are(texts)


def _limit(texts: Sequence[str]) -> float:
    return _SECONDS + sum(map(len, texts)) / _PER_SECOND


def lost_comments(before: Tree, after: Tree) -> list[Node]:
    """Return the comments of one text that another one lacks."""

    def comments(tree: Tree) -> list[tuple[str, Node]]:
        return [
            (" ".join(node.text.split()), node)
            for node in tree.nodes
            if node.kind == "comment"
        ]

    kept = Counter(words for words, _ in comments(after))
    lost: list[Node] = []
    for words, comment in comments(before):
        kept[words] -= 1
        if kept[words] < 0:
            lost.append(comment)
    return lost


def syntax_error(name: str, text: str, offset: int) -> NixSyntaxError:
    """Return the error for a place that is not valid Nix, with its line and a caret."""
    line, column = _line_and_column(text, offset)
    lines = text.split("\n")
    shown = (
        lines[line - 1].rstrip("\r").replace("\t", " ") if line <= len(lines) else ""
    )
    fact, hint = "syntax error", None
    if shown.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        fact, hint = "merge conflict marker", "resolve the merge conflict first"
    return NixSyntaxError(
        f"{name}:{line}:{column}: {fact}", excerpt=excerpt(shown, column), hint=hint
    )


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


_MAY_BE_EMPTY = frozenset(
    {"source_code", "string_fragment", "binding_set", "inherited_attrs"}
)


def column(text: str, offset: int) -> int:
    """Return the column of an offset, counted from 0."""
    return offset - text.rfind("\n", 0, offset) - 1


def indentation(text: str, offset: int) -> int:
    """Return the indentation of an offset's line."""
    line = text[text.rfind("\n", 0, offset) + 1 :]
    return len(line) - len(line.lstrip(" "))


def is_first(text: str, offset: int) -> bool:
    """Return whether only white space precedes an offset on its line."""
    return not text[text.rfind("\n", 0, offset) + 1 : offset].strip()
