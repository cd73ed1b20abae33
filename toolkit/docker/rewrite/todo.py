"""Drop upstream's TODO once what it asks for is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.docker.rewrite.layout import TODO, DockerFile
from toolkit.errors import RefusalError
from toolkit.nix.edit import Edit, apply

if TYPE_CHECKING:
    from toolkit.nix.tree import Node

_ALONE = re.compile(rf"(?:#|/\*)\s*{TODO.pattern}[^\n]*")
_NEXT_LINE = re.compile(r"[ \t]*\n([ \t]*)#(?!\s*(?:TODO|FIXME|XXX)\b)")


def rewrite(text: str, *, name: str) -> str:
    """Return `text` without the TODO comment, and without its line where it has one; unchanged where there is none.

    Raise RefusalError for a comment that says more than the TODO.
    """
    return apply(text, edits(DockerFile(text, name=name)))


def edits(file: DockerFile) -> list[Edit]:
    """Return the removal of each TODO comment; the errors are those of `rewrite`."""
    return [_removal(file, comment) for comment in file.todos()]


def _removal(file: DockerFile, comment: Node) -> Edit:
    text = file.text
    line_start = text.rfind("\n", 0, comment.start) + 1
    alone = not text[line_start : comment.start].strip()
    goes_on = _NEXT_LINE.match(text, comment.end)
    if _ALONE.fullmatch(comment.text) is None or (
        goes_on is not None and len(goes_on[1]) == comment.start - line_start
    ):
        raise RefusalError(
            f"{file.at(comment)}: this comment holds more than the TODO, which is to be removed",
            hint="put an empty line, or code, between the TODO and the comment that should stay",
        )
    rest = re.compile(r"[ \t]*(\n?)").match(text, comment.end)
    if rest is None:
        raise AssertionError(comment)
    if alone and rest[1]:
        return Edit(line_start, rest.end(), "")
    if alone:
        return Edit(comment.start, rest.end(), "")
    return Edit(len(text[: comment.start].rstrip()), comment.end, "")
