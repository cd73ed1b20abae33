"""Move definitions with their comments, and change an `inherit` (RFC 166).

This module cuts out definitions and indents them for their new place. An `inherit`
gains and loses names, and may change its source.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct, field

from toolkit.lift.style import WIDTH
from toolkit.nix.attributes import inherited, statements, value
from toolkit.nix.edit import Edit, inserted, replaced, shifted
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node, parsed

_COMMENTS = re.compile(
    r"(?:[ \t]*/\*(?:(?!\*/)[^\n])*\*/(?=[ \t]*(?:\n|#|/\*)))*(?:[ \t]*#[^\n]*)?"
)
"""The comments at the end of a line: some in `/* … */`, and one with `#`."""

_OPENS = re.compile(r"(?:\blet|[{(\[:])[ \t]*(?:#[^\n]*)?\Z")
_CLOSES = re.compile(r"\s*(?:in\b|[})\]])")


class MovedDefinition(Struct, frozen=True, kw_only=True):
    """A definition that moves: its name, its text with comments, its old column.

    `place` is its line and column for messages, `offset` the same in characters.
    """

    name: str
    text: str
    column: int
    place: str
    offset: int = 0

    def written(self, column: int, *, prefix: str = "") -> str:
        """Write the definition for another column, with a prefix before its name."""
        tree = parsed(f"{{{self.text}\n}}", name=self.place)
        written = shifted(tree, 1, 1 + len(self.text), column - self.column)
        if not prefix:
            return written
        start = self._binding(written).start - 1
        return f"{written[:start]}{prefix}{written[start:]}"

    def parts(self, column: int) -> tuple[str, str]:
        """Write the definition for another column.

        Return the comments above it, and the text between `=` and `;`.
        """
        written = self.written(column)
        binding = self._binding(written)
        equals = binding.symbol("=")
        return written[: binding.start - 1], written[
            equals.end - 1 : value(binding).end - 1
        ]

    def _binding(self, written: str) -> Node:
        """Return the binding in a text that has one more character before it."""
        return next(
            node
            for node in parsed(f"{{{written}\n}}", name=self.place).nodes
            if node.kind == "binding"
        )


def extent(node: Node) -> tuple[int, int]:
    """Return where a binding begins and ends, with the comments above and after it.

    Comments above a blank line belong to everything that follows, unless this is the
    last binding.
    """
    text, start = node.tree.text, node.start
    apart = {1, 2} if _CLOSES.match(text, after(node)) else {1}
    before = [
        other for other in node.tree.nodes[: node.index] if other.kind == "comment"
    ]
    for comment in reversed(before):
        between = text[comment.end : start]
        if between.strip() or between.count("\n") not in apart or not comment.is_first:
            break
        start = comment.start
    return start, after(node)


def after(node: Node) -> int:
    """Return the end of a node, including the comments on its line."""
    return next(_COMMENTS.finditer(node.tree.text, node.end)).end()


def removals(lets: Sequence[Node], spans: Sequence[tuple[int, int]]) -> list[Edit]:
    """Return edits that delete definitions from lets, without stray blank lines.

    A let that becomes empty is deleted too.
    """
    if not spans:
        return []
    edits: list[Edit] = []
    gone = sorted(set(spans))
    for let in lets:
        comments = (child for child in let.children if child.kind == "comment")
        inner = (*statements(let), *comments)
        within = [
            next((span for span in gone if span[0] <= child.start < span[1]), None)
            for child in inner
        ]
        if within and None not in within:
            edits.append(Edit(let.start, let.children[-1].start, ""))
            gone = [span for span in gone if span not in within]
    return edits + [
        Edit(begin, end, _left(lets[0].tree.text, begin, end))
        for begin, end in _runs(lets[0].tree.text, gone)
    ]


def _runs(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join neighbours that move, with the white space before and blank lines after."""
    runs: list[tuple[int, int]] = []
    for start, end in spans:
        begin = len(text[:start].rstrip())
        rest = text[end : len(text) - len(text[end:].lstrip())]
        finish = end + (rest.rindex("\n") if "\n" in rest else len(rest))
        if runs and begin <= runs[-1][1]:
            begin = runs.pop()[0]
        runs.append((begin, finish))
    return runs


def _left(text: str, begin: int, end: int) -> str:
    """Return the white space that remains: a blank line, or none at an edge.

    If the text continues on the same line, the white space before it stays.
    """
    if text[end : end + 1] != "\n":
        return text[begin : len(text) - len(text[begin:].lstrip())]
    blank = re.search(r"\n[ \t]*(?:\n|\Z)", text[begin:end]) is not None
    return (
        "\n"
        if blank and not _OPENS.search(text[:begin]) and not _CLOSES.match(text[end:])
        else ""
    )


_ON_ONE_LINE = 3


