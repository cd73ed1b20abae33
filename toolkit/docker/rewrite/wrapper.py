"""Find the command that creates the dockerd-rootless wrapper, and rootlesskit in it.

The command is in moby's install phase. unlet follows only the forms that nixpkgs uses:
a list in the command itself, or in an attribute of moby that the command names.
Anything else is unknown, and Nix decides.
"""

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from toolkit.docker import PREFIX_ENTRY, PathPlace
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node

WRAPPER = re.compile(r"""\S*/bin/dockerd-rootless["']?(?=[\s;&|]|$)""")
_WRAPS = re.compile(r"\b(?:make\w*Wrapper|wrapProgram)")
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


class Invocation(Struct, frozen=True, kw_only=True):
    """A makeWrapper command.

    It has the string that contains it, its offset in the file, and its own text; see
    `_script`.
    """

    string: Node
    start: int
    text: str

    @property
    def end(self) -> int:
        """The offset in the file at which it ends."""
        return self.start + len(self.text)

    @property
    def flags(self) -> list[tuple[str, range]]:
        """Each `--prefix PATH : value` and `--suffix PATH : value`.

        Each has its kind, and the value's offsets in the file.
        """
        found = FLAG.finditer(self.text)
        return [
            (flag[1], range(self.start + flag.start(2), self.start + flag.end(2)))
            for flag in found
        ]

    def kind_at(self, offset: int) -> str | None:
        """Return the kind of the flag whose value contains the offset."""
        return next((kind for kind, value in self.flags if offset in value), None)


class Use(Struct, frozen=True, kw_only=True):
    """A use of rootlesskit, and the `kinds` of flags that contain it.

    None stands for another place in a script.
    """

    node: Node
    kinds: frozenset[str | None]


class Placement(Struct, frozen=True, kw_only=True):
    """The place of rootlesskit in the wrapper's PATH.

    `command` creates bin/dockerd-rootless. If the place is UNKNOWN, `obscure` is a use
    that may get into the PATH, or a script that may create the wrapper.
    """

    where: PathPlace
    command: Invocation | None = None
    uses: tuple[Use, ...] = ()
    """The uses that get into a script."""
    obscure: Node | None = None


def placement(file: DockerFile) -> Placement:
    """Return the wrapper's flag that contains rootlesskit."""
    scripts = {
        node: _script(node) for node in file.tree.root.walk() if node.kind in _STRINGS
    }
    command = next(
        (
            each
            for string, script in scripts.items()
            for each in _invocations(string, script)
        ),
        None,
    )
    if command is None:
        made = (
            string
            for string, script in scripts.items()
            if _WRAPS.search(script) and _MADE.search(script)
        )
        maker = next(made, None)
        return Placement(
            where=PathPlace.NO_WRAPPER if maker is None else PathPlace.UNKNOWN,
            obscure=maker,
        )
    uses: list[Use] = []
    for node in _uses(file):
        use = _use(file, command, node, scripts)
        if use is None or (use.kinds and not any(use.kinds)):
            return Placement(where=PathPlace.UNKNOWN, obscure=node)
        uses += [use] if use.kinds else []
    kinds = [
        kind for kind in ("prefix", "suffix") if any(kind in use.kinds for use in uses)
    ]
    where = PathPlace(" and ".join(kinds) or PathPlace.ABSENT)
    return Placement(where=where, command=command, uses=tuple(uses))


def _uses(file: DockerFile) -> list[Node]:
    """Return the places that use the package.

    They use its name, or an attribute of that name in a set.
    """
    selections = [
        node.child("attrpath")
        for node in file.tree.root.walk()
        if node.kind == "select_expression"
    ]
    taken = [
        path for path in selections if path is not None and path.text == PREFIX_ENTRY
    ]
    return [
        reference.node
        for reference in file.references
        if reference.name == PREFIX_ENTRY
    ] + taken


def _use(
    file: DockerFile, command: Invocation, node: Node, scripts: Mapping[Node, str]
) -> Use | None:
    """Return where a use ends; None if it may get into a script in another way."""
    if command.string.contains(node):
        return Use(node=node, kinds=frozenset([command.kind_at(node.start)]))
    builder = command.string.enclosing(*_SETS) or file.tree.root
    used = {
        reference.name
        for reference in file.references
        if builder.contains(reference.node)
    } - {PREFIX_ENTRY}
    owners = [owner for owner in node.ancestors() if not owner.contains(command.string)]
    names = {name for owner in owners for name in _names(owner, node)}
    is_own = any(owner.kind in _OWNERS and builder.contains(owner) for owner in owners)
    if names & used:
        # What a let, a default or a recursive set has is made of it wherever that is
        # used.
        return None
    kinds: set[str | None] = set()
    for string, script in scripts.items():
        if not (is_own and builder.contains(string)):
            continue
        offsets = [
            match.start() for match in _VARIABLE.finditer(script) if match[1] in names
        ]
        if string is command.string:
            kinds.update(command.kind_at(string.start + offset) for offset in offsets)
        elif offsets:
            kinds.add(None)
    return Use(node=node, kinds=frozenset(kinds))


def _names(owner: Node, node: Node) -> set[str]:
    """Return the names that a binding, a default or an `inherit` defines.

    For `env.path = …`, a shell script can use both names.
    """
    if owner.kind == "binding":
        path = owner.child("attrpath")
        return (
            {name for part in path.children if (name := static_name(part)) is not None}
            if path
            else set()
        )
    if owner.kind == "formal":
        return {owner.children[0].text}
    return {node.text} if owner.kind == "inherit" else set()


def _script(string: Node) -> str:
    """Return the string's text with its quotes, prepared as a shell script.

    Spaces replace what is not shell: `${…}` and lines of comment.
    """
    text = list(string.text)
    for child in (string.children[0], string.children[-1]):
        text[child.start - string.start : child.end - string.start] = "\n" * (
            child.end - child.start
        )
    for child in string.children:
        if child.kind == "interpolation":
            text[child.start - string.start : child.end - string.start] = "\x01" * (
                child.end - child.start
            )
    return _COMMENT.sub(lambda match: "\x01" * len(match[0]), "".join(text))


def _invocations(string: Node, script: str) -> Iterator[Invocation]:
    """Yield the commands of a script that create bin/dockerd-rootless.

    Yield none for `"…"`, which has other escapes.
    """
    if string.kind != "indented_string_expression":
        return
    # A shell line with its continuation lines.
    for match in re.finditer(r"(?:[^\n]*\\\n)*[^\n]+", script):
        if re.match(r"\s*make(?:Binary|Shell)?Wrapper\s", match[0]) and WRAPPER.search(
            match[0]
        ):
            yield Invocation(
                string=string, start=string.start + match.start(), text=match[0]
            )
