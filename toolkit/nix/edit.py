"""Replace spans of a text, and reindent code without changing a string.

All other bytes stay the same.

Nix strips the common indentation of the lines in `''…''` (Nix manual, "String
literals"), so these lines may move together. Lines of `"…"` may not move, nor those of
an indented string with a tab, a carriage return or a first line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from toolkit.nix.tree import Node, Tree

_STRINGS = frozenset(["string_expression", "indented_string_expression"])


class Edit(Struct, frozen=True, order=True):
    """Replace the characters from `start` up to `end` by `replacement`."""

    start: int
    end: int
    replacement: str

    def within(self, start: int) -> Edit:
        """Return the same edit for the part of the text that begins at an offset."""
        return Edit(self.start - start, self.end - start, self.replacement)


def replaced(node: Node, text: str) -> Edit:
    """Return an edit that replaces a node by a text."""
    return Edit(node.start, node.end, text)


def inserted(offset: int, text: str) -> Edit:
    """Return an edit that inserts a text."""
    return Edit(offset, offset, text)


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` after all edits.

    Raise ValueError if edits overlap, which is a bug of the caller.
    """
    pieces: list[str] = []
    position = 0
    for edit in sorted(edits):
        if edit.start < position:
            message = f"edits overlap at offset {edit.start}"
            raise ValueError(message)
        pieces += [text[position : edit.start], edit.replacement]
        position = edit.end
    return "".join([*pieces, text[position:]])


def shifted(tree: Tree, start: int, end: int, columns: int) -> str:
    """Return a part of the text with its lines moved right by `columns` (or left).

    The first line stays, and so do lines of strings that must not move.
    """
    return apply(
        tree.text[start:end],
        [move.within(start) for move in moves(tree, start, end, columns)],
    )


def moves(tree: Tree, start: int, end: int, columns: int) -> Iterator[Edit]:
    """Yield the edits that move the lines from `start` to `end`, as `shifted` does."""
    if not columns:
        return
    # The code within `${ … }` may move, whatever the string around it.
    kinds = {*_STRINGS, "interpolation"}
    strings = [
        node
        for node in tree.nodes
        if node.kind in kinds and node.start < end and start < node.end
    ]
    around: list[Node] = []
    fixed: dict[Node, bool] = {}
    for line in re.compile(r"(?<=\n)[^\n]+").finditer(tree.text, start, end):
        at = line.start()
        while strings and strings[0].start < at:
            around.append(strings.pop(0))
        around = [node for node in around if at < node.end]
        string = around[-1] if around else None
        if string is not None and fixed.setdefault(string, _is_fixed(string, columns)):
            continue
        if columns > 0:
            yield Edit(at, at, " " * columns)
        else:
            spaces = len(line[0]) - len(line[0].lstrip(" "))
            yield Edit(at, at + min(spaces, -columns), "")


def _is_fixed(string: Node, columns: int) -> bool:
    """Return whether the lines of a string, or of code within one, must not move."""
    if string.kind != "indented_string_expression":
        return string.kind == "string_expression"
    first, *lines = string.text.removeprefix("''").split("\n")
    too_short = [
        line for line in lines if line.strip() and not line.startswith(" " * -columns)
    ]
    return (
        bool(first.strip())
        or bool(re.search(r"[\t\r]", string.text))
        or bool(columns < 0 and too_short)
    )
