"""Commit 2: move a package in the dockerd-rootless wrapper from the PATH prefix to the suffix."""

import re
from collections.abc import Iterator, Sequence

from toolkit.docker import PREFIX_ENTRY
from toolkit.docker.rewrite import wrapper
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.docker.rewrite.wrapper import Invocation, Placement, Way
from toolkit.docker.steps import Demotion
from toolkit.errors import LayoutError, RefusalError
from toolkit.nix.attributes import call, inside, name_of, operator
from toolkit.nix.conditions import Condition, climb, guard, guards, references_in
from toolkit.nix.edit import Edit, apply
from toolkit.nix.scope import Reference, binding_names, look_up
from toolkit.nix.tree import Node
from toolkit.track.readings import PathPlace

REASON = (
    "# rootlesskit comes last, so that a security wrapper of that name,",
    "# which has CAP_NET_BIND_SERVICE, takes precedence",
)
"""The comment in the install phase."""


def rewrite(file: DockerFile, demotion: Demotion) -> str:
    """Return the file's text without rootlesskit in the prefix.

    Raise LayoutError if it is not in the prefix, RefusalError if the rest cannot stay the same.
    """
    return apply(file.text, edits(file, demotion))


def edits(file: DockerFile, demotion: Demotion) -> list[Edit]:
    """Return the edits: first the removal from the list, then the others. Raise as `rewrite` does."""
    place = _find(file)
    removed = _remove_element(file, place.elements[0])
    others = _suffix(file, place) if demotion is Demotion.SUFFIX else _remove_unused_parameters(file, removed)
    return [removed, *others]


def _find(file: DockerFile) -> Placement:
    """Return where the one wrapper's command is, and the one list element that gets into its prefix."""
    place = wrapper.placement(file)
    if place.where is not PathPlace.PREFIX:
        fact = f"rootlesskit is not in the PATH prefix of a dockerd-rootless wrapper ({place.where})"
        raise LayoutError(f"{file.tree.name}: {fact}")
    command, *others = place.commands
    if others:
        second = file.tree.place(others[0].start + others[0].indent)
        raise RefusalError(f"{file.tree.name}:{second}: bin/dockerd-rootless is made a second time")
    phase = command.string.enclosing("binding")
    if phase is None or binding_names(phase) != ("installPhase",):
        raise RefusalError(f"{file.at(command.string)}: bin/dockerd-rootless is not made in moby's installPhase")
    if place.others:
        raise RefusalError(
            f"{file.at(place.others[0])}: rootlesskit does not get into the script by a list in a variable"
        )
    if len(place.elements) != 1:
        where = ", ".join(element.place for element in place.elements)
        raise RefusalError(f"{file.at(place.elements[1])}: rootlesskit is in the prefix more than once ({where})")
    element = place.elements[0]
    if place.shared is not None:
        raise RefusalError(
            f"{file.at(element)}: '{place.shared}', which has rootlesskit from here, is used in the script outside of "
            "the wrapper's PATH flags too"
        )
    return place


def _remove_element(file: DockerFile, element: Node) -> Edit:
    """Remove a list element, with its line where it has one to itself; comments stay, one on its line is in the way."""
    listed = element.parent if element.parent is not None and element.parent.kind == "list_expression" else None
    if listed is None or len(_items(listed)) == 1:
        # An element of `lib.optional` has no list of its own.
        return _remove_term(file, element, listed or element)
    index = listed.children.index(element)
    before, after = listed.children[index - 1], listed.children[index + 1]
    for comment, gap in ((before, (before.end, element.start)), (after, (element.end, after.start))):
        if comment.kind == "comment" and "\n" not in file.text[slice(*gap)]:
            raise RefusalError(f"{file.at(comment)}: this comment stands beside {element.text}, which leaves the list")
    line_start = file.text.rfind("\n", 0, element.start)
    alone = not file.text[line_start + 1 : element.start].strip()
    if alone and (rest := re.compile(r"[ \t]*(?=\n)").match(file.text, element.end)):
        return Edit(line_start, rest.end(), "")
    if after.kind != "]" or before.kind == "comment":
        return Edit(element.start, after.start, "")
    return Edit(before.end, element.end, "")


def _items(node: Node) -> list[Node]:
    """Return the elements of a list, or the operands of `++`."""
    return [child for child in node.children if child.kind not in {"[", "]", "++", "comment"}]


def _remove_term(file: DockerFile, element: Node, term: Node) -> Edit:
    """Remove what a list has of nothing but `element`, with the `++` that joins it to the rest of the list.

    In a branch of an `if` an empty list stays.
    """
    joined = term = _whole(term)
    while joined.parent is not None and joined.parent.kind == "if_expression" and guard(joined, joined.parent):
        joined = _whole(joined.parent)
    parent = joined.parent if joined.parent is not None and operator(joined.parent) == "++" else None
    if parent is None or not any(_is_filled(operand) for operand in _operands(parent) if operand is not joined):
        left = "what would be left of this list may be empty"
        if parent is None and joined is term and term.parent is not None and _makes_path(term.parent):
            left = "nothing would be left in this list"
        raise RefusalError(f"{file.at(element)}: {left}, and an empty PATH entry means the current directory")
    if (comment := next((node for node in term.walk() if node.kind == "comment"), None)) is not None:
        raise RefusalError(f"{file.at(comment)}: this comment stands beside {element.text}, which leaves the list")
    if joined is not term:
        return Edit(term.start, term.end, file.style.list(""))
    first, last = _items(parent)
    gap = Edit(term.start, last.start, "") if term is first else Edit(first.end, term.end, "")
    if "#" in (between := file.text[gap.start : gap.end].replace(term.text, "")) or "/*" in between:
        raise RefusalError(f"{file.at(term)}: a comment stands beside {element.text}, which leaves the list")
    return gap


