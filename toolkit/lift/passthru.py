"""Add attributes to a package's passthru, and parts to its update script."""

from collections.abc import Iterator, Mapping, Sequence
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
from toolkit.nix.edit import Edit, apply, inserted, moves, replaced
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node, column, parsed

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
        """Return whether there is anything to add."""
        return bool(self.names or self.definitions)

    def lines(self, indent: int) -> str:
        """Write the additions as lines at a column, each after a line feed."""
        items = [inherit(self.names, indent)] if self.names else []
        items += [definition.written(indent) for definition in self.definitions]
        apart = "\n\n" if any("\n" in item for item in items) else "\n"
        return "\n" + apart.join(" " * indent + item for item in items)

    def whole(self, indent: int) -> str:
        """Write the additions as a set whose last line is at a column."""
        if not self.definitions and "\n" not in (line := inherit(self.names, indent)):
            return f"{{ {line} }}"
        return self.open(indent)

    def open(self, indent: int) -> str:
        """Write the attributes as a set over several lines, closed at a column."""
        return f"{{{self.lines(indent + 2)}\n{' ' * indent}}}"


def add(
    construction: BuilderCall, additions: Additions, inherits: dict[int, StatementEdit]
) -> Iterator[Edit]:
    """Yield the edits that add to passthru.

    Additions to an existing `inherit` go to `inherits`. Raise RefusalError if passthru
    is not a set that is written out.
    """
    if not additions:
        return
    node = construction.attribute(PASSTHRU)
    if node is not None:
        yield from _joined(node, additions, inherits)
    elif not construction.has(PASSTHRU):
        yield _new(home(construction), additions)
    else:
        yield from _beside(construction, additions, inherits)


def _joined(
    node: Node, additions: Additions, inherits: dict[int, StatementEdit]
) -> Iterator[Edit]:
    """Add to the statement that defines passthru."""
    if (literal := written_out(node)) is not None:
        yield from _inside(literal, additions, inherits)
    elif node.kind == "inherit_from":
        inherits[node.index].dropped.add(PASSTHRU)
        text = f"{PASSTHRU} = {source(node)}.passthru // {additions.open(0)};"
        inherits[node.index].behind.append(
            MovedDefinition(name=PASSTHRU, text=text, column=0, place=node.location)
        )
    elif node.kind == "binding" and (expression := value(node)).kind in _OPERANDS:
        indent = node.indentation
        yield inserted(expression.start, f"{additions.open(indent)}\n{' ' * indent}// ")
    else:
        raise RefusalError(
            f"{node.location}: passthru is computed; unlet can only extend a set that "
            "is written out"
        )


def _beside(
    construction: BuilderCall,
    additions: Additions,
    inherits: Mapping[int, StatementEdit],
) -> Iterator[Edit]:
    """Add to bindings `passthru.NAME = …;`: gather them in a set, or add more above."""
    nodes = [node for path, node in construction.attributes if path[0] == PASSTHRU]
    parts = [
        node
        for node in nodes
        if not any(other is not node and other.contains(node) for other in nodes)
    ]
    is_line = len(parts) == len(additions.names) == 1 and not additions.definitions
    most = _MOST_SHIFTED * len(parts) if len(additions.names) < _SEVERAL else inf
    changes = any(child.index in inherits for part in parts for child in part.walk())
    if is_line or changes or not _are_together(parts, most):
        yield _dotted(parts[0], additions)
    else:
        yield from _gathered(parts, additions)


def written_out(node: Node) -> Node | None:
    """Return the set that is written out in a passthru binding, or None."""
    if node.kind == "inherit_from":
        return None
    return next(joined(result(value(node))), None)


def _new(into: Node, additions: Additions) -> Edit:
    """Add a passthru before meta, else at the end of the set."""
    text, is_long = into.tree.text, "\n" in into.text
    indent = _indent(into)
    if is_long and not additions.names and len(additions.definitions) == 1:
        written = additions.definitions[0].written(indent, prefix=f"{PASSTHRU}.")
    else:
        written = f"{PASSTHRU} = {additions.whole(indent)};"
    metas = (
        node
        for path, node in bound(into)
        if path[0] == "meta" and node.kind == "binding"
    )
    meta = next(metas, None)
    if meta is not None and meta.is_first:
        start, _ = extent(meta)
        apart = "\n\n" if text[: start - indent].endswith("\n\n") else "\n"
        return inserted(start, f"{written}{apart}{' ' * indent}")
    end = into.children[-1].start
    if not is_long:
        return inserted(end, f"{written} ")
    last = len(text[:end].rstrip())
    apart = "\n\n" if "\n\n" in into.text else "\n"
    return inserted(last, f"{apart}{' ' * indent}{written}")


def _are_together(parts: Sequence[Node], most: float) -> bool:
    """Return whether bindings are on lines of their own, one below the other.

    Together, they must have at most `most` lines.
    """
    text, spans = parts[0].tree.text, [extent(part) for part in parts]
    gaps = [text[end:start] for (_, end), (start, _) in pairwise(spans)]
    if any(gap.strip() for gap in gaps) or not all(part.is_first for part in parts):
        return False
    return text[spans[0][0] : spans[-1][1]].count("\n") <= most


