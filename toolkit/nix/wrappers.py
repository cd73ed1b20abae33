"""Read a wrapper's effect on its program's environment from the wrapper's content, without running it.

It knows both forms in nixpkgs: the scripts of make-wrapper.sh, of which four variants exist since 2017, and the ELF
files of make-binary-wrapper.sh, which contain the command that made them.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from toolkit.errors import ToolkitError

CALLER = "/path-of-the-caller"

_ELF = b"\x7fELF"
_COMMAND = re.compile(rb"makeCWrapper (?:[^\n\0]*\\\n)*[^\n\0]*")
_EXEC = re.compile(r"""exec\s+(?:-a\s+(?:"[^"]*"|'[^']*'|\S+)\s+)?["']{0,2}(/[^"'\s]+)["']{0,2}(?=\s|$)""")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)(\+?)=(.*)")
_DEFAULT = re.compile(r"\[\[ -v (\w+) \]\] \|\| export \w+=(.*)")
_UNLESS_LISTED = re.compile(r"if \[\[ \$(\w+) != \*(.+)\* \]\]; then")
_OPERANDS = {
    **dict.fromkeys(("--prefix", "--suffix"), 3),
    **dict.fromkeys(("--set", "--set-default"), 2),
    **dict.fromkeys(("--unset", "--chdir", "--argv0"), 1),
    **dict.fromkeys(("--add-flag", "--append-flag", "--add-flags", "--append-flags"), 1),
}


class PathOrder(Struct, frozen=True, kw_only=True):
    """A wrapper's PATH: `prefix` entries, then the caller's PATH, then `suffix` entries."""

    prefix: tuple[str, ...]
    suffix: tuple[str, ...] = ()


class _Step(Struct, frozen=True, kw_only=True):
    """One change of a variable.

    `kind` is `word` for a shell's word, `+word` for one that is appended; `set`, `default`, `unset`; `prefix` and
    `suffix` join, `move` and `add` do the same element by element, as scripts do. With `unless` the step is left
    out where the variable holds that text.
    """

    kind: str
    name: str
    value: str = ""
    separator: str = ""
    unless: str | None = None

    def apply(self, variables: dict[str, str]) -> None:
        old = variables.get(self.name)
        if self.unless is not None and self.unless in (old or ""):
            return
        if self.kind == "unset":
            variables.pop(self.name, None)
        else:
            variables[self.name] = self._value(old, variables)

    def _value(self, old: str | None, variables: Mapping[str, str]) -> str:
        match self.kind:
            case "word" | "+word":
                before = (old or "") if self.kind == "+word" else ""
                return before + expand(self.value, variables)
            case "prefix" | "suffix" if old is not None:
                ends = (self.value, old) if self.kind == "prefix" else (old, self.value)
                return self.separator.join(ends)
            case "default" if old is not None:
                return old
            case "move" | "add":
                return self.separator.join(self._elements(old))
            case _:
                return self.value

    def _elements(self, old: str | None) -> list[str]:
        elements = old.split(self.separator) if old else []
        wanted = [element for element in self.value.split(self.separator) if element]
        if self.kind == "add":
            return [*elements, *(each for each in dict.fromkeys(wanted) if each not in elements)]
        for element in reversed(wanted):
            if element in elements:
                elements.remove(element)
            elements.insert(0, element)
        return elements


class Wrapper(Struct, frozen=True, kw_only=True):
    """A wrapper: `form` is `script` or `elf`, `program` is the program that it runs."""

    form: str
    program: str
    steps: tuple[_Step, ...] = ()

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """Return the program's environment if the wrapper is run in the environment `caller`."""
        variables = dict(caller)
        for step in self.steps:
            step.apply(variables)
        return variables

    @property
    def order(self) -> PathOrder:
        """The wrapper's PATH; raise ToolkitError if it has no place for the caller's PATH."""
        entries = self.environment({"PATH": CALLER}).get("PATH", "").split(":")
        return order(entries, subject=f"wrapper of {self.program}")


def order(entries: Sequence[str], *, subject: str) -> PathOrder:
    """Split a PATH at CALLER; raise ToolkitError unless that is there exactly once."""
    if entries.count(CALLER) != 1:
        raise ToolkitError(f"{subject}: the caller's PATH stands {entries.count(CALLER)} times in the wrapper's")
    place = entries.index(CALLER)
    return PathOrder(prefix=tuple(entries[:place]), suffix=tuple(entries[place + 1 :]))


def short(entry: str) -> str:
    """Return the package name of a PATH entry in the store, without hash and version."""
    return re.sub(r"^/nix/store/[0-9a-z]{32}-([^/]*?)(?:-[0-9][^/]*)?(?=/|$)", r"\1", entry)


def read(content: bytes, *, name: str) -> Wrapper | None:
    """Read the wrapper with this content; return None if it is not a wrapper. `name` is its path in messages.

    Raise ToolkitError for a wrapper that treats a variable in an unknown way.
    """
    if content.startswith(_ELF):
        return _read_elf(content, name)
    if content.startswith(b"#!"):
        return _read_script(content.decode("utf-8", "replace"), name)
    return None


def _read_elf(content: bytes, name: str) -> Wrapper | None:
    command = _COMMAND.search(content)
    if command is None:
        return None
    try:
        words = shlex.split(command[0].decode("utf-8", "replace").replace("\\\n", " "))[1:]
        return Wrapper(form="elf", program=words[0], steps=tuple(_flags(words[1:])))
    except (ValueError, IndexError):
        raise ToolkitError(f"{name}: the command that it was made with cannot be read") from None


