"""Recognise the rewrites in a change of the docker file, by the syntax trees of both sides.

What a region has is what the rewrites write, name by name and word by word: a binding, a parameter or a list
element beside it that somebody else added belongs to none, be it in the midst of a new function.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.docker.readings import Place
from toolkit.docker.rewrite import suffix, wrapper
from toolkit.docker.rewrite.construction import construction, statements
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.docker.rewrite.parameters import ABOVE_CALLER, ABOVE_PARAMETERS, CALLER
from toolkit.docker.rewrite.regions import (
    Cause,
    Move,
    Region,
    Regions,
    added,
    formal_with_comma,
    removed,
    text_of,
    value,
    with_comments,
    words,
    words_of,
)
from toolkit.errors import RefusalError
from toolkit.nix.scope import binding_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolkit.docker.rewrite.construction import Construction
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.docker.rewrite.regions import Edited
    from toolkit.nix.tree import Node


def regions(change: Edited) -> Regions:
    """Return the regions of a change by either rewrite, or by both at once; raise LayoutError for an unknown layout."""
    moves = [*_moves_to_attributes(change), *_moves_to_parameters(change)]
    return Regions(
        regions=(
            *_attributes(change),
            *_parameters(change),
            *_calls(change),
            *_done(change, moves),
            *_demotion(change),
        ),
        moves=tuple(moves),
    )


class _Built(Struct, frozen=True, kw_only=True):
    """Docker's derivation before and after its attributes became a function, with the sets that have the components."""

    before: Construction
    after: Construction
    function: Node
    inheriting: tuple[Node, Node]
    defining: tuple[Node, Node]


def _built(change: Edited) -> _Built | None:
    before, after = construction(change.before.function), construction(change.after.function)
    if before is None or after is None or before.function is not None or after.function is None:
        return None
    inheriting = before.holder(change.components, "inherit")
    defining = after.holder(change.components, "binding")
    if inheriting is None or defining is None:
        return None
    return _Built(before=before, after=after, function=after.function, inheriting=inheriting, defining=defining)


def _moves_to_attributes(change: Edited) -> Iterator[Move]:
    built = _built(change)
    if built is None:
        return
    defined = {name: node for node in statements(built.defining[0], "binding") for name in binding_names(node)}
    first = min(node.start for name, node in change.before.bindings.items() if name in change.components)
    for name, origin in change.before.bindings.items():
        if name in change.components:
            yield _move(change, name, Cause.MOVED, origin, defined[name])
        elif origin.start > first and (node := change.after.bindings.get(name)) is not None:
            yield _move(change, name, Cause.STAYS, origin, node)


def _attributes(change: Edited) -> Iterator[Region]:
    """Yield the function's head, the set that comes first, and the references to the components."""
    built = _built(change)
    if built is None:
        return
    final, colon = built.function.children[:2]
    yield from added([final, colon], Cause.FINAL)
    (inheriting, old), (defining, new) = built.inheriting, built.defining
    frame = _frame(old, inheriting), _frame(new, defining)
    order = built.before.operands.index(old), built.after.operands.index(new)
    if order[0] != order[1] and words_of(frame[0]) == words_of(frame[1]):
        yield from removed([_operator_before(old), *frame[0]], Cause.FRONT)
        yield from added([*frame[1], _operator_before(built.after.operands[order[1] + 1])], Cause.FRONT)
    # Those above what was inherited are above the first definition now.
    shared = {text_of(each) for each in _comments(inheriting)} & {text_of(each) for each in _comments(defining)}
    for side, node in ((removed, inheriting), (added, defining)):
        yield from side([each for each in _comments(node) if text_of(each) in shared], Cause.FRONT)
    for statement in statements(inheriting, "inherit"):
        yield from _split(change, statement, statements(defining, "inherit"), Cause.FRONT)
    yield from _references(change, built, final.text)


