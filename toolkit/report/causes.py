"""Group the differences that `unlet check` finds into one line for each cause."""

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from msgspec import Struct, structs

from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    DifferencePlace,
    Judgement,
    Kind,
    Weight,
)
from toolkit.report.reasons import brief
from toolkit.report.sentences import sentence
from toolkit.text import few

_SHORT = 60
_AROUND = 12
"""The number of equal characters to show before the difference of two long values."""

_VALUED = frozenset({Kind.DERIVATION, Kind.FIXED_OUTPUT, Kind.OPTION})
"""The kinds of differences that are shown with whole lists and attribute sets."""


class CauseRow(Struct, frozen=True, kw_only=True):
    """One cause of differences, with the attributes and systems that it affects."""

    first: Difference
    attributes: tuple[str, ...]
    systems: tuple[str, ...]

    def text(self, judgement: Judgement) -> str:
        """Return a line with the attributes, the difference, and its reason."""
        where = (
            f" ({', '.join(self.systems)})"
            if len(self.systems) < len(judgement.looked_at)
            else ""
        )
        reason = _reason(self.first)
        if (
            reason
            and len(self.attributes) > 1
            and self.first.weight is Weight.REGRESSION
        ):
            return (
                f"{reason}: {len(self.attributes)} attributes no longer "
                f"evaluate{where} ({self.who})"
            )
        why = f": {reason}" if reason else _values(self.first)
        if self.first.why:
            why = f": {brief(self.first.why)}"
        return f"{self.who}: {sentence(self.first)}{where}{why}"

    @property
    def who(self) -> str:
        """The names of the attributes, shortened to fit in a line."""
        return few(self.attributes)


def _reason(difference: Difference) -> str | None:
    """Return Nix's error if the difference is that an attribute does not evaluate.

    Return None for other differences.
    """
    is_known = difference.kind is Kind.EVALUATION and None in (
        difference.before,
        difference.after,
    )
    found = (difference.after or difference.before) if is_known else difference.after
    is_reason = is_known or (
        difference.kind is Kind.EVALUATION and difference.weight is Weight.REGRESSION
    )
    return found if is_reason and isinstance(found, str) else None


def _of_value(difference: Difference) -> Difference:
    """Return a difference with the attribute path of the package that differs.

    A rebuilt package in passthru, such as `tests.x` of `a`, gets the path `a.tests.x`;
    other differences are returned unchanged.
    """
    cause = difference.cause
    is_built = cause.fact is DifferenceFact.BUILT_DIFFERENTLY
    if not is_built or cause.place is not DifferencePlace.PASSTHRU or cause.within:
        return difference
    return structs.replace(
        difference,
        attribute=f"{difference.attribute}.{cause.name}",
        cause=Cause(fact=cause.fact, setting=cause.setting),
    )


def cause_rows(differences: Sequence[Difference]) -> list[CauseRow]:
    """Return the differences in groups that have the same cause.

    The groups are in the order of their first differences.
    """
    together: defaultdict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for each in map(_of_value, differences):
        reason = _reason(each) if each.weight is Weight.REGRESSION else None
        cause = reason or f"{sentence(each)} {brief(each.why)}"
        together[each.weight.value, each.kind.value, cause].append(each)
    return [
        CauseRow(
            first=those[0],
            attributes=tuple(dict.fromkeys(each.attribute for each in those)),
            systems=tuple(dict.fromkeys(each.system for each in those)),
        )
        for those in together.values()
    ]


def _values(difference: Difference) -> str:
    """Return ": OLD → NEW" for a changed value, or an empty text.

    The text is empty for store paths, and for lists and sets, whose members the
    sentence about the difference already names. Long values are shortened.
    """
    values = (difference.before, difference.after)
    is_whole = difference.cause.fact is DifferenceFact.DIFFERS and any(
        value is not None for value in values
    )
    if (None in values and not is_whole) or any(
        isinstance(each, str) and each.startswith("/nix/store/") for each in values
    ):
        return ""
    if difference.cause.fact is DifferenceFact.WOULD_DIFFER:
        return ""
    is_short = all(isinstance(each, str | int | float | None) for each in values)
    if not is_short and difference.kind not in _VALUED:
        return ""
    texts = [_value(each) for each in values]
    shared = len(os.path.commonprefix(texts)) - _AROUND  # noqa: RUF071 - the texts are not paths
    if shared > 0 and max(map(len, texts)) > _SHORT:
        texts = [f"…{text[shared:]}" for text in texts]
    before, after = (
        text if len(text) <= _SHORT else f"{text[:_SHORT]}…" for text in texts
    )
    return f": {before} → {after}"


def _value(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "nothing"
    if isinstance(value, dict) and value:
        members = cast("dict[str, Any]", value)
        return "; ".join(f"{name}: {_value(each)}" for name, each in members.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
