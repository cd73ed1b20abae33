"""What the modules of `reach` hand to one another: an override, what became of it, and what remains."""

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

SCHEMA = 2

OWN = "# Made for nixpkgs "
"""How a line begins in the head of an overlay of unlet's own."""

STEPS_ASIDE = "unlet overlay: "
"""How the warning of such an overlay begins that changes nothing, since the nixpkgs is not the one it was made for."""


class Outcome(StrEnum):
    """What an override does."""

    REACHES = "reaches"
    IN_PART = "in part"
    NO_EFFECT = "no effect"
    FAILS = "does not evaluate"
    NEW = "new"
    UNKNOWN = "unknown"


class Left(Struct, frozen=True, kw_only=True):
    """Something that stays though the override was to replace it.

    `way` has the names of the derivations that lead to it, the package's own first; `why` is a sentence about it.
    `part` is true for a package that the file of the overridden one binds.
    """

    name: str
    way: tuple[str, ...] = ()
    why: str
    part: bool = False


class Replacement(Struct, frozen=True, kw_only=True):
    """The overlay, by its number in the list, that replaces what an earlier one sets, and where it does."""

    overlay: int
    file: str
    line: int | None = None


class Override(Struct, frozen=True, kw_only=True):
    """One attribute that an overlay changes, on one system; `file` and `line` are where its value is written.

    `reason` says in one line why the status is what it is, `instead` is Nix to write in its place that does reach.
    """

    attribute: str
    status: Outcome
    system: str
    file: str | None = None
    line: int | None = None
    left: tuple[Left, ...] = ()
    reason: str | None = None
    instead: str | None = None
    replaced_by: Replacement | None = None


class Brought(Struct, frozen=True, kw_only=True):
    """An overlay that makes the let-bound packages of a file overridable, and the command that writes it."""

    directory: Path
    command: str


class Reach(Struct, frozen=True, kw_only=True):
    """The overrides of all that was asked about, in the order of the overlays."""

    nixpkgs: str
    overrides: tuple[Override, ...]
    warnings: tuple[str, ...] = ()

    @property
    def totals(self) -> dict[str, int]:
        """How many overrides there are of each status."""
        return {status.value: sum(each.status is status for each in self.overrides) for status in Outcome}

    @property
    def exit_code(self) -> int:
        """0 if all reach or are new, 1 if one does not, else 3 if something is unknown."""
        found = {each.status for each in self.overrides}
        if found & {Outcome.IN_PART, Outcome.NO_EFFECT, Outcome.FAILS}:
            return 1
        return 3 if Outcome.UNKNOWN in found else 0
