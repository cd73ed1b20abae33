"""Read the shell command that makes the dockerd-rootless wrapper, inside of moby's install phase."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.syntax.scope import binding_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.rewrite.layout import DockerFile
    from toolkit.syntax.tree import Node

WRAPPER = re.compile(r"\S*bin/dockerd-rootless(?=\s|$)")
FLAG = re.compile(r'--(prefix|suffix)\s+PATH\s+\S+\s+("[^"]*"|\S+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One `--prefix PATH : value` or `--suffix PATH : value`; offsets of the value in the file's text."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The makeWrapper command: the string it stands in, its offsets in the file's text, its PATH flags.

    `indent` is the column of its first line, `continuation` that of its following lines.
    """

    string: Node
    start: int
    end: int
    indent: int
    continuation: int
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a package stands in the wrapper's PATH.

    `where` is `prefix`, `suffix`, `prefix and suffix`, `absent`, or `no wrapper`; `elements` are the list
    elements in the prefix, `line` that of the first one found.
    """

    where: str
    line: int | None = None
    elements: tuple[Node, ...] = ()


def invocation(file: DockerFile) -> Invocation | None:
    """Find the command that makes bin/dockerd-rootless."""
    for string in file.tree.root.walk():
        if string.kind != "indented_string_expression":
            continue
        masked = _mask_interpolations(string)
        for start, end in _commands(masked):
            command = masked[start:end]
            if re.match(r"\s*make(?:Binary|Shell)?Wrapper\s", command) and WRAPPER.search(command):
                return _invocation(string, start, end, command)
    return None


def placement(file: DockerFile, entry: str) -> Placement:
    """Say in which flag of the wrapper the package `entry` ends up, directly or through other bindings."""
    command = invocation(file)
    if command is None:
        return Placement(where="no wrapper")
    found: dict[str, list[Node]] = {"prefix": [], "suffix": []}
    for reference in file.references:
        node = reference.node
        if reference.name == entry and node.parent is not None and node.parent.kind == "list_expression":
            for kind in _flags_reached(file, command, node):
                found[kind].append(node)
    nodes = sorted(found["prefix"] + found["suffix"], key=lambda node: node.start)
    return Placement(
        where=" and ".join(kind for kind, elements in found.items() if elements) or "absent",
        line=nodes[0].line if nodes else None,
        elements=tuple(found["prefix"]),
    )


def _flags_reached(file: DockerFile, command: Invocation, node: Node) -> set[str]:
    direct = {flag.kind for flag in command.flags if flag.start <= node.start < flag.end}
    if direct:
        return direct
    names = {name for owner in node.ancestors() for name in binding_names(owner)[:1]}
    bindings = [
        binding
        for binding in file.tree.root.walk()
        if binding.kind == "binding" and not binding.contains(command.string)
    ]
    carriers = {
        name for binding in bindings if binding.contains(node) for name in binding_names(binding) if name in names
    }
    grown = True
    while grown:
        wider = carriers | {
            name
            for binding in bindings
            if any(_mentions(binding.text.partition("=")[2], carrier) for carrier in carriers)
            for name in binding_names(binding)
        }
        grown, carriers = wider != carriers, wider
    return {
        flag.kind
        for flag in command.flags
        if any(_mentions(file.text[flag.start : flag.end], carrier) for carrier in carriers)
    }


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w'-]){re.escape(name)}(?![\w'-])", text) is not None


def _mask_interpolations(string: Node) -> str:
    """Return the string's text with every character of its `${…}` replaced, so that it reads as shell."""
    text = list(string.text)
    for child in string.children:
        if child.kind == "interpolation":
            for offset in range(child.start - string.start, child.end - string.start):
                text[offset] = "\x01"
    return "".join(text)


def _commands(text: str) -> Iterator[tuple[int, int]]:
    """Yield the offsets of each shell line, continuation lines included, without the final line feed."""
    for match in re.finditer(r"(?:[^\n]*\\\n)*[^\n]+", text):
        yield match.span()


def _invocation(string: Node, start: int, end: int, command: str) -> Invocation:
    lines = command.split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    continuation = len(lines[-1]) - len(lines[-1].lstrip()) if len(lines) > 1 else indent + 2
    base = string.start + start
    return Invocation(
        string=string,
        start=base,
        end=string.start + end,
        indent=indent,
        continuation=continuation,
        flags=tuple(
            Flag(kind=match[1], start=base + match.start(2), end=base + match.end(2))
            for match in FLAG.finditer(command)
        ),
    )
