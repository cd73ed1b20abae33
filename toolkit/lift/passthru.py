"""Add attributes to a package's passthru, in the file's own form, and parts to its update script."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf

from msgspec import Struct

from toolkit.errors import RefusalError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.shape import BuilderCall, bound, callee, joined, read, result
from toolkit.lift.statements import (
    MovedDefinition,
    StatementEdit,
    after,
    apart,
    extent,
    inherit,
    is_spaced,
    source,
)
from toolkit.lift.wanted import home
from toolkit.nix.attributes import SETS, inside, statements, value
from toolkit.nix.edit import Edit, apply, column, indentation, is_first, moves
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node, parsed

_OPERANDS = frozenset(
    [
        "apply_expression",
        "variable_expression",
        "select_expression",
        "parenthesized_expression",
    ]
)
_MOST_SHIFTED = 5
_SEVERAL = 3
_SUBPACKAGE = "--subpackage"


class Additions(Struct, frozen=True, kw_only=True):
    """Additions to passthru: names to inherit, and definitions."""

    names: Sequence[str] = ()
    definitions: Sequence[MovedDefinition] = ()

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return bool(self.names or self.definitions)

    def lines(self, indent: int) -> str:
        """Write them as lines at a column, starting with a line feed and without a final one."""
        items = [inherit(self.names, indent)] if self.names else []
        items += [definition.written(indent) for definition in self.definitions]
        apart = "\n\n" if any("\n" in item for item in items) else "\n"
        return "\n" + apart.join(" " * indent + item for item in items)

    def whole(self, indent: int) -> str:
        """Write them as a set whose last line is at a column."""
        if not self.definitions and "\n" not in (line := inherit(self.names, indent)):
            return f"{{ {line} }}"
        return self.open(indent)

    def open(self, indent: int) -> str:
        """Write the attributes as a set over several lines, with its `}` at a column."""
        return f"{{{self.lines(indent + 2)}\n{' ' * indent}}}"


def add(
    construction: BuilderCall, additions: Additions, inherits: dict[int, StatementEdit]
) -> Iterator[Edit]:
    """Yield the edits that add to passthru.

    Additions to an existing `inherit` go to `inherits`.

    Raise RefusalError if passthru is not a literal set.
    """
    if not additions:
        return
    found = [
        (path, node) for path, node in construction.attributes if path[0] == PASSTHRU
    ]
    node = next((node for path, node in found if len(path) == 1), None)
    if not found:
        yield _new(home(construction), additions)
    elif node is None:
        parts = [
            node
            for _, node in found
            if not any(other is not node and other.contains(node) for _, other in found)
        ]
        is_line = len(parts) == len(additions.names) == 1 and not additions.definitions
        changed = (
            each for part in parts for each in part.walk() if each.index in inherits
        )
        most = _MOST_SHIFTED * len(parts) if len(additions.names) < _SEVERAL else inf
        gathers = (
            not is_line and _are_together(parts, most) and next(changed, None) is None
        )
        yield from (
            _gathered(parts, additions) if gathers else [_dotted(parts[0], additions)]
        )
    elif (literal := written_out(node)) is not None:
        yield from _inside(literal, additions, inherits)
    elif node.kind == "inherit_from":
        inherits[node.index].dropped.add(PASSTHRU)
        text = f"{PASSTHRU} = {source(node)}.passthru // {additions.open(0)};"
        inherits[node.index].behind.append(
            MovedDefinition(name=PASSTHRU, text=text, column=0, place=node.location)
        )
    elif node.kind == "binding" and (expression := value(node)).kind in _OPERANDS:
        indent = indentation(node.tree.text, node.start)
        yield Edit(
            expression.start,
            expression.start,
            f"{additions.open(indent)}\n{' ' * indent}// ",
        )
    else:
        raise RefusalError(
            f"{node.location}: passthru is computed, and not written out as a set"
        )


def written_out(node: Node) -> Node | None:
    """Return the literal set that a passthru binding is, or is joined to, or None."""
    return next(joined(result(value(node))), None)


def _new(into: Node, additions: Additions) -> Edit:
    """Add a passthru before meta, else at the end of the set."""
    text = into.tree.text
    meta = next(
        (
            node
            for path, node in bound(into)
            if path[0] == "meta" and node.kind == "binding"
        ),
        None,
    )
    indent = _indent(into)
    alone = (
        not additions.names and len(additions.definitions) == 1 and "\n" in into.text
    )
    written = (
        additions.definitions[0].written(indent, prefix=f"{PASSTHRU}.")
        if alone
        else f"{PASSTHRU} = {additions.whole(indent)};"
    )
    if meta is not None and is_first(text, meta.start):
        start, _ = extent(meta)
        apart = "\n\n" if text[: start - indent].endswith("\n\n") else "\n"
        return Edit(start, start, f"{written}{apart}{' ' * indent}")
    end = into.children[-1].start
    if "\n" not in into.text:
        return Edit(end, end, f"{written} ")
    last = len(text[:end].rstrip())
    apart = "\n\n" if "\n\n" in into.text else "\n"
    return Edit(last, last, f"{apart}{' ' * indent}{written}")


def _are_together(parts: Sequence[Node], most: float) -> bool:
    """Return whether bindings stand on lines of their own, one below the other, with no more than `most` lines more."""
    text, spans = parts[0].tree.text, [extent(part) for part in parts]
    are_near = not any(
        text[end:start].strip() for (_, end), (start, _) in pairwise(spans)
    )
    lines = text[spans[0][0] : spans[-1][1]].count("\n")
    return (
        are_near and all(is_first(text, part.start) for part in parts) and lines <= most
    )


def _gathered(parts: Sequence[Node], additions: Additions) -> Iterator[Edit]:
    """Make a set of bindings `passthru.NAME = …;` and what is added above them."""
    tree, start, end = parts[0].tree, extent(parts[0])[0], after(parts[-1])
    indent = column(tree.text, start)
    blank = "\n" if additions.definitions or "\n\n" in tree.text[start:end] else ""
    yield Edit(
        start,
        start,
        f"{PASSTHRU} = {{{additions.lines(indent + 2)}\n{blank}{' ' * (indent + 2)}",
    )
    yield from moves(tree, start, end, 2)
    for part in parts:
        names = part.children[0].children
        yield Edit(
            part.start, names[[name.kind for name in names].index(".") + 1].start, ""
        )
    yield Edit(end, end, f"\n{' ' * indent}}};")


def _dotted(node: Node, additions: Additions) -> Edit:
    """Add bindings above the first `passthru.NAME = …;`."""
    start, _ = extent(node)
    indent = column(node.tree.text, start)
    items = [f"{PASSTHRU}.{name} = {name};\n" for name in additions.names]
    items += [
        f"{definition.written(indent, prefix=f'{PASSTHRU}.')}\n\n"
        for definition in additions.definitions
    ]
    return Edit(start, start, "".join(f"{item}{' ' * indent}" for item in items))


def _inside(
    literal: Node, additions: Additions, inherits: dict[int, StatementEdit]
) -> Iterator[Edit]:
    text = literal.tree.text
    bindings = statements(literal)
    brace = next(child for child in literal.children if child.kind == "{")
    if not bindings:
        yield Edit(
            literal.start,
            literal.end,
            additions.whole(indentation(text, literal.start)),
        )
        return
    plain = next((binding for binding in bindings if binding.kind == "inherit"), None)
    first = bindings[0]
    if plain is not None:
        inherits[plain.index].added.extend(additions.names)
        additions = Additions(definitions=additions.definitions)
    if plain is not None and first is plain:
        inherits[plain.index].behind.extend(additions.definitions)
    elif additions:
        yield from apart(literal)
        end = (
            brace.end
            if "\n" not in text[brace.end : first.start]
            else text.index("\n", brace.end)
        )
        blank = "\n" if additions.definitions or is_spaced(literal) else ""
        yield Edit(end, end, additions.lines(_indent(literal)) + blank)


def _indent(literal: Node) -> int:
    text = literal.tree.text
    own = (child for child in statements(literal) if is_first(text, child.start))
    first = next(own, None)
    return (
        column(text, first.start)
        if first is not None
        else indentation(text, literal.start) + 2
    )


def with_subpackages(
    text: str, parts: Sequence[str], *, name: str
) -> tuple[str, tuple[str, ...]]:
    """Return the text with parts in the arguments of nix-update's script, and the added ones.

    A script of another program, or with computed arguments, stays. `name` is the file's
    in messages.
    """
    shape = read(parsed(text, name=name))
    attributes = (
        dict(shape.construction.attributes) if shape.construction is not None else {}
    )
    script = attributes.get((PASSTHRU, "updateScript"))
    call = value(script) if script is not None and script.kind == "binding" else None
    if (
        call is None
        or call.kind != "apply_expression"
        or callee(call.children[0])[-1:] != ("nix-update-script",)
    ):
        return text, ()
    argument = inside(call.children[-1])
    extra = dict(bound(argument)).get(("extraArgs",))
    words = value(extra) if extra is not None and extra.kind == "binding" else None
    if argument.kind not in SETS or (
        extra is not None and (words is None or words.kind != "list_expression")
    ):
        return text, ()
    known = (
        [static_name(child) for child in words.children] if words is not None else []
    )
    added = tuple(
        part
        for part in parts
        if part not in known and f"{_SUBPACKAGE}={part}" not in known
    )
    if not added:
        return text, ()
    margin = indentation(text, argument.start) + 2
    lines = [f'"{word}"' for part in added for word in (_SUBPACKAGE, part)]
    if words is None:
        there, statement = (
            statements(argument),
            f"\n{' ' * margin}extraArgs = {_list(lines, margin)};",
        )
        if not there:
            return apply(
                text,
                [
                    Edit(
                        argument.start,
                        argument.end,
                        f"{{{statement}\n{' ' * (margin - 2)}}}",
                    )
                ],
            ), added
        return apply(
            text, [*apart(argument), Edit(there[-1].end, there[-1].end, statement)]
        ), added
    return apply(text, [*_with_words(words, lines, margin), *apart(argument)]), added


def _list(items: Sequence[str], margin: int) -> str:
    return "\n".join(
        ["[", *(f"{' ' * (margin + 2)}{item}" for item in items), f"{' ' * margin}]"]
    )


def _with_words(words: Node, lines: Sequence[str], margin: int) -> list[Edit]:
    items = [child for child in words.children if child.kind not in {"[", "]"}]
    if "\n" not in words.text:
        return [
            Edit(
                words.start,
                words.end,
                _list([*(child.text for child in items), *lines], margin),
            )
        ]
    at = column(words.tree.text, items[0].start) if items else margin + 2
    end = items[-1].end if items else words.start + 1
    return [Edit(end, end, "".join(f"\n{' ' * at}{line}" for line in lines))]
