"""Expand words of a shell, as far as wrappers use it: quotes, and variables with the operators that edit a list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_]\w*")
_OPERATORS = (":+", ":-", "+", "-", "#", "%", "/")


def expand(word: str, variables: Mapping[str, str]) -> str:
    """Return what a shell makes of `word`, a variable that is missing being empty.

    Patterns are taken for plain text, as all that wrappers have are quoted. Raise ValueError for what is no single
    word, or for an expansion that wrappers have no use for, such as `$(…)`.
    """
    scanner = _Scanner(word, variables)
    value = scanner.read(until="")
    if not scanner.done:
        raise ValueError(word)
    return value


class _Scanner:
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
