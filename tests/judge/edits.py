"""Changes of a tree as data: the tables beside the tests name files, and what becomes of their texts."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct, field

from toolkit.git.reading import TreeFile
from toolkit.sources.changes import FileEdit


class Edit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`new` for a text wherever it stands, after it, or for what a pattern matches.

    Without these, for the whole.
    """

    old: str = ""
    after: str = ""
    pattern: str = ""
    new: str = ""

    def applied(self, text: str) -> str:
        """Return the text with the edit, which has to change it."""
        if self.pattern:
            edited = re.sub(
                self.pattern, self.new, text, flags=re.DOTALL | re.MULTILINE
            )
        else:
            old = self.old or self.after
            edited = text.replace(old, self.after + self.new) if old else self.new
        assert edited != text, self
        return edited


def edited(text: str, edits: list[Edit]) -> str:
    """Return a text with several edits, one after the other."""
    for each in edits:
        text = each.applied(text)
    return text


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of files: which are gone, which begin as the text of another, and the edits of each."""

    gone: list[str] = field(default_factory=list[str])
    copies: dict[str, str] = field(default_factory=dict[str, str])
    edits: dict[str, list[Edit]] = field(default_factory=dict[str, list[Edit]])

    def texts(self, text: Callable[[str], str]) -> Mapping[str, str | None]:
        """Return the files as they are afterwards.

        `text` returns one as it was, "" for one that is new.
        """
        copied = {path: text(other) for path, other in self.copies.items()}
        after = {
            path: edited(copied.get(path) or text(path), edits)
            for path, edits in self.edits.items()
        }
        return {**dict.fromkeys(self.gone), **copied, **after}


def file_edits(root: Path, after: Mapping[str, str | None]) -> tuple[FileEdit, ...]:
    """Return what a change does to a tree that has other texts for some files, or none."""
    edits: list[FileEdit] = []
    for path, text in after.items():
        before = (
            TreeFile(content=(root / path).read_bytes())
            if (root / path).is_file()
            else None
        )
        file = (
            None
            if text is None
            else TreeFile(content=text.encode(errors="surrogateescape"))
        )
        edits.append(FileEdit(path=PurePosixPath(path), before=before, after=file))
    return tuple(edits)
