"""Commit 1: the components leave dockerGen's `let … in`, by one of three strategies.

    sentinel   they move, unchanged, into a function at the file's top level; dockerGen takes each as a
               required parameter that its calls set to null, which stands for the default
    in_place   they stay where they are under other names; the parameters are the same
    parameter  they become defaults of parameters, which callPackage fills from the package set

What the strategies share is here: what moves, the checks before anything is written, dockerGen's new
parameters, and its calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.rewrite.style import Style
from toolkit.errors import LayoutError, RefusalError
from toolkit.nix.edit import Edit
from toolkit.nix.scope import GLOBALS, static_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.nix.tree import Node

_OPERATORS = frozenset(["__sub", "__mul", "__div", "__lessThan", "__nixPath", "__findFile"])
"""What Nix looks up for `-`, `*`, `/`, `<`, `<x>` (design.md, scope rules)."""

CALLER = "callDocker"
"""The function that calls dockerGen with the components set to null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A binding of dockerGen's let with all that belongs to it.

    `start` is the end of what stands before (so that the text from `start` to `end` has the blank line and
    the comments above the binding), `end` the end of the binding and of a comment on its last line.
    """

    name: str
    node: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifting:
    """What a strategy works on: the components in the order of the file, and all definitions that move.

    `moved` holds the components and those of dockerGen's let which they need, in the order of the file.
    """

    file: DockerFile
    let: Node
    components: tuple[str, ...]
    moved: tuple[Definition, ...]

    @property
    def helpers(self) -> tuple[str, ...]:
        """The names that move along because a component needs them."""
        return tuple(definition.name for definition in self.moved if definition.name not in self.components)

    @property
    def indent(self) -> int:
        """The column of the definitions."""
        return _column(self.file, self.moved[0].node)

    @property
    def outer_indent(self) -> int:
        """The column of dockerGen's own binding."""
        return _column(self.file, self.file.binding)


def prepare(file: DockerFile, components: Sequence[str]) -> Lifting:
    """Find what has to move.

    Raise LayoutError where a component is not bound in dockerGen's let, RefusalError where moving would
    change the meaning of a name or of a string.
    """
    let = file.let
    if let is None or any(name not in file.bindings for name in components):
        raise LayoutError(f"{file.at(file.binding)}: the components are not bound in {GENERATOR}'s let")
    needed = set(components)
    pending = list(components)
    while pending:
        for name in file.siblings(file.bindings[pending.pop()]):
            if name not in needed:
                needed.add(name)
                pending.append(name)
    moved = tuple(_definition(file, let, name) for name in file.bindings if name in needed)
    for name, node in (*file.formals.items(), *file.bindings.items()):
        if name in _OPERATORS:
            raise RefusalError(f"{file.at(node)}: '{name}' gives an operator another meaning in what would move")
    for definition in moved:
        _require_simple(file, definition)
        _require_no_lost_with(file, definition)
    return Lifting(
        file=file,
        let=let,
        components=tuple(name for name in file.bindings if name in set(components)),
        moved=moved,
    )


def require_unused(file: DockerFile, names: Iterable[str]) -> None:
    """Raise RefusalError where a name that the rewrite introduces is already used in the file."""
    introduced = frozenset(names)
    for node in file.tree.root.walk():
        attribute = node.parent is not None and node.parent.kind in {"attrpath", "inherited_attrs"}
        if (node.kind == "identifier" or attribute) and (name := static_name(node)) in introduced:
            raise RefusalError(f"{file.at(node)}: the name '{name}', which the rewrite would introduce, is in use here")


def require_movable_strings(lifting: Lifting) -> None:
    """Raise RefusalError for a string in the moved code whose indentation cannot be told apart from its text.

    In an indented string Nix strips spaces only; tabs and carriage returns are text.
    """
    for definition in lifting.moved:
        for node in definition.node.walk():
            if node.kind == "indented_string_expression" and (bad := re.search(r"[\t\r]", node.text)):
                place = lifting.file.tree.place(node.start + bad.start())
                what = "tab" if bad[0] == "\t" else "carriage return"
                raise RefusalError(
                    f"{lifting.file.tree.name}:{place}: a {what} inside of an indented string that has to move",
                    hint="use --strategy in-place, which moves nothing",
                )


def new_parameters(lifting: Lifting, comment: str) -> list[Edit]:
    """Add the components to dockerGen's parameters and name its argument set `args`."""
    file = lifting.file
    pattern = next(child for child in file.function.children if child.kind == "formals")
    names = lifting.components
    if pattern.child("ellipses") is not None:
        raise RefusalError(f"{file.at(pattern)}: {GENERATOR} takes any argument ('...')")
    margin = " " * formal_indent(file)
    match file.style:
        case Style.NIXFMT | Style.ALEJANDRA:
            lines = [f"{margin}{name}," for name in names]
        case Style.NIXPKGS_FMT:
            lines = [f"{margin}, {name}" for name in names]
        case Style.OLD:
            lines = [f"{margin}, {', '.join(names)}"]
    edits = [append_formals(file, [parameter_comment(file, comment), *lines])]
    if not any(child.kind == "@" for child in file.function.children):
        edits.append(Edit(pattern.end, pattern.end, "@args"))
    else:
        raise RefusalError(f"{file.at(pattern)}: {GENERATOR} already names its argument set")
    return edits


