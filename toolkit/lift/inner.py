"""The design `inner`: definitions stand in a `let` within the builder's function of the final attributes."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from toolkit.lift import style
from toolkit.lift.shape import read
from toolkit.lift.statements import MovedDefinition, after
from toolkit.lift.wanted import construction
from toolkit.nix.attributes import body, statements
from toolkit.nix.edit import Edit, apply, column, indentation, is_first, moves
from toolkit.nix.tree import Node, parsed


def bind(text: str, definitions: Sequence[MovedDefinition], *, name: str) -> str:
    """Return the text with definitions in the let of the builder's function, which is made if there is none.

    `name` is the file's in messages.
    """
    call = construction(read(parsed(text, name=name))) if definitions else None
    if call is None or call.final is None:
        return text
    parts = [replace(each, text=style.filled(text, each.text)) for each in definitions]
    inner = body(call.final)
    return apply(
        text,
        _joined(inner, parts)
        if inner.kind == "let_expression"
        else _new(call.final, inner, parts),
    )


def _joined(let: Node, definitions: Sequence[MovedDefinition]) -> Iterator[Edit]:
    """Add definitions below those of a let."""
    text, last = let.tree.text, statements(let)[-1]
    margin = (
        column(text, last.start)
        if is_first(text, last.start)
        else indentation(text, let.start) + 2
    )
    written = "".join(
        f"\n\n{' ' * margin}{each.written(margin)}" for each in definitions
    )
    yield Edit(after(last), after(last), written)


def _new(
    function: Node, inner: Node, definitions: Sequence[MovedDefinition]
) -> Iterator[Edit]:
    """Put a let above the attributes, which move to the right unless they stand on lines of their own."""
    tree, own_line = inner.tree, is_first(inner.tree.text, inner.start)
    margin = (
        column(tree.text, inner.start)
        if own_line
        else indentation(tree.text, function.start) + 2
    )
    start, line = " " * margin, f"\n{' ' * margin}"
    written = "\n\n".join(
        f"{start}  {each.written(margin + 2)}" for each in definitions
    )
    above = f"let\n{written}{line}in{line}"
    if own_line:
        yield Edit(inner.start, inner.start, above)
        return
    yield Edit(function.start, function.start, line)
    yield Edit(after(function.children[1]), inner.start, f"{line}{above}")
    yield from moves(tree, inner.start, inner.end, 2)
    yield Edit(inner.end, inner.end, line[:-2])
