"""Replace spans of a text; every byte outside of them stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put `replacement` in place of the characters from `start` up to `end`."""

    start: int
    end: int
    replacement: str

    def within(self, start: int) -> Edit:
        """Return the edit for the text that begins at an offset."""
        return Edit(self.start - start, self.end - start, self.replacement)


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with all edits made; they may not overlap (ValueError, a defect of the caller)."""
    pieces: list[str] = []
    position = 0
    for edit in sorted(edits):
        if edit.start < position:
            message = f"edits overlap at offset {edit.start}"
            raise ValueError(message)
        pieces += [text[position : edit.start], edit.replacement]
        position = edit.end
    return "".join([*pieces, text[position:]])
