"""The values that the modules of `reach` share.

They are an override, its outcome, and what remains of the old package.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from toolkit.reach.mends import Proposed

SCHEMA = 2


class Outcome(StrEnum):
    """The outcome of an override."""

    REACHES = "reaches"
    IN_PART = "in part"
    NO_EFFECT = "no effect"
    FAILS = "does not evaluate"
    NEW = "new"
    UNKNOWN = "unknown"


class Left(Struct, frozen=True, kw_only=True):
    """Something that stays although the override should replace it.

    `way` lists the derivations that lead to it, the package's own first; `why` is a
    sentence about it. `part` is true if the file of the overridden package defines it.
    """

    name: str
    way: tuple[str, ...] = ()
    why: str
    part: bool = False


class Replacement(Struct, frozen=True, kw_only=True):
    """A later overlay that replaces an attribute of an earlier one.

    It has the overlay's number in the list, and the place.
    """

    overlay: int
    file: str
    line: int | None = None


class Override(Struct, frozen=True, kw_only=True):
    """An attribute that an overlay changes, on one system.

    `file` and `line` are the place of its value.

    `reason` explains the status in one line. `instead` is Nix code that does reach; if
    there is none, `closest` leaves less than the override. Attribute, system and place
    may come later than the status. `derivations` are the files of two derivations that
    differ: without and with the override.
    """

    attribute: str = ""
    status: Outcome
    system: str = ""
    file: str | None = None
    line: int | None = None
    left: tuple[Left, ...] = ()
    reason: str | None = None
    instead: str | None = None
    closest: str | None = None
    replaced_by: Replacement | None = None
    derivations: tuple[str, str] | None = None


def together(members: Sequence[Override]) -> Override:
    """Judge an attribute by the members of its scope."""
    found = {each.status for each in members}
    left = next((each.left for each in members if each.left), ())
    if len(found) == 1:
        first = members[0]
        return Override(
            status=first.status,
            left=left,
            reason=first.reason,
            replaced_by=first.replaced_by,
        )
    if found <= {Outcome.REACHES, Outcome.NEW, Outcome.NO_EFFECT}:
        return Override(status=Outcome.REACHES)
    return Override(
        status=Outcome.IN_PART,
        left=left,
        reason="the build contains only some packages of the set",
    )


class Brought(Struct, frozen=True, kw_only=True):
    """An overlay that makes a file's let-bound packages overridable.

    It has the command that writes it.
    """

    directory: Path
    command: str


class Reach(Struct, frozen=True, kw_only=True):
    """All examined overrides, in the order of the overlays.

    `changes` turn the user's override into each `instead`, whose text is the key.
    `derivations` are those of the packages with their overrides. `names` are the
    attributes that the overlays set, whether or not they were examined.
    """

    nixpkgs: str
    overrides: tuple[Override, ...]
    warnings: tuple[str, ...] = ()
    changes: dict[str, tuple[Proposed, ...]] = {}
    derivations: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @property
    def totals(self) -> dict[str, int]:
        """The number of overrides with each status."""
        return {
            status.value: sum(each.status is status for each in self.overrides)
            for status in Outcome
        }

    @property
    def exit_code(self) -> int:
        """The exit code.

        It is 0 if all overrides reach or add a package, 1 if one does not reach, else 3
        if something is unknown.
        """
        found = {each.status for each in self.overrides}
        if found & {Outcome.IN_PART, Outcome.NO_EFFECT, Outcome.FAILS}:
            return 1
        return 3 if Outcome.UNKNOWN in found else 0
