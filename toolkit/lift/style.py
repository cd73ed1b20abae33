"""Write code in the style of a file: functions with a set pattern, lists, comments."""

import re
import textwrap
from collections.abc import Sequence
from enum import StrEnum

from toolkit.nix.tree import Node

WIDTH = 100
"""The number of columns that nixfmt fills."""

_SAME_NAME = re.compile(
    r"(?P<margin> *)(?P<name>[\w'-]+) = (?P<source>final\w*(?:\.[\w'-]+)*)\.(?P=name);"
)
_INHERIT = re.compile(
    r"(?P<margin> *)inherit \((?P<source>final\w*(?:\.[\w'-]+)*)\) (?P<names>[\w' -]+);"
)
_JOINED = re.compile(
    r"(?P<margin> *)(?P<name>[\w.'-]+ = )\[ (?P<items>[\w.'-]+(?: [\w.'-]+)*) \] "
    r"(?P<rest>\+\+ .*;)"
)


def filled(before: str, after: str) -> str:
    """Format the new lines of a text as nixfmt and the linters require.

    Break a long list beside a `++` into lines, and turn an attribute that is bound to
    its own name into an inherit.
    """
    old = set(before.split("\n"))
    lines = after.split("\n")
    for number, line in enumerate(lines):
        if line not in old and (same := _SAME_NAME.fullmatch(line)) is not None:
            lines[number] = (
                f"{same['margin']}inherit ({same['source']}) {same['name']};"
            )
        inherits = _INHERIT.fullmatch(lines[number]) if line not in old else None
        if inherits is not None and (
            lines[number] != line or "." not in inherits["source"]
        ):
            _join(lines, number)
        elif (
            len(line) > WIDTH
            and line not in old
            and (joined := _JOINED.fullmatch(line)) is not None
        ):
            margin = joined["margin"]
            items = (f"{margin}  {item}" for item in joined["items"].split())
            broken = [
                f"{margin}{joined['name']}[",
                *items,
                f"{margin}]",
                f"{margin}{joined['rest']}",
            ]
            lines[number] = "\n".join(broken)
    return "\n".join(line for line in lines if line != _GONE)


_GONE = "\0"


def _join(lines: list[str], number: int) -> None:
    """Join a line's `inherit` with one above it in the same set, if there is room.

    One that follows a comment stays there.
    """
    if lines[number - 1].lstrip().startswith("#"):
        return
    margin, source, names = _INHERIT.fullmatch(lines[number]).groups()  # type: ignore[union-attr] # it was made so
    for above in reversed(range(number)):
        line = lines[above]
        if line not in {"", _GONE} and not line.startswith(margin):
            return
        there = _INHERIT.fullmatch(line)
        if (
            there is not None
            and there["margin"] == margin
            and there["source"] == source
        ):
            if len(joined := f"{line[:-1]} {names};") <= WIDTH:
                lines[above], lines[number] = joined, _GONE
                follows = lines[number + 1 : number + 2]
                if lines[number - 1] == "" and (
                    follows == [""] or follows[0].lstrip().startswith("}")
                ):
                    lines[number - 1] = _GONE
            return


class Style(StrEnum):
    """The styles in nixpkgs' history; `nixpkgs-fmt` and `old` have leading commas."""

    NIXFMT = "nixfmt"
    ALEJANDRA = "alejandra"
    NIXPKGS_FMT = "nixpkgs-fmt"
    OLD = "old"

    @property
    def leads(self) -> bool:
        """Return whether the style puts a comma before its parameter."""
        return self in {Style.OLD, Style.NIXPKGS_FMT}

    def caller(
        self, name: str, function: str, hidden: Sequence[str], indent: int
    ) -> str:
        """Write the function `name`, which hides some parameters of `function`."""
        margin = " " * indent
        quoted = [f'"{each}"' for each in hidden]
        match self:
            case Style.NIXFMT | Style.ALEJANDRA:
                names = "".join(f"{margin}      {each}\n" for each in quoted)
                return (
                    f"{margin}{name} = callPackage (\n{margin}  lib.setFunctionArgs "
                    f"{function} (\n"
                    f"{margin}    removeAttrs (lib.functionArgs {function}) "
                    f"[\n{names}{margin}    ]\n"
                    f"{margin}  )\n{margin});"
                )
            case _:
                names = _wrapped(" ".join(quoted), f"{margin}  ")
                return (
                    f"{margin}{name} = callPackage (lib.setFunctionArgs {function} "
                    f"(removeAttrs (lib.functionArgs {function}) "
                    f"[\n{names}\n{margin}]));"
                )

    def list(self, element: str) -> str:
        """Write a list with one element, or an empty list for ""."""
        if not element:
            return "[]" if self is Style.ALEJANDRA else "[ ]"
        return f"[{element}]" if self is Style.ALEJANDRA else f"[ {element} ]"

    @staticmethod
    def comment(text: str, indent: int) -> str:
        """Write `text` as lines of comment at `indent`, wrapped at 80 columns."""
        return _wrapped(text, f"{' ' * indent}# ")


def pattern_style(binding: Node, function: Node) -> Style:
    """Recognise the style of a binding whose value is a lambda with a set pattern."""
    pattern = function.symbol("formals")
    # By the majority, since a formatter may leave a comma on a line of its own behind
    # a comment.
    leading = re.findall(r"\n\s*,", pattern.text)
    trailing = re.findall(r",[ \t]*(?:#[^\n]*)?\n", pattern.text)
    is_broken = "\n" in binding.tree.text[binding.start : function.start]
    if len(leading) > len(trailing):
        return Style.NIXPKGS_FMT if is_broken else Style.OLD
    return Style.NIXFMT if is_broken else Style.ALEJANDRA


def _wrapped(text: str, margin: str) -> str:
    return textwrap.fill(
        text,
        80,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
