"""Edit an override in the user's file so that the override takes effect.

The functions are pure, from a change to text edits. Each raises RefusalError with file,
line and column instead of guessing. Bytes outside the edits stay the same.
"""

import re
from collections.abc import Iterator, Sequence

from toolkit.errors import RefusalError
from toolkit.nix.attributes import (
    SETS,
    inherited,
    inside,
    path,
    spine,
    statements,
    value,
)
from toolkit.nix.edit import Edit
from toolkit.nix.scope import look_up
from toolkit.nix.tree import Node, Tree, indentation, is_first
from toolkit.reach import written
from toolkit.reach.mends import Beside, Composition, Extension, Mend
from toolkit.reach.written import WrittenCall

NOTE = "# replace this fake hash with the one that Nix reports"
_FAKE = re.compile(r'[\w.]+\.lib\.fakeHash|(?<== )""(?=;)')
_SETS = ("final", "prev", "pkgs", "super", "self")
_HOLDERS = {"lib": "", **{name: f"{name}." for name in _SETS}}
"""The usual names of attribute sets that contain nixpkgs' `lib`, with the prefix to
write.
"""
_OLD = re.compile(r"\bold(?=[.)])")


def refusal(node: Node, fact: str) -> RefusalError:
    """Return a RefusalError about a place in a file."""
    return RefusalError(f"{node.tree.name}:{node.place}: {fact}")


def override_at(tree: Tree, line: int, name: str) -> tuple[WrittenCall, Node | None]:
    """Return the override call of a package on a line, and the binding around it."""
    here = [
        node
        for node in tree.root.walk()
        if node.kind == "binding" and node.line == line
    ]
    named = [node for node in here if _last(node) == name]
    binding = named[0] if len(named) == 1 else None
    tops = [inside(value(binding))] if binding is not None else here or [tree.root]
    direct = written.call(tops[0]) if binding is not None or not here else None
    if direct is not None:
        return direct, binding
    calls = [call for call in written.calls(tops[0]) if call.name == name]
    if len(calls) != 1:
        raise refusal(tops[0], f"--fix finds no single override of '{name}' here")
    return calls[0], binding


def _last(binding: Node) -> str:
    return path(binding).rpartition(".")[2].strip('"')


def first_in_list(tree: Tree, text: str) -> list[Edit]:
    """Return the edit that puts an overlay first in the file's list of overlays.

    Return an empty list if the file has no list of overlays, or several.
    """
    last = spine(tree.root)[-1]
    lists = [last] if last.kind == "list_expression" else []
    lists += [
        inside(value(node))
        for node in tree.root.walk()
        if node.kind == "binding"
        and _last(node) == "overlays"
        and inside(value(node)).kind == "list_expression"
    ]
    if len(lists) != 1:
        return []
    start = lists[0].children[0].end
    elements = [child for child in lists[0].children[1:-1] if child.kind != "comment"]
    if elements and is_first(tree.text, elements[0].start):
        indent = " " * indentation(tree.text, elements[0].start)
        return [Edit(start, start, f"\n{indent}{text}")]
    return [Edit(start, start, f" {text}")]


def edits(
    call: WrittenCall,
    binding: Node | None,
    change: Mend | Extension | Composition | Beside,
    *,
    fake: str = "",
) -> list[Edit]:
    """Return the text edits for a change of an override.

    `fake` is the fake hash to write.
    """
    match change:
        case Mend():
            return [*_changed(call, change, fake or _fake_hash(call.node))]
        case Extension():
            return [*_extended(call, binding, change)]
        case Composition():
            return [*_composed(call, change)]
        case Beside():
            if binding is None:
                raise refusal(
                    call.node,
                    "this place contains no attribute set for another package",
                )
            place = "\n" + " " * indentation(binding.tree.text, binding.start)
            return [Edit(binding.end, binding.end, f"{place}{change.binding}")]


def _fake_hash(node: Node) -> str:
    """Return code for nixpkgs' fake hash; empty if `lib` is not in scope."""
    scoped = (
        prefix
        for name, prefix in _HOLDERS.items()
        if look_up(name, node).scope is not None
    )
    prefix = next(scoped, None)
    return "" if prefix is None else f"{prefix}lib.fakeHash"


def _changed(call: WrittenCall, change: Mend, fake: str) -> Iterator[Edit]:
    if change.method:
        yield Edit(call.method.start, call.method.end, change.method)
    if change.wrapped:
        yield from _wrapped(call, change.wrapped)
    if change.bindings:
        holder = _set_of(call.argument)
        old = "old"
        if change.within:
            holder = _set_of(value(_binding(holder, change.within)))
        else:
            old, naming = _old_name(call, change)
            yield from naming
        yield from _added(holder, change, old, fake)


def _set_of(argument: Node) -> Node:
    """Return the attribute set in a call's argument, inside any functions."""
    last = spine(argument)[-1]
    if last.kind not in SETS:
        raise refusal(last, "is not an attribute set to which --fix could add")
    return last


def _binding(holder: Node, name: str) -> Node:
    found = [each for each in statements(holder, "binding") if path(each) == name]
    if len(found) != 1:
        raise refusal(holder, f"does not set '{name}' itself")
    return found[0]


