"""Pieces of Markdown, and foreign text in it: made harmless, short, and free of the machine that it was said on."""

import re
from collections.abc import Sequence

from toolkit.model import Proof, Status
from toolkit.text import harmless

WIDTH = 240
"""The most characters of one line of foreign text."""

# Absolute paths, other than of places that are the same everywhere.
_PRIVATE = re.compile(r"(?<![\w.:/~>$}-])/(?!(?:nix|dev|run|proc|sys|etc|usr|bin)/)[\w.+@-]+/[^\s'\"`,;:)]*")

_PARAGRAPH = re.compile(r"^(?![-|<\s]|\d+\. )(?:.+\n)*.+$", re.MULTILINE)


def counted(proofs: Sequence[Proof]) -> str:
    """Return how many proofs passed, failed and were not run."""
    return ", ".join(f"{sum(proof.status is status for proof in proofs)} {status}" for status in Status)


def cell(text: str) -> str:
    """Return `text` for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|") or " "


def fence(lines: tuple[str, ...], language: str = "") -> str:
    """Return the lines as a code block, whatever back-quotes they hold."""
    ticks = "```"
    while any(ticks in line for line in lines):
        ticks += "`"
    return "\n".join([f"{ticks}{language}", *lines, ticks])


def plain(text: str) -> str:
    """Return text in which nothing is Markdown or HTML, on one line; `@name` becomes no mention."""
    escaped = re.sub(r"([\\`*\[\]])", r"\\\1", raw(text).replace("&", "&amp;").replace("<", "&lt;"))
    return unlinked(escaped)


def unlinked(text: str) -> str:
    """Return Markdown in which `@name`, `#1` and `GH-1` are no mention and no reference: for GitHub they would notify.

    The word joiner in between is an entity: the character itself is one of those that are not printed.
    """
    return re.sub(r"([@#](?=\w)|\bGH(?=-\d))", r"\1&#8288;", text)


def raw(text: str, *, width: int = WIDTH) -> str:
    """Return text for a block of code: one line, no longer than `width`, without paths of the machine."""
    flat = _PRIVATE.sub("…", harmless(" ".join(text[: 4 * width].split())))
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def unwrapped(text: str) -> str:
    """Return Markdown with each paragraph on one line: GitHub breaks the lines of a pull request where its text does.

    Blocks of code, lists, tables and HTML stay as they are.
    """
    parts = re.split(r"(^```.*?^```$)", text.strip(), flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if part.startswith("```") else _PARAGRAPH.sub(lambda found: found[0].replace("\n", " "), part)
        for part in parts
    )


def code(text: str) -> str:
    """Return text as a span of code, whatever back-quotes it holds."""
    flat = raw(text)
    ticks = "`" * (max(map(len, re.findall(r"`+", flat)), default=0) + 1)
    pad = " " if "`" in flat else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"
