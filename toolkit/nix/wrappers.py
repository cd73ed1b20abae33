"""Read a wrapper's effect on the environment without running it.

It knows both forms in nixpkgs: the scripts of make-wrapper.sh, of which four variants
exist since 2017, and the ELF files of make-binary-wrapper.sh, which contain the command
that made them.
"""

import re
import shlex
from collections.abc import Iterator, Mapping

from msgspec import Struct

from toolkit.errors import ToolkitError

CALLER = "/path-of-the-caller"

_ELF = b"\x7fELF"
_COMMAND = re.compile(rb"makeCWrapper (?:[^\n\0]*\\\n)*[^\n\0]*")
_EXEC = re.compile(
    r"""exec\s+(?:-a\s+(?:"[^"]*"|'[^']*'|\S+)\s+)?["']{0,2}(/[^"'\s]+)["']{0,2}(?=\s|$)"""
)
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)(\+?)=(.*)")
_UNLESS_LISTED = re.compile(r"if \[\[ \$(\w+) != \*(.+)\* \]\]; then")
_OPERANDS = {
    **dict.fromkeys(("--prefix", "--suffix"), 3),
    **dict.fromkeys(("--set", "--set-default"), 2),
    **dict.fromkeys(("--unset", "--chdir", "--argv0"), 1),
    **dict.fromkeys(
        ("--add-flag", "--append-flag", "--add-flags", "--append-flags"), 1
    ),
}


class PathOrder(Struct, frozen=True, kw_only=True):
    """A wrapper's PATH: `prefix`, then the caller's PATH, then `suffix`."""

    prefix: tuple[str, ...]
    suffix: tuple[str, ...] = ()


class _Step(Struct, frozen=True):
    """One change of a variable.

    `word` is its new value in shell syntax; None unsets it.

    With `unless`, the change is skipped if the variable contains that text.
    """

    name: str
    word: str | None
    unless: str | None = None


class Wrapper(Struct, frozen=True, kw_only=True):
    """A wrapper of `program`."""

    program: str
    steps: tuple[_Step, ...] = ()

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the program if the wrapper runs in `caller`."""
        variables = dict(caller)
        for step in self.steps:
            if step.unless is not None and step.unless in variables.get(step.name, ""):
                continue
            if step.word is None:
                variables.pop(step.name, None)
            else:
                variables[step.name] = expand(step.word, variables)
        return variables

    @property
    def order(self) -> PathOrder:
        """The wrapper's PATH.

        Raise ToolkitError unless it has exactly one place for the caller's PATH.
        """
        entries = self.environment({"PATH": CALLER}).get("PATH", "").split(":")
        if (count := entries.count(CALLER)) != 1:
            raise ToolkitError(
                f"wrapper of {self.program}: the caller's PATH occurs {count} times "
                "in the wrapper's PATH"
            )
        place = entries.index(CALLER)
        return PathOrder(
            prefix=tuple(entries[:place]), suffix=tuple(entries[place + 1 :])
        )


def short(entry: str) -> str:
    """Return the package of a PATH entry in the store, without hash and version."""
    return re.sub(
        r"^/nix/store/[0-9a-z]{32}-([^/]*?)(?:-[0-9][^/]*)?(?=/|$)", r"\1", entry
    )


def read(content: bytes, *, name: str) -> Wrapper | None:
    """Read the wrapper with this content; return None if it is not a wrapper.

    `name` is its path in messages.

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
        words = shlex.split(command[0].decode("utf-8", "replace").replace("\\\n", " "))[
            1:
        ]
        return Wrapper(program=words[0], steps=tuple(_flags(words[1:])))
    except (ValueError, IndexError):
        raise ToolkitError(
            f"{name}: unlet cannot read the command that created this wrapper"
        ) from None


def _flags(words: list[str]) -> Iterator[_Step]:
    """Yield the effects of makeCWrapper's options, as shell words."""
    at = 0
    while at < len(words):
        flag, operands = words[at], words[at + 1 : at + 1 + _OPERANDS.get(words[at], 0)]
        at += 1 + len(operands)
        variable, *values = map(shlex.quote, operands) if operands else ("",)
        match flag:
            case "--prefix":
                separator, value = values
                yield _Step(variable, f"{value}${{{variable}+{separator}${variable}}}")
            case "--suffix":
                separator, value = values
                yield _Step(variable, f"${{{variable}+${variable}{separator}}}{value}")
            case "--set":
                yield _Step(variable, values[0])
            case "--set-default":
                yield _Step(variable, f"${{{variable}-{values[0]}}}")
            case "--unset":
                yield _Step(variable, None)
            case _:
                continue


