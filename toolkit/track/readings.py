"""The state of a package's file at a ref, as one value for all commands.

None means that a value is unknown or does not apply.
"""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct, field

UNKNOWN = "unknown"

SYNTAX, EVALUATION = "syntax", "evaluation"
"""The two ways to determine a state: reading the file, or evaluating it in Nix."""

STRANGE = "unknown layout: "
"""The beginning of the message about a file with an unknown layout."""


class State(StrEnum):
    """The state of a package in one version of its file: whether it is fixed.

    UNKNOWN never counts as NOT_FIXED. ABSENT means that nixpkgs lacks the package.
    """

    FIXED = "fixed"
    HALF_FIXED = "half fixed"
    NOT_FIXED = "not fixed"
    NOT_APPLICABLE = "not applicable"
    ABSENT = "absent"
    UNKNOWN = UNKNOWN


class Overridable(StrEnum):
    """Whether overrides of a package's let-bound packages take effect.

    NOT_APPLICABLE means that the file defines no let-bound package.
    """

    YES = "yes"
    NO = "no"
    PARTLY = "partly"
    NOT_APPLICABLE = "not applicable"
    UNKNOWN = UNKNOWN


class Component(Struct, frozen=True, kw_only=True):
    """A let-bound package, and whether overrides of it take effect.

    `bound` is the place of its definition: let, parameter, attribute, elsewhere or
    absent. `methods` are the override methods that take effect.
    """

    name: str
    bound: str
    overridable: bool | None = None
    methods: tuple[str, ...] = ()
    line: int | None = None


class Fact(Struct, frozen=True, kw_only=True):
    """A further fact about a version of a file, in a word or two.

    `by` is `evaluation` or `syntax`, the way in which the fact was determined.
    """

    value: str = UNKNOWN
    by: str | None = None


class Reading(Struct, frozen=True, kw_only=True):
    """The state of one version of a package's file.

    `overridable_by` is `evaluation` (by Nix) or `syntax`, the way in which
    `overridable` was determined. `facts` are further facts, by name. `releases` maps
    attributes to versions, and `failed` maps attributes that do not evaluate to the
    error. `reason` explains unknown values, or why Nix did not decide.
    """

    state: State
    overridable: Overridable
    overridable_by: str | None = None
    facts: dict[str, Fact] = field(default_factory=dict[str, Fact])
    newest: str | None = None
    releases: dict[str, str | None] = field(default_factory=dict[str, str | None])
    components: tuple[Component, ...] = ()
    failed: dict[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None

    def fact(self, name: str) -> Fact:
        """Return a further fact about the version, by its name.

        A missing fact is returned as unknown.
        """
        return self.facts.get(name, Fact())


def unknown(reason: str) -> Reading:
    """Return an unknown state of a file that cannot be read, with the reason."""
    return Reading(state=State.UNKNOWN, overridable=Overridable.UNKNOWN, reason=reason)


def overall(components: Iterable[Component]) -> Overridable:
    """Return whether overrides of all, some or none of the let-bound packages work.

    If a package is unknown, the result is unknown, unless overrides of another package
    do not work.
    """
    answers = {component.overridable for component in components}
    if False in answers:
        return Overridable.PARTLY if True in answers else Overridable.NO
    return Overridable.YES if answers == {True} else Overridable.UNKNOWN
