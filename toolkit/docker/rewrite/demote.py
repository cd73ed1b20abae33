"""Commit 2: a package leaves the PATH prefix of the dockerd-rootless wrapper, and becomes its suffix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.docker.plan import Demotion
from toolkit.docker.readings import Place
from toolkit.docker.rewrite import suffix, wrapper
from toolkit.docker.rewrite.conditions import guard
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.errors import LayoutError, RefusalError
from toolkit.nix.attributes import inside, operator
from toolkit.nix.edit import Edit, apply
from toolkit.nix.scope import binding_names

if TYPE_CHECKING:
    from toolkit.docker.rewrite.wrapper import Placement
    from toolkit.nix.tree import Node


def rewrite(text: str, *, name: str, entry: str, demotion: Demotion) -> str:
    """Return `text` with `entry` taken out of the prefix.

    Raise LayoutError where it is not in the prefix, RefusalError where the rest cannot be kept as it is.
    """
    return apply(text, edits(DockerFile(text, name=name), entry=entry, demotion=demotion))


def edits(file: DockerFile, *, entry: str, demotion: Demotion) -> list[Edit]:
    """Return the removal of the list's element first, then what else changes; the errors are those of `rewrite`."""
    place = _find(file, entry)
    removed = _remove_element(file, place.elements[0])
    if demotion is Demotion.SUFFIX:
        return [removed, *suffix.added(file, place, entry)]
    return [removed, *_remove_unused_parameters(file, removed, entry)]


def _find(file: DockerFile, entry: str) -> Placement:
    """Return where the one wrapper's command is, and the one list element that gets into its prefix."""
    place = wrapper.placement(file, entry)
    if place.where is not Place.PREFIX:
        fact = f"{entry} is not in the PATH prefix of a dockerd-rootless wrapper ({place.where})"
        raise LayoutError(f"{file.tree.name}: {fact}")
    command, *others = place.commands
    if others:
        second = file.tree.place(others[0].start + others[0].indent)
        raise RefusalError(f"{file.tree.name}:{second}: bin/dockerd-rootless is made a second time")
    phase = command.string.enclosing("binding")
    if phase is None or binding_names(phase) != ("installPhase",):
        raise RefusalError(f"{file.at(command.string)}: bin/dockerd-rootless is not made in moby's installPhase")
    if place.others:
        raise RefusalError(f"{file.at(place.others[0])}: {entry} does not get into the script by a list in a variable")
    if len(place.elements) != 1:
        where = ", ".join(element.place for element in place.elements)
        raise RefusalError(f"{file.at(place.elements[1])}: {entry} is in the prefix more than once ({where})")
    element = place.elements[0]
    if place.shared is not None:
        raise RefusalError(
            f"{file.at(element)}: '{place.shared}', which has {entry} from here, is used in the script outside of "
            "the wrapper's PATH flags too"
        )
    return place


def _remove_element(file: DockerFile, element: Node) -> Edit:
    """Remove a list element, with its line where it has one to itself; comments stay, one on its line is in the way."""
    listed = _list(element)
    siblings = listed.children if listed is not None else []
    if listed is None or len([child for child in siblings if child.kind not in {"[", "]", "comment"}]) == 1:
        return _remove_term(file, element, listed or element)
    index = next(i for i, sibling in enumerate(siblings) if sibling is element)
    before, after = siblings[index - 1], siblings[index + 1]
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


def _list(element: Node) -> Node | None:
    """Return the list of an element, None for the one of `lib.optional`."""
    return element.parent if element.parent is not None and element.parent.kind == "list_expression" else None


def _remove_term(file: DockerFile, element: Node, term: Node) -> Edit:
    """Remove what a list has of nothing but `element`, with the `++` that joins it to the rest of the list.

    In a branch of an `if` an empty list stays.
    """
    term = _whole(term)
    joined = _whole(term.parent) if _is_branch(term) and term.parent is not None else term
    while _is_branch(joined) and joined.parent is not None:
        joined = _whole(joined.parent)
    if joined.parent is None or operator(joined.parent) != "++":
        left = "what would be left of this list may be empty"
        if joined is term and term.parent is not None and suffix.makes_path(term.parent):
            left = "nothing would be left in this list"
        raise RefusalError(f"{file.at(element)}: {left}, and an empty PATH entry means the current directory")
    if not any(_is_filled(operand) for operand in _operands(joined.parent) if operand is not joined):
        raise RefusalError(
            f"{file.at(element)}: what would be left of this list may be empty, and an empty PATH entry means the "
            "current directory"
        )
    if (comment := next((node for node in term.walk() if node.kind == "comment"), None)) is not None:
        raise RefusalError(f"{file.at(comment)}: this comment stands beside {element.text}, which leaves the list")
    if joined is not term:
        return Edit(term.start, term.end, file.style.list(""))
    first, last = (child for child in joined.parent.children if child.kind not in {"++", "comment"})
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


def _is_branch(node: Node) -> bool:
    return node.parent is not None and node.parent.kind == "if_expression" and guard(node, node.parent) is not None


def _operands(joined: Node) -> list[Node]:
    """Return all that is joined by `++` to one list with `joined`."""
    top = joined
    while top.parent is not None and (operator(top.parent) == "++" or top.parent.kind == "parenthesized_expression"):
        top = top.parent
    found: list[Node] = []
    pending = [top]
    while pending:
        node = pending.pop()
        if node.kind == "parenthesized_expression" and operator(inside(node)) == "++":
            pending.append(inside(node))
        elif operator(node) == "++":
            pending += [child for child in node.children if child.kind not in {"++", "comment"}]
        else:
            found.append(node)
    return found


def _is_filled(operand: Node) -> bool:
    """Tell whether it can be seen that a list has an element, whatever the conditions in it are."""
    node = inside(operand)
    while node.kind == "with_expression":
        node = inside(node.children[-1])
    return node.kind == "list_expression" and any(child.kind not in {"[", "]", "comment"} for child in node.children)


def _remove_unused_parameters(file: DockerFile, removed: Edit, entry: str) -> list[Edit]:
    """Take `entry` out of each set pattern if nothing refers to it outside of what is `removed`."""
    uses = [use.node for use in file.references if use.name == entry]
    if not all(removed.start <= use.start and use.end <= removed.end for use in uses):
        return []
    formals = [node for node in file.tree.nodes if node.kind == "formal" and node.children[0].text == entry]
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
