"""What commit 2 adds: `--suffix PATH` on the wrapper's command, under the conditions of what leaves the prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.rewrite import wrapper
from toolkit.docker.rewrite.conditions import climb, guards, references_in
from toolkit.errors import RefusalError
from toolkit.nix.attributes import call, inside, name_of
from toolkit.nix.edit import Edit
from toolkit.nix.scope import look_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.docker.rewrite.conditions import Condition
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.docker.rewrite.wrapper import Invocation, Placement, Way
    from toolkit.nix.scope import Reference
    from toolkit.nix.tree import Node

REASON = (
    "# {entry} comes last, so that a security wrapper of that name,",
    "# which has CAP_NET_BIND_SERVICE, takes precedence",
)
"""The comment in the install phase."""


def added(file: DockerFile, place: Placement, entry: str) -> list[Edit]:
    """Append `--suffix PATH` to the wrapper's command, under the conditions of the list, and say above it why."""
    command = place.commands[0]
    if any(flag.kind == "suffix" for flag in command.flags):
        raise RefusalError(f"{file.at(command.string)}: the wrapper has a PATH suffix already")
    margin, continuation = " " * command.indent, " " * command.continuation
    comment = "".join(f"{margin}{line.format(entry=entry)}\n" for line in REASON)
    end = _end_of_words(file, command)
    return [
        Edit(command.start, command.start, comment),
        Edit(end, end, f" \\\n{continuation}{flag(file, place, entry)}"),
    ]


def flag(file: DockerFile, place: Placement, entry: str) -> str:
    """Return the flag as it is written in the install phase; raise RefusalError where it cannot be."""
    text = f'--suffix PATH : "${{{_path(file, place, entry)}}}"'
    if conditions := _conditions(file, place):
        return f"${{{_optional(file, conditions, place.commands[0])} ''{text}''}}"
    return text


def _path(file: DockerFile, place: Placement, entry: str) -> str:
    """Return the expression of the element's own PATH entry: what the list is made to, without the others in it."""
    element, command = place.elements[0], place.commands[0]
    text = file.style.list(entry)
    scopes: list[Node] = []
    node = element
    while node.parent is not None and not (node.parent.kind == "apply_expression" and makes_path(node.parent)):
        if node.parent.kind == "with_expression":
            source = next(child for child in node.parent.children if child.kind not in {"with", "comment"})
            scopes.append(node.parent)
            text = f"with {_uncommented(source)}; {text}"
            _require_all_same(file, source, command)
        node = node.parent
    made = node.parent
    if made is None or climb(element, made).opaque is not None:
        raise RefusalError(f"{file.at(element)}: this list is not an argument of makeBinPath")
    function = made.children[0]
    _require_all_same(file, function, command)
    reference = look_up(inside(element).text, element)
    if reference.scope is not None or not reference.withs or reference.withs[0].node not in scopes:
        _require_same(file, reference, command)
    if (binder := _binder(reference)) is not None and binder.kind == "formal" and len(binder.children) > 1:
        raise RefusalError(f"{file.at(binder)}: '{entry}' has a default, with which PATH's suffix may be empty")
    return f"{_uncommented(function)} {f'({text})' if scopes else text}"


def makes_path(node: Node) -> bool:
    """Tell whether a call makes a PATH of a list."""
    return name_of(call(node)[0]) in {"makeBinPath", "makeSearchPath", "makeSearchPathOutput"}


def _conditions(file: DockerFile, place: Placement) -> list[Condition]:
    """Return under which conditions the element is in PATH, but for those without which there is no wrapper."""
    ways = [_conditions_of(file, way) for way in place.ways]
    first, *others = ways
    for other in others:
        if [each.node.text for each in first] != [each.node.text for each in other]:
            raise RefusalError(
                f"{file.at(place.elements[0])}: {place.elements[0].text} is in PATH under several conditions"
            )
    given = _given(file, place.commands[0].string)
    conjuncts = [part for condition in first for part in condition.conjuncts()]
    return first if any(not any(part.means(each) for each in given) for part in conjuncts) else []


