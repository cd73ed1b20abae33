"""Recipes that replace the outer `rec` by `finalAttrs:`.

Tests in passthru then take the package from the final attributes.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from toolkit.errors import LayoutError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import PARAMETER, LiftPlan
from toolkit.lift.recursion import recursive
from toolkit.lift.rewriting import carry_out, with_parameter
from toolkit.lift.shape import Shape, read, selection
from toolkit.lift.statements import StatementEdit
from toolkit.lift.wanted import construction
from toolkit.nix.edit import Edit, apply, replaced
from toolkit.nix.scope import formals
from toolkit.nix.tree import Node, parsed


def final_attrs(text: str, *, name: str) -> str:
    """Return the text with a function of the final attributes in place of `rec`.

    `name` is the file's name in messages. Raise NixSyntaxError for invalid Nix. Raise
    LayoutError for a file of another shape, or if the source uses none of these
    attributes. Raise RefusalError if the file uses an attribute whose final value may
    differ.
    """
    made = _without_rec(text, name=name)
    if made.rec is None or {"src", "srcs"}.isdisjoint(made.rec.places):
        raise LayoutError(
            f"{name}: src uses no attribute of the package",
            hint="nothing to propose",
        )
    return made.text


def _without_rec(text: str, *, name: str) -> Lifted:
    shape = read(parsed(text, name=name))
    call = construction(shape)
    if not recursive(call):
        raise LayoutError(
            f"{call.argument.location}: the package's attributes are not a 'rec' set",
            hint="nothing to propose",
        )
    return carry_out(LiftPlan(shape=shape, construction=call))


def final_package(text: str, *, name: str) -> str:
    """Return the text in which tests take the package from the final attributes.

    The directory in the file's `name` names the argument for the package itself. A
    `rec` set first becomes a plain set. Raise NixSyntaxError for invalid Nix,
    LayoutError if no test uses the argument, and RefusalError as `final_attrs` does. An
    override of the argument stays, because callPackage adds `override`, which the final
    package lacks.
    """
    shape = read(parsed(text, name=name))
    call, own = construction(shape), PurePosixPath(name).parent.name
    references = (use for use in shape.references if use.scope is not None)
    uses = [use.node for use in references if use.name == own]
    tests = [node for path, node in call.attributes if path[:2] == (PASSTHRU, "tests")]
    tested = [use for use in uses if any(node.contains(use) for node in tests)]
    within = [use for use in tested if not _is_overridden(use)]
    parameter = _parameter(shape, own)
    if parameter is None or not within:
        but = ", except to override it" if parameter is not None and tested else ""
        raise LayoutError(
            f"{call.argument.location}: no test uses the argument '{own}'{but}",
            hint="nothing to propose",
        )
    if recursive(call):
        return final_package(_without_rec(text, name=name).text, name=name)
    final = call.final.children[0].text if call.final is not None else PARAMETER
    edits = [*with_parameter(call, final)]
    if len(within) == len(uses):
        edits += removal(parameter)
    for use in within:
        if (inherit := use.enclosing("inherit")) is not None:
            change = StatementEdit(sources={own: (final, "finalPackage")})
            edits += change.edits(inherit)
        else:
            edits.append(replaced(use, f"{final}.finalPackage"))
    return apply(text, edits)


def _is_overridden(use: Node) -> bool:
    """Return whether the code selects an overriding function from a package."""
    return any(name.startswith("override") for name in selection(use)[:1])


def _parameter(shape: Shape, name: str) -> Node | None:
    """Return the file's parameter with a name, if it has no default."""
    for function in shape.functions:
        formal = formals(function).get(name)
        if formal is not None and formal.kind == "formal" and formal.text == name:
            return formal
    return None


def removal(formal: Node) -> Iterator[Edit]:
    """Remove a parameter with its comma, and its line if nothing else is on it."""
    text = formal.tree.text
    siblings = formal.parent.children if formal.parent is not None else [formal]
    place = siblings.index(formal)
    before, behind = siblings[place - 1], siblings[place + 1]
    if behind.kind == ",":
        rest = text[behind.end :].partition("\n")[0]
        if formal.is_first and not rest.strip():
            start = text.rindex("\n", 0, formal.start)
            yield Edit(start, behind.end + len(rest), "")
        else:
            spaces = len(rest) - len(rest.lstrip(" "))
            yield Edit(formal.start, behind.end + spaces, "")
    elif before.kind == ",":
        yield Edit(before.start, formal.end, "")
    else:
        yield replaced(formal, "")