def _old_name(call: WrittenCall, change: Mend) -> tuple[str, Sequence[Edit]]:
    """Return the name of the previous attributes in an override's argument.

    The second result are edits that add such a name if necessary.
    """
    argument = inside(call.argument)
    if not any(_OLD.search(binding) for binding in change.bindings):
        return "old", ()
    if argument.kind != "function_expression":
        start, end = call.argument.start, call.argument.end
        return "old", (Edit(start, start, "(old: "), Edit(end, end, ")"))
    inner = argument.children[-1]
    function = inner if inner.kind == "function_expression" else argument
    name = function.child("identifier")
    if name is None:
        raise refusal(function, "takes a pattern, so it has no name for the old values")
    if name.text == "_":
        return "old", (Edit(name.start, name.end, "old"),)
    return name.text, ()


def _added(holder: Node, change: Mend, old: str, fake: str) -> Iterator[Edit]:
    """Yield the edits that add bindings to a set, and remove the replaced ones."""
    names = {binding.partition(" ")[0] for binding in change.bindings}
    bound = statements(holder)
    for statement in bound:
        if statement.kind == "binding" and path(statement) in {
            *change.replaced,
            *names,
        }:
            yield removed(statement)
        elif statement.kind not in {"comment", "binding"}:
            taken = {name.text for name in inherited(statement)} & names
            if taken:
                raise refusal(
                    statement, f"inherits '{min(taken)}', which has to change"
                )
    if change.recursive and holder.kind == "attrset_expression":
        yield Edit(holder.start, holder.start, "rec ")
    text, close = holder.tree.text, holder.children[-1]
    is_apart = is_first(text, close.start)
    indent = indentation(text, close.start if is_apart else holder.start) + 2
    if is_apart and bound and is_first(text, bound[-1].start):
        indent = indentation(text, bound[-1].start)
    lines = [
        line
        for binding in change.bindings
        for line in _lines(_OLD.sub(old, binding), fake)
    ]
    block = "".join(f"{' ' * indent}{line}\n" for line in lines)
    if is_apart:
        start = text.rfind("\n", 0, close.start) + 1
        yield Edit(start, start, block)
    else:
        end = (bound[-1] if bound else holder.children[-2]).end
        yield Edit(end, close.start, f"\n{block}{' ' * (indent - 2)}")


def _lines(binding: str, fake: str) -> Iterator[str]:
    """Yield the lines of a binding, after a comment if it has a fake hash."""
    if _FAKE.search(binding):
        yield NOTE
        if fake:
            binding = _FAKE.sub(fake, binding)
    yield from binding.splitlines()


def removed(statement: Node) -> Edit:
    """Return the edit that removes a binding, and its line if that becomes empty."""
    text = statement.tree.text
    end = text.find("\n", statement.end)
    if is_first(text, statement.start) and not text[statement.end : end].strip():
        return Edit(text.rfind("\n", 0, statement.start) + 1, end + 1, "")
    return Edit(statement.start, statement.end, "")


def _wrapped(call: WrittenCall, name: str) -> Iterator[Edit]:
    """Yield the edits that move an override call to a package among the arguments."""
    if len(call.subject) == 1 and call.subject[0].kind != "variable_expression":
        raise refusal(call.node, "another override comes before this one")
    *holder, _ = call.function.text.split(".")[:-1]
    other = ".".join([*holder, name])
    yield Edit(
        call.method.start,
        call.method.end,
        f"override {{ {name} = {other}.{call.method.text}",
    )
    yield Edit(call.node.end, call.node.end, "; }")


def _extension(call: WrittenCall) -> Node:
    """Return the extension of a package set that an override call adds."""
    argument = inside(call.argument)
    if argument.kind in SETS:
        bindings = statements(argument)
        names = [path(each) if each.kind == "binding" else "" for each in bindings]
        if names not in [["overrides"], ["packageOverrides"]]:
            raise refusal(argument, "sets something besides the extension")
        return value(bindings[0])
    inner = argument.children[-1]
    if argument.kind == "function_expression" and inner.kind == "function_expression":
        return call.argument
    raise refusal(
        argument, "does not have the form of an extension 'self: super: { … }'"
    )


def _extended(
    call: WrittenCall, binding: Node | None, change: Extension
) -> Iterator[Edit]:
    inner = binding or call.node
    outer = next(
        (found for node in inner.ancestors() if (found := written.call(node))), None
    )
    holder = outer.bindings[0] if outer is not None and outer.bindings else None
    if outer is None or holder is None or inside(value(holder)) is not outer.node:
        raise refusal(inner, "is not in an extension that is the value of an attribute")
    extension = _extension(outer)
    text = extension.text if extension.kind == "parenthesized_expression" else ""
    left, right = ("", "") if text else ("(", ")")
    name, node = holder.children[0], value(holder)
    yield Edit(name.start, name.end, change.attribute)
    yield Edit(
        node.start, extension.start, f"{change.prev}.{change.attribute} ++ [ {left}"
    )
    yield Edit(extension.end, node.end, f"{right} ]")


def _composed(call: WrittenCall, change: Composition) -> Iterator[Edit]:
    argument = inside(call.argument)
    if argument.kind not in SETS:
        raise refusal(argument, "is not an attribute set that --fix could change")
    extension = value(_binding(argument, change.argument))
    before = (
        f"{change.prev}.lib.composeExtensions (old.{change.argument} or (_: _: {{ }}))"
    )
    is_apart = extension.kind == "parenthesized_expression"
    yield Edit(call.argument.start, call.argument.start, "(old: ")
    yield Edit(
        extension.start, extension.start, f"{before} " if is_apart else f"{before} ("
    )
    if not is_apart:
        yield Edit(extension.end, extension.end, ")")
    yield Edit(call.argument.end, call.argument.end, ")")
