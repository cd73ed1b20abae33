"""Commit 2: a package leaves the PATH prefix of the dockerd-rootless wrapper, and becomes its suffix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.errors import LayoutError, RefusalError
from toolkit.model import Demotion
from toolkit.rewrite import wrapper
from toolkit.rewrite.layout import DockerFile
from toolkit.rewrite.style import Style
from toolkit.syntax.edit import Edit, apply

if TYPE_CHECKING:
    from toolkit.rewrite.wrapper import Invocation
    from toolkit.syntax.tree import Node

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
    command = wrapper.invocation(file)
    place = wrapper.placement(file, entry)
    if command is None or place.where != "prefix":
        raise LayoutError(f"{name}: {entry} is not in the PATH prefix of a dockerd-rootless wrapper ({place.where})")
    if len(place.elements) != 1:
        where = ", ".join(element.place for element in place.elements)
        raise RefusalError(f"{file.at(place.elements[1])}: {entry} is in the prefix more than once ({where})")
    element = place.elements[0]
    edits = [_remove_element(file, element)]
    if demotion is Demotion.SUFFIX:
        edits += _add_suffix(file, command, element, entry)
        return apply(text, edits)
    return _remove_unused_parameters(apply(text, edits), name=name, entry=entry)


def _remove_element(file: DockerFile, element: Node) -> Edit:
    """Remove a list element, with its line where it has one to itself."""
    elements = [child for child in _list(element).children if child.kind not in {"[", "]", "comment"}]
    if len(elements) == 1:
        raise RefusalError(
            f"{file.at(element)}: nothing would be left in this list, and an empty PATH entry means the "
            "current directory"
        )
    line_start = file.text.rfind("\n", 0, element.start)
    alone = not file.text[line_start + 1 : element.start].strip()
    if alone and (rest := re.compile(r"[ \t]*(?=\n)").match(file.text, element.end)):
        return Edit(line_start, rest.end(), "")
    after = elements[elements.index(element) + 1 :]
    if after:
        return Edit(element.start, after[0].start, "")
    return Edit(elements[-2].end, element.end, "")


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
    gap = "" if file.style is Style.ALEJANDRA else " "
    value = f"${{{call.children[0].text} [{gap}{entry}{gap}]}}"
    margin, continuation = " " * command.indent, " " * command.continuation
    comment = "".join(f"{margin}{line.format(entry=entry)}\n" for line in REASON)
    return [
        Edit(command.start, command.start, comment),
        Edit(command.end, command.end, f' \\\n{continuation}--suffix PATH : "{value}"'),
    ]


def _remove_unused_parameters(text: str, *, name: str, entry: str) -> str:
    """Take `entry` out of each set pattern, since nothing refers to it any more."""
    file = DockerFile(text, name=name)
    if any(reference.name == entry for reference in file.references):
        return text
    edits = [
        _remove_formal(file, node)
        for node in file.tree.root.walk()
        if node.kind == "formal" and node.children[0].text == entry
    ]
    return apply(text, edits)


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
    if after[1] and not (at_line_end and before.endswith(",")):
        return Edit(formal.start, after.end(), "")
    return Edit(text.rfind(",", 0, formal.start), formal.end, "")
