"""What the judge says of a change: differences by weight, what was asked, what is unknown, what is not covered."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from toolkit.model import Oid


class Kind(StrEnum):
    """What differs."""

    EVALUATION = "evaluation"
    REMOVED = "removed"
    ALIAS = "alias"
    FIXED_OUTPUT = "fixed-output"
    OVERRIDE = "override"
    ARGUMENTS = "arguments"
    PASSTHRU = "passthru"
    META = "meta"
    POSITION = "position"
    DERIVATION = "derivation"
    ADDED = "added"


class Weight(StrEnum):
    """How much a difference matters: nobody wants a regression, a change is to be looked at, a note is to be known."""

    REGRESSION = "regression"
    CHANGE = "change"
    NOTE = "note"


class Difference(Struct, frozen=True, kw_only=True):
    """What differs of an attribute on a system; `before` and `after` are values as JSON has them."""

    attribute: str
    system: str
    kind: Kind
    weight: Weight
    what: str
    before: Any = None
    after: Any = None


class Gap(Struct, frozen=True, kw_only=True):
    """Something that was not judged, and why.

    It may be `parts` of an attribute on a system; `limit` is the one that was met there,
    by a `reference`, which reads or overrides what is changed, or by that itself.
    """

    what: str
    reason: str
    attribute: str | None = None
    system: str | None = None
    parts: tuple[str, ...] = ()
    limit: str | None = None
    reference: bool = False


class Expectation(StrEnum):
    """What the user expects of a change."""

    SAME = "same"
    NO_REBUILD = "no-rebuild"


class StepVerdict(Struct, frozen=True, kw_only=True):
    """What a commit of a range does, compared with the one before it."""

    subject: str
    commit: Oid | None
    differences: tuple[Difference, ...]
    unknown: tuple[Gap, ...]
    unanswered: tuple[Gap, ...] = ()


class Judgement(Struct, frozen=True, kw_only=True):
    """What a change does.

    `asked` counts attributes, of so many `files`; `same` and `differ` are parts of them. `reached` are by system those
    that are made from the files and were compared there, `readers` those that read or override these. `unknown` is
    what the change reaches and Nix did not answer, `unanswered` references and single systems that met a limit, and
    `not_covered` what was not asked. `equal` are files that Nix reads as before.
    """

    subject: str = ""
    base: str = ""
    files: int
    systems: tuple[str, ...]
    asked: int
    same: int
    differ: int
    differences: tuple[Difference, ...]
    reached: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    readers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    unknown: tuple[Gap, ...] = ()
    unanswered: tuple[Gap, ...] = ()
    not_covered: tuple[Gap, ...] = ()
    equal: tuple[str, ...] = ()
    everything: tuple[str, ...] = ()
    steps: tuple[StepVerdict, ...] = ()
    warnings: tuple[str, ...] = ()
    maintainers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Those of each attribute that regresses, with teams."""
    seconds: float = 0.0

    @property
    def rebuilds(self) -> dict[str, int]:
        """How many attributes are built differently, by system."""
        built = {(each.system, each.attribute) for each in self.of(Weight.CHANGE) if each.kind is Kind.DERIVATION}
        counts = Counter(system for system, _ in built)
        return {
            system: counts[system] for system in dict.fromkeys((*self.systems, *sorted(counts))) if system in counts
        }

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The systems on which something was compared."""
        everywhere = {*self.reached, *self.readers, *self.everything, *(each.system for each in self.differences)}
        return tuple(system for system in self.systems if system in everywhere)

    def of(self, weight: Weight) -> tuple[Difference, ...]:
        """Return the differences of a weight."""
        return tuple(each for each in self.differences if each.weight is weight)


def exit_code(judgement: Judgement, expectation: Expectation | None) -> int:
    """Return 1 for a regression, or if the change is not as expected; 3 if that is not known."""
    rebuilds = {Kind.DERIVATION, Kind.FIXED_OUTPUT, Kind.EVALUATION, Kind.REMOVED}
    changes = judgement.of(Weight.CHANGE)
    wrong = [*judgement.of(Weight.REGRESSION)]
    if expectation is not None:
        wrong += [each for each in changes if expectation is Expectation.SAME or each.kind in rebuilds]
    if wrong:
        return 1
    return 3 if judgement.unknown or (expectation is Expectation.SAME and judgement.unanswered) else 0
