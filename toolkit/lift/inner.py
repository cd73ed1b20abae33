"""The design `inner`: definitions are in a `let` that sees the final attributes."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from toolkit.lift import style
from toolkit.lift.shape import read
from toolkit.lift.statements import MovedDefinition, after
from toolkit.lift.wanted import construction
from toolkit.nix.attributes import body, statements
from toolkit.nix.edit import Edit, apply, inserted, moves
from toolkit.nix.tree import Node, parsed


def bind(text: str, definitions: Sequence[MovedDefinition], *, name: str) -> str:
    """Return the text with definitions in the let of the builder's function.

    `name` is the file's name in messages.
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
    last = statements(let)[-1]
    margin = last.column if last.is_first else let.indentation + 2
    written = "".join(
        f"\n\n{' ' * margin}{each.written(margin)}" for each in definitions
    )
    yield inserted(after(last), written)


def _new(
    function: Node, inner: Node, definitions: Sequence[MovedDefinition]
) -> Iterator[Edit]:
    """Put a let above the attributes, and indent these where necessary."""
    tree, own_line = inner.tree, inner.is_first
    margin = inner.column if own_line else function.indentation + 2
    start, line = " " * margin, f"\n{' ' * margin}"
    written = "\n\n".join(
        f"{start}  {each.written(margin + 2)}" for each in definitions
    )
    above = f"let\n{written}{line}in{line}"
    if own_line:
        yield inserted(inner.start, above)
        return
    yield inserted(function.start, line)
    yield Edit(after(function.children[1]), inner.start, f"{line}{above}")
    yield from moves(tree, inner.start, inner.end, 2)
    yield inserted(inner.end, line[:-2])
