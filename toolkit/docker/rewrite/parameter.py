"""The strategy `parameter`: the definitions become defaults of dockerGen's parameters.

The obvious design, and a trap: callPackage fills every parameter, defaulted ones too, that the package set
has a name for. It is here to be compared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.docker.rewrite import lift
from toolkit.docker.rewrite.style import Style
from toolkit.errors import RefusalError
from toolkit.nix.edit import apply

if TYPE_CHECKING:
    from toolkit.docker.rewrite.lift import Definition, Lifting


def rewrite(lifting: Lifting) -> str:
    """Return the file's text with the components as defaulted parameters.

    Raise RefusalError for code that cannot be indented anew without changing a string, and for a definition that
    hides a parameter.
    """
    file = lifting.file
    for definition in lifting.moved:
        if definition.name in file.formals:
            raise RefusalError(f"{file.at(definition.node)}: '{definition.name}' hides a parameter of that name")
    lift.require_movable_strings(lifting)
    lines = [lift.parameter_comment(file, "components"), *(_parameter(lifting, d) for d in lifting.moved)]
    return apply(file.text, [lift.append_formals(file, lines), *lift.removals(lifting, lifting.moved)])


def _parameter(lifting: Lifting, definition: Definition) -> str:
    file = lifting.file
    indent = lift.formal_indent(file)
    leading = file.style in {Style.OLD, Style.NIXPKGS_FMT}
    value = next(child for child in reversed(definition.node.children) if child.kind not in {";", "comment"})
    shift = indent + (2 if leading else 0) - lifting.indent
    if shift:
        _require_shiftable(lifting, definition)
    text = re.sub(r"\n(?=[^\n])", "\n" + " " * shift, value.text) if shift > 0 else value.text
    margin = " " * indent
    comments = [each.text for each in file.comments() if definition.start <= each.start < definition.node.start]
    above = "".join(f"{' ' * (indent + 2 * (file.style is Style.NIXPKGS_FMT))}{comment}\n" for comment in comments)
    beside = file.text[definition.node.end : definition.end].rstrip()
    parameter = f", {definition.name} ? {text}" if leading else f"{definition.name} ? {text},"
    return f"{above}{margin}{parameter}{beside}"


def _require_shiftable(lifting: Lifting, definition: Definition) -> None:
    for node in definition.node.walk():
        place = f"{lifting.file.at(node)}: "
        if node.kind == "string_expression" and "\n" in node.text:
            raise RefusalError(f"{place}a string of several lines would have to be indented anew")
        if node.kind == "indented_string_expression" and re.match(r"''[^\S\n]*[^\s']", node.text) and "\n" in node.text:
            raise RefusalError(f"{place}an indented string with text on its first line would have to be indented anew")