def _references(change: Edited, built: _Built, final: str) -> Iterator[Region]:
    """Yield what is in front of a component where it is referred to, and where it is inherited."""
    for use in change.after.references:
        if use.name != final or use.scope is None or use.scope.node is not built.function or use.node.parent is None:
            continue
        owner = use.node.parent
        if owner.kind == "select_expression":
            path = owner.child("attrpath")
            if path is not None and path.text in change.components:
                yield Region(removed=False, start=owner.start, end=path.start, cause=Cause.REFERRED, name=path.text)
        elif owner.kind == "inherit_from" and set(change.components).issuperset(names := binding_names(owner)):
            for name in names:
                yield from added([owner], Cause.REFERRED, name)
    own = statements(built.defining[0], "inherit")
    left = [node for node in change.after.tree.root.walk() if node.kind == "inherit" and node not in own]
    seen: set[Node] = set()
    for use in change.before.references:
        statement = use.node.enclosing("inherit")
        of_let = use.scope is not None and use.scope.node is change.before.let
        if statement is None or not of_let or statement in seen or built.inheriting[0].contains(statement):
            continue
        seen.add(statement)
        yield from _split(change, statement, left, Cause.REFERRED)


def _split(change: Edited, statement: Node, left: Sequence[Node], cause: Cause) -> Iterator[Region]:
    """Yield a statement that inherited components, and the one of those that are `left` with its other names."""
    names = binding_names(statement)
    others = tuple(name for name in names if name not in change.components)
    if others == names:
        return
    kept = next((node for node in left if others and binding_names(node) == others), None)
    if kept is not None or not others:
        yield from removed([statement], cause, names[0])
        yield from added([kept], cause, names[0])


def _frame(operand: Node, attributes: Node) -> list[Node]:
    """Return the tokens of an operand but for what the set in it binds."""
    bound = attributes.child("binding_set")
    leaves = [node for node in operand.walk() if not node.children and node.kind != "comment" and node.text]
    return [node for node in leaves if bound is None or not bound.contains(node)]


def _comments(attributes: Node) -> list[Node]:
    """Return the comments above the first attribute of a set."""
    first = next((node.start for node in statements(attributes, "binding", "inherit")), attributes.end)
    return [node for node in attributes.walk() if node.kind == "comment" and node.start < first]


def _operator_before(operand: Node) -> Node | None:
    """Return the `//` in front of an operand."""
    node = operand
    while node.parent is not None and node.parent.children[0] is node:
        node = node.parent
    siblings = node.parent.children if node.parent is not None else []
    return next((each for each in siblings if each.kind == "//"), None)


def _moves_to_parameters(change: Edited) -> Iterator[Move]:
    for name, formal in change.new_formals.items():
        if len(formal.children) > 1:
            yield _move(change, name, _cause(change), change.before.bindings[name], formal)


def _cause(change: Edited) -> Cause:
    return Cause.HIDDEN if CALLER in change.new_functions else Cause.DEFAULTED


def _move(change: Edited, name: str, cause: Cause, origin: Node, node: Node) -> Move:
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


def _parameters(change: Edited) -> Iterator[Region]:
    """Yield dockerGen's new parameters, without their defaults."""
    cause = _cause(change)
    new = {name: formal for name, formal in change.new_formals.items() if len(formal.children) > 1}
    for index, (name, formal) in enumerate(new.items()):
        if index == 0:
            yield from added(_said(change, formal, ABOVE_PARAMETERS), cause, name)
        origin = change.before.bindings[name]
        yield from removed([origin.child("attrpath"), origin.child("="), origin.child(";")], cause, name)
        commas = formal_with_comma(formal)
        yield from added([*(part for part in commas if part is not formal), *formal.children[:2]], cause, name)