def _read_script(text: str, name: str) -> Wrapper | None:
    lines = text.splitlines()
    ends = [
        (number, found[1])
        for number, line in enumerate(lines)
        if (found := _EXEC.match(line))
    ]
    if len(ends) != 1:
        return None
    last, program = ends[0]
    steps: list[_Step] = []
    unless = None
    for number, line in enumerate(map(str.strip, lines[:last]), start=1):
        try:
            if found := _UNLESS_LISTED.fullmatch(line):
                unless = expand(found[2], {})
            elif line == "fi":
                unless = None
            else:
                steps += _statement(line, unless)
        except ValueError:
            raise ToolkitError(
                f"{name}:{number}: unlet cannot tell what this line does: '{line}'"
            ) from None
    return Wrapper(program=program, steps=tuple(steps))


def _statement(line: str, unless: str | None) -> Iterator[_Step]:
    if found := _ASSIGNMENT.fullmatch(line):
        variable, plus, word = found.groups()
        try:
            expand(word, {})
        except ValueError:
            if variable == "PATH":
                raise
            return
        yield _Step(variable, f"${variable}{word}" if plus else word, unless)
    elif line.startswith("unset "):
        yield from (_Step(variable, None) for variable in line.split()[1:])
    elif re.search(r"\bPATH\+?=", line):
        raise ValueError(line)


_QUOTED = r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\."""
_VARIABLE = rf"""
    \$(?P<name>[A-Za-z_]\w*)
    | \${{(?P<braced>[A-Za-z_]\w*)(?:(?P<operator>:?[-+]|[#%/])(?P<operand>(?:{_QUOTED}|[^'"\\{{}}])*))?}}
"""
_PART = re.compile(
    rf"""{_VARIABLE} | '(?P<plain>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | \\(?P<escaped>.)
    | (?P<bare>[^'"\\$`();&|<>\s])""",
    re.VERBOSE | re.DOTALL,
)
_DOUBLE_PART = re.compile(
    rf"""{_VARIABLE} | \\(?P<escaped>["\\$`]) | (?P<bare>[^"$`])""",
    re.VERBOSE | re.DOTALL,
)
_PATTERN = re.compile(rf"(?:{_QUOTED}|[^'\"\\/])*", re.DOTALL)
"""The pattern of `${NAME/PATTERN/REPLACEMENT}`."""


def expand(word: str, variables: Mapping[str, str]) -> str:
    """Expand `word` as a shell does; a missing variable is empty.

    Patterns are plain text, since wrappers quote them all. Raise ValueError if the
    result is not a single word, or for an expansion that no wrapper has, such as
    `$(…)`.
    """
    return _expanded(_PART, word, variables)


def _expanded(part: re.Pattern[str], text: str, variables: Mapping[str, str]) -> str:
    parts: list[str] = []
    at = 0
    while at < len(text):
        if (found := part.match(text, at)) is None:
            raise ValueError(text)
        at = found.end()
        fields = found.groupdict()
        if (name := fields["name"] or fields["braced"]) is not None:
            parts.append(
                _value(
                    variables.get(name),
                    fields["operator"] or "",
                    fields["operand"] or "",
                    variables,
                )
            )
        elif (double := fields.get("double")) is not None:
            parts.append(_expanded(_DOUBLE_PART, double, variables))
        else:
            parts.append(
                fields.get("plain") or fields["escaped"] or fields["bare"] or ""
            )
    return "".join(parts)


def _value(
    value: str | None, operator: str, operand: str, variables: Mapping[str, str]
) -> str:
    """Return the value of a variable with an operator, such as `${NAME:-word}`."""
    old, replacement = value or "", ""
    if operator == "/" and (pattern := _PATTERN.match(operand)) is not None:
        operand, replacement = pattern[0], operand[pattern.end() + 1 :]
    operand, replacement = expand(operand, variables), expand(replacement, variables)
    there = bool(value) if operator.startswith(":") else value is not None
    results = {
        "": old,
        "+": operand if there else "",
        "-": old if there else operand,
        "#": old.removeprefix(operand),
        "%": old.removesuffix(operand),
        "/": old.replace(operand, replacement, 1),
    }
    return results[operator[-1:]]
