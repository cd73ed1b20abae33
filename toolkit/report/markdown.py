"""Turn untrusted text into harmless pieces of Markdown.

The text is shortened, and loses the paths of this computer and the links.
"""

import re
from collections.abc import Callable
from itertools import cycle

from toolkit.text import harmless

WIDTH = 240
"""The maximum number of characters of one line of untrusted text."""

# Absolute paths, except of directories that exist everywhere.
_PRIVATE = re.compile(
    r"(?<![\w.:/~>$}-])/(?!(?:nix|dev|run|proc|sys|etc|usr|bin)/)[\w.+@-]+/[^\s'\"`,;:)]*"
)

# URLs, mentions, issues, commits and addresses (GitHub's "Autolinked references and
# URLs"), each with the adjacent characters up to the next space.
_LINKED = re.compile(
    r"(\S*(?:://|\bwww\.|@\w|#\d|\bgh-\d|(?<![\w-])[0-9a-f]{7,40}(?![\w-]))\S*)",
    re.IGNORECASE,
)

_PARAGRAPH = re.compile(r"^(?![-|<\s]|\d+\. )(?:.+\n)*.+$", re.MULTILINE)


def cell(text: str) -> str:
    """Return `text` for a cell of a Markdown table, without links."""
    flat = " ".join(text.split())
    return guarded(flat, str).replace("|", "\\|") or " "


def fence(lines: tuple[str, ...], language: str = "") -> str:
    """Return the lines as a Markdown code block, even if they contain back-quotes."""
    ticks = "```"
    while any(ticks in line for line in lines):
        ticks += "`"
    return "\n".join([f"{ticks}{language}", *lines, ticks])


def plain(text: str) -> str:
    """Return `text` on one line, escaped so that it has no Markdown, HTML or links."""
    return guarded(raw(text), _escaped)


def guarded(text: str, escape: Callable[[str], str]) -> str:
    """Return one line of text in which words that GitHub would link are code spans.

    A link to an issue, or a mention, would notify the people concerned. `escape`
    escapes all other words.
    """
    words = _LINKED.split(text)
    return "".join(
        _span(word) if is_linked else escape(word)
        for word, is_linked in zip(words, cycle((False, True)), strict=False)
    )


def _escaped(text: str) -> str:
    entities = text.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*\[\]])", r"\\\1", entities)


def raw(text: str, *, width: int = WIDTH) -> str:
    """Return text for a code block: one line of at most `width` characters.

    Paths of this computer are replaced by an ellipsis.
    """
    flat = _PRIVATE.sub("…", harmless(" ".join(text[: 4 * width].split())))
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def unwrapped(text: str) -> str:
    """Return Markdown with each paragraph on one line.

    GitHub would keep the line breaks of a paragraph. Code blocks, lists, tables and
    HTML stay the same.
    """
    parts = re.split(r"(^```.*?^```$)", text.strip(), flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part
        if part.startswith("```")
        else _PARAGRAPH.sub(lambda found: found[0].replace("\n", " "), part)
        for part in parts
    )


def code(text: str) -> str:
    """Return `text` as a code span, even if it contains back-quotes."""
    return _span(raw(text))


def _span(flat: str) -> str:
    ticks = "`" * (max(map(len, re.findall(r"`+", flat)), default=0) + 1)
    pad = " " if "`" in flat else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"