def _conditions_of(file: DockerFile, way: Way) -> list[Condition]:
    found: list[Condition] = []
    for node, owner in way:
        climbed = climb(node, owner)
        if climbed.opaque is not None:
            raise RefusalError(f"{file.at(climbed.opaque)}: cannot tell when {way[0][0].text} is in PATH from here")
        found = [*climbed.conditions, *found]
    return found


def _given(file: DockerFile, script: Node) -> list[Condition]:
    """Return what holds wherever the wrapper is made: around it, and around each use of what dockerGen has it in."""
    given = guards(script)
    bound = (*file.bindings.items(), *file.formals.items())
    name = next((name for name, node in bound if node.contains(script)), None)
    uses = [
        guards(use.node)
        for use in file.references
        if use.name == name and use.scope is not None and use.scope.node in {file.let, file.function}
    ]
    return [*given, *(part for part in uses[0] if all(_has(use, part) for use in uses[1:]))] if uses else given


def _has(conditions: Sequence[Condition], wanted: Condition) -> bool:
    return any(wanted.means(each) for each in conditions)


def _optional(file: DockerFile, conditions: Sequence[Condition], command: Invocation) -> str:
    """Return `lib.optionalString condition`, with the words that the list has for it."""
    for condition in conditions:
        _require_all_same(file, condition.node, command)
    texts = [_text_of(file, condition) for condition in conditions]
    text = texts[0] if len(texts) == 1 else f"({' && '.join(texts)})"
    function = next((each.function for each in conditions if each.function is not None), None)
    spelt = _uncommented(inside(function)) if function is not None else "lib.optionals"
    name = f"{spelt.rpartition('.')[0]}." if "." in spelt else ""
    root = look_up(f"{name}optionalString".partition(".")[0], command.string)
    if root.scope is None and (name or not root.withs):
        raise RefusalError(f"{file.at(command.string)}: there is no lib for the condition of PATH's suffix")
    return f"{name}optionalString {text}"


def _uncommented(node: Node) -> str:
    """Return the text of an expression that is repeated: its comments stay where they are."""
    text = node.text
    for comment in reversed([each for each in node.walk() if each.kind == "comment"]):
        rest = text[comment.end - node.start :].lstrip()
        text = f"{text[: comment.start - node.start].rstrip()}{'' if rest.startswith('.') else ' '}{rest}"
    return text


def _text_of(file: DockerFile, condition: Condition) -> str:
    """Return a condition as an argument, on one line."""
    node = inside(condition.node)
    if any(each.kind in {"comment", "indented_string_expression"} for each in node.walk()):
        raise RefusalError(f"{file.at(node)}: a condition with a comment or a text would have to be repeated")
    text = " ".join(node.text.split())
    if condition.negated:
        return f"(!{text})" if node.kind in _ATOMS else f"(!({text}))"
    return text if node.kind in _ATOMS else f"({text})"


_ATOMS = frozenset(["variable_expression", "select_expression"])


def _require_all_same(file: DockerFile, node: Node, command: Invocation) -> None:
    for reference in references_in(node):
        _require_same(file, reference, command)


def _binder(reference: Reference) -> Node | None:
    return reference.scope.names[reference.name] if reference.scope is not None else None


def _require_same(file: DockerFile, reference: Reference, command: Invocation) -> None:
    """Raise RefusalError where a name has another value at the command."""
    if not look_up(reference.name, command.string).means(reference):
        raise RefusalError(
            f"{file.at(reference.node)}: '{reference.name}' has no or another meaning at {command.string.place}, "
            "where the wrapper is made"
        )


def _end_of_words(file: DockerFile, command: Invocation) -> int:
    """Return where a flag can be added: after the last word, or after the PATH flags where more than words follows."""
    end = max(flag.end for flag in command.flags)
    if wrapper.WORDS.fullmatch(file.text, end, command.end):
        return command.end
    if end < command.end and not file.text[end].isspace():
        raise RefusalError(f"{file.tree.name}:{file.tree.place(end)}: the wrapper's command ends within its line")
    return end
