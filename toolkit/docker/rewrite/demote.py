"""Commit 2: a package leaves the PATH prefix of the dockerd-rootless wrapper, and becomes its suffix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.docker.choices import Demotion
from toolkit.docker.rewrite import wrapper
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.docker.rewrite.style import Style
from toolkit.errors import LayoutError, RefusalError
from toolkit.nix.edit import Edit, apply
from toolkit.nix.scope import binding_names, look_up

if TYPE_CHECKING:
    from toolkit.docker.rewrite.wrapper import Invocation
    from toolkit.nix.scope import Reference
    from toolkit.nix.tree import Node

REASON = (
    "# {entry} comes last, so that a security wrapper of that name",
    "# with CAP_NET_BIND_SERVICE is taken where there is one",
)
"""The comment in the install phase."""


def rewrite(text: str, *, name: str, entry: str, demotion: Demotion) -> str:
    """Return `text` with `entry` taken out of the prefix.

    Raise LayoutError where it is not in the prefix, RefusalError where the rest cannot be kept as it is.
    """
    file = DockerFile(text, name=name)
    changed = apply(text, edits(file, entry=entry, demotion=demotion))
    return changed if demotion is Demotion.SUFFIX else _remove_unused_parameters(changed, name=name, entry=entry)


def edits(file: DockerFile, *, entry: str, demotion: Demotion) -> list[Edit]:
    """Return what changes in the wrapper and in its list; the errors are those of `rewrite`."""
    command, element = _find(file, entry)
    removed = _remove_element(file, element)
    return [removed] if demotion is Demotion.DROP else [removed, *_add_suffix(file, command, element, entry)]


def _find(file: DockerFile, entry: str) -> tuple[Invocation, Node]:
    """Return the wrapper's command and the one list element that gets into its prefix."""
    place = wrapper.placement(file, entry)
    if place.where != "prefix":
        fact = f"{entry} is not in the PATH prefix of a dockerd-rootless wrapper ({place.where})"
        raise LayoutError(f"{file.tree.name}: {fact}")
    command, *others = place.commands
    if others:
        second = file.tree.place(others[0].start + others[0].indent)
        raise RefusalError(f"{file.tree.name}:{second}: bin/dockerd-rootless is made a second time")
    phase = command.string.enclosing("binding")
    if phase is None or binding_names(phase) != ("installPhase",):
        raise RefusalError(f"{file.at(command.string)}: bin/dockerd-rootless is made other than in moby's installPhase")
    if place.others:
        raise RefusalError(
            f"{file.at(place.others[0])}: {entry} gets into the script other than by a list in a variable"
        )
    if len(place.elements) != 1:
        where = ", ".join(element.place for element in place.elements)
        raise RefusalError(f"{file.at(place.elements[1])}: {entry} is in the prefix more than once ({where})")
    element = place.elements[0]
    if place.shared is not None:
        raise RefusalError(
            f"{file.at(element)}: '{place.shared}', which has {entry} from here, is used in the script outside of "
            "the wrapper's PATH flags too"
        )
    return command, element


def _remove_element(file: DockerFile, element: Node) -> Edit:
    """Remove a list element, with its line where it has one to itself; comments stay, one on its line is in the way."""
    elements = [child for child in _list(element).children if child.kind not in {"[", "]", "comment"}]
    if len(elements) == 1:
        raise RefusalError(
            f"{file.at(element)}: nothing would be left in this list, and an empty PATH entry means the "
            "current directory"
        )
    siblings = _list(element).children
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


def _list(element: Node) -> Node:
    if element.parent is None:
        raise AssertionError(element)
    return element.parent


def _add_suffix(file: DockerFile, command: Invocation, element: Node, entry: str) -> list[Edit]:
    """Append `--suffix PATH` to the wrapper's command, and say above it why."""
    call = _list(element).parent
    if call is None or call.kind != "apply_expression" or not call.children[0].text.endswith("makeBinPath"):
        raise RefusalError(f"{file.at(element)}: this list is not the argument of makeBinPath")
    if any(flag.kind == "suffix" for flag in command.flags):
        raise RefusalError(f"{file.at(command.string)}: the wrapper has a PATH suffix already")
    for reference in file.uses(call):
        if call.children[0].contains(reference.node) or reference.node is element:
            _require_same(file, reference, command)
    gap = "" if file.style is Style.ALEJANDRA else " "
    value = f"${{{call.children[0].text} [{gap}{entry}{gap}]}}"
    margin, continuation = " " * command.indent, " " * command.continuation
    comment = "".join(f"{margin}{line.format(entry=entry)}\n" for line in REASON)
    end = _end_of_words(file, command)
    return [
        Edit(command.start, command.start, comment),
        Edit(end, end, f' \\\n{continuation}--suffix PATH : "{value}"'),
    ]


def _require_same(file: DockerFile, reference: Reference, command: Invocation) -> None:
    """Raise RefusalError where a name has another value at the command, or may be null: no suffix may be empty."""
    binder = reference.scope.names[reference.name] if reference.scope is not None else None
    if binder is not None and binder.kind == "formal" and len(binder.children) > 1:
        raise RefusalError(
            f"{file.at(binder)}: '{reference.name}' has a default, with which PATH's suffix may be empty"
        )
    if not look_up(reference.name, command.string).means(reference):
        raise RefusalError(
            f"{file.at(reference.node)}: '{reference.name}' is something else, or nothing, at {command.string.place}, "
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


def _remove_unused_parameters(text: str, *, name: str, entry: str) -> str:
    """Take `entry` out of each set pattern, since nothing refers to it any more."""
    file = DockerFile(text, name=name)
    if any(reference.name == entry for reference in file.references):
        return text
    unused = [
        _remove_formal(file, node)
        for node in file.tree.root.walk()
        if node.kind == "formal" and node.children[0].text == entry
    ]
    return apply(text, unused)


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
    return Edit(text.rfind(",", 0, formal.start), formal.end, "")
