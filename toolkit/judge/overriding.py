"""Compare what overrides of a package give before and after a change, and what they see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.judge.model import Difference, Kind, Weight
from toolkit.judge.subject import HASHES, THREW, Own, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

DAMAGE, CHANGE, REMARK = Weight.DAMAGE, Weight.CHANGE, Weight.REMARK

_PROBES = {
    "plain": "with nothing changed",
    "probe": "with one more variable",
    "check": "with doCheck = false",
}


def overrides(subject: Subject, own: Own | None, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    """Yield what differs of the override functions that a package has."""
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield subject.differs(Kind.OVERRIDE, DAMAGE, f"{name} is gone", name, None)
        elif name not in before:
            yield subject.differs(Kind.OVERRIDE, REMARK, f"{name} is new", None, name)
        elif isinstance(before[name], dict) and isinstance(after[name], dict):
            one, other = before[name], after[name]
            for probe, how in _PROBES.items():
                if probe in one:
                    yield from _probe(subject, own, f"{name} {how}", (one[probe], other.get(probe)))
            flags, others = one.get("flags", {}), other.get("flags", {})
            for flag in sorted(flags.keys() & others.keys()):
                yield from _flag(subject, own, f"override with {flag}", (flags[flag], others[flag]))
            yield from _old(subject, own, name, (one.get("old"), other.get("old")))
            yield from _lost(subject, name, one.get("lost"), other.get("lost"))
            yield from _source(subject, name, one, other)
            yield from _arrivals(subject, name, one.get("scripts", {}), other.get("scripts", {}))
            if own is not None and own.same:
                yield from _arrivals(subject, name, one.get("reached", {}), other.get("reached", {}))


def _old(subject: Subject, own: Own | None, name: str, pair: tuple[Any, Any]) -> Iterator[Difference]:
    """Compare the attributes that an override gets to see."""
    before, after = pair
    if before is None or after is None:
        return
    if lost := [each for each in sorted(before.keys() - after.keys() - HASHES) if before[each] != "null"]:
        weight = DAMAGE if own is None or own.same else CHANGE
        yield subject.differs(Kind.OVERRIDE, weight, f"{name} (old: …) no longer sees {', '.join(lost)}", lost, None)
    if new := sorted(after.keys() - before.keys() - HASHES):
        yield subject.differs(Kind.OVERRIDE, REMARK, f"{name} (old: …) sees {', '.join(new)} too", None, new)
    for each in sorted((before.keys() & after.keys()) - HASHES):
        if before[each] != after[each]:
            what = f"{name} (old: …) sees {each} as a {after[each]} instead of a {before[each]}"
            yield subject.differs(Kind.OVERRIDE, CHANGE, what, before[each], after[each])


def _lost(subject: Subject, name: str, before: list[str] | None, after: list[str] | None) -> Iterator[Difference]:
    """Compare the attributes of the package that an overridden one lacks."""
    if before is None or after is None:
        return
    if more := sorted({*after} - {*before}):
        yield subject.differs(Kind.OVERRIDE, DAMAGE, f"what {name} gives has lost {', '.join(more)}", before, after)
    elif fewer := sorted({*before} - {*after}):
        yield subject.differs(Kind.OVERRIDE, REMARK, f"{name} keeps {', '.join(fewer)} now", before, after)


def _arrivals(subject: Subject, name: str, before: dict[str, bool], after: dict[str, bool]) -> Iterator[Difference]:
    """Compare which scripts of the package an override may add something to, or which arguments it may replace."""
    both = sorted(before.keys() & after.keys())
    if lost := [each for each in both if before[each] and not after[each]]:
        what = f"{name} with {', '.join(lost)} no longer reaches the derivation"
        yield subject.differs(Kind.OVERRIDE, DAMAGE, what, lost, None)
    if new := [each for each in both if after[each] and not before[each]]:
        yield subject.differs(
            Kind.OVERRIDE, REMARK, f"{name} with {', '.join(new)} reaches the derivation now", None, new
        )


def _source(subject: Subject, name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    """Compare what an override of version and pname fetches."""
    reaches, does_not = "src is another", "src is the same"
    if before.get("version") and not after.get("version"):
        what = f"{name} with a version no longer reaches src"
        yield subject.differs(Kind.OVERRIDE, DAMAGE, what, reaches, does_not)
    elif after.get("version") and not before.get("version"):
        yield subject.differs(Kind.OVERRIDE, REMARK, f"{name} with a version reaches src now", does_not, reaches)
    if after.get("pname") and not before.get("pname"):
        what = f"{name} with a pname changes src now: a fork or a variant is fetched from elsewhere"
        yield subject.differs(Kind.OVERRIDE, CHANGE, what, does_not, reaches)


def _flag(
    subject: Subject, own: Own | None, what: str, pair: tuple[dict[str, Any], dict[str, Any]]
) -> Iterator[Difference]:
    """Compare a package that is made with another argument; of one with the same output, what it is fetched from."""
    before, after = pair
    yield from _probe(subject, own, what, (before["out"], after["out"]))
    is_other = before["out"] == after["out"] and before["drv"] != after["drv"]
    if is_other and own is not None and own.before["drv"] == own.after["drv"]:
        what = f"{what}: a fixed output is made by a different derivation, and has the same hash"
        yield subject.differs(Kind.FIXED_OUTPUT, CHANGE, what, before["drv"], after["drv"])


def _probe(subject: Subject, own: Own | None, what: str, pair: tuple[Any, Any]) -> Iterator[Difference]:
    """Compare the output of an overridden package."""
    before, after = pair
    failing = (None, THREW)
    if before in failing:
        if after not in failing:
            yield subject.differs(Kind.OVERRIDE, REMARK, f"{what} evaluates now", before, after)
    elif after in failing:
        yield subject.differs(Kind.OVERRIDE, DAMAGE, f"{what} no longer evaluates", before, after)
    elif own is not None and own.same:
        if before != after:
            yield subject.differs(Kind.OVERRIDE, DAMAGE, f"{what} gives something else", before, after)
    elif own is not None:
        had, has = before != own.before["out"], after != own.after["out"]
        if had and not has:
            yield subject.differs(Kind.OVERRIDE, DAMAGE, f"{what} no longer has an effect", before, after)
        elif has and not had:
            yield subject.differs(Kind.OVERRIDE, CHANGE, f"{what} has an effect now", before, after)
