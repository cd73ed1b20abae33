"""The ids that a user may map into a user namespace; subuid(5)."""

import re
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from toolkit.doctor.machine import Account, text_of

# What rootlesskit maps: fewer than this and images with ordinary user ids do not unpack.
_ENOUGH = 65536
# SUB_UID_MIN, from which on useradd gives ranges: login.defs(5).
_FIRST = 100000


class SubordinateIds(Struct, frozen=True, kw_only=True):
    """A user's ids in such a file; `ranges` are (first, count).

    `elsewhere`: nsswitch.conf(5) names a source other than files.
    """

    path: Path
    ranges: tuple[tuple[int, int], ...]
    readable: bool
    elsewhere: bool

    @property
    def count(self) -> int:
        """The number of ids."""
        return sum(count for _, count in self.ranges)

    @property
    def enough(self) -> bool:
        """Return whether the ids suffice to unpack images with ordinary user ids."""
        return self.count >= _ENOUGH

    def overlap(self, own: int) -> str | None:
        """Return why the kernel refuses to map the ids: two ranges overlap, or one contains the user's `own` id."""
        spans = sorted((first, first + count - 1) for first, count in self.ranges if count)
        for before, after in pairwise(spans):
            if after[0] <= before[1]:
                return f"{before[0]}-{before[1]} and {after[0]}-{after[1]} overlap"
        return next((f"{first}-{last} contains {own}" for first, last in spans if first <= own <= last), None)


def subordinate_ids(account: Account, directory: Path) -> tuple[SubordinateIds, ...]:
    """Return a user's entries in `directory`/subuid and subgid."""
    switch = text_of(directory / "nsswitch.conf") or ""
    sources = [line.split()[1:] for line in switch.splitlines() if line.startswith("subid:")]
    owners = {account.name, str(account.uid)}
    found: list[SubordinateIds] = []
    for name in ("subuid", "subgid"):
        path = directory / name
        text = text_of(path)
        entries = [re.fullmatch(r"([^:]+):(\d+):(\d+)", line.strip()) for line in (text or "").splitlines()]
        found.append(
            SubordinateIds(
                path=path,
                ranges=tuple((int(entry[2]), int(entry[3])) for entry in entries if entry and entry[1] in owners),
                readable=text is not None or not path.exists(),
                elsewhere=any(source != ["files"] for source in sources),
            )
        )
    return tuple(found)


def free_range(directory: Path) -> str:
    """Return FIRST-LAST: enough subordinate ids for a daemon, above all ids that `directory` gives to anyone."""
    ends = [_FIRST]
    for name in ("subuid", "subgid"):
        entries = re.findall(r"^[^:\n]+:(\d+):(\d+)$", text_of(directory / name) or "", re.MULTILINE)
        ends += [int(first) + int(count) for first, count in entries]
    return f"{max(ends)}-{max(ends) + _ENOUGH - 1}"
