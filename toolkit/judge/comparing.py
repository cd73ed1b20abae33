"""Compare an attribute before and after a change, and weigh each difference."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.packages import ENDS, MISSING, PACKAGE, SET, THROWS, Answer
from toolkit.judge import built, fixed_outputs, showing
from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    DifferencePlace,
    Kind,
    Weighed,
    Weight,
    changed,
    noted,
    regression,
)
from toolkit.judge.overriding import follows, overrides
from toolkit.judge.subject import THREW, THROWN, Compared, Own
from toolkit.judge.values import names_in

_FAILING = {THROWS, ENDS}
_OF_VALUES = {"passthru", "values"}
_RECURSES = "recurseForDerivations"
_OVERRIDES = "overrideScope"
_OF_SCOPES = {"callPackage", "newScope", _OVERRIDES, "overrideScope'", "packages"}
"""The functions that lib.makeScope adds to a package set."""


def compare(subject: Compared, before: Answer, after: Answer) -> list[Difference]:
    """Return the differences between Nix's answers about an attribute.

    `before` and `after` are the answers before and after the change.
    """
    weighed = _transition(subject, before, after)
    if weighed is None:
        weighed = [*_ended(before, after), *_parts(subject, before, after)]
    return [*_names(subject, before, after), *map(subject.differs, weighed)]


def _transition(
    subject: Compared, before: Answer, after: Answer
) -> list[Weighed] | None:
    """Return the differences if an attribute changes its kind, such as package to set.

    Return None if both answers have the same kind, so their contents must be compared.
    """
    if before.kind == after.kind:
        is_known = before.kind not in {THROWS, MISSING} and (
            before.kind != ENDS or before.parts
        )
        return None if is_known else []
    if MISSING in {before.kind, after.kind}:
        # If a package throws, its attributes are missing; a new name is reported for
        # the set that contains it.
        is_told = before.kind == MISSING and after.kind in _FAILING
        return [] if is_told else [_moved(subject, before, after)]
    is_limited = any(side.kind == ENDS and side.limited for side in (before, after))
    if is_limited or {before.kind, after.kind} <= _FAILING:
        return []
    if before.kind in _FAILING:
        cause = Cause(fact=DifferenceFact.EVALUATES_NOW)
        return [changed(Kind.EVALUATION, cause, before.kind, after.kind)]
    if after.kind in _FAILING:
        reason = next(iter(after.ends.values()), THROWN)
        cause = Cause(fact=DifferenceFact.FAILS)
        return [regression(Kind.EVALUATION, cause, before.kind, reason)]
    cause = Cause(fact=DifferenceFact.ANOTHER_TYPE)
    return [regression(Kind.DERIVATION, cause, before.kind, after.kind)]


def _moved(subject: Compared, before: Answer, after: Answer) -> Weighed:
    """Return the difference if an attribute appears or disappears."""
    if before.kind == MISSING:
        return changed(Kind.ADDED, Cause(fact=DifferenceFact.NEW), None, after.kind)
    weigh = noted if before.kind in _FAILING else regression
    if subject.attribute in subject.aliases:
        cause = Cause(fact=DifferenceFact.LOST, place=DifferencePlace.ALIAS)
        return weigh(Kind.ALIAS, cause, before.kind)
    return weigh(Kind.REMOVED, Cause(fact=DifferenceFact.LOST), before.kind)


class _Ending(Struct, frozen=True, kw_only=True):
    """The fact that a section of Nix's answer fails only before or only after a change.

    A section is, for example, meta or passthru. `reason` is Nix's error.
    """

    weight: Weight
    fact: DifferenceFact
    reason: str


def _ended(before: Answer, after: Answer) -> Iterator[Weighed]:
    """Yield the sections of Nix's answer that fail only before or only after a change.

    A section is, for example, meta or passthru. Sections with the same error are
    grouped.
    """
    together: dict[_Ending, list[str]] = {}
    for part, ending in (*_ends_now(before, after), *_ended_before(before, after)):
        together.setdefault(ending, []).append(part)
    for ending, parts in together.items():
        is_whole = "derivation" in parts
        cause = Cause(
            fact=ending.fact,
            place=DifferencePlace.ITSELF if is_whole else DifferencePlace.PARTS,
            names=() if is_whole else tuple(sorted(parts)),
        )
        values = {
            DifferenceFact.EVALUATES_NOW: (ending.reason, None),
            DifferenceFact.FAILED_AND_GONE: (ending.reason, None),
            DifferenceFact.THROWS_NOW: (ending.reason, THROWN),
        }
        old, new = values.get(ending.fact, (None, ending.reason))
        yield Weighed(
            kind=Kind.EVALUATION,
            weight=ending.weight,
            cause=cause,
            before=old,
            after=new,
        )


def _ends_now(before: Answer, after: Answer) -> Iterator[tuple[str, _Ending]]:
    """Yield the sections of Nix's answer that fail to evaluate only after the change.

    Such a failure is only a note if the derivation fails before and after the change,
    or if the section is new in a package whose derivation throws.
    """
    throw = _throws(before) and _throws(after)
    for part, reason in after.ends.items():
        if _ends(part, before) or part in after.limited or not _takes(part, before):
            continue
        is_new = _lacks(before, part)
        failed_before = (
            "derivation" in before.ends and after.ends.get("derivation") == reason
        )
        is_harmless = failed_before or (is_new and throw)
        yield (
            part,
            _Ending(
                weight=Weight.NOTE if is_harmless else Weight.REGRESSION,
                fact=DifferenceFact.NEW_AND_FAILS if is_new else DifferenceFact.FAILS,
                reason=reason,
            ),
        )


def _ended_before(before: Answer, after: Answer) -> Iterator[tuple[str, _Ending]]:
    """Yield the sections of Nix's answer that failed only before the change."""
    is_whole = "derivation" in before.ends.keys() - after.ends.keys()
    fact = (
        DifferenceFact.THROWS_NOW
        if is_whole and _throws(after)
        else DifferenceFact.EVALUATES_NOW
    )
    for part, reason in before.ends.items():
        if _ends(part, after) or part in before.limited or not _takes(part, after):
            continue
        is_gone = _lacks(after, part)
        yield (
            part,
            _Ending(
                weight=Weight.CHANGE if is_gone or is_whole else Weight.NOTE,
                fact=DifferenceFact.FAILED_AND_GONE if is_gone else fact,
                reason=reason,
            ),
        )


