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
"""How the reason begins if it is the layout that is not known."""


class State(StrEnum):
    """The state of a version of the file, over both defects. UNKNOWN is never treated as NOT_FIXED.

    ABSENT: the nixpkgs has no such package.
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


class PathPlace(StrEnum):
    """The position of rootlesskit in dockerd-rootless' PATH; PREFIX and BOTH are the defect."""

    PREFIX = "prefix"
    SUFFIX = "suffix"
    BOTH = "prefix and suffix"
    ABSENT = "absent"
    NO_WRAPPER = "no wrapper"
    UNKNOWN = UNKNOWN


class Component(Struct, frozen=True, kw_only=True):
    """A component: `bound` is let, parameter, attribute, elsewhere or absent; `methods` are overrides that reach it."""

    name: str
    bound: str
    overridable: bool | None = None
    methods: tuple[str, ...] = ()
    line: int | None = None


class Reading(Struct, frozen=True, kw_only=True):
    """The meaning of a version of the file.

    `…_by` names the decider: `evaluation` (Nix), or `syntax`. `releases` maps attributes to versions, `failed`
    maps those that do not evaluate to the reason. `reason` explains unknown values, or why Nix did not decide.
    """

    state: State
    overridable: Overridable
    overridable_by: str | None = None
    rootlesskit: PathPlace
    rootlesskit_by: str | None = None
    todo: bool | None = None
    layout: str | None = None
    newest: str | None = None
    releases: dict[str, str | None] = field(default_factory=dict[str, str | None])
    components: tuple[Component, ...] = ()
    failed: dict[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None

    @property
    def is_for_nix(self) -> bool:
        """Return whether there is a file that Nix can evaluate."""
        return self.layout is not None and self.overridable is not Overridable.NOT_APPLICABLE

    @property
    def is_open(self) -> bool:
        """Return whether Nix has to decide: it could only confirm a syntax that shows both defects."""
        is_closed = self.overridable is Overridable.NO and self.rootlesskit is PathPlace.PREFIX
        return self.is_for_nix and self.overridable_by != EVALUATION and not is_closed


def unknown(reason: str) -> Reading:
    """Return the reading of an unreadable version."""
    return Reading(state=State.UNKNOWN, overridable=Overridable.UNKNOWN, rootlesskit=PathPlace.UNKNOWN, reason=reason)


def state(overridable: Overridable, place: PathPlace) -> State:
    """Return the combined state of both defects."""
    if Overridable.UNKNOWN is overridable or PathPlace.UNKNOWN is place:
        return State.UNKNOWN
    demoted = place in {PathPlace.SUFFIX, PathPlace.ABSENT}
    if overridable is Overridable.NOT_APPLICABLE and place is PathPlace.NO_WRAPPER:
        return State.NOT_APPLICABLE
    if overridable is Overridable.YES and (demoted or place is PathPlace.NO_WRAPPER):
        return State.FIXED
    if overridable is Overridable.NO and not demoted:
        return State.NOT_FIXED
    if overridable is Overridable.NOT_APPLICABLE:
        return State.FIXED if demoted else State.NOT_FIXED
    return State.HALF_FIXED


def overall(components: Iterable[Component]) -> Overridable:
    """Return the combined state of the components; an unknown one affects only results that depend on it."""
    answers = {component.overridable for component in components}
    if False in answers:
        return Overridable.PARTLY if True in answers else Overridable.NO
    return Overridable.YES if answers == {True} else Overridable.UNKNOWN
