"""Write and change `inherit` statements in nixfmt's form (RFC 166): where names come from, which go and which come."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct, field

from toolkit.nix.attributes import inherited, statements
from toolkit.nix.edit import Edit, column, indentation
from toolkit.nix.scope import static_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolkit.nix.tree import Node

_ON_ONE_LINE = 3
_WIDTH = 100


def inherit(names: Sequence[str], indent: int, source: str = "") -> str:
    """Write `inherit (source) names;` for a place at a column, where its first line begins."""
    head = f"inherit ({source})" if source else "inherit"
    line = f"{head} {' '.join(names)};"
    if len(names) <= _ON_ONE_LINE and len(line) <= _WIDTH:
        return line
    margin = " " * (indent + 2)
    return "\n".join([head, *(f"{margin}{name}" for name in names), f"{margin};"])


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
    bindings = statements(literal)
    gaps = (literal.tree.text[one.end : two.start] for one, two in pairwise(bindings))
    return any(re.search(r"\n[ \t]*\n", gap) for gap in gaps)


def apart(literal: Node) -> list[Edit]:
    """Return the edits that put each binding of a set on lines of its own; none for a set of several lines."""
    text, bindings = literal.tree.text, statements(literal)
    if "\n" in literal.text or not bindings:
        return []
    outer = indentation(text, literal.start)
    brace = next(child for child in literal.children if child.kind == "{")
    ends = [brace.end, *(child.end for child in bindings)]
    starts = [*(child.start for child in bindings), literal.children[-1].start]
    margins = [*([outer + 2] * len(bindings)), outer]
    return [Edit(end, start, f"\n{' ' * margin}") for end, start, margin in zip(ends, starts, margins, strict=True)]


class StatementEdit(Struct, frozen=True):
    """What becomes of one statement.

    `sources` has the path of attributes that a name is to come from, `dropped` the names that go, `added` those that
    come; `behind` are bindings that follow it, each written for the column that it is given.
    """

    sources: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    dropped: set[str] = field(default_factory=set[str])
    added: list[str] = field(default_factory=list[str])
    behind: list[Callable[[int], str]] = field(default_factory=list["Callable[[int], str]"])

    def edits(self, statement: Node) -> Iterator[Edit]:
        """Yield the edits that make the change."""
        text = statement.tree.text
        literal = statement.enclosing("attrset_expression", "rec_attrset_expression", "let_expression")
        one_line = literal is not None and "\n" not in literal.text
        indent = indentation(text, statement.start) + 2 if one_line else column(text, statement.start)
        written = list(self._written(statement, indent))
        if literal is not None and (len(written) > 1 or any("\n" in item for item in written)):
            yield from apart(literal)
        separator = "\n\n" if self.behind else "\n"
        comments = "".join(f"{node.text}\n{' ' * indent}" for node in statement.walk() if node.kind == "comment")
        yield Edit(statement.start, statement.end, comments + f"{separator}{' ' * indent}".join(written))
        if self.behind and "\n" in written[-1] and re.match(r"\n[ \t]*[^\s}]", text[statement.end :]):
            yield Edit(statement.end, statement.end, "\n")

    def _written(self, statement: Node, indent: int) -> Iterator[str]:
        names = [static_name(node) or node.text for node in inherited(statement)]
        rest = [name for name in names if name not in self.sources and name not in self.dropped]
        if rest or self.added:
            yield inherit([*rest, *self.added], indent, source(statement))
        groups: dict[str, list[str]] = {}
        for name, path in ((name, self.sources[name]) for name in names if name in self.sources):
            if path[-1] == name:
                groups.setdefault(".".join(path[:-1]), []).append(name)
            else:
                yield f"{name} = {'.'.join(path)};"
        for begin, group in groups.items():
            yield inherit(group, indent, begin)
        for write in self.behind:
            yield write(indent)
