"""Prepare text for display: make untrusted text harmless, and shorten lists."""

import re
from collections.abc import Sequence

# Characters that a terminal or a browser interprets, or that hide text: control
# characters (ISO 6429) except tabs and line ends, the line and paragraph separators,
# the formatting characters of bidirectional text (UAX 9), marks without width, and
# tags.
_ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)


def harmless(text: str) -> str:
    """Return a text with JSON escapes for all control and invisible characters.

    Use this function for names, messages and file contents that anyone may have
    written.
    """
    return _ACTIVE.sub(_escaped, text)


def few(names: Sequence[str], most: int = 3) -> str:
    """Return the first `most` names, separated by commas, and the count of the rest."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def counted(count: int, noun: str) -> str:
    """Return a number with a noun, which is plural unless the number is one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(
        f"\\u{units[index : index + 2].hex()}" for index in range(0, len(units), 2)
    )