def formal_indent(file: DockerFile) -> int:
    """Return the column where a line of dockerGen's parameters begins, with its comma where that leads."""
    last = _last_formal(file)
    start = file.text.rfind("\n", 0, last.start) + 1
    return len(file.text[start:]) - len(file.text[start:].lstrip())


def append_formals(file: DockerFile, lines: Sequence[str]) -> Edit:
    """Add lines with parameters to dockerGen's, after the last one, its comma, and the comment on its line."""
    last = _last_formal(file)
    siblings = last.parent.children if last.parent is not None else []
    comma = next((sibling for sibling in siblings if sibling.kind == "," and sibling.start >= last.end), None)
    start, end = (last.end, last.end) if comma is None else (comma.start, comma.end)
    separator = "" if file.style in {Style.OLD, Style.NIXPKGS_FMT} else ","
    line_end = _after(file, comma or last)
    return Edit(start, line_end, separator + file.text[end:line_end] + "\n" + "\n".join(lines))


def _last_formal(file: DockerFile) -> Node:
    """Return the last parameter in the braces: a name for all of them may follow."""
    formals = [formal for formal in file.formals.values() if formal.kind == "formal"]
    if not formals:
        raise RefusalError(f"{file.at(file.function)}: {GENERATOR} has no parameters")
    return formals[-1]


def parameter_comment(file: DockerFile, comment: str) -> str:
    """Write a comment that stands among dockerGen's parameters; nixpkgs-fmt indents it below the commas."""
    return file.style.comment(comment, formal_indent(file) + (2 if file.style is Style.NIXPKGS_FMT else 0))


def new_calls(lifting: Lifting) -> list[Edit]:
    """Define callDocker after dockerGen and use it in each release."""
    file = lifting.file
    indent = lifting.outer_indent
    end = _after(file, file.binding)
    comment = file.style.comment(
        "null stands for the default component. Without it callPackage would take a package of that name "
        "from the package set, related or not.",
        indent,
    )
    caller = file.style.caller(CALLER, GENERATOR, lifting.components, indent)
    definition = Edit(end, end, f"\n\n{comment}\n{caller}")
    return [definition, *(Edit(call.start, call.end, CALLER) for call in file.calls())]


def removals(lifting: Lifting, definitions: Iterable[Definition]) -> list[Edit]:
    """Take definitions out of the let, with the blank line that would be left at its head."""
    text = lifting.file.text
    edits: list[Edit] = []
    begin = _head(lifting.file, lifting.let)
    for definition in definitions:
        end = definition.end
        if definition.start == begin:
            begin = end
            continues = any(other.start == begin for other in lifting.moved)
            end = begin if continues or not text.startswith("\n\n", begin) else begin + 1
        edits.append(Edit(definition.start, end, ""))
    return edits


def _head(file: DockerFile, let: Node) -> int:
    """Return where the text before the first binding of the let begins: after the `let` and a comment on its line."""
    return _after(file, let.children[0])


def _definition(file: DockerFile, let: Node, name: str) -> Definition:
    node = file.bindings[name]
    siblings = node.parent.children if node.parent is not None else []
    index = next(i for i, sibling in enumerate(siblings) if sibling is node)
    while index and siblings[index - 1].kind == "comment" and not _ends_a_line(file, siblings, index - 1):
        index -= 1
    start = _after(file, siblings[index - 1]) if index else _head(file, let)
    return Definition(name=name, node=node, start=start, end=_after(file, node))


def _ends_a_line(file: DockerFile, siblings: Sequence[Node], index: int) -> bool:
    """Tell whether a comment ends the last line of the binding before it."""
    return index > 0 and _after(file, siblings[index - 1]) >= siblings[index].end


_COMMENTS = re.compile(r"(?:[ \t]*/\*(?:(?!\*/)[^\n])*\*/(?=[ \t]*(?:\n|#|/\*)))*(?:[ \t]*#[^\n]*)?")
"""What may end a line: comments in `/* … */` with no code after them, and one with `#`."""


def _after(file: DockerFile, node: Node) -> int:
    """Return the end of a node, with the comments that follow on its line."""
    rest = _COMMENTS.match(file.text, node.end)
    return rest.end() if rest is not None else node.end


def _column(file: DockerFile, node: Node) -> int:
    return node.start - file.text.rfind("\n", 0, node.start) - 1


def _require_simple(file: DockerFile, definition: Definition) -> None:
    node = definition.node
    path = node.child("attrpath")
    if node.kind != "binding" or path is None or len(path.children) != 1:
        raise RefusalError(f"{file.at(node)}: '{definition.name}' is not bound by one plain '{definition.name} = …;'")


def _require_no_lost_with(file: DockerFile, definition: Definition) -> None:
    for reference in file.uses(definition.node):
        if reference.scope is not None or reference.name in GLOBALS:
            continue
        for scope in reference.withs:
            inside = file.function.contains(scope.node) and not definition.node.contains(scope.node)
            if inside:
                raise RefusalError(
                    f"{file.at(reference.node)}: '{reference.name}' comes from the 'with' at {scope.node.place}, "
                    "which the definition would leave"
                )
            break
