"""The verdict on a lift as a value, and the sentence that gives its reason."""

from enum import StrEnum

from msgspec import Struct


class LiftOutcome(StrEnum):
    """The outcome of a lift: it is right, it cannot be right, or that is not shown."""

    LIFTED = "lifted"
    REFUSED = "refused"
    FAILED = "failed"


class LiftFault(StrEnum):
    """Why a lift is not right."""

    NO_FUNCTION = "no function"
    NOT_JUDGED = "not judged"
    NOT_EVALUATED = "not evaluated"
    DIFFERS = "differs"
    NOT_THERE = "not there"
    ABSENT = "absent"
    HIDES = "hides"
    IN_PART = "in part"
    UNREACHED = "unreached"
    UNFOLLOWED = "unfollowed"

    @property
    def is_local(self) -> bool:
        """Whether the lift may have an effect on a different system."""
        return self in {LiftFault.UNREACHED, LiftFault.ABSENT}

    @property
    def outcome(self) -> LiftOutcome:
        """The outcome of the lift."""
        return LiftOutcome.FAILED if self in _FAILURES else LiftOutcome.REFUSED


_FAILURES = {
    LiftFault.NOT_JUDGED,
    LiftFault.NOT_EVALUATED,
    LiftFault.DIFFERS,
    LiftFault.NOT_THERE,
    LiftFault.ABSENT,
}

_SENTENCES = {
    LiftFault.NO_FUNCTION: "the builder takes no function of the final attributes",
    LiftFault.NOT_JUDGED: "the changed package could not be compared",
    LiftFault.NOT_EVALUATED: "once changed, it does not evaluate",
    LiftFault.DIFFERS: "the derivation differs",
    LiftFault.NOT_THERE: "the attribute is not there",
    LiftFault.ABSENT: "no part is in passthru",
    LiftFault.HIDES: "a different attribute of the package has the name",
    LiftFault.IN_PART: "an override reaches only some uses: the build still contains "
    "the replaced package",
    LiftFault.UNREACHED: "replacing a part has no effect on the build",
    LiftFault.UNFOLLOWED: "an override of src or version does not reach what takes it "
    "from the package",
}


class LiftVerdict(Struct, frozen=True, kw_only=True):
    """The verdict on a lift: its fault, None if it is right, and Nix's error if any."""

    fault: LiftFault | None = None
    error: str | None = None

    @property
    def outcome(self) -> LiftOutcome:
        """The outcome of the lift."""
        return self.fault.outcome if self.fault is not None else LiftOutcome.LIFTED

    @property
    def is_local(self) -> bool:
        """Whether the lift may be right on a different system."""
        return self.fault is not None and self.fault.is_local

    @property
    def why(self) -> str:
        """The reason against the lift, empty if there is none."""
        if self.fault is None:
            return ""
        error = f": {self.error}" if self.error is not None else ""
        return f"{_SENTENCES[self.fault]}{error}"


LIFTED = LiftVerdict()
