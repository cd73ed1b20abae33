"""Put the let into the function of the final attributes, where much of it is made with what is lifted.

Then nothing has to leave it: all that it binds sees the final attributes. With white space hidden, the diff is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.lift import moving
from toolkit.nix.attributes import body, inside
from toolkit.nix.edit import apply, indentation

if TYPE_CHECKING:
    from collections.abc import Collection

    from toolkit.lift.plan import LiftPlan
    from toolkit.lift.shape import BuilderCall, Shape
    from toolkit.nix.edit import Edit
    from toolkit.nix.tree import Node

_MUCH = 25
_STEP = 2


def is_possible(shape: Shape, construction: BuilderCall) -> bool:
    """Tell whether there is one let, right around a builder's call whose builder it does not bind."""
    if len(shape.lets) != 1 or body(shape.lets[0]) is not construction.call or "\n" in construction.builder.text:
        return False
    return not shape.uses_in(construction.builder)


def is_better(shape: Shape, moved: Collection[str]) -> bool:
    """Tell whether many lines would move otherwise."""
    return sum(shape.bindings[name].text.count("\n") + 1 for name in moved) > _MUCH


def enclosed(planned: LiftPlan, edits: Collection[Edit], parameter: str) -> str:
    """Return the text with these edits and with the let, which goes behind the parameter of the final attributes."""
    (let,), construction = planned.shape.lets, planned.construction
    text = let.tree.text
    attributes = _attributes(construction)
    call = construction.call

    def part(start: int, end: int) -> str:
        return apply(text[start:end], {edit.within(start) for edit in edits if start <= edit.start and edit.end <= end})

    indent = indentation(text, let.start)
    margin = " " * (indent + _STEP)
    within = f"{part(let.start, call.start)}{part(attributes.start, attributes.end)}"
    moved = moving.shifted(f"_ =\n{' ' * indent}{within};", _STEP, name=let.tree.name)
    written = moved.partition("=\n")[2].removesuffix(";")
    call_text = f"{construction.builder.text} (\n{margin}{parameter}:\n{written}\n{' ' * indent})"
    return f"{part(0, let.start)}{call_text}{part(call.end, len(text))}"


def _attributes(construction: BuilderCall) -> Node:
    """Return the expression of the attributes, without the parameter of the final ones."""
    if construction.final is not None:
        return body(construction.final)
    return inside(construction.argument)