def _calls(change: Edited) -> Iterator[Region]:
    """Yield callDocker, and each release's call that goes by it now."""
    binding = change.new_functions.get(CALLER)
    if binding is None:
        return
    names = [word for name in change.new_formals for word in ('"', name, '"')]
    shown = ["removeAttrs", "(", "lib", ".", "functionArgs", GENERATOR, ")", "[", *names, "]"]
    if words(value(binding)) != ["callPackage", "(", "lib", ".", "setFunctionArgs", GENERATOR, "(", *shown, ")", ")"]:
        return
    yield from added([*_said(change, binding, ABOVE_CALLER), binding], Cause.CALLER)
    uses = _by_owner(use.node for use in change.after.references if use.name == CALLER)
    for name, olds in _by_owner(change.before.calls()).items():
        for old, new in zip(olds, uses.get(name, ()), strict=False):
            yield from (*removed([old], Cause.CALL, name), *added([new], Cause.CALL, name))


def _said(change: Edited, node: Node, comment: str) -> list[Node]:
    """Return the new comments above a node if this is what they say."""
    found = change.new_comments(node)
    return found if " ".join(each.text.lstrip("# ") for each in reversed(found)) == comment else []


def _by_owner(nodes: Iterable[Node]) -> Mapping[str, list[Node]]:
    """Return nodes by the name of the outermost binding that each stands in, which is that of a release."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        names = [name for owner in node.ancestors() if owner.kind == "binding" for name in binding_names(owner)]
        if names:
            found.setdefault(names[-1], []).append(node)
    return found


def _done(change: Edited, moves: Sequence[Move]) -> Iterator[Region]:
    if moves and not change.after.todos():
        yield from removed(change.before.todos(), Cause.DONE)


def _demotion(change: Edited) -> Iterator[Region]:
    """Yield the element that leaves the list of the prefix, and the suffix with the comment above its command."""
    before = wrapper.placement(change.before, change.entry)
    after = wrapper.placement(change.after, change.entry)
    if before.where is not Place.PREFIX or after.where not in {Place.SUFFIX, Place.ABSENT}:
        return
    cause = Cause.DEMOTED if after.where is Place.SUFFIX else Cause.DROPPED
    yield from removed(before.elements, cause, change.entry)
    if after.where is Place.ABSENT:
        yield from _unused(change)
        return
    text = change.after.text
    (command, *_), (origin, *_) = after.commands, before.commands
    try:
        written = suffix.flag(change.before, before, change.entry)
    except RefusalError:
        return
    for flag in command.flags:
        start = text.rfind(written, command.start, command.end)
        if flag.kind == "suffix" and start < flag.start < start + len(written):
            end = start + len(written)
            start -= len(text[:start]) - len(re.sub(r"[ \t]*\\\n[ \t]*$", "", text[:start]))
            known = _shell_comment(change.before.text, origin.start)
            spans = [span for line, span in _shell_comment(text, command.start).items() if line not in known]
            for begin, stop in [*spans, (start, end)]:
                yield Region(removed=False, start=begin, end=stop, cause=Cause.SUFFIX, name=change.entry)


def _shell_comment(text: str, start: int) -> Mapping[str, tuple[int, int]]:
    """Return the lines of comment above a command of the install phase, with their places."""
    found: dict[str, tuple[int, int]] = {}
    while (line := re.search(r"(?:^|(?<=\n))[ \t]*(#[^\n]*)\n$", text[:start])) is not None:
        found[line[1]] = line.span(1)
        start = line.start()
    return found


def _unused(change: Edited) -> Iterator[Region]:
    """Yield each parameter that is gone since nothing refers to it."""
    entry = change.entry
    if any(use.name == entry for use in change.after.references) or _formals(change.after, entry):
        return
    for formal in _formals(change.before, entry):
        yield from removed(formal_with_comma(formal), Cause.UNUSED, entry)


def _formals(file: DockerFile, name: str) -> list[Node]:
    return [node for node in file.tree.root.walk() if node.kind == "formal" and node.children[0].text == name]