def _throws(answer: Answer) -> bool:
    """Return whether the derivation of a package throws."""
    return bool(answer.parts.get("derivation", {}).get("drv") == THREW)


def _ends(part: str, answer: Answer) -> bool:
    """Return whether a section of Nix's answer, or a value in it, fails to evaluate."""
    whole = part.partition(".")[0]
    return (
        part in answer.ends
        or whole in answer.ends
        or any(each.startswith(f"{part}.") for each in answer.ends)
    )


def _lacks(answer: Answer, part: str) -> bool:
    """Return whether a name `passthru.NAME` is missing from an answer's passthru."""
    whole, _, name = part.partition(".")
    known = answer.parts.get("passthru")
    return (
        whole == "passthru"
        and known is not None
        and name.partition(".")[0] not in names_in(known)
    )


def _takes(part: str, answer: Answer) -> bool:
    """Return whether an answer has the `override` argument of a section's name.

    A section such as `override.NAME=` is about that argument.
    """
    if part.startswith("follows."):
        return part.removeprefix("follows.") in answer.parts.get("follows", {})
    name = re.fullmatch(r"override\.(.+)=", part)
    return name is None or name[1] in answer.parts.get("arguments", {})


def _parts(subject: Compared, before: Answer, after: Answer) -> Iterator[Weighed]:
    """Yield the differences in the sections that both answers have.

    A section is, for example, meta or passthru.
    """
    parts = {
        name: _without_ends(name, before, after)
        for name in before.parts
        if name in after.parts
    }
    if before.kind == PACKAGE:
        yield from _package(subject, parts)
    elif before.kind == SET:
        yield from _set(parts)
    elif "value" in parts and parts["value"][0] != parts["value"][1]:
        yield changed(
            Kind.PASSTHRU, Cause(fact=DifferenceFact.ANOTHER_VALUE), *parts["value"]
        )
    yield from showing.arguments(
        *parts.get("arguments", ({}, {})), of_function=before.kind == "function"
    )


def _set(parts: Mapping[str, tuple[Any, Any]]) -> Iterator[Weighed]:
    """Yield the differences of the values that a set has before and after the change.

    A change of `recurseForDerivations` counts as well. New and lost names are compared
    by `_names`.
    """
    one, other = parts.get("recurse", (None, None))
    if one != other:
        fact = DifferenceFact.NOT_RECURSED if one is True else DifferenceFact.RECURSES
        weigh = regression if one is True else changed
        yield weigh(Kind.PASSTHRU, Cause(fact=fact), one, other)
    before, after = parts.get("values", ({}, {}))
    shared = (before.keys() & after.keys()) - {_RECURSES}
    if "names" not in parts:
        shared = {*before, *after}
    sides = (
        {name: value for name, value in side.items() if name in shared}
        for side in (before, after)
    )
    yield from showing.passthru(Own(), next(sides), next(sides))


