"""Change `inherit` statements: names that come from somewhere else, that are taken out or added, what follows them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.lift import style
from toolkit.nix.edit import Edit
from toolkit.nix.scope import static_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolkit.nix.tree import Node


@dataclass(frozen=True, slots=True)
class StatementEdit:
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
        indent = style.line_indent(text, statement.start) + 2 if one_line else style.column(text, statement.start)
        written = list(self._written(statement, indent))
        if literal is not None and (len(written) > 1 or any("\n" in item for item in written)):
            yield from style.apart(literal)
        separator = "\n\n" if self.behind else "\n"
        comments = "".join(f"{node.text}\n{' ' * indent}" for node in statement.walk() if node.kind == "comment")
        yield Edit(statement.start, statement.end, comments + f"{separator}{' ' * indent}".join(written))
        if self.behind and "\n" in written[-1] and re.match(r"\n[ \t]*[^\s}]", text[statement.end :]):
            yield Edit(statement.end, statement.end, "\n")

    def _written(self, statement: Node, indent: int) -> Iterator[str]:
        names = [static_name(node) or node.text for node in style.inherited(statement)]
        rest = [name for name in names if name not in self.sources and name not in self.dropped]
        if rest or self.added:
            yield style.inherit([*rest, *self.added], indent, style.source(statement))
        groups: dict[str, list[str]] = {}
        for name, path in ((name, self.sources[name]) for name in names if name in self.sources):
            if path[-1] == name:
                groups.setdefault(".".join(path[:-1]), []).append(name)
            else:
                yield f"{name} = {'.'.join(path)};"
        for source, group in groups.items():
            yield style.inherit(group, indent, source)
        for write in self.behind:
            yield write(indent)
