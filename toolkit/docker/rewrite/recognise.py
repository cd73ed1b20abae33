"""Recognise the rewrites in a change of the docker file, by the syntax trees of both sides.

What a region has is what the rewrites write, name by name and word by word: a binding, a parameter or a list
element beside it that somebody else added belongs to none, be it in the midst of a new function.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.docker.rewrite import wrapper
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.rewrite.lift import CALLER
from toolkit.docker.rewrite.regions import (
    Cause,
    Move,
    Region,
    Regions,
    added,
    formal_with_comma,
    removed,
    value,
    with_comments,
    words,
)
from toolkit.docker.rewrite.sentinel import DEFAULTS, RESULT
from toolkit.nix.scope import binding_names, bound_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.docker.rewrite.regions import Change
    from toolkit.nix.tree import Node


def regions(change: Change) -> Regions:
    """Return the regions of a change by either rewrite, or by both at once; raise LayoutError for an unknown layout."""
    moves = [*_moves_to_function(change), *_moves_to_parameters(change)]
    return Regions(
        regions=(
            *_function(change),
            *_parameters(change),
            *_choices(change),
            *_result(change, {move.name for move in moves}),
            *_calls(change),
            *_done(change),
            *_demotion(change),
        ),
        moves=tuple(moves),
    )


def _function(change: Change) -> Iterator[Region]:
    """Yield componentsGen without the definitions in it: its head, the parameters that are known, its braces."""
    binding = change.new_functions.get(DEFAULTS)
    function = binding.child("function_expression") if binding is not None else None
    if binding is None or function is None:
        return
    known = change.after.formals.keys() | change.before.bindings.keys()
    parts = [*change.new_comments(binding), *_but(binding, "function_expression", "comment")]
    for child in function.children:
        if child.kind == "formals":
            parts += _but(child, "formal", "comment")
            for formal in child.children:
                if formal.kind == "formal" and len(formal.children) == 1 and formal.text in known:
                    parts += formal_with_comma(formal)
        elif child.kind == "attrset_expression":
            parts += _but(child, "binding_set", "comment")
        elif child.kind == ":":
            parts.append(child)
    yield from added(parts, Cause.FUNCTION)


def _but(node: Node, *kinds: str) -> list[Node]:
    return [child for child in node.children if child.kind not in kinds]


def _moves_to_function(change: Change) -> Iterator[Move]:
    binding = change.new_functions.get(DEFAULTS)
    function = binding.child("function_expression") if binding is not None else None
    attributes = function.child("attrset_expression") if function is not None else None
    if attributes is None:
        return
    for name, node in bound_names(attributes.child("binding_set")).items():
        if (origin := change.before.bindings.get(name)) is not None:
            cause = Cause.MOVED if name in change.components else Cause.NEEDED
            yield _move(change, name, cause, origin, node)


def _moves_to_parameters(change: Change) -> Iterator[Move]:
    for name, formal in change.new_formals.items():
        if len(formal.children) > 1:
            yield _move(change, name, Cause.DEFAULTED, change.before.bindings[name], formal)


def _move(change: Change, name: str, cause: Cause, origin: Node, node: Node) -> Move:
    return Move(
        name=name,
        cause=cause,
        before=with_comments(change.before, origin),
        after=with_comments(change.after, node),
        shift=_indent(change.after, value(node).end) - _indent(change.before, value(origin).end),
    )


def _indent(file: DockerFile, offset: int) -> int:
    """Return the indentation of the line at an offset."""
    line = file.text[file.text.rfind("\n", 0, offset) + 1 :]
    return len(line) - len(line.lstrip())


def _parameters(change: Change) -> Iterator[Region]:
    """Yield dockerGen's new parameters, without their defaults, and the name of its argument set."""
    for index, (name, formal) in enumerate(change.new_formals.items()):
        cause = Cause.REQUIRED if len(formal.children) == 1 else Cause.DEFAULTED
        if index == 0:
            yield from added(change.new_comments(formal), cause, name)
        if cause is Cause.DEFAULTED:
            origin = change.before.bindings[name]
            yield from removed([origin.child("attrpath"), origin.child("="), origin.child(";")], cause, name)
        commas = formal_with_comma(formal)
        yield from added([*(part for part in commas if part is not formal), *formal.children[:2]], cause, name)
    function = change.after.function
    if "args" in change.after.formals and "args" not in change.before.formals:
        parts = [child for child in function.children if child.kind == "@" or child.text == "args"]
        yield from added(parts, Cause.ARGUMENTS)


def _choices(change: Change) -> Iterator[Region]:
    """Yield what chooses each component: the argument unless it is null."""
    for name in change.components:
        binding = change.after.bindings.get(name)
        origin = change.before.bindings.get(name)
        if binding is None or binding.kind != "binding" or origin is None:
            continue
        default = f"default-{name}"
        argument = ["args", ".", name]
        choice = ["if", *argument, "!=", "null", "then", *argument, "else"]
        said = words(value(binding))
        if said == [*choice, default] and default in change.new_bindings:
            yield from removed([origin.child("attrpath")], Cause.RENAMED, name)
            yield from added([change.new_bindings[default].child("attrpath")], Cause.RENAMED, name)
        elif said != [*choice, RESULT, ".", name]:
            continue
        yield from added([binding], Cause.CHOICE, name)


