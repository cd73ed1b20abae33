"""Read the shell command in moby's install phase that makes the dockerd-rootless wrapper."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from toolkit.docker import PREFIX_ENTRY
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.errors import RefusalError
from toolkit.nix.attributes import name_of
from toolkit.nix.conditions import guard
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

_MOST_MENTIONS = 1000
"""How many uses of what has the package are followed; real files have a handful."""

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_COMMENT = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)


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


Way = tuple[tuple["Node", "Node"], ...]


class Placement(Struct, frozen=True, kw_only=True):
    """Where a package stands in the wrapper's PATH.

    If it is UNKNOWN, `obscure` is a use that may get into the PATH, or a script that may make the wrapper. `commands`
    are all that make bin/dockerd-rootless; only the first is read. `elements` are the list elements that get into the
    prefix. `ways` show how the first element gets there: each lists the uses in turn, from the element on, with the
    binding, the default or the command's string that each use gets into.

    Obstacles to a change: `others` are the other uses that get into the script, `shared` is the name of a binding that
    carries the first element to another command too.
    """

    where: PathPlace
    commands: tuple[Invocation, ...] = ()
    elements: tuple[Node, ...] = ()
    ways: tuple[Way, ...] = ()
    others: tuple[Node, ...] = ()
    shared: str | None = None
    obscure: Node | None = None


class _Mention(Struct, frozen=True):
    """A use of a name: by Nix, where `node` is the name, or by the shell, where `node` is the string."""

    name: str
    offset: int
    node: Node


class _Use(Struct, frozen=True, kw_only=True):
    """A use of the package, and the `kinds` of flags that it gets into, with None for another place in a script.

    `elsewhere` is the name by which it gets there, `ways` are those into flags.
    """

    node: Node
    kinds: frozenset[str | None]
    elsewhere: str | None
    ways: tuple[Way, ...]


def placement(file: DockerFile) -> Placement:
    """Return the wrapper flag that rootlesskit ends up in, directly or through other bindings."""
    scripts = {node: _script(node) for node in file.tree.root.walk() if node.kind in _STRINGS}
    commands = tuple(command for string, script in scripts.items() for command in _invocations(string, script))
    if not commands:
        maker = next((string for string, script in scripts.items() if _may_make_it(script)), None)
        return Placement(where=PathPlace.NO_WRAPPER) if maker is None else _obscure(maker)
    mentions = _mentions(file, scripts)
    uses = [_use(file, commands[0], node, mentions) for node in _uses(file)]
    prefix = [use for use in uses if "prefix" in use.kinds]
    suffix = [use for use in uses if "suffix" in use.kinds]
    where = " and ".join(kind for kind, found in (("prefix", prefix), ("suffix", suffix)) if found)
    elements = {use: element for use in prefix if (element := _element(use.node)) is not None}
    others = [use.node for use in uses if use not in elements and (use in prefix or use.elsewhere is not None)]
    if not where and others:
        return _obscure(others[0])
    return Placement(
        where=PathPlace(where or PathPlace.ABSENT),
        commands=commands,
        elements=tuple(elements.values()),
        ways=next((use.ways for use in elements), ()),
        others=tuple(others),
        shared=next((use.elsewhere for use in elements), None),
    )


def _obscure(node: Node) -> Placement:
    return Placement(where=PathPlace.UNKNOWN, obscure=node)


def _uses(file: DockerFile) -> list[Node]:
    """Return where the package is used: by its name, or taken out of a set by an attribute of that name."""
    selections = [node.child("attrpath") for node in file.tree.root.walk() if node.kind == "select_expression"]
    taken = [path for path in selections if path is not None and path.text == PREFIX_ENTRY]
    return [reference.node for reference in file.references if reference.name == PREFIX_ENTRY] + taken


def _element(node: Node) -> Node | None:
    """Return the element of a list, be it that of `lib.optional`, which a name is; None if it is none by itself."""
    while node.parent is not None and node.parent.kind == "parenthesized_expression":
        node = node.parent
    if node.parent is None:
        return None
    condition = guard(node, node.parent)
    only = condition is not None and condition.function is not None and name_of(condition.function) == "optional"
    return node if only or node.parent.kind == "list_expression" else None


def _mentions(file: DockerFile, scripts: Mapping[Node, str]) -> dict[str, list[_Mention]]:
    """Return where each name is used.

    Names and not bindings, since the command sees one of them as a variable of its shell.
    """
    found: defaultdict[str, list[_Mention]] = defaultdict(list)
    for reference in file.references:
        found[reference.name].append(_Mention(reference.name, reference.node.start, reference.node))
    for string, script in scripts.items():
        for match in _VARIABLE.finditer(script):
            found[match[1]].append(_Mention(match[1], string.start + match.start(), string))
    return found


def _use(file: DockerFile, command: Invocation, node: Node, mentions: Mapping[str, Sequence[_Mention]]) -> _Use:
    ways = sorted(_ways(file, command, node, mentions), key=lambda found: found[0].offset)
    kinds = [command.kind_at(end.offset) for end, _ in ways]
    return _Use(
        node=node,
        kinds=frozenset(kinds),
        elsewhere=next((end.name for (end, _), kind in zip(ways, kinds, strict=True) if kind is None), None),
        ways=tuple(way for (_, way), kind in zip(ways, kinds, strict=True) if kind is not None),
    )


def _ways(
    file: DockerFile, command: Invocation, node: Node, mentions: Mapping[str, Sequence[_Mention]]
) -> Iterator[tuple[_Mention, Way]]:
    """Yield the final uses of `node` in the derivation's scripts, and the way to each.

    The way leads through the bindings around it, and through those that mention one of these. If a binding has the
    package's own name (`inherit rootlesskit;`), the name in Nix is a separate use, which is followed by itself.
    """
    phase = command.string.enclosing("binding") or command.string
    builder = command.string.enclosing("attrset_expression", "rec_attrset_expression") or file.tree.root
    pending: list[tuple[_Mention, Way]] = [(_Mention(node.text, node.start, node), ())]
    followed = 0
    while pending:
        mention, way = pending.pop()
        if (followed := followed + 1) > _MOST_MENTIONS:
            raise RefusalError(f"{file.at(node)}: '{node.text}' is used by too many names to be followed")
        owners = _owners(mention.node, command)
        inner = mention.node is node
        if phase.contains(node) and not owners if inner else builder.contains(mention.node):
            final = inner or (mentions.keys().isdisjoint(owners) and _is_scripted(file, command, mention))
            if final:
                yield mention, (*way, (mention.node, command.string))
        passed = {owner for _, owner in way}
        for name, owner in owners.items():
            if owner not in passed:
                step = (*way, (mention.node, owner))
                pending += [
                    (other, step)
                    for other in mentions.get(name, ())
                    if name != node.text or other.node.kind in _STRINGS
                ]


def _owners(node: Node, command: Invocation) -> dict[str, Node]:
    """Return the bindings and defaults around `node`, by name, except those with the command.

    For `env.path = …`, both names count, since the shell knows it by the second.
    """
    owners: dict[str, Node] = {}
    for owner in node.ancestors():
        if owner.contains(command.string):
            break
        if owner.kind == "binding":
            path = owner.child("attrpath")
            for part in path.children if path else ():
                if (name := static_name(part)) is not None:
                    owners.setdefault(name, owner)
            if owner.parent is not None and owner.parent.parent and owner.parent.parent.kind == "let_expression":
                # What a let binds is in its value only where the name is used.
                break
        elif owner.kind == "formal":
            owners.setdefault(owner.children[0].text, owner)
        elif owner.kind == "inherit" and (name := static_name(node)) is not None:
            owners.setdefault(name, owner)
    return owners


def _is_scripted(file: DockerFile, command: Invocation, mention: _Mention) -> bool:
    """Return whether a script sees the value; `${…}/bin/…` is a program of a package that was made with it."""
    if mention.node.kind in _STRINGS:
        return True
    between = mention.node.enclosing("interpolation")
    if between is None:
        return False
    return command.kind_at(mention.offset) is not None or not file.text.startswith("/", between.end)


_STRINGS = frozenset(["indented_string_expression", "string_expression"])


def _script(string: Node) -> str:
    """Return the string's text, with its quotes, and what is no shell in it, replaced: `${…}` and lines of comment."""
    text = list(string.text)
    for child in (string.children[0], string.children[-1]):
        text[child.start - string.start : child.end - string.start] = "\n" * (child.end - child.start)
    for child in string.children:
        if child.kind == "interpolation":
            text[child.start - string.start : child.end - string.start] = "\x01" * (child.end - child.start)
    return _COMMENT.sub(lambda match: "\x01" * len(match[0]), "".join(text))


def _may_make_it(script: str) -> bool:
    """Return whether a script wraps programs and names bin/dockerd-rootless."""
    return _MADE.search(script) is not None and re.search(r"\b(?:make\w*Wrapper|wrapProgram)", script) is not None


def _invocations(string: Node, script: str) -> Iterator[Invocation]:
    """Yield the commands of a script that make bin/dockerd-rootless; in `"…"`, which has other escapes, none."""
    if string.kind != "indented_string_expression":
        return
    for start, end in _commands(script):
        command = script[start:end]
        if re.match(r"\s*make(?:Binary|Shell)?Wrapper\s", command) and WRAPPER.search(command):
            yield _invocation(string, start, end, command)


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
            Flag(kind=match[1], start=part + match.start(2), end=part + match.end(2))
            for part, text in [(base, command), *_nested(string, base, string.start + end)]
            for match in FLAG.finditer(text)
        ),
    )


def _nested(string: Node, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield offset and text of the strings that Nix puts into a command, such as those of `lib.optionalString`."""
    for child in string.children:
        if child.kind == "interpolation" and start <= child.start and child.end <= end:
            yield from ((node.start, _script(node)) for node in child.walk() if node.kind in _STRINGS)
