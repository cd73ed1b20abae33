"""The strategy `sentinel`: the definitions move, byte for byte, into a function above dockerGen.

That function, componentsGen, takes the components that others refer to as parameters, so that an overridden
one is used by the defaults of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.rewrite import lift
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.rewrite.style import Style
from toolkit.nix.edit import Edit, apply

if TYPE_CHECKING:
    from toolkit.docker.rewrite.lift import Lifting

DEFAULTS = "componentsGen"
"""The function that the definitions move into."""

RESULT = "components"
"""Its result, in dockerGen."""


def rewrite(lifting: Lifting) -> str:
    """Return the file's text with the components lifted; raise RefusalError where a name is taken."""
    file = lifting.file
    lift.require_unused(file, (DEFAULTS, RESULT, "args", "release", lift.CALLER))
    lift.require_movable_strings(lifting)
    edits = [
        Edit(file.binding.start, file.binding.start, _defaults_function(lifting)),
        *lift.new_parameters(lifting, f"components, by default those of {DEFAULTS}"),
        *_use_defaults(lifting),
        *lift.new_calls(lifting),
    ]
    return apply(file.text, edits)


def _needed(lifting: Lifting) -> tuple[list[str], list[str]]:
    """Return the parameters of dockerGen and the moved names that the moved definitions refer to."""
    parameters = {name for d in lifting.moved for name in lifting.file.parameters(d.node)}
    siblings = {name for d in lifting.moved for name in lifting.file.siblings(d.node)}
    return (
        [name for name in lifting.file.formals if name in parameters],
        [definition.name for definition in lifting.moved if definition.name in siblings],
    )


def _defaults_function(lifting: Lifting) -> str:
    file = lifting.file
    indent = lifting.outer_indent
    comment = file.style.comment(
        f"The default components of a release. They take one another as arguments, so that one which is "
        f"overridden in {GENERATOR} is used by the others.",
        indent,
    )
    text = file.text
    pattern = next(child for child in file.function.children if child.kind == "formals")
    colon = next(child for child in file.function.children if child.kind == ":")
    equals = next(child for child in file.binding.children if child.kind == "=")
    before_pattern = f" ={_space(text[equals.end : pattern.start])}"
    between = _space(text[colon.end : lifting.let.start])
    closing = " " * _line_indent(text, lifting.let.start)
    body = "".join(text[d.start : d.end] for d in lifting.moved)
    return (
        f"{comment.lstrip()}\n{' ' * indent}{DEFAULTS}{before_pattern}{_pattern(lifting)}:{between}{{"
        f"{body}\n{closing}}};\n\n{' ' * indent}"
    )


def _space(text: str) -> str:
    """Return the space that ends `text`, of which only comments, `with` and `assert` are no space."""
    if not text.strip():
        return text
    return text[text.rfind("\n") :] if "\n" in text else " "


def _line_indent(text: str, offset: int) -> int:
    start = text.rfind("\n", 0, offset) + 1
    return len(text[start:]) - len(text[start:].lstrip())


def _pattern(lifting: Lifting) -> str:
    """Write the set pattern of componentsGen, with dockerGen's parameters in dockerGen's order and lines."""
    file = lifting.file
    parameters, siblings = _needed(lifting)
    pattern = next(child for child in file.function.children if child.kind == "formals")
    formals = [formal for formal in file.formals.values() if formal.kind == "formal"]
    indent = lift.formal_indent(file)
    margin = " " * indent
    opening = file.text[pattern.start : formals[0].start]
    before = file.text[file.text.rfind("\n", 0, pattern.end) + 1 : pattern.end - 1]
    closing = "\n" + (" " * (indent - 2) if before.strip() else before) + "}"
    if file.style in {Style.NIXFMT, Style.ALEJANDRA}:
        lines = [f"{margin}{name}," for name in [*parameters, *siblings]]
        return "{\n" + "\n".join([*lines, f"{margin}..."]) + closing
    rows: dict[int, list[str]] = {}
    for name in parameters:
        row = file.formals[name].line if file.style is Style.OLD else len(rows)
        rows.setdefault(row, []).append(name)
    first, *others = [", ".join(row) for row in rows.values()]
    tail = [", ".join(siblings)] if file.style is Style.OLD else siblings
    return opening + "\n".join([first, *(f"{margin}, {row}" for row in [*others, *tail, "..."])]) + closing


def _use_defaults(lifting: Lifting) -> list[Edit]:
    """Replace the definitions in the let by componentsGen's call and the choice of each component."""
    file = lifting.file
    parameters, siblings = _needed(lifting)
    defaulted = [name for name in parameters if len(file.formals[name].children) > 1]
    indent = lifting.indent
    blocks = [
        file.style.comment("args lacks the defaults of arguments that were not given.", indent)
        + "\n"
        + file.style.call_with_scope(RESULT, DEFAULTS, [*defaulted, *siblings], indent)
    ]
    if lifting.helpers:
        blocks.append(file.style.inherit(lifting.helpers, indent, source=RESULT))
    blocks.append("\n".join(file.style.choice(name, f"{RESULT}.{name}", indent) for name in lifting.components))
    first, *others = lifting.moved
    return [
        Edit(first.start, first.end, "\n" + "\n\n".join(blocks)),
        *lift.removals(lifting, others),
    ]
