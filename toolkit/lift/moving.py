"""Take definitions out of where they stand, with the comments above them, and indent them for where they go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.errors import RefusalError
from toolkit.nix.attributes import value
from toolkit.nix.edit import Edit, is_first
from toolkit.nix.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.nix.tree import Node

_COMMENT = re.compile(r"[ \t]*#[^\n]*")
_OPENS = re.compile(r"(?:\blet|[{(\[:])[ \t]*(?:#[^\n]*)?\Z")
_CLOSES = re.compile(r"\s*(?:in\b|[})\]])")


class MovedDefinition(Struct, frozen=True, kw_only=True):
    """A definition that moves: its name, its text with the comments above, the column that this was written for.

    `place` is where it stands, for messages.
    """

    name: str
    text: str
    column: int
    place: str

    def at(self, column: int, *, prefix: str = "") -> str:
        """Write it for another column, with something before its name."""
        written = shifted(self.text, column - self.column, name=self.place)
        start = self._binding(written).start - 1 if prefix else 0
        return f"{written[:start]}{prefix}{written[start:]}"

    def parts(self, column: int) -> tuple[str, str]:
        """Write it for another column; return the comments above, and what is between `=` and `;`."""
        written = self.at(column)
        binding = self._binding(written)
        equals = next(child for child in binding.children if child.kind == "=")
        return written[: binding.start - 1], written[equals.end - 1 : value(binding).end - 1]

    def _binding(self, written: str) -> Node:
        """Return the binding, in a text that has one character more before it."""
        return next(node for node in Tree(f"{{{written}\n}}", name=self.place).nodes if node.kind == "binding")


def extent(node: Node) -> tuple[int, int]:
    """Return where a binding begins, with the comments right above it, and ends, with the comment on its last line."""
    text, start = node.tree.text, node.start
    before = [other for other in node.tree.nodes if other.kind == "comment" and other.end <= start]
    for comment in reversed(before):
        between = text[comment.end : start]
        if between.strip() or between.count("\n") != 1 or not is_first(text, comment.start):
            break
        start = comment.start
    rest = _COMMENT.match(text, node.end)
    return start, rest.end() if rest is not None else node.end


def shifted(definition: str, by: int, *, name: str) -> str:
    """Return a definition with all lines but its first indented by more columns.

    Lines of a string that would change with it stay. Raise RefusalError where there is not enough to take away.
    """
    tree = Tree(f"{{{definition}\n}}", name=name)
    fixed: set[int] = set()
    for node in tree.nodes:
        if node.kind in {"string_expression", "indented_string_expression"} and "\n" in node.text:
            opening = node.text[2 : node.text.index("\n")] if node.kind.startswith("indented") else "text"
            if opening.strip():
                first = tree.text.count("\n", 0, node.start)
                fixed.update(range(first + 1, first + 1 + node.text.count("\n")))
    lines = definition.split("\n")
    for number, line in enumerate(lines):
        if number and line and number not in fixed:
            if line[: max(-by, 0)].strip():
                raise RefusalError(f"{name}: a line of a definition that moves is indented less than the definition")
            lines[number] = " " * by + line[max(-by, 0) :]
    return "\n".join(lines)


def removals(lets: Sequence[Node], spans: Sequence[tuple[int, int]]) -> list[Edit]:
    """Return the edits that take definitions out of lets, with the blank lines that would be left double or at an edge.

    A let of which nothing is left goes whole.
    """
    edits: list[Edit] = []
    gone = sorted(set(spans))
    for let in lets:
        within = let.child("binding_set")
        kept = [
            child
            for child in (*(within.children if within is not None else ()), *let.children)
            if child.kind in {"comment", "binding", "inherit", "inherit_from"}
            and not any(start <= child.start < end for start, end in gone)
        ]
        own = [span for span in gone if within is not None and within.start <= span[1] <= within.end + 1]
        if own and not kept:
            edits.append(Edit(let.start, let.children[-1].start, ""))
            gone = [span for span in gone if span not in own]
    return edits + [
        Edit(begin, end, _left(lets[0].tree.text, begin, end)) for begin, end in _runs(lets[0].tree.text, gone)
    ]


def _runs(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join what goes and is next to each other, each with the white space before it and the blank lines behind it."""
    runs: list[tuple[int, int]] = []
    for start, end in spans:
        begin = len(text[:start].rstrip()) if is_first(text, start) else start
        rest = text[end : len(text) - len(text[end:].lstrip())]
        finish = end + (rest.rindex("\n") if "\n" in rest else len(rest))
        if runs and begin <= runs[-1][1]:
            begin = runs.pop()[0]
        runs.append((begin, finish))
    return runs


def _left(text: str, begin: int, end: int) -> str:
    """Return what is left between what stands before and behind: a blank line where there was one, none at an edge.

    Of what goes on in the same line the white space before it is left.
    """
    if text[end : end + 1] != "\n":
        return text[begin : len(text) - len(text[begin:].lstrip())]
    blank = re.search(r"\n[ \t]*\n", text[begin : end + 1]) is not None
    return "\n" if blank and not _OPENS.search(text[:begin]) and not _CLOSES.match(text[end:]) else ""
