"""The verdict on a lift, and the sentence that explains the verdict.

A lift moves a let-bound package out of its let, so that overrides take effect.
"""

from enum import StrEnum

from msgspec import Struct


class LiftOutcome(StrEnum):
    """The outcome of a lift: lifted correctly, refused, or failed.

    A lift moves a let-bound package out of its let, so that overrides take effect.
    """

    LIFTED = "lifted"
    REFUSED = "refused"
    FAILED = "failed"


class LiftFault(StrEnum):
    """The reason why a lift of a let-bound package out of its let is not correct."""

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
        """Whether the fault may exist only on the evaluated system."""
        return self in {LiftFault.UNREACHED, LiftFault.ABSENT}

    @property
    def outcome(self) -> LiftOutcome:
        """The outcome of a lift with this fault: failed or refused."""
        return LiftOutcome.FAILED if self in _FAILURES else LiftOutcome.REFUSED


_FAILURES = {
    LiftFault.NOT_JUDGED,
    LiftFault.NOT_EVALUATED,
    LiftFault.DIFFERS,
    LiftFault.NOT_THERE,
    LiftFault.ABSENT,
}

_SENTENCES = {
    LiftFault.NO_FUNCTION: (
        "the builder does not accept a function of the final attributes"
    ),
    LiftFault.NOT_JUDGED: "Nix could not compare the changed package",
    LiftFault.NOT_EVALUATED: "the changed package does not evaluate",
    LiftFault.DIFFERS: "the derivation differs",
    LiftFault.NOT_THERE: "the package lacks the attribute",
    LiftFault.ABSENT: "passthru contains none of the parts",
    LiftFault.HIDES: "another attribute of the package already has the name",
    LiftFault.IN_PART: (
        "an override reaches only some uses: the build still contains the "
        "replaced package"
    ),
    LiftFault.UNREACHED: "replacing a part has no effect on the build",
    LiftFault.UNFOLLOWED: (
        "an override of src or version does not reach the part that uses it"
    ),
}


class LiftVerdict(Struct, frozen=True, kw_only=True):
    """The verdict on a lift: its fault (None if it is correct), and Nix's error."""

    fault: LiftFault | None = None
    error: str | None = None

    @property
    def outcome(self) -> LiftOutcome:
        """The outcome of the lift: lifted, refused, or failed."""
        return self.fault.outcome if self.fault is not None else LiftOutcome.LIFTED

    @property
    def is_local(self) -> bool:
        """Whether the lift may be correct on another system."""
        return self.fault is not None and self.fault.is_local

    @property
    def why(self) -> str:
        """The reason why the lift is not correct; empty for a correct lift."""
        if self.fault is None:
            return ""
        error = f": {self.error}" if self.error is not None else ""
        return f"{_SENTENCES[self.fault]}{error}"


LIFTED = LiftVerdict()