def inherit(
    names: Sequence[str], indent: int, source: str = "", *, apart: bool = False
) -> str:
    """Write `inherit (source) names;` for a column at which its first line begins.

    With `apart`, write it on several lines.
    """
    head = f"inherit ({source})" if source else "inherit"
    line = f"{head} {' '.join(names)};"
    if not apart and len(names) <= _ON_ONE_LINE and len(line) <= WIDTH:
        return line
    margin = " " * (indent + 2)
    return "\n".join([head, *(f"{margin}{name}" for name in names), f"{margin};"])


def source(statement: Node) -> str:
    """Return the source text in `inherit (it)`, empty for a plain inherit."""
    if statement.kind != "inherit_from":
        return ""
    brackets = {child.kind: child for child in statement.children}
    return statement.tree.text[brackets["("].end : brackets[")"].start].strip()


def is_spaced(literal: Node) -> bool:
    """Return whether a blank line separates any two bindings of a set."""
    bindings = statements(literal)
    gaps = (literal.tree.text[one.end : two.start] for one, two in pairwise(bindings))
    return any(re.search(r"\n[ \t]*\n", gap) for gap in gaps)


def apart(literal: Node) -> list[Edit]:
    """Return edits that put each binding of a set or let on its own lines.

    Return none if it already has several lines.
    """
    bindings = statements(literal)
    if "\n" in literal.text or not bindings:
        return []
    outer = literal.indentation
    before = next(child for child in literal.children if child.kind in {"{", "let"})
    behind = next(child for child in literal.children if child.kind in {"}", "in"})
    ends = [before.end, *(child.end for child in bindings)]
    starts = [*(child.start for child in bindings), behind.start]
    margins = [*([outer + 2] * len(bindings)), outer]
    return [
        Edit(end, start, f"\n{' ' * margin}")
        for end, start, margin in zip(ends, starts, margins, strict=True)
    ]


class StatementEdit(Struct, frozen=True):
    """The changes of one statement.

    `sources` maps a name to the attribute path that it now comes from. `dropped` are
    removed names, and `added` new ones. `behind` are definitions to put after it, in
    their old order.
    """

    sources: dict[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    dropped: set[str] = field(default_factory=set[str])
    added: list[str] = field(default_factory=list[str])
    behind: list[MovedDefinition] = field(default_factory=list[MovedDefinition])

    def leaves_nothing(self, statement: Node) -> bool:
        """Return whether an inherit disappears and nothing replaces it."""
        names = {static_name(node) or node.text for node in inherited(statement)}
        return (
            names <= self.dropped - {*self.sources}
            and not self.added
            and not self.behind
        )

    def edits(self, statement: Node) -> Iterator[Edit]:
        """Yield the edits for the change."""
        text = statement.tree.text
        literal = statement.enclosing(
            "attrset_expression", "rec_attrset_expression", "let_expression"
        )
        one_line = literal is not None and "\n" not in literal.text
        indent = statement.indentation + 2 if one_line else statement.column
        written = list(self._written(statement, indent))
        if literal is not None and (
            len(written) > 1 or any("\n" in item for item in written)
        ):
            yield from apart(literal)
        comments = "".join(
            f"{node.text}\n{' ' * indent}"
            for node in statement.walk()
            if node.kind == "comment"
        )
        rest = (
            f"{self._between(*pair)}{' ' * indent}{pair[1]}"
            for pair in pairwise(written)
        )
        whole = "".join([*written[:1], *rest])
        yield replaced(statement, comments + whole)
        if (
            self.behind
            and "\n" in written[-1]
            and re.match(r"\n[ \t]*[^\s}]", text[statement.end :])
        ):
            yield inserted(statement.end, "\n")

    def _between(self, item: str, following: str) -> str:
        """Return the blank line between two statements, if any.

        Return none if nothing moved here, or if both are short definitions.
        """
        short = all(
            "\n" not in each and not each.startswith("inherit")
            for each in (item, following)
        )
        return "\n" if short or not self.behind else "\n\n"

    def _written(self, statement: Node, indent: int) -> Iterator[str]:
        names = [static_name(node) or node.text for node in inherited(statement)]
        rest = [
            name
            for name in names
            if name not in self.sources and name not in self.dropped
        ]
        if rest or self.added:
            several = len(rest) > 1 and "\n" in statement.text
            yield inherit(
                [*rest, *self.added], indent, source(statement), apart=several
            )
        groups: dict[str, list[str]] = {}
        for name, path in (
            (name, self.sources[name]) for name in names if name in self.sources
        ):
            if path[-1] == name:
                groups.setdefault(".".join(path[:-1]), []).append(name)
            else:
                yield f"{name} = {'.'.join(path)};"
        for begin, group in groups.items():
            yield inherit(group, indent, begin)
        for definition in sorted(self.behind, key=lambda each: each.offset):
            yield definition.written(indent)