def _flags(words: list[str]) -> Iterator[_Step]:
    at = 0
    while at < len(words):
        flag, operands = words[at], words[at + 1 : at + 1 + _OPERANDS.get(words[at], 0)]
        at += 1 + len(operands)
        match flag:
            case "--prefix" | "--suffix":
                variable, separator, value = operands
                yield _Step(kind=flag[2:], name=variable, separator=separator, value=value)
            case "--set" | "--set-default":
                variable, value = operands
                yield _Step(kind="set" if flag == "--set" else "default", name=variable, value=value)
            case "--unset":
                yield _Step(kind="unset", name=operands[0])
            case _:
                continue


def _read_script(text: str, name: str) -> Wrapper | None:
    lines = text.splitlines()
    ends = [(number, found[1]) for number, line in enumerate(lines) if (found := _EXEC.match(line))]
    if len(ends) != 1:
        return None
    last, program = ends[0]
    steps: list[_Step] = []
    in_function, unless = False, None
    for number, line in enumerate(map(str.strip, lines[:last]), start=1):
        try:
            if in_function or line.endswith("() {"):
                in_function = line != "}"
            elif found := _UNLESS_LISTED.fullmatch(line):
                unless = expand(found[2], {})
            elif line == "fi":
                unless = None
            else:
                steps += _statement(line, unless)
        except (ValueError, IndexError):
            raise ToolkitError(f"{name}:{number}: cannot determine what this does: '{line}'") from None
    return Wrapper(form="script", program=program, steps=tuple(steps))


def _statement(line: str, unless: str | None) -> Iterator[_Step]:
    if found := _ASSIGNMENT.fullmatch(line):
        variable, plus, word = found.groups()
        try:
            expand(word, {})
        except ValueError:
            if variable == "PATH":
                raise
            return
        yield _Step(kind=f"{plus}word", name=variable, value=word, unless=unless)
    elif found := _DEFAULT.fullmatch(line):
        yield _Step(kind="default", name=found[1], value=expand(found[2], {}))
    elif line.startswith(("prefix ", "suffix ")):
        kind, variable, separator, value = shlex.split(line)
        yield _Step(kind={"prefix": "move", "suffix": "add"}[kind], name=variable, separator=separator, value=value)
    elif line.startswith("unset "):
        yield from (_Step(kind="unset", name=variable) for variable in line.split()[1:])
    elif re.search(r"\bPATH\+?=", line):
        raise ValueError(line)


_NAME = re.compile(r"[A-Za-z_]\w*")
_OPERATORS = (":+", ":-", "+", "-", "#", "%", "/")


def expand(word: str, variables: Mapping[str, str]) -> str:
    """Expand `word` as a shell does; a missing variable is empty.

    Patterns are plain text, since wrappers quote them all. Raise ValueError if the result is not a single word, or for
    an expansion that no wrapper has, such as `$(…)`.
    """
    scanner = _WordScanner(word, variables)
    value = scanner.read(until="")
    if not scanner.done:
        raise ValueError(word)
    return value


class _WordScanner:
    """Reads a word from left to right."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text = text
        self._at = 0
        self._variables = variables

    @property
    def done(self) -> bool:
        return self._at == len(self._text)

    def read(self, *, until: str) -> str:
        """Read up to an unquoted character of `until`, which stays, or to the end."""
        parts: list[str] = []
        while not self.done and self._text[self._at] not in until:
            parts.append(self._part())
        return "".join(parts)

    def _part(self) -> str:
        character = self._take()
        match character:
            case "'":
                return self._up_to("'")
            case '"':
                return self._double()
            case "\\":
                return self._take()
            case "$":
                return self._variable()
            case "`" | "(" | ")" | ";" | "&" | "|" | "<" | ">" | " " | "\t" | "\n":
                raise ValueError(self._text)
            case _:
                return character

    def _double(self) -> str:
        parts: list[str] = []
        while (character := self._take()) != '"':
            if character == "$":
                parts.append(self._variable())
            elif character == "`":
                raise ValueError(self._text)
            elif character == "\\":
                escaped = self._take()
                parts.append(escaped if escaped in '"\\$`' else f"\\{escaped}")
            else:
                parts.append(character)
        return "".join(parts)

    def _variable(self) -> str:
        braced = self._text.startswith("{", self._at)
        self._at += braced
        name = _NAME.match(self._text, self._at)
        if name is None:
            raise ValueError(self._text)
        self._at = name.end()
        value = self._variables.get(name[0])
        if braced:
            value = self._operator(value)
            if self._take() != "}":
                raise ValueError(self._text)
        return value or ""

    def _operator(self, value: str | None) -> str | None:
        operator = next((each for each in _OPERATORS if self._text.startswith(each, self._at)), "")
        self._at += len(operator)
        if not operator:
            return value
        operand = self.read(until="/}" if operator == "/" else "}")
        replacement = ""
        if operator == "/" and self._text.startswith("/", self._at):
            self._at += 1
            replacement = self.read(until="}")
        there = bool(value) if operator.startswith(":") else value is not None
        old = value or ""
        results = {
            "+": operand if there else "",
            "-": old if there else operand,
            "#": old.removeprefix(operand),
            "%": old.removesuffix(operand),
            "/": old.replace(operand, replacement, 1),
        }
        return results[operator[-1]]

    def _up_to(self, end: str) -> str:
        start = self._at
        self._at = self._text.find(end, start)
        if self._at < 0:
            raise ValueError(self._text)
        self._at += len(end)
        return self._text[start : self._at - len(end)]

    def _take(self) -> str:
        if self.done:
            raise ValueError(self._text)
        self._at += 1
        return self._text[self._at - 1]
