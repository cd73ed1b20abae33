"""Add an item to the notable changes in NixOS' release notes; all other lines stay."""

import re

from toolkit.errors import LayoutError

_SECTION = re.compile(r"## .*\{#sec-release-\d\d\.\d\d-notable-changes\}\s*")
_HEADING = re.compile(r"#{1,2} ")
_ITEM = re.compile(r"([-*]) +\S")
_HIDDEN = re.compile(r"^[ \t]*(```+|~~~+).*?^[ \t]*\1[`~]*[ \t]*$|<!--.*?-->", re.MULTILINE | re.DOTALL)
_PLACEHOLDER = re.compile(r"[-*] +Create the first release note entry in this section!?\s*")


def add(text: str, item: str, *, name: str) -> str:
    """Return release notes with `item`, one line without its bullet, in the middle of the notable changes.

    Upstream asks for this place, since additions at the end conflict. The item replaces upstream's placeholder in an
    empty section. Raise LayoutError if there is no such section, or it already has the item.
    """
    lines = text.split("\n")
    start, end, items = section(text, name=name)
    # More may follow in it than this time.
    first = item.partition(". ")[0]
    there = next((index for index, line in enumerate(lines) if line[2:].startswith(first)), None)
    if there is not None:
        raise LayoutError(f"{name}:{there + 1}: the item is already there")
    if not items:
        place = 1 + max(index for index in range(start - 1, end) if lines[index].strip())
        lines[place:place] = ["", f"- {item}"]
        return "\n".join(lines)
    place = items[len(items) // 2]
    added = [f"{lines[items[0]][0]} {item}"]
    if len(items) == 1 and _PLACEHOLDER.fullmatch(lines[place]) is not None:
        del lines[place]
    elif not lines[place - 1].strip():
        added.append("")
    return "\n".join([*lines[:place], *added, *lines[place:]])


def section(text: str, *, name: str) -> tuple[int, int, list[int]]:
    """Return the first line of the notable changes, the line after them, and those on which an item begins.

    Lines count from 0. Raise LayoutError if there is no such section.
    """
    lines = _HIDDEN.sub(lambda found: "\n" * found[0].count("\n"), text).split("\n")
    headings = [index for index, line in enumerate(lines) if _HEADING.match(line)]
    for index in headings:
        if _SECTION.fullmatch(lines[index]) is not None:
            end = next((other for other in headings if other > index), len(lines))
            return index + 1, end, [line for line in range(index + 1, end) if _ITEM.match(lines[line])]
    raise LayoutError(f"{name}: has no section of notable changes")
