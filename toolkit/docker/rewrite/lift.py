"""Commit 1: the components leave dockerGen's `let … in`, by one of three designs.

    attrs_first  they become attributes of docker's own derivation, which refers to them by `finalAttrs`
    parameters   they become defaults of dockerGen's parameters; `hidden` keeps these from callPackage, which would
                 fill them from the package set, and `parameter` does not

What the designs share is here: the definitions of the let, and the checks before anything is written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.docker import COMPONENTS
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.errors import LayoutError, RefusalError
from toolkit.nix.scope import GLOBALS, look_up, static_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.nix.scope import Reference
    from toolkit.nix.tree import Node

_OPERATORS = frozenset(["__sub", "__mul", "__div", "__lessThan", "__nixPath", "__findFile"])
"""What Nix looks up for `-`, `*`, `/`, `<`, `<x>` (design.md, scope rules)."""


class LetDefinition(Struct, frozen=True, kw_only=True):
    """What dockerGen's let binds at one place, with all that belongs to it.

    `start` is the end of what stands before (so that the text from `start` to `end` has the blank line and
    the comments above the binding), `end` the end of the binding and of a comment on its last line. `names` are several
    where it inherits.
    """

    names: tuple[str, ...]
    node: Node
    start: int
    end: int


class Lifting(Struct, frozen=True, kw_only=True):
    """What a design works on: dockerGen's let with its definitions, and the components, in the order of the file."""

    file: DockerFile
    let: Node
    head: int
    definitions: tuple[LetDefinition, ...]
    components: tuple[str, ...]

    def of(self, names: Iterable[str]) -> tuple[LetDefinition, ...]:
        """Return the definitions of some names, in the order of the file."""
        wanted = set(names)
        return tuple(definition for definition in self.definitions if not wanted.isdisjoint(definition.names))


def prepare(file: DockerFile) -> Lifting:
    """Find the definitions of the let.

    Raise LayoutError where a component is not bound in dockerGen's let, RefusalError where one is not bound by itself.
    """
    let = file.let
    if let is None or any(name not in file.bindings for name in COMPONENTS):
        raise LayoutError(f"{file.at(file.binding)}: the components are not bound in {GENERATOR}'s let")
    for name, node in (*file.formals.items(), *file.bindings.items()):
        if name in _OPERATORS:
            raise RefusalError(f"{file.at(node)}: '{name}' changes the meaning of an operator in what would move")
    head = after(file, let.children[0])
    nodes: dict[Node, list[str]] = {}
    for name, node in file.bindings.items():
        nodes.setdefault(node, []).append(name)
    lifting = Lifting(
        file=file,
        let=let,
        head=head,
        definitions=tuple(_definition(file, head, node, tuple(names)) for node, names in nodes.items()),
        components=tuple(name for name in file.bindings if name in COMPONENTS),
    )
    for definition in lifting.of(COMPONENTS):
        require_simple(file, definition)
    return lifting


def require_simple(file: DockerFile, definition: LetDefinition) -> None:
    """Raise RefusalError for a definition that is not one plain `name = …;`."""
    node = definition.node
    path = node.child("attrpath")
    if node.kind != "binding" or path is None or len(path.children) != 1:
        name = definition.names[0]
        raise RefusalError(f"{file.at(node)}: '{name}' is not bound by one plain '{name} = …;'")


def require_same_names(file: DockerFile, definition: LetDefinition, place: Node, moved: Iterable[str]) -> None:
    """Raise RefusalError for a name in a definition that has another meaning at `place`, other than those `moved`."""
    known = set(moved)
    for reference in file.uses(definition.node):
        bound = reference.scope is not None and definition.node.contains(reference.scope.node)
        if not (bound or reference.name in known or _means_there(reference, definition.node, place)):
            raise RefusalError(
                f"{file.at(reference.node)}: '{reference.name}' has a different meaning at {place.place}, where this "
                "would go"
            )


def _means_there(reference: Reference, definition: Node, place: Node) -> bool:
    """Tell whether a name that a definition uses has the same value at `place`, by the scopes outside of it."""
    found = look_up(reference.name, place)
    if reference.scope is not None or found.scope is not None:
        return found.means(reference)
    if reference.name in GLOBALS or (reference.withs and definition.contains(reference.withs[0].node)):
        return True
    outer = [scope.node for scope in reference.withs if not definition.contains(scope.node)]
    return outer == [scope.node for scope in found.withs]


def use_of(node: Node, name: str) -> Node | None:
    """Return a place below `node` where `name` is bound or used, other than as an attribute that is selected."""
    for each in node.walk():
        path = each.parent
        is_name = each.kind == "identifier" or (path is not None and path.kind in {"attrpath", "inherited_attrs"})
        selected = path is not None and path.kind == "attrpath" and (owner := path.parent) and owner.kind != "binding"
        if is_name and not selected and static_name(each) == name:
            return each
    return None


def kept(lifting: Lifting, definitions: Iterable[LetDefinition], rest: str) -> str:
    """Return the definitions that stay, those that stood beside one another as they are, for `rest` to follow."""
    spans: list[tuple[int, int]] = []
    for definition in definitions:
        if spans and spans[-1][1] == definition.start:
            spans[-1] = (spans[-1][0], definition.end)
        else:
            spans.append((definition.start, definition.end))
    text = lifting.file.text
    if spans and spans[0][0] == lifting.head:
        first, *others = spans
        return text[slice(*first)] + joined((text[start:end] for start, end in others), rest, first=False)
    return joined((text[start:end] for start, end in spans), rest)


def joined(pieces: Iterable[str], rest: str, *, first: bool = True) -> str:
    """Put definitions below one another, each with the space before it, but for empty lines before the `first`.

    Each begins a line, as does the `rest` behind them: what stands before may end in a comment.
    """
    text = "".join(piece if _BREAK.match(piece) else f"\n{piece}" for piece in pieces)
    end = "" if _BREAK.match(rest) else "\n"
    return (re.sub(r"^(?:[ \t]*\n)+", "\n", text) if first else text) + end


_BREAK = re.compile(r"[ \t]*\n")


def _definition(file: DockerFile, head: int, node: Node, names: tuple[str, ...]) -> LetDefinition:
    siblings = node.parent.children if node.parent is not None else []
    index = next(i for i, sibling in enumerate(siblings) if sibling is node)
    while index and siblings[index - 1].kind == "comment" and not _ends_a_line(file, siblings, index - 1):
        index -= 1
    start = after(file, siblings[index - 1]) if index else head
    return LetDefinition(names=names, node=node, start=start, end=after(file, node))


def _ends_a_line(file: DockerFile, siblings: Sequence[Node], index: int) -> bool:
    """Tell whether a comment ends the last line of the binding before it."""
    return index > 0 and after(file, siblings[index - 1]) >= siblings[index].end


_COMMENTS = re.compile(r"(?:[ \t]*/\*(?:(?!\*/)[^\n])*\*/(?=[ \t]*(?:\n|#|/\*)))*(?:[ \t]*#[^\n]*)?")
"""What may end a line: comments in `/* … */` with no code after them, and one with `#`."""


def after(file: DockerFile, node: Node) -> int:
    """Return the end of a node, with the comments that follow on its line."""
    rest = _COMMENTS.match(file.text, node.end)
    return rest.end() if rest is not None else node.end
