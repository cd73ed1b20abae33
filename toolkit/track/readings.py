"""The meaning of a package's file at a ref, as one value for all commands.

None means that something is unknown or does not apply.
"""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct, field

UNKNOWN = "unknown"

SYNTAX, EVALUATION = "syntax", "evaluation"
"""The source of a decision."""

STRANGE = "unknown layout: "
"""How the reason begins if the layout is unknown."""


class State(StrEnum):
    """The state of a version of the file, over all defects.

    UNKNOWN never counts as NOT_FIXED. ABSENT means that nixpkgs has no such package.
    """

    FIXED = "fixed"
    HALF_FIXED = "half fixed"
    NOT_FIXED = "not fixed"
    NOT_APPLICABLE = "not applicable"
    ABSENT = "absent"
    UNKNOWN = UNKNOWN


class Overridable(StrEnum):
    """Whether an override reaches the components; NOT_APPLICABLE if there are none."""

    YES = "yes"
    NO = "no"
    PARTLY = "partly"
    NOT_APPLICABLE = "not applicable"
    UNKNOWN = UNKNOWN


class Component(Struct, frozen=True, kw_only=True):
    """A component: `bound` is let, parameter, attribute, elsewhere or absent.

    `methods` are overrides that reach it.
    """

    name: str
    bound: str
    overridable: bool | None = None
    methods: tuple[str, ...] = ()
    line: int | None = None


class Fact(Struct, frozen=True, kw_only=True):
    """A fact that only a package's own reader knows, in a word or two.

    `by` names the decider, as in Reading.
    """

    value: str = UNKNOWN
    by: str | None = None


class Reading(Struct, frozen=True, kw_only=True):
    """The meaning of a version of the file.

    `overridable_by` names the decider: `evaluation` (Nix), or `syntax`. `facts` are
    further facts, by name. `releases` maps attributes to versions, `failed` maps those
    that do not evaluate to the reason. `reason` explains unknown values, or why Nix did
    not decide.
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
        """Return a further fact, which may be unknown."""
        return self.facts.get(name, Fact())


def unknown(reason: str) -> Reading:
    """Return the reading of a version that cannot be read."""
    return Reading(state=State.UNKNOWN, overridable=Overridable.UNKNOWN, reason=reason)


def overall(components: Iterable[Component]) -> Overridable:
    """Return the combined state of the components.

    An unknown one affects only results that depend on it.
    """
    answers = {component.overridable for component in components}
    if False in answers:
        return Overridable.PARTLY if True in answers else Overridable.NO
    return Overridable.YES if answers == {True} else Overridable.UNKNOWN
