"""Let nix-update update a part's hash: its option `--subpackage NAME` in the package's update script."""

from collections.abc import Sequence

from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.shape import bound, callee, read
from toolkit.lift.statements import apart
from toolkit.nix.attributes import SETS, inside, statements, value
from toolkit.nix.edit import Edit, apply, column, indentation
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node, Tree

_OPTION = "--subpackage"


def with_subpackages(text: str, parts: Sequence[str], *, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the text with parts in the arguments of nix-update's script, and the added ones.

    A script of another program, or with computed arguments, stays. `name` is the file's in messages.
    """
    shape = read(Tree(text, name=name))
    attributes = dict(shape.construction.attributes) if shape.construction is not None else {}
    script = attributes.get((PASSTHRU, "updateScript"))
    call = value(script) if script is not None and script.kind == "binding" else None
    if call is None or call.kind != "apply_expression" or callee(call.children[0])[-1:] != ("nix-update-script",):
        return text, ()
    argument = inside(call.children[-1])
    if argument.kind not in SETS:
        return text, ()
    extra = dict(bound(argument)).get(("extraArgs",))
    words = value(extra) if extra is not None and extra.kind == "binding" else None
    if extra is not None and (words is None or words.kind != "list_expression"):
        return text, ()
    known = [static_name(child) for child in words.children] if words is not None else []
    added = tuple(part for part in parts if part not in known and f"{_OPTION}={part}" not in known)
    if not added:
        return text, ()
    margin = indentation(text, argument.start) + 2
    lines = [f'"{word}"' for part in added for word in (_OPTION, part)]
    if words is None:
        written = _list(lines, margin)
        return apply(text, _with_statement(argument, f"extraArgs = {written};", margin)), added
    return apply(text, [*_with_words(words, lines, margin), *apart(argument)]), added


def _list(items: Sequence[str], margin: int) -> str:
    return "\n".join(["[", *(f"{' ' * (margin + 2)}{item}" for item in items), f"{' ' * margin}]"])


def _with_statement(literal: Node, statement: str, margin: int) -> list[Edit]:
    there = statements(literal)
    if not there:
        return [Edit(literal.start, literal.end, f"{{\n{' ' * margin}{statement}\n{' ' * (margin - 2)}}}")]
    end = there[-1].end
    return [*apart(literal), Edit(end, end, f"\n{' ' * margin}{statement}")]


def _with_words(words: Node, lines: Sequence[str], margin: int) -> list[Edit]:
    items = [child for child in words.children if child.kind not in {"[", "]"}]
    if "\n" not in words.text:
        return [Edit(words.start, words.end, _list([*(child.text for child in items), *lines], margin))]
    at = column(words.tree.text, items[0].start) if items else margin + 2
    end = items[-1].end if items else words.start + 1
    return [Edit(end, end, "".join(f"\n{' ' * at}{line}" for line in lines))]
