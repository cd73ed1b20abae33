"""Recipes: the outer `rec` becomes `finalAttrs:`; tests in passthru take the package from the final attributes."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.plan import PARAMETER, LiftPlan
from toolkit.lift.recursion import recursive
from toolkit.lift.rewriting import carry_out, with_parameter
from toolkit.lift.shape import read
from toolkit.lift.wanted import at, construction
from toolkit.nix.edit import Edit, apply, is_first
from toolkit.nix.scope import formals
from toolkit.nix.tree import Node, Tree


def final_attrs(text: str, *, name: str) -> str:
    """Return the file's text with the builder's attributes as a function of the final ones, and no `rec`.

    `name` is the file's in messages. Raise NixSyntaxError for invalid Nix, LayoutError for a file of a different shape,
    RefusalError for a use of an attribute whose final value may differ.
    """
    shape = read(Tree(text, name=name))
    call = construction(shape)
    if not recursive(call):
        raise LayoutError(f"{at(call.argument)}: the package's attributes are no 'rec' set", hint="nothing to propose")
    return carry_out(LiftPlan(shape=shape, construction=call)).text


def final_package(text: str, *, name: str) -> str:
    """Return the text whose passthru takes the package from the final attributes.

    `name` is the file's, whose directory names the package's own argument. A `rec` set is made plain first. Raise
    NixSyntaxError for invalid Nix, LayoutError if passthru does not use the argument, RefusalError as `final_attrs`
    does, and for a use that cannot be replaced.
    """
    shape = read(Tree(text, name=name))
    call, own = construction(shape), PurePosixPath(name).parent.name
    uses = [use.node for use in shape.references if use.name == own and use.scope is not None]
    every = (formals(function).get(own) for function in shape.functions)
    parameters = [formal for formal in every if formal is not None and formal.kind == "formal" and formal.text == own]
    shown = [node for path, node in call.attributes if path[0] == PASSTHRU]
    within = [use for use in uses if any(node.contains(use) for node in shown)]
    if not parameters or not within:
        raise LayoutError(f"{at(call.argument)}: passthru does not use an argument '{own}'", hint="nothing to propose")
    if recursive(call):
        return final_package(final_attrs(text, name=name), name=name)
    for use in within:
        if use.parent is not None and use.parent.kind == "inherited_attrs":
            raise RefusalError(f"{at(use)}: '{own}' is inherited here", hint=f"write '{own} = {own};' instead")
    final = call.final.children[0].text if call.final is not None else PARAMETER
    edits = [Edit(use.start, use.end, f"{final}.finalPackage") for use in within]
    edits += [*with_parameter(call, final), *(removal(parameters[0]) if len(within) == len(uses) else ())]
    return apply(text, edits)


def removal(formal: Node) -> Iterator[Edit]:
    """Remove a parameter with its comma, and its line if it has that for itself."""
    text, siblings = formal.tree.text, formal.parent.children if formal.parent is not None else ()
    place = next(index for index, node in enumerate(siblings) if node is formal)
    if siblings[place + 1].kind == ",":
        start, end = formal.start, siblings[place + 1].end
        rest = text[end:].partition("\n")[0]
        if is_first(text, start) and not rest.strip():
            yield Edit(text.rindex("\n", 0, start), end + len(rest), "")
        else:
            yield Edit(start, end + len(rest) - len(rest.lstrip(" ")), "")
    elif siblings[place - 1].kind == ",":
        yield Edit(siblings[place - 1].start, formal.end, "")
    else:
        yield Edit(formal.start, formal.end, "")
