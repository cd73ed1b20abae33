"""Write and change `inherit` in nixfmt's form (RFC 166)."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from toolkit.nix.edit import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.nix.tree import Node

_ON_ONE_LINE = 3
_WIDTH = 100


def column(text: str, offset: int) -> int:
    """Return the column of an offset, counted from 0."""
    return offset - text.rfind("\n", 0, offset) - 1


def line_indent(text: str, offset: int) -> int:
    """Return by how many columns the line of an offset is indented."""
    begin = text.rfind("\n", 0, offset) + 1
    line = text[begin:].split("\n", 1)[0]
    return len(line) - len(line.lstrip())


def begins_line(text: str, offset: int) -> bool:
    """Tell whether nothing but white space stands before an offset on its line."""
    return not text[text.rfind("\n", 0, offset) + 1 : offset].strip()


def inherit(names: Sequence[str], indent: int, source: str = "") -> str:
    """Write `inherit (source) names;` for a place at a column, where its first line begins."""
    head = f"inherit ({source})" if source else "inherit"
    line = f"{head} {' '.join(names)};"
    if len(names) <= _ON_ONE_LINE and len(line) <= _WIDTH:
        return line
    margin = " " * (indent + 2)
    return "\n".join([head, *(f"{margin}{name}" for name in names), f"{margin};"])


def inherited(statement: Node) -> list[Node]:
    """Return the names that an `inherit` takes."""
    names = statement.child("inherited_attrs")
    return [node for node in names.children if node.kind != "comment"] if names is not None else []


def source(statement: Node) -> str:
    """Return the text of what an `inherit (it)` takes names from, empty for a plain one."""
    if statement.kind != "inherit_from":
        return ""
    begin = next(index for index, child in enumerate(statement.children) if child.kind == "(")
    end = next(index for index, child in enumerate(statement.children) if child.kind == ")")
    text = statement.tree.text
    return text[statement.children[begin].end : statement.children[end].start].strip()


def is_spaced(literal: Node) -> bool:
    """Tell whether a blank line stands between any two bindings of a set."""
    within = literal.child("binding_set")
    bindings = within.children if within is not None else []
    gaps = (literal.tree.text[one.end : two.start] for one, two in pairwise(bindings))
    return any(re.search(r"\n[ \t]*\n", gap) for gap in gaps)


def apart(literal: Node) -> list[Edit]:
    """Return the edits that put each binding of a set on lines of its own; none for a set of several lines."""
    text, within = literal.tree.text, literal.child("binding_set")
    if "\n" in literal.text or within is None or not within.children:
        return []
    outer = line_indent(text, literal.start)
    brace = next(child for child in literal.children if child.kind == "{")
    ends = [brace.end, *(child.end for child in within.children)]
    starts = [*(child.start for child in within.children), literal.children[-1].start]
    margins = [*([outer + 2] * len(within.children)), outer]
    return [Edit(end, start, f"\n{' ' * margin}") for end, start, margin in zip(ends, starts, margins, strict=True)]
