"""Derive the verdict on a change: it is safe, needs reading, or has regressions."""

from collections.abc import Sequence
from enum import StrEnum

from toolkit.judge.differences import (
    Difference,
    DifferenceFact,
    Form,
    Judgement,
    Kind,
    Reason,
    Weight,
)


class Decision(StrEnum):
    """The verdict on a change.

    SAFE means that a new version or an input explains all rebuilds, or that attributes
    hit a limit. LOOK means that a person must read some changes. UNKNOWN means that
    attributes of the change have no answer, and no change needs reading.
    """

    SAME = "same"
    SAFE = "safe"
    LOOK = "look"
    UNKNOWN = "unknown"
    REGRESSION = "regression"


def decide(judgement: Judgement) -> Decision:
    """Return the verdict on a change, which is that of its worst difference."""
    if judgement.weighing(Weight.REGRESSION):
        return Decision.REGRESSION
    if to_read(judgement):
        return Decision.LOOK
    if judgement.unknown:
        return Decision.UNKNOWN
    if judgement.weighing(Weight.CHANGE) or judgement.unanswered:
        return Decision.SAFE
    return Decision.SAME


def to_read(judgement: Judgement) -> tuple[Difference, ...]:
    """Return the differences of weight `change` that a person has to read.

    A difference that follows from a new version or from a changed input is left out.
    """
    return tuple(
        difference
        for difference in judgement.weighing(Weight.CHANGE)
        if not _is_explained(judgement, difference)
    )


def _is_explained(judgement: Judgement, difference: Difference) -> bool:
    """Return whether a difference is a rebuild that another difference explains.

    A new version explains the rebuild of its package, and a changed input explains the
    rebuilds that depend on it.
    """
    cause = difference.cause
    is_own = difference.attribute in judgement.reached.get(difference.system, ())
    is_built = cause.fact is DifferenceFact.BUILT_DIFFERENTLY
    if difference.kind is Kind.PASSTHRU and is_built and not is_own:
        return True
    is_plain = not (cause.setting or cause.within or cause.name)
    if difference.kind is not Kind.DERIVATION or not is_plain:
        return False
    if difference.why:
        return _is_by_inputs(judgement, difference.why)
    return cause.fact is DifferenceFact.VERSION or (is_built and not is_own)


def _is_by_inputs(judgement: Judgement, why: Sequence[Reason]) -> bool:
    """Return whether a rebuild follows only from inputs that are reported, too."""
    told = {
        difference.attribute.rpartition(".")[2]
        for difference in judgement.weighing(Weight.CHANGE)
        if difference.kind is Kind.DERIVATION
    }
    # The reasons that follow belong to the first input.
    others = {name for reason in why for name in reason.added[1:]}
    return all(reason.form is Form.INPUT for reason in why) and told >= {
        *others,
        *why[-1].added,
    }
