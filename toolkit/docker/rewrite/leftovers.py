"""Tell what the regions of a change do not account for: lines that somebody else changed.

What is left of each file without its regions must be the same on both sides, line by line and in the same order; so
must be each definition that moved, with itself. Which lines are the same is taken from the diff where it says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from toolkit.docker.rewrite.regions import Move, Region, Regions

_PUNCTUATION = " \t,"
"""What may differ at the ends of a line without a reason: a comma belongs to what stands beside it."""


class FileLine(Struct, kw_only=True):
    """A line of one of the files.

    `regions` are those which reach into it, in the order of the line, and `rest` is what is in none. `move` is what it
    moves with. `foreign` tells that neither accounts for it, `other` is the line of the other file with the same rest,
    where that is not a line which the diff has as the same.
    """

    text: str
    rest: str
    regions: tuple[Region, ...]
    move: Move | None
    other: FileLine | None = None
    foreign: bool = False

    @property
    def key(self) -> str:
        """What is compared: the line without what regions account for, and without what is at its ends."""
        return self.rest.strip(_PUNCTUATION)


def lines(text: str, regions: Regions, *, removed: bool) -> list[FileLine]:
    """Return the lines of the file before (`removed`) or after, with what is known of each."""
    ours = sorted((r for r in regions.regions if r.removed is removed), key=lambda region: region.start)
    whole = text if text.endswith("\n") or not text else f"{text}\n"
    starts = [0, *(offset + 1 for offset, character in enumerate(whole) if character == "\n")]
    found: list[FileLine] = []
    for start, after in pairwise(starts):
        end = after - 1
        here = tuple(region for region in ours if region.start < after and start < region.end)
        spans = ((move, *(move.before if removed else move.after)) for move in regions.moves)
        move = next((move for move, first, last in spans if first < end and start < last), None)
        found.append(FileLine(text=text[start:end], rest=_without(text, start, end, here), regions=here, move=move))
    return found


def _without(text: str, start: int, end: int, regions: Sequence[Region]) -> str:
    """Return a line without its regions, and without the spaces that follow each of them."""
    kept = text[start:end]
    for region in reversed(regions):
        kept = kept[: max(region.start - start, 0)] + kept[region.end - start :].lstrip(" \t")
    return kept.rstrip() if regions else kept


def mark_foreign(before: Sequence[FileLine], after: Sequence[FileLine], kept: Iterable[tuple[int, int]]) -> None:
    """Mark the lines that no region accounts for; `kept` are the pairs of indices of lines that the diff has kept."""
    anchors = {(i, j) for i, j in kept if _is_anchor(before[i], after[j])}
    old = _stretches(before, {i for i, _ in anchors})
    new = _stretches(after, {j for _, j in anchors})
    for stretch in old.keys() | new.keys():
        move, _ = stretch
        for line, other in _pairs(old[stretch], new[stretch]):
            same = line is not None and other is not None and _is_shifted(line, other, move.shift if move else 0)
            for one, another in ((line, other), (other, line)):
                if one is not None:
                    one.foreign, one.other = not same, another


def _is_anchor(line: FileLine, other: FileLine) -> bool:
    """Tell whether a line that the diff has as the same is the same by what is known, and not only to the letter."""
    same = (line.move, line.rest) == (other.move, other.rest)
    return same and bool(line.key) and (line.move is None or line.move.shift == 0)


def _stretches(
    file: Sequence[FileLine], anchored: AbstractSet[int]
) -> defaultdict[tuple[Move | None, int], list[FileLine]]:
    """Return the lines between anchors, by what they move with and by how many anchors come before."""
    passed: Counter[Move | None] = Counter()
    found: defaultdict[tuple[Move | None, int], list[FileLine]] = defaultdict(list)
    for index, line in enumerate(file):
        if index in anchored:
            passed[line.move] += 1
        elif line.key:
            found[line.move, passed[line.move]].append(line)
    return found


def _pairs(old: Sequence[FileLine], new: Sequence[FileLine]) -> Iterator[tuple[FileLine | None, FileLine | None]]:
    """Yield the lines of both sides, in pairs where the same is left of them."""
    matcher = SequenceMatcher(None, [line.key for line in old], [line.key for line in new], autojunk=False)
    for what, i, i_end, j, j_end in matcher.get_opcodes():
        if what == "equal":
            yield from zip(old[i:i_end], new[j:j_end], strict=True)
        else:
            yield from ((line, None) for line in old[i:i_end])
            yield from ((None, line) for line in new[j:j_end])


def _is_shifted(line: FileLine, other: FileLine, shift: int) -> bool:
    """Tell whether lines of the same key are the same but for their indentation, which differs by `shift` columns.

    Where a region begins a line that moves, its indentation may be anything.
    """
    if line.regions or other.regions:
        return line.move is not None or _indentation(line) == _indentation(other)
    old, new = line.text.rstrip(","), other.text.rstrip(",")
    return new == " " * shift + old if shift >= 0 else old == " " * -shift + new


def _indentation(line: FileLine) -> str:
    return line.rest[: len(line.rest) - len(line.rest.lstrip())]
