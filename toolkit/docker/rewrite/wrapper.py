"""Find the shell command in moby's install phase that makes the dockerd-rootless wrapper, and rootlesskit in its PATH.

Only what nixpkgs writes is followed: a list in the command itself, or in an attribute of moby that the command names.
Anything else is unknown, and Nix decides.
"""

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from toolkit.docker import PREFIX_ENTRY
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node
from toolkit.track.readings import PathPlace

WRAPPER = re.compile(r"""\S*/bin/dockerd-rootless["']?(?=[\s;&|]|$)""")
_MADE = re.compile(r"""bin/dockerd-rootless["']?(?=[\s;&|]|$)""")
_GAP = r"(?:\s|\\\n)+"
_WORD = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;&|<>()])+"""
FLAG = re.compile(rf"--(prefix|suffix){_GAP}PATH{_GAP}\S+{_GAP}({_WORD})")
WORDS = re.compile(rf"(?:{_GAP}(?!#){_WORD})*")
"""Text that may stand between two flags."""

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_COMMENT = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)
_SETS = ("attrset_expression", "rec_attrset_expression")
_OWNERS = frozenset(["binding", "inherit"])
_STRINGS = frozenset(["indented_string_expression", "string_expression"])


class Flag(Struct, frozen=True, kw_only=True):
    """One `--prefix PATH : value` or `--suffix PATH : value`; offsets of the value in the file's text."""

    kind: str
    start: int
    end: int


class Invocation(Struct, frozen=True, kw_only=True):
    """The makeWrapper command: the string it stands in, its offsets in the file's text, its PATH flags.

    `indent` is the column of its first line, `continuation` that of its following lines.
    """

    string: Node
    start: int
    end: int
    indent: int
    continuation: int
    flags: tuple[Flag, ...]

    def kind_at(self, offset: int) -> str | None:
        """Return the kind of the flag whose value the offset is in."""
        return next((flag.kind for flag in self.flags if flag.start <= offset < flag.end), None)


class Use(Struct, frozen=True, kw_only=True):
    """A use of rootlesskit, and the `kinds` of flags that it gets into, with None for another place in a script."""

    node: Node
    kinds: frozenset[str | None]


class Placement(Struct, frozen=True, kw_only=True):
    """Where rootlesskit stands in the wrapper's PATH.

    `command` makes bin/dockerd-rootless. If the place is UNKNOWN, `obscure` is a use that may get into the PATH, or a
    script that may make the wrapper.
    """

    where: PathPlace
    command: Invocation | None = None
    uses: tuple[Use, ...] = ()
    """Those that get into a script."""
    obscure: Node | None = None


def placement(file: DockerFile) -> Placement:
    """Return the wrapper's flag that rootlesskit ends up in."""
    scripts = {node: _script(node) for node in file.tree.root.walk() if node.kind in _STRINGS}
    command = next((each for string, script in scripts.items() for each in _invocations(string, script)), None)
    if command is None:
        wraps = {string: re.search(r"\b(?:make\w*Wrapper|wrapProgram)", script) for string, script in scripts.items()}
        maker = next((string for string, script in scripts.items() if wraps[string] and _MADE.search(script)), None)
        return Placement(where=PathPlace.NO_WRAPPER) if maker is None else _obscure(maker)
    uses: list[Use] = []
    for node in _uses(file):
        use = _use(file, command, node, scripts)
        if use is None or (use.kinds and not any(use.kinds)):
            return _obscure(node)
        uses += [use] if use.kinds else []
    kinds = [kind for kind in ("prefix", "suffix") if any(kind in use.kinds for use in uses)]
    where = PathPlace(" and ".join(kinds) or PathPlace.ABSENT)
    return Placement(where=where, command=command, uses=tuple(uses))


def _obscure(node: Node) -> Placement:
    return Placement(where=PathPlace.UNKNOWN, obscure=node)


def _uses(file: DockerFile) -> list[Node]:
    """Return where the package is used: by its name, or taken out of a set by an attribute of that name."""
    selections = [node.child("attrpath") for node in file.tree.root.walk() if node.kind == "select_expression"]
    taken = [path for path in selections if path is not None and path.text == PREFIX_ENTRY]
    return [reference.node for reference in file.references if reference.name == PREFIX_ENTRY] + taken


def _use(file: DockerFile, command: Invocation, node: Node, scripts: Mapping[Node, str]) -> Use | None:
    """Return what becomes of a use; None if it may get into a script in another way."""
    if command.string.contains(node):
        return Use(node=node, kinds=frozenset([command.kind_at(node.start)]))
    builder = command.string.enclosing(*_SETS) or file.tree.root
    used = {reference.name for reference in file.references if builder.contains(reference.node)} - {PREFIX_ENTRY}
    owners = [owner for owner in node.ancestors() if not owner.contains(command.string)]
    names = {name for owner in owners for name in _names(owner, node)}
    is_own = any(owner.kind in _OWNERS and builder.contains(owner) for owner in owners)
    if names & used:
        # What a let, a default or a recursive set has is made of it wherever that is used.
        return None
    mentions = [
        (string, string.start + match.start())
        for string, script in scripts.items()
        if is_own and builder.contains(string)
        for match in _VARIABLE.finditer(script)
        if match[1] in names
    ]
    kinds = {command.kind_at(offset) if string is command.string else None for string, offset in mentions}
    return Use(node=node, kinds=frozenset(kinds))


def _names(owner: Node, node: Node) -> set[str]:
    """Return the names that a binding, a default or an `inherit` gives; for `env.path = …`, the shell knows both."""
    if owner.kind == "binding":
        path = owner.child("attrpath")
        return {name for part in path.children if (name := static_name(part)) is not None} if path else set()
    if owner.kind == "formal":
        return {owner.children[0].text}
    return {node.text} if owner.kind == "inherit" else set()


def _script(string: Node) -> str:
    """Return the string's text, with its quotes, and what is no shell in it, replaced: `${…}` and lines of comment."""
    text = list(string.text)
    for child in (string.children[0], string.children[-1]):
        text[child.start - string.start : child.end - string.start] = "\n" * (child.end - child.start)
    for child in string.children:
        if child.kind == "interpolation":
            text[child.start - string.start : child.end - string.start] = "\x01" * (child.end - child.start)
    return _COMMENT.sub(lambda match: "\x01" * len(match[0]), "".join(text))


def _invocations(string: Node, script: str) -> Iterator[Invocation]:
    """Yield the commands of a script that make bin/dockerd-rootless; in `"…"`, which has other escapes, none."""
    if string.kind != "indented_string_expression":
        return
    # A shell line with its continuation lines.
    for match in re.finditer(r"(?:[^\n]*\\\n)*[^\n]+", script):
        if re.match(r"\s*make(?:Binary|Shell)?Wrapper\s", match[0]) and WRAPPER.search(match[0]):
            yield _invocation(string, match.start(), match[0])


def _invocation(string: Node, start: int, command: str) -> Invocation:
    lines = command.split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    continuation = len(lines[-1]) - len(lines[-1].lstrip()) if len(lines) > 1 else indent + 2
    base = string.start + start
    return Invocation(
        string=string,
        start=base,
        end=base + len(command),
        indent=indent,
        continuation=continuation,
        flags=tuple(
            Flag(kind=match[1], start=base + match.start(2), end=base + match.end(2))
            for match in FLAG.finditer(command)
        ),
    )
