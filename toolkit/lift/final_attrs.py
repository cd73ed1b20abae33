"""Recipes: the outer `rec` becomes `finalAttrs:`.

Tests in passthru take the package from the final attributes.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from toolkit.errors import LayoutError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import PARAMETER, LiftPlan
from toolkit.lift.recursion import recursive
from toolkit.lift.rewriting import carry_out, with_parameter
from toolkit.lift.shape import read, selection
from toolkit.lift.statements import StatementEdit
from toolkit.lift.wanted import construction
from toolkit.nix.edit import Edit, apply, is_first
from toolkit.nix.scope import formals
from toolkit.nix.tree import Node, parsed


def final_attrs(text: str, *, name: str) -> str:
    """Return the file's text with the builder's attributes as a function of the final ones, and no `rec`.

    `name` is the file's in messages. Raise NixSyntaxError for invalid Nix, LayoutError
    for a file of a different shape or a source that takes nothing from these
    attributes, RefusalError for a use of one whose final value may differ.
    """
    made = _without_rec(text, name=name)
    if made.rec is None or {"src", "srcs"}.isdisjoint(made.rec.places):
        raise LayoutError(
            f"{name}: src takes nothing from the package's attributes",
            hint="nothing to propose",
        )
    return made.text


def _without_rec(text: str, *, name: str) -> Lifted:
    shape = read(parsed(text, name=name))
    call = construction(shape)
    if not recursive(call):
        raise LayoutError(
            f"{call.argument.location}: the package's attributes are no 'rec' set",
            hint="nothing to propose",
        )
    return carry_out(LiftPlan(shape=shape, construction=call))


def final_package(text: str, *, name: str) -> str:
    """Return the text whose tests in passthru take the package from the final attributes.

    `name` is the file's, whose directory names the package's own argument. A `rec` set
    is made plain first. Raise NixSyntaxError for invalid Nix, LayoutError if no test
    uses the argument, RefusalError as `final_attrs` does. An override of the argument
    stays: callPackage adds `override`, and the final package has none.
    """
    shape = read(parsed(text, name=name))
    call, own = construction(shape), PurePosixPath(name).parent.name
    uses = [
        use.node
        for use in shape.references
        if use.name == own and use.scope is not None
    ]
    every = (formals(function).get(own) for function in shape.functions)
    parameters = [
        formal
        for formal in every
        if formal is not None and formal.kind == "formal" and formal.text == own
    ]
    tests = [node for path, node in call.attributes if path[:2] == (PASSTHRU, "tests")]
    tested = [use for use in uses if any(node.contains(use) for node in tests)]
    within = [
        use
        for use in tested
        if not any(name.startswith("override") for name in selection(use)[:1])
    ]
    if not parameters or not within:
        fact = (
            "no test uses an argument "
            f"'{own}'{', but to override it' * bool(parameters and tested)}"
        )
        raise LayoutError(
            f"{call.argument.location}: {fact}", hint="nothing to propose"
        )
    if recursive(call):
        return final_package(_without_rec(text, name=name).text, name=name)
    final = call.final.children[0].text if call.final is not None else PARAMETER
    edits = [
        *with_parameter(call, final),
        *(removal(parameters[0]) if len(within) == len(uses) else ()),
    ]
    for use in within:
        if (inherit := use.enclosing("inherit")) is not None:
            edits += StatementEdit(sources={own: (final, "finalPackage")}).edits(
                inherit
            )
        else:
            edits.append(Edit(use.start, use.end, f"{final}.finalPackage"))
    return apply(text, edits)


def removal(formal: Node) -> Iterator[Edit]:
    """Remove a parameter with its comma, and its line if it has that for itself."""
    text, siblings = (
        formal.tree.text,
        formal.parent.children if formal.parent is not None else (),
    )
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
