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

WRAPPER = re.compile(r"""\S*/bin/dockerd-rootless["']?(?=[\s;&|]|$)""")
_MADE = re.compile(r"""bin/dockerd-rootless["']?(?=[\s;&|]|$)""")
_GAP = r"(?:\s|\\\n)+"
_WORD = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;&|<>()])+"""
FLAG = re.compile(rf"--(prefix|suffix){_GAP}PATH{_GAP}\S+{_GAP}({_WORD})")
WORDS = re.compile(rf"(?:{_GAP}(?!#){_WORD})*")
"""What may follow a flag so that another one may follow that."""

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_COMMENT = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)


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

    What stands in the way of a change: `others` are uses in the prefix that are no element of a list, `shared` is
    the name of what carries the package to another command too. `obscure` is a use of which it cannot be told
    whether it gets into the wrapper's PATH, where there is no clear one; without a wrapper, a script that may make it.
    """

    where: str
    line: int | None = None
    elements: tuple[Node, ...] = ()
    others: tuple[Node, ...] = ()
    shared: str | None = None
    obscure: Node | None = None


def invocation(file: DockerFile) -> Invocation | None:
    """Find the command that makes bin/dockerd-rootless, the first if there are several."""
    return next(iter(invocations(file)), None)


def invocations(file: DockerFile) -> list[Invocation]:
    """Find all commands that make bin/dockerd-rootless."""
    found: list[Invocation] = []
    for string in file.tree.root.walk():
        if string.kind != "indented_string_expression":
            continue
        masked = _mask_interpolations(string)
        for start, end in _commands(masked):
            command = masked[start:end]
            if re.match(r"\s*make(?:Binary|Shell)?Wrapper\s", command) and WRAPPER.search(command):
                found.append(_invocation(string, start, end, command))
    return found


def placement(file: DockerFile, entry: str) -> Placement:
    """Say in which flag of the wrapper the package `entry` ends up, directly or through other bindings."""
    command = invocation(file)
    if command is None:
        return Placement(where="no wrapper", obscure=_made_otherwise(file))
    found: dict[str, list[Node]] = {"prefix": [], "suffix": []}
    others: list[Node] = []
    shared: str | None = None
    obscure: Node | None = None
    for reference in file.references:
        if reference.name != entry:
            continue
        node = reference.node
        carriers = _carriers(file, command, node)
        kinds = _flags_reached(file, command, node, carriers)
        elsewhere = _mentioned_elsewhere(file, command, carriers)
        for kind in kinds:
            found[kind].append(node)
        if "prefix" in kinds:
            shared = shared or elsewhere
            if node.parent is None or node.parent.kind != "list_expression":
                others.append(node)
        elif not kinds and (elsewhere is not None or command.start <= node.start < command.end):
            obscure = obscure or node
    if any(found.values()):
        obscure = None
    nodes = sorted(found["prefix"] + found["suffix"], key=lambda node: node.start)
    return Placement(
        where=" and ".join(kind for kind, uses in found.items() if uses) or "absent",
        line=nodes[0].line if nodes else None,
        elements=tuple(node for node in found["prefix"] if node not in others),
        others=tuple(others),
        shared=shared,
        obscure=obscure,
    )


def _flags_reached(file: DockerFile, command: Invocation, node: Node, carriers: set[str]) -> set[str]:
    direct = {flag.kind for flag in command.flags if flag.start <= node.start < flag.end}
    return direct or {
        flag.kind
        for flag in command.flags
        if next(_used(file, command.string, carriers, flag.start, flag.end), None) is not None
    }


def _carriers(file: DockerFile, command: Invocation, node: Node) -> set[str]:
    """Return the names through which `node` may get into the command: those of what it stands in, and what uses them.

    Names and not bindings, since the command sees one of them as a variable of its shell.
    """
    fragments = [part for part in file.tree.root.walk() if part.kind == "string_fragment"]
    carriers: set[str] = set()
    nodes = [node]
    while nodes:
        found = {name for each in nodes for name in _owners(each, command)} - carriers
        carriers |= found
        nodes = [reference.node for reference in file.references if reference.name in found]
        nodes += [part for part in fragments if found.intersection(_VARIABLE.findall(part.text))]
    return carriers


def _owners(node: Node, command: Invocation) -> set[str]:
    """Return the names of the bindings and defaults that `node` stands in, but for those with the command."""
    names: set[str] = set()
    for owner in node.ancestors():
        if owner.contains(command.string):
            break
        if owner.kind == "binding":
            names.update(binding_names(owner))
        elif owner.kind == "formal":
            names.add(owner.children[0].text)
        elif owner.kind == "inherit":
            names.add(node.text)
    return names


def _mentioned_elsewhere(file: DockerFile, command: Invocation, carriers: set[str]) -> str | None:
    """Return a carrier that the script of the command uses outside of the wrapper's PATH flags."""
    string = command.string
    return next(
        (
            name
            for offset, name in _used(file, string, carriers, string.start, string.end)
            if not any(flag.start <= offset < flag.end for flag in command.flags)
        ),
        None,
    )


def _used(file: DockerFile, string: Node, names: set[str], start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield where a part of a script uses one of these names, as a variable of the shell or between `${` and `}`.

    What is followed by a slash is a package, and not what goes into PATH.
    """
    script = _COMMENT.sub(lambda match: "\x01" * len(match[0]), _mask_interpolations(string))
    for match in _VARIABLE.finditer(script[start - string.start : end - string.start]):
        if match[1] in names:
            yield start + match.start(), match[1]
    for interpolation in string.children:
        if interpolation.kind != "interpolation" or not start <= interpolation.start < end:
            continue
        found = _VARIABLE.findall(interpolation.text)
        if not file.text.startswith("/", interpolation.end):
            found += [reference.name for reference in file.uses(interpolation)]
        for name in found:
            if name in names:
                yield interpolation.start, name


def _made_otherwise(file: DockerFile) -> Node | None:
    """Return a string whose script wraps programs and names bin/dockerd-rootless."""
    for string in file.tree.root.walk():
        if string.kind in {"indented_string_expression", "string_expression"}:
            script = _COMMENT.sub("", _mask_interpolations(string))
            if _MADE.search(script) and re.search(r"\b(?:make\w*Wrapper|wrapProgram)", script):
                return string
    return None


def _mask_interpolations(string: Node) -> str:
    """Return the string's text with its end and every character of its `${…}` replaced, so that it reads as shell."""
    text = list(string.text)
    text[-2:] = "\n\n"
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