def _result(change: Change, moved: set[str]) -> Iterator[Region]:
    """Yield the call of componentsGen in dockerGen's let, and what is inherited from its result."""
    binding = change.new_bindings.get(RESULT)
    if binding is None or change.after.let is None:
        return
    names = [name for node in binding.walk() if node.kind == "inherit" for name in binding_names(node)]
    scope = ["inherit", *names, ";"]
    known = change.after.formals.keys() | moved
    if words(value(binding)) == [DEFAULTS, "(", "args", "//", "{", *scope, "}", ")"] and known.issuperset(names):
        yield from added([*change.new_comments(binding), binding], Cause.RESULT)
    bindings = change.after.let.child("binding_set")
    for node in bindings.children if bindings is not None else ():
        names = list(binding_names(node))
        if words(node) == ["inherit", "(", RESULT, ")", *names, ";"] and moved.issuperset(names):
            for name in names:
                yield from added([node], Cause.INHERITED, name)


def _calls(change: Change) -> Iterator[Region]:
    """Yield callDocker, and each release's call that goes by it now."""
    binding = change.new_functions.get(CALLER)
    if binding is None:
        return
    names = [name for name, formal in change.new_formals.items() if len(formal.children) == 1]
    nulls = [word for name in names for word in (name, "=", "null", ";")]
    call = ["release", ":", "callPackage", GENERATOR, "(", "{", *nulls, "}", "//", "release", ")"]
    if words(value(binding)) != call:
        return
    yield from added([*change.new_comments(binding), binding], Cause.CALLER)
    uses = _by_owner(use.node for use in change.after.references if use.name == CALLER)
    for name, olds in _by_owner(change.before.calls()).items():
        for old, new in zip(olds, uses.get(name, ()), strict=False):
            yield from (*removed([old], Cause.CALL, name), *added([new], Cause.CALL, name))


def _by_owner(nodes: Iterable[Node]) -> Mapping[str, list[Node]]:
    """Return nodes by the name of the outermost binding that each stands in, which is that of a release."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        names = [name for owner in node.ancestors() if owner.kind == "binding" for name in binding_names(owner)]
        if names:
            found.setdefault(names[-1], []).append(node)
    return found


def _done(change: Change) -> Iterator[Region]:
    if change.new_formals and not change.after.todos():
        yield from removed(change.before.todos(), Cause.DONE)


def _demotion(change: Change) -> Iterator[Region]:
    """Yield the element that leaves the list of the prefix, and the suffix with the comment above its command."""
    before = wrapper.placement(change.before, change.entry)
    after = wrapper.placement(change.after, change.entry)
    if before.where != "prefix" or after.where not in {"suffix", "absent"}:
        return
    cause = Cause.DEMOTED if after.where == "suffix" else Cause.DROPPED
    yield from removed(before.elements, cause, change.entry)
    if after.where == "absent":
        yield from _unused(change)
        return
    text = change.after.text
    (command, *_), (origin, *_) = after.commands, before.commands
    function = _function_of(before.elements[0]) if before.elements else []
    for flag in command.flags:
        path = next((n for n in command.string.children if n.start == flag.start + 1 and n.end == flag.end - 1), None)
        if flag.kind == "suffix" and words(path) == ["${", *function, "[", change.entry, "]", "}"]:
            start = text.rindex("--suffix", 0, flag.start)
            start -= len(text[:start]) - len(re.sub(r"[ \t]*\\\n[ \t]*$", "", text[:start]))
            known = _shell_comment(change.before.text, origin.start)
            spans = [span for line, span in _shell_comment(text, command.start).items() if line not in known]
            for begin, end in [*spans, (start, flag.end)]:
                yield Region(removed=False, start=begin, end=end, cause=Cause.SUFFIX, name=change.entry)


def _function_of(element: Node) -> list[str]:
    """Return what is called with the list that an element stands in."""
    call = next((node for node in element.ancestors() if node.kind == "apply_expression"), None)
    return words(call.children[0]) if call is not None else []


def _shell_comment(text: str, start: int) -> Mapping[str, tuple[int, int]]:
    """Return the lines of comment above a command of the install phase, with their places."""
    found: dict[str, tuple[int, int]] = {}
    while (line := re.search(r"(?:^|(?<=\n))[ \t]*(#[^\n]*)\n$", text[:start])) is not None:
        found[line[1]] = line.span(1)
        start = line.start()
    return found


def _unused(change: Change) -> Iterator[Region]:
    """Yield each parameter that is gone since nothing refers to it."""
    entry = change.entry
    if any(use.name == entry for use in change.after.references) or _formals(change.after, entry):
        return
    for formal in _formals(change.before, entry):
        yield from removed(formal_with_comma(formal), Cause.UNUSED, entry)


def _formals(file: DockerFile, name: str) -> list[Node]:
    return [node for node in file.tree.root.walk() if node.kind == "formal" and node.children[0].text == name]
