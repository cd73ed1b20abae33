"""The values that the modules of `reach` share.

They are an override, its outcome, and the old values that remain in the build.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from toolkit.reach.mends import Proposed

SCHEMA = 2


class Outcome(StrEnum):
    """The outcome of an override: whether it takes effect.

    IN_PART means that the build contains the replacement and still an old value. NEW
    means that nixpkgs lacks the attribute.
    """

    REACHES = "reaches"
    IN_PART = "in part"
    NO_EFFECT = "no effect"
    FAILS = "does not evaluate"
    NEW = "new"
    UNKNOWN = "unknown"


class Left(Struct, frozen=True, kw_only=True):
    """An old value that remains in the build although the override should replace it.

    `way` lists the names of the derivations that lead to the value, the package's own
    first; `why` is a sentence about it. `part` is true if the file of the overridden
    package defines the value.
    """

    name: str
    way: tuple[str, ...] = ()
    why: str
    part: bool = False


class Replacement(Struct, frozen=True, kw_only=True):
    """A later overlay that replaces an attribute of an earlier overlay.

    `overlay` is the number of the later overlay in the list of overlays.
    """

    overlay: int
    file: str
    line: int | None = None


class Override(Struct, frozen=True, kw_only=True):
    """An override in the user's files, on one system, and its outcome.

    `file` and `line` are the place of the attribute. `reason` explains the status in
    one line, and `left` are the old values that remain. `instead` is Nix code that
    takes effect; if there is none, `closest` is the code that leaves the fewest old
    values. Attribute, system and place may be set later than the status. `derivations`
    are the paths of the two derivations that differ: without and with the override.
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
    """Return the outcome for a package set from the outcomes for its members."""
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
    """An overlay, written by unlet, that makes let-bound packages overridable.

    `command` is the command line that writes the overlay.
    """

    directory: Path
    command: str


class Reach(Struct, frozen=True, kw_only=True):
    """The result of `unlet reach`: the user's overrides, in the order of the overlays.

    `changes` has the edits that turn the user's override into an alternative, by the
    alternative's text in `instead`. `derivations` are the derivations of the packages
    with their overrides. `names` are all attributes that the overlays set.
    """

    nixpkgs: str
    overrides: tuple[Override, ...]
    warnings: tuple[str, ...] = ()
    changes: dict[str, tuple[Proposed, ...]] = {}
    derivations: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @property
    def totals(self) -> dict[str, int]:
        """The number of overrides with each outcome."""
        return {
            status.value: sum(each.status is status for each in self.overrides)
            for status in Outcome
        }

    @property
    def exit_code(self) -> int:
        """The exit code of `unlet reach`.

        It is 0 if all overrides take effect or add a package, 1 if one does not take
        effect or fails, and 3 if an outcome is unknown.
        """
        found = {each.status for each in self.overrides}
        if found & {Outcome.IN_PART, Outcome.NO_EFFECT, Outcome.FAILS}:
            return 1
        return 3 if Outcome.UNKNOWN in found else 0