def _gathered(parts: Sequence[Node], additions: Additions) -> Iterator[Edit]:
    """Make one set of the bindings `passthru.NAME = …;` and the additions."""
    tree, start, end = parts[0].tree, extent(parts[0])[0], after(parts[-1])
    indent = column(tree.text, start)
    is_spaced = bool(additions.definitions) or "\n\n" in tree.text[start:end]
    blank = "\n" if is_spaced else ""
    above = f"{PASSTHRU} = {{{additions.lines(indent + 2)}\n{blank}"
    yield inserted(start, f"{above}{' ' * (indent + 2)}")
    yield from moves(tree, start, end, 2)
    for part in parts:
        path = part.children[0]
        name = path.children[path.children.index(path.symbol(".")) + 1]
        yield Edit(part.start, name.start, "")
    yield inserted(end, f"\n{' ' * indent}}};")


def _dotted(node: Node, additions: Additions) -> Edit:
    """Add bindings above the first `passthru.NAME = …;`."""
    start, _ = extent(node)
    indent = column(node.tree.text, start)
    items = [f"{PASSTHRU}.{name} = {name};\n" for name in additions.names]
    items += [
        f"{definition.written(indent, prefix=f'{PASSTHRU}.')}\n\n"
        for definition in additions.definitions
    ]
    return inserted(start, "".join(f"{item}{' ' * indent}" for item in items))


def _inside(
    literal: Node, additions: Additions, inherits: dict[int, StatementEdit]
) -> Iterator[Edit]:
    """Add to a set: names to its `inherit`, definitions above the rest."""
    bindings = statements(literal)
    if not bindings:
        yield replaced(literal, additions.whole(literal.indentation))
        return
    first = bindings[0]
    plain = next((binding for binding in bindings if binding.kind == "inherit"), None)
    if plain is not None:
        inherits[plain.index].added.extend(additions.names)
        additions = Additions(definitions=additions.definitions)
    if first is plain:
        inherits[first.index].behind.extend(additions.definitions)
    elif additions:
        yield from apart(literal)
        text, begin = literal.tree.text, literal.symbol("{").end
        is_line = "\n" not in text[begin : first.start]
        end = begin if is_line else text.index("\n", begin)
        blank = "\n" if additions.definitions or is_spaced(literal) else ""
        yield inserted(end, additions.lines(_indent(literal)) + blank)


def _indent(literal: Node) -> int:
    """Return the column of the statements of a set."""
    for statement in statements(literal):
        if statement.is_first:
            return statement.column
    return literal.indentation + 2


def with_subpackages(
    text: str, parts: Sequence[str], *, name: str
) -> tuple[str, tuple[str, ...]]:
    """Return the text with parts added to the update script, and the added parts.

    Leave a script of another program, or with computed arguments. `name` is the file's
    name in messages.
    """
    argument = _script_argument(read(parsed(text, name=name)).construction)
    if argument is None:
        return text, ()
    extra = dict(bound(argument)).get(("extraArgs",))
    words = value(extra) if extra is not None and extra.kind == "binding" else None
    if extra is not None and (words is None or words.kind != "list_expression"):
        return text, ()
    known = (
        {static_name(word) for word in words.children}
        if words is not None
        else set[str | None]()
    )
    added = tuple(
        part for part in parts if known.isdisjoint({part, f"{_SUBPACKAGE}={part}"})
    )
    if not added:
        return text, ()
    lines = [f'"{word}"' for part in added for word in (_SUBPACKAGE, part)]
    margin = argument.indentation + 2
    if words is not None:
        edits = [_with_words(words, lines, margin), *apart(argument)]
    else:
        edits = _with_list(argument, lines, margin)
    return apply(text, edits), added


def _script_argument(construction: BuilderCall | None) -> Node | None:
    """Return the set that nix-update's script is called with, or None."""
    script = None
    for path, node in construction.attributes if construction is not None else ():
        if path == (PASSTHRU, "updateScript"):
            script = node
    if script is None or script.kind != "binding":
        return None
    call = value(script)
    if call.kind != "apply_expression":
        return None
    argument = inside(call.children[-1])
    function = callee(call.children[0])[-1:]
    is_known = function == ("nix-update-script",) and argument.kind in SETS
    return argument if is_known else None


def _with_list(argument: Node, lines: Sequence[str], margin: int) -> list[Edit]:
    """Add a list of words to the arguments of a script."""
    statement = f"\n{' ' * margin}extraArgs = {_list(lines, margin)};"
    if bindings := statements(argument):
        return [*apart(argument), inserted(bindings[-1].end, statement)]
    return [replaced(argument, f"{{{statement}\n{' ' * (margin - 2)}}}")]


def _list(items: Sequence[str], margin: int) -> str:
    lines = "".join(f"{' ' * (margin + 2)}{item}\n" for item in items)
    return f"[\n{lines}{' ' * margin}]"


def _with_words(words: Node, lines: Sequence[str], margin: int) -> Edit:
    """Add words to a list, and break it into lines."""
    items = [child for child in words.children if child.kind not in {"[", "]"}]
    if "\n" not in words.text:
        return replaced(words, _list([*(item.text for item in items), *lines], margin))
    indent = items[0].column if items else margin + 2
    end = items[-1].end if items else words.start + 1
    return inserted(end, "".join(f"\n{' ' * indent}{line}" for line in lines))
