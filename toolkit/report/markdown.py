"""Pieces of Markdown.

Foreign text in it becomes harmless and short, without paths of this machine.
"""

import re

from toolkit.text import harmless

WIDTH = 240
"""The most characters of one line of foreign text."""

# Absolute paths, other than of places that are the same everywhere.
_PRIVATE = re.compile(
    r"(?<![\w.:/~>$}-])/(?!(?:nix|dev|run|proc|sys|etc|usr|bin)/)[\w.+@-]+/[^\s'\"`,;:)]*"
)

_PARAGRAPH = re.compile(r"^(?![-|<\s]|\d+\. )(?:.+\n)*.+$", re.MULTILINE)


def cell(text: str) -> str:
    """Return `text` for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|") or " "


def fence(lines: tuple[str, ...], language: str = "") -> str:
    """Return the lines as a code block, even if they contain back-quotes."""
    ticks = "```"
    while any(ticks in line for line in lines):
        ticks += "`"
    return "\n".join([f"{ticks}{language}", *lines, ticks])


def plain(text: str) -> str:
    """Return text on one line without Markdown or HTML; `@name` mentions nobody."""
    escaped = re.sub(
        r"([\\`*\[\]])", r"\\\1", raw(text).replace("&", "&amp;").replace("<", "&lt;")
    )
    return unlinked(escaped)


def unlinked(text: str) -> str:
    """Return Markdown in which `@name`, `#1` and `GH-1` do not notify anyone on GitHub.

    The word joiner that breaks them is an entity, since the character itself counts as
    unprintable.
    """
    return re.sub(r"([@#](?=\w)|\bGH(?=-\d))", r"\1&#8288;", text)


def raw(text: str, *, width: int = WIDTH) -> str:
    """Return text for a code block: one line of at most `width` characters, without paths of this machine."""
    flat = _PRIVATE.sub("…", harmless(" ".join(text[: 4 * width].split())))
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def unwrapped(text: str) -> str:
    """Return Markdown with each paragraph on one line: GitHub keeps the line breaks of a pull request's text.

    Code blocks, lists, tables and HTML stay the same.
    """
    parts = re.split(r"(^```.*?^```$)", text.strip(), flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part
        if part.startswith("```")
        else _PARAGRAPH.sub(lambda found: found[0].replace("\n", " "), part)
        for part in parts
    )


def code(text: str) -> str:
    """Return text as a code span, even if it contains back-quotes."""
    flat = raw(text)
    ticks = "`" * (max(map(len, re.findall(r"`+", flat)), default=0) + 1)
    pad = " " if "`" in flat else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"
