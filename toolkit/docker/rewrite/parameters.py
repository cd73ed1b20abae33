"""The designs `hidden` and `parameter`: the definitions become defaults of dockerGen's parameters.

callPackage fills every parameter, defaulted ones too, that the package set has a name for. `hidden` keeps the new ones
from it: callDocker is callPackage of a dockerGen that does not show them. `parameter` does not, which is the obvious
design and a trap, here to be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.rewrite import lift
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.rewrite.style import Style
from toolkit.errors import RefusalError
from toolkit.nix.attributes import value
from toolkit.nix.edit import Edit, apply, indentation, shifted
from toolkit.nix.scope import look_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.docker.rewrite.lift import LetDefinition, Lifting
    from toolkit.nix.tree import Node

CALLER = "callDocker"
"""What calls dockerGen in the design `hidden`."""

ABOVE_PARAMETERS = "components"
ABOVE_CALLER = (
    "callPackage would fill these parameters with packages of the same names, related or not. override still sets them."
)
"""The comments that are written."""


def hidden(lifting: Lifting) -> str:
    """Return the file's text with the components as parameters that callPackage does not know of."""
    file = lifting.file
    moved = _moved(lifting)
    return apply(file.text, [*_edits(lifting, moved), *_calls(lifting, [each.names[0] for each in moved])])


def parameter(lifting: Lifting) -> str:
    """Return the file's text with the components as defaulted parameters."""
    return apply(lifting.file.text, _edits(lifting, _moved(lifting)))


def _moved(lifting: Lifting) -> tuple[LetDefinition, ...]:
    """Return the components' definitions and those of the let that they need, which defaults cannot see.

    Raise RefusalError for one that hides a parameter, or in which a name would have another meaning.
    """
    file = lifting.file
    names = set(lifting.components)
    pending = list(lifting.components)
    while pending:
        more = set(file.siblings(file.bindings[pending.pop()])) - names
        names |= more
        pending += more
    moved = lifting.of(names)
    pattern = next(child for child in file.function.children if child.kind == "formals")
    if pattern.child("ellipses") is not None:
        raise RefusalError(f"{file.at(pattern)}: {GENERATOR} takes any argument ('...')")
    for definition in moved:
        lift.require_simple(file, definition)
        if definition.names[0] in file.formals:
            raise RefusalError(f"{file.at(definition.node)}: '{definition.names[0]}' hides a parameter of that name")
        lift.require_same_names(file, definition, pattern, names)
    return moved


def _edits(lifting: Lifting, moved: Sequence[LetDefinition]) -> Iterator[Edit]:
    file = lifting.file
    comment = file.style.comment(ABOVE_PARAMETERS, _indent(file) + (2 if file.style is Style.NIXPKGS_FMT else 0))
    yield _append(file, [comment, *(_parameter(file, definition) for definition in moved)])
    stays = [each for each in lifting.definitions if each not in moved]
    if not stays:
        raise RefusalError(f"{file.at(lifting.let)}: nothing would be left in this let")
    end = lifting.definitions[-1].end
    let = lift.kept(lifting, stays, file.text[end:])
    yield Edit(lifting.head, end, let)


def _parameter(file: DockerFile, definition: LetDefinition) -> str:
    tree = file.tree
    indent = _indent(file)
    leading = file.style in {Style.OLD, Style.NIXPKGS_FMT}
    default = value(definition.node)
    shift = indent + (2 if leading else 0) - indentation(tree.text, definition.node.start)
    text = f"{definition.names[0]} ? {shifted(tree, default.start, default.end, shift)}"
    comments = [each for each in file.comments() if definition.start <= each.start < definition.node.start]
    inner = " " * (indent + 2 * (file.style is Style.NIXPKGS_FMT))
    above = "".join(f"{inner}{each.text}\n" for each in comments)
    beside = file.text[definition.node.end : definition.end].rstrip()
    return f"{above}{' ' * indent}{f', {text}' if leading else f'{text},'}{beside}"


def _calls(lifting: Lifting, names: Sequence[str]) -> Iterator[Edit]:
    """Define callDocker behind dockerGen and use it in each release."""
    file = lifting.file
    if (taken := lift.use_of(file.tree.root, CALLER)) is not None:
        raise RefusalError(f"{file.at(taken)}: the name '{CALLER}', which the rewrite would introduce, is in use here")
    for name in ("callPackage", "lib"):
        if look_up(name, file.binding).scope is None:
            raise RefusalError(f"{file.at(file.binding)}: '{name}' is not among the arguments of the file")
    if (bound := look_up("removeAttrs", file.binding).scope) is not None:
        raise RefusalError(f"{file.at(bound.node)}: 'removeAttrs' is rebound here, and the rewrite needs the builtin")
    meant = look_up("callPackage", file.binding)
    for each in file.calls():
        if not look_up("callPackage", each).means(meant):
            raise RefusalError(f"{file.at(each)}: 'callPackage' has a different meaning here than at {GENERATOR}")
        yield Edit(each.start, each.end, CALLER)
    indent = indentation(file.tree.text, file.binding.start)
    comment = file.style.comment(ABOVE_CALLER, indent)
    end = lift.after(file, file.binding)
    yield Edit(end, end, f"\n\n{comment}\n{file.style.caller(CALLER, GENERATOR, names, indent)}")


def _indent(file: DockerFile) -> int:
    """Return the column where a line of dockerGen's parameters begins, with its comma where that leads."""
    return indentation(file.tree.text, _last(file).start)


def _append(file: DockerFile, lines: Sequence[str]) -> Edit:
    """Add lines with parameters to dockerGen's, after the last one, its comma, and the comment on its line."""
    last = _last(file)
    siblings = last.parent.children if last.parent is not None else []
    comma = next((sibling for sibling in siblings if sibling.kind == "," and sibling.start >= last.end), None)
    start, end = (last.end, last.end) if comma is None else (comma.start, comma.end)
    separator = "" if file.style in {Style.OLD, Style.NIXPKGS_FMT} else ","
    line_end = lift.after(file, comma or last)
    added = lift.joined((f"\n{line}" for line in lines), file.text[line_end:], first=False)
    return Edit(start, line_end, separator + file.text[end:line_end] + added)


def _last(file: DockerFile) -> Node:
    """Return the last parameter in the braces: a name for all of them may follow."""
    formals = [formal for formal in file.formals.values() if formal.kind == "formal"]
    if not formals:
        raise RefusalError(f"{file.at(file.function)}: {GENERATOR} has no parameters")
    return formals[-1]
