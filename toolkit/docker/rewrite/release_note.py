"""Add an item to the notable changes in NixOS' release notes; all other lines stay."""

import re
from collections.abc import Sequence

from msgspec import Struct

from toolkit.errors import LayoutError

_SECTION = re.compile(r"## .*\{#sec-release-\d\d\.\d\d-notable-changes\}\s*")
_HEADING = re.compile(r"#{1,2} ")
_ITEM = re.compile(r"([-*]) +\S")
_FENCE = re.compile(r"\s*(```+|~~~+)")
_PLACEHOLDER = re.compile(r"[-*] +Create the first release note entry in this section!?\s*")


class Section(Struct, frozen=True, kw_only=True):
    """The section of notable changes: its lines are `lines[start:end]` of the file, each item begins at one of `items`.

    Lines count from 0, the heading is the line before `start`.
    """

    start: int
    end: int
    items: tuple[int, ...]


def add(text: str, item: str, *, name: str) -> str:
    """Return release notes with `item`, one line without its bullet, in the middle of the notable changes.

    Upstream asks for this place, since additions at the end conflict. The item replaces upstream's placeholder in an
    empty section. Raise LayoutError if there is no such section, or it already has the item.
    """
    lines = text.split("\n")
    found = section(text, name=name)
    # More may follow in it than this time.
    first = item.partition(". ")[0]
    there = next((index for index, line in enumerate(lines) if line[2:].startswith(first)), None)
    if there is not None:
        raise LayoutError(f"{name}:{there + 1}: the item is already there")
    if not found.items:
        place = 1 + max(index for index in range(found.start - 1, found.end) if lines[index].strip())
        lines[place:place] = ["", f"- {item}"]
        return "\n".join(lines)
    place = found.items[len(found.items) // 2]
    added = [f"{lines[found.items[0]][0]} {item}"]
    if is_placeholder(lines, found):
        del lines[place]
    elif not lines[place - 1].strip():
        added.append("")
    return "\n".join([*lines[:place], *added, *lines[place:]])


def section(text: str, *, name: str) -> Section:
    """Find the notable changes; raise LayoutError if there are none."""
    lines = text.split("\n")
    plain = _plain(lines)
    headings = [index for index in plain if _HEADING.match(lines[index])]
    for index in headings:
        if _SECTION.fullmatch(lines[index]) is not None:
            end = next((other for other in headings if other > index), len(lines))
            items = tuple(line for line in plain if index < line < end and _ITEM.match(lines[line]))
            return Section(start=index + 1, end=end, items=items)
    raise LayoutError(f"{name}: has no section of notable changes")


def is_placeholder(lines: Sequence[str], found: Section) -> bool:
    """Return whether the section contains only upstream's placeholder."""
    return len(found.items) == 1 and _PLACEHOLDER.fullmatch(lines[found.items[0]]) is not None


def _plain(lines: list[str]) -> list[int]:
    """Return the lines that are neither in a fenced block nor in a comment."""
    plain: list[int] = []
    fence = ""
    comment = False
    for index, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            if mark is not None and mark[1].startswith(fence) and not line.strip(" \t`~"):
                fence = ""
        elif comment:
            comment = "-->" not in line
        elif mark is not None:
            fence = mark[1]
        else:
            comment = "<!--" in line and "-->" not in line.rpartition("<!--")[2]
            plain.append(index)
    return plain
