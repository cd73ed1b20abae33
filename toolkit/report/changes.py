"""How large a diff is, for somebody who has to read it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from toolkit.git import diffs


@dataclass(frozen=True, slots=True)
class Changes:
    """Lines of a diff. `moved` of the added ones are removed elsewhere in it, to the letter."""

    added: int
    removed: int
    moved: int


def count(diff: bytes) -> Changes:
    """Count the lines of a unified diff; blank lines count as added or removed, and never as moved."""
    lines = [line for file in diffs.read(diff) for hunk in file for line in hunk]
    added = Counter(line.value for line in lines if line.is_added)
    removed = Counter(line.value for line in lines if line.is_removed)
    moved = sum(number for text, number in (added & removed).items() if text.strip())
    return Changes(added.total(), removed.total(), moved)