def _whole(term: Node) -> Node:
    """Return what has the elements of a list and no others: the list under a condition, in parentheses, in a `with`."""
    while (parent := term.parent) is not None:
        condition = guard(term, parent)
        is_body = parent.kind in {"with_expression", "let_expression"} and term is parent.children[-1]
        if not (condition and condition.function) and not is_body and parent.kind != "parenthesized_expression":
            break
        term = parent
    return term


def _operands(joined: Node) -> list[Node]:
    """Return all that is joined by `++` to one list with `joined`."""
    top = joined
    while top.parent is not None and (operator(top.parent) == "++" or top.parent.kind == "parenthesized_expression"):
        top = top.parent
    return list(_terms(top))


def _terms(node: Node) -> Iterator[Node]:
    if operator(inside(node)) == "++":
        for child in _items(inside(node)):
            yield from _terms(child)
    else:
        yield node


def _is_filled(operand: Node) -> bool:
    """Return whether it can be seen that a list has an element, whatever the conditions in it are."""
    node = inside(operand)
    while node.kind == "with_expression":
        node = inside(node.children[-1])
    return node.kind == "list_expression" and bool(_items(node))


def _remove_unused_parameters(file: DockerFile, removed: Edit) -> list[Edit]:
    """Take rootlesskit out of each set pattern if nothing refers to it outside of what is `removed`."""
    uses = [use.node for use in file.references if use.name == PREFIX_ENTRY]
    if not all(removed.start <= use.start and use.end <= removed.end for use in uses):
        return []
    formals = [node for node in file.tree.nodes if node.kind == "formal" and node.children[0].text == PREFIX_ENTRY]
    return [_remove_formal(file, formal) for formal in formals]


def _remove_formal(file: DockerFile, formal: Node) -> Edit:
    """Remove a parameter with the comma that belongs to it, and its line where it has one to itself."""
    text = file.text
    line_start = text.rfind("\n", 0, formal.start)
    before = text[line_start + 1 : formal.start].strip()
    after = re.compile(r"[ \t]*(,?)[ \t]*").match(text, formal.end)
    if after is None:
        raise AssertionError(formal)
    at_line_end = text.startswith("\n", after.end())
    if before in {"", ","} and at_line_end and bool(before) != bool(after[1]):
        return Edit(line_start, after.end(), "")
    if after[1] and at_line_end and not before.endswith(","):
        return Edit(line_start + 1 + len(text[line_start + 1 : formal.start].rstrip()), after.end(), "")
    if after[1] and not (at_line_end and before.endswith(",")):
        return Edit(formal.start, after.end(), "")
    commas = [node.start for node in formal.parent.children if node.kind == ","] if formal.parent is not None else []
    # A comment between the two stays.
    if earlier := [comma for comma in commas if comma < formal.start]:
        between = text[earlier[-1] + 1 : formal.start]
        return Edit(earlier[-1], formal.end, between.rstrip(" \t") if between.strip() else "")
    if not commas:
        return Edit(formal.start, formal.end, "")
    between, behind = text[formal.end : commas[0]], text[commas[0] + 1 :]
    following = len(text) - len(behind.lstrip())
    return Edit(formal.start, following, between.lstrip(" \t") if between.strip() else "")


def _suffix(file: DockerFile, place: Placement) -> list[Edit]:
    """Append `--suffix PATH` to the wrapper's command, under the conditions of the list, and say above it why."""
    command = place.commands[0]
    if any(flag.kind == "suffix" for flag in command.flags):
        raise RefusalError(f"{file.at(command.string)}: the wrapper has a PATH suffix already")
    margin, continuation = " " * command.indent, " " * command.continuation
    comment = "".join(f"{margin}{line}\n" for line in REASON)
    end = _end_of_words(file, command)
    return [Edit(command.start, command.start, comment), Edit(end, end, f" \\\n{continuation}{_flag(file, place)}")]


def _flag(file: DockerFile, place: Placement) -> str:
    text = f'--suffix PATH : "${{{_path(file, place)}}}"'
    if conditions := _conditions(file, place):
        return f"${{{_optional(file, conditions, place.commands[0])} ''{text}''}}"
    return text


def _path(file: DockerFile, place: Placement) -> str:
    """Return the expression of the element's own PATH entry: what the list is made to, without the others in it."""
    element, command = place.elements[0], place.commands[0]
    text = file.style.list(PREFIX_ENTRY)
    scopes: list[Node] = []
    node = element
    while node.parent is not None and not (node.parent.kind == "apply_expression" and _makes_path(node.parent)):
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
    binder = reference.scope.names[reference.name] if reference.scope is not None else None
    if binder is not None and binder.kind == "formal" and len(binder.children) > 1:
        raise RefusalError(f"{file.at(binder)}: 'rootlesskit' has a default, with which PATH's suffix may be empty")
    return f"{_uncommented(function)} {f'({text})' if scopes else text}"


def _makes_path(node: Node) -> bool:
    """Return whether a call makes a PATH of a list."""
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
    return [] if all(part.is_among(given) for part in conjuncts) else first


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
    return [*given, *(part for part in uses[0] if all(part.is_among(use) for use in uses[1:]))] if uses else given


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
