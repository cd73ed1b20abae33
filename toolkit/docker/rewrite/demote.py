"""Commit 2: move rootlesskit from the wrapper's PATH prefix to the suffix.

The proofs show whether it stays in PATH under the same conditions, and whether nothing
else changes.
"""

import re

from toolkit.docker import PREFIX_ENTRY, PathPlace
from toolkit.docker.rewrite import wrapper
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.docker.rewrite.wrapper import Invocation, Use
from toolkit.docker.steps import Demotion
from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.final_attrs import removal
from toolkit.nix.attributes import call, inside, name_of
from toolkit.nix.conditions import references_in
from toolkit.nix.edit import Edit, apply
from toolkit.nix.scope import look_up
from toolkit.nix.tree import Node

REASON = (
    "# rootlesskit comes last, so that a security wrapper of that name,",
    "# which has CAP_NET_BIND_SERVICE, takes precedence",
)
"""The comment that is written into the install phase."""


def rewrite(file: DockerFile, demotion: Demotion) -> str:
    """Return the file's text without rootlesskit in the prefix.

    Raise LayoutError if it is not in the prefix, and RefusalError if the rest cannot
    stay the same.
    """
    command, use = _find(file)
    removed = _remove_element(file, use.node)
    others = (
        _suffix(file, command, use)
        if demotion is Demotion.SUFFIX
        else _remove_unused_parameters(file, removed)
    )
    return apply(file.text, [removed, *others])


def _find(file: DockerFile) -> tuple[Invocation, Use]:
    """Return the wrapper's command, and the list element that gets into its prefix."""
    place = wrapper.placement(file)
    if place.command is None or place.where is not PathPlace.PREFIX:
        fact = (
            "no dockerd-rootless wrapper has rootlesskit in its PATH prefix ("
            f"{place.where})"
        )
        raise LayoutError(f"{file.tree.name}: {fact}")
    for use in place.uses:
        if use.node.parent is None or use.node.parent.kind != "list_expression":
            raise RefusalError(
                f"{use.node.location}: the script does not get rootlesskit from a list"
            )
    use, *more = place.uses
    if more:
        raise RefusalError(
            f"{more[0].node.location}: the prefix contains rootlesskit more than once"
        )
    if use.kinds - {"prefix"}:
        fact = (
            "the script uses what contains rootlesskit here outside of the wrapper's "
            "PATH flags, too"
        )
        raise RefusalError(f"{use.node.location}: {fact}")
    return place.command, use


def _list_of(element: Node) -> Node:
    if element.parent is None:
        raise AssertionError(element)
    return element.parent


def _remove_element(file: DockerFile, element: Node) -> Edit:
    """Remove a list element, with its line if nothing else is on it.

    Comments stay; one on the same line prevents the edit.
    """
    listed = _list_of(element)
    if (
        len(
            [
                child
                for child in listed.children
                if child.kind not in {"[", "]", "comment"}
            ]
        )
        == 1
    ):
        left = "this list would become empty"
        raise RefusalError(
            f"{element.location}: {left}, and an empty PATH entry means the current "
            "directory"
        )
    index = listed.children.index(element)
    before, after = listed.children[index - 1], listed.children[index + 1]
    for comment, gap in (
        (before, (before.end, element.start)),
        (after, (element.end, after.start)),
    ):
        if comment.kind == "comment" and "\n" not in file.text[slice(*gap)]:
            raise RefusalError(
                f"{comment.location}: this comment belongs to {element.text}, which "
                "the change removes from the list"
            )
    line_start = file.text.rfind("\n", 0, element.start)
    alone = not file.text[line_start + 1 : element.start].strip()
    if alone and (rest := re.compile(r"[ \t]*(?=\n)").match(file.text, element.end)):
        return Edit(line_start, rest.end(), "")
    if after.kind != "]" or before.kind == "comment":
        return Edit(element.start, after.start, "")
    return Edit(before.end, element.end, "")


def _remove_unused_parameters(file: DockerFile, removed: Edit) -> list[Edit]:
    """Remove the parameter rootlesskit wherever only `removed` uses it."""
    uses = [use.node for use in file.references if use.name == PREFIX_ENTRY]
    if not all(removed.start <= use.start and use.end <= removed.end for use in uses):
        return []
    formals = [
        node
        for node in file.tree.nodes
        if node.kind == "formal" and node.children[0].text == PREFIX_ENTRY
    ]
    return [edit for formal in formals for edit in removal(formal)]


def _suffix(file: DockerFile, command: Invocation, use: Use) -> list[Edit]:
    """Append `--suffix PATH` to the wrapper's command, with the reason above it."""
    if any(kind == "suffix" for kind, _ in command.flags):
        raise RefusalError(
            f"{command.string.location}: the wrapper already has a PATH suffix"
        )
    lines = command.text.split("\n")
    margin, last = (
        line[: len(line) - len(line.lstrip())] for line in (lines[0], lines[-1])
    )
    continuation = last if len(lines) > 1 else f"{margin}  "
    comment = "".join(f"{margin}{line}\n" for line in REASON)
    # After the last word, or after the PATH flags if more than words follows.
    end = max(value.stop for _, value in command.flags)
    end = command.end if wrapper.WORDS.fullmatch(file.text, end, command.end) else end
    flag = f'--suffix PATH : "${{{_path(file, command, use)}}}"'
    return [
        Edit(command.start, command.start, comment),
        Edit(end, end, f" \\\n{continuation}{flag}"),
    ]


def _path(file: DockerFile, command: Invocation, use: Use) -> str:
    """Return the expression of the element's own PATH entry, without its neighbours."""
    node = _list_of(use.node)
    while node.parent is not None and node.parent.kind == "parenthesized_expression":
        node = node.parent
    made = node.parent
    if made is None or name_of(call(made)[0]) != "makeBinPath":
        raise RefusalError(
            f"{use.node.location}: this list is not an argument of makeBinPath"
        )
    for name in (
        *references_in(made.children[0]),
        look_up(inside(use.node).text, use.node),
    ):
        if not look_up(name.name, command.string).means(name):
            fact = (
                f"'{name.name}' has another meaning, or none, at "
                f"{command.string.place}, where the wrapper is created"
            )
            raise RefusalError(f"{name.node.location}: {fact}")
    return f"{made.children[0].text} {file.style.list(PREFIX_ENTRY)}"