def _without_ends(part: str, before: Answer, after: Answer) -> tuple[Any, Any]:
    """Return a section of two answers, without values that fail to evaluate.

    A value that fails in one answer is removed from both.
    """
    one, other = before.parts[part], after.parts[part]
    if part not in _OF_VALUES:
        return one, other
    left = {
        place.removeprefix(f"{part}.")
        for place in (*before.ends, *after.ends)
        if place.startswith(f"{part}.")
    }
    sides = (
        {name: value for name, value in side.items() if name not in left}
        for side in (one, other)
    )
    return next(sides), next(sides)


def _package(
    subject: Compared, parts: Mapping[str, tuple[Any, Any]]
) -> Iterator[Weighed]:
    """Yield the differences between two answers about a package.

    If the package is rebuilt, differences that follow from the rebuild are left out.
    """

    def pair(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        return parts.get(name, ({}, {}))

    is_known = "derivation" in parts
    before, after = pair("derivation")
    own = Own(before=before, after=after)
    is_broken = after.get("drv") == THREW != before.get("drv")
    fetched, texts = (parts.get(name, ([], [])) for name in ("fixed-output", "texts"))
    positions = parts.get("position", (None, None))
    reasons = built.refusals(own, *pair("meta"))
    yield from built.refused(subject, reasons, positions)
    if is_known and not (reasons and is_broken):
        fixed = [
            *fixed_outputs.fetches(*fetched, same=own.same),
            *fixed_outputs.texts(*texts),
        ]
        yield from built.derivation(own, fixed)
    yield from showing.meta(own, *pair("meta"), refusals=reasons)
    yield from showing.position(subject, *positions)
    yield from built.attributes(own, *pair("kinds"))
    yield from built.functions(own, *pair("functions"))
    refetched = fixed_outputs.refetched(*fetched)
    for weighed in showing.passthru(own, *pair("passthru"), refetched=refetched):
        # A value that throws together with the derivation has the same reason.
        if not (is_broken and weighed.after == THROWN):
            yield weighed
    if is_known and not is_broken:
        yield from overrides(own, *pair("override"))
        yield from follows(own, *pair("follows"))


def is_told_of_set(difference: Difference) -> bool:
    """Return whether a difference is that a package set is no longer a scope.

    A scope is made by lib.makeScope. A lost `recurseForDerivations` counts, too.
    """
    return difference.cause.fact in {
        DifferenceFact.NOT_RECURSED,
        DifferenceFact.SCOPE_LOST,
    }


def is_of_set(difference: Difference) -> bool:
    """Return whether a difference is that a scope's own function disappears.

    A scope is made by lib.makeScope. A lost `recurseForDerivations` counts, too.
    """
    name = difference.attribute.rpartition(".")[2]
    is_lost = difference.cause.fact is DifferenceFact.LOST
    return is_lost and name in {_RECURSES, *_OF_SCOPES}


def _names(subject: Compared, before: Answer, after: Answer) -> Iterator[Difference]:
    """Yield a difference for each name that a set gains or loses."""
    sides = (before, after)
    if not before.kind == after.kind == SET or not all(
        "names" in side.parts for side in sides
    ):
        return
    old, new = ({*side.parts["names"]} - {_RECURSES} for side in sides)
    prefix = f"{subject.attribute}." if subject.attribute else ""
    lost = old - new
    if _OVERRIDES in lost:
        functions = tuple(sorted(lost & _OF_SCOPES))
        cause = Cause(fact=DifferenceFact.SCOPE_LOST, names=functions)
        yield subject.differs(regression(Kind.REMOVED, cause))
        lost -= _OF_SCOPES
    for name in sorted(lost):
        own = replace(subject, attribute=prefix + name)
        kind = Kind.ALIAS if name in subject.aliases else Kind.REMOVED
        yield own.differs(regression(kind, Cause(fact=DifferenceFact.LOST)))
    for name in sorted(new - old):
        own = replace(subject, attribute=prefix + name)
        yield own.differs(changed(Kind.ADDED, Cause(fact=DifferenceFact.NEW)))
