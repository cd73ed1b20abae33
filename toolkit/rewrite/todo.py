"""Drop upstream's TODO once what it asks for is done."""

from __future__ import annotations

from toolkit.rewrite.layout import DockerFile
from toolkit.syntax.edit import Edit, apply


def rewrite(text: str, *, name: str) -> str:
    """Return `text` without the line of the TODO comment; unchanged where there is none."""
    comment = DockerFile(text, name=name).todo()
    if comment is None:
        return text
    start = text.rfind("\n", 0, comment.start)
    return apply(text, [Edit(start, comment.end, "")])
