"""Changes of a tree as data: the tables beside the tests name files, and what becomes of their texts."""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from msgspec import Struct, field

from toolkit.git.reading import TreeFile


class Edit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`new` for a text, wherever it stands, or for what a pattern matches; without both, for the whole."""

    old: str = ""
    pattern: str = ""
    new: str = ""

    def applied(self, text: str) -> str:
        """Return the text with the edit, which has to change it."""
        if self.pattern:
            edited = re.sub(self.pattern, self.new, text, flags=re.DOTALL | re.MULTILINE)
        else:
            edited = text.replace(self.old, self.new) if self.old else self.new
        assert edited != text, self
        return edited


class Edits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of files: which are gone, which begin as the text of another, and the edits of each."""

    gone: list[str] = field(default_factory=list[str])
    copies: dict[str, str] = field(default_factory=dict[str, str])
    edits: dict[str, list[Edit]] = field(default_factory=dict[str, list[Edit]])

    def files(self, text: Callable[[str], str]) -> Mapping[PurePosixPath, TreeFile | None]:
        """Return the files as they are afterwards; `text` returns one as it was, "" for one that is new."""
        texts: dict[str, str | None] = dict.fromkeys(self.gone)
        texts |= {path: text(other) for path, other in self.copies.items()}
        for path, edits in self.edits.items():
            edited = texts.get(path) or text(path)
            for each in edits:
                edited = each.applied(edited)
            texts[path] = edited
        return {
            PurePosixPath(path): None if edited is None else TreeFile(content=edited.encode())
            for path, edited in texts.items()
        }
