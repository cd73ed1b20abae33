"""Compare how a package is built before and after a change.

The comparison covers its derivation, whether nixpkgs refuses to evaluate it, and the
packages that its functions return.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from toolkit.judge.differences import (
    Cause,
    DifferenceFact,
    DifferencePlace,
    Kind,
    Weighed,
    changed,
    noted,
    regression,
)
from toolkit.judge.showing import meta
from toolkit.judge.subject import HASHES, THREW, THROWN, Compared, Own

_REFUSALS = {
    "broken": {"broken"},
    "unfree": {"license"},
    "insecure": {"knownVulnerabilities"},
    "unsupported": {"platforms", "badPlatforms"},
}
"""The reasons for which nixpkgs refuses a package, each with the attributes of `meta`
that cause it.
"""


def derivation(own: Own, fixed: Sequence[Weighed]) -> Iterator[Weighed]:
    """Yield the differences of a package's derivation.

    `fixed` are the differences of its fixed-output derivations.
    """
    ends = _ends(own)
    if ends is not None:
        yield ends
        return
    yield from fixed
    before, after = own.before, own.after
    if before["drv"] == THREW:
        yield from _would_differ(own)
    elif before["drv"] == after["drv"]:
        return
    elif not own.same:
        lost = tuple(name for name in before["outputs"] if name not in after["outputs"])
        if lost:
            cause = Cause(fact=DifferenceFact.OUTPUTS_LOST, names=lost)
            yield regression(Kind.DERIVATION, cause, [*lost])
        cause = _version(own) or Cause(fact=DifferenceFact.BUILT_DIFFERENTLY)
        yield changed(Kind.DERIVATION, cause, before["drv"], after["drv"])
    elif not fixed:
        cause = Cause(fact=DifferenceFact.FETCH_UNNAMED)
        yield noted(Kind.FIXED_OUTPUT, cause, before["drv"], after["drv"])


def _ends(own: Own) -> Weighed | None:
    """Return the difference if a derivation starts or ceases to evaluate, or None."""
    for name, place in (
        ("drv", DifferencePlace.ITSELF),
        ("out", DifferencePlace.OUTPUT),
    ):
        old, new = own.before[name], own.after[name]
        if new == THREW != old:
            cause = Cause(fact=DifferenceFact.FAILS, place=place)
            return regression(Kind.EVALUATION, cause, old, THROWN)
        if old == THREW != new:
            cause = Cause(fact=DifferenceFact.EVALUATES_NOW)
            return changed(Kind.EVALUATION, cause, THROWN, new)
    return None


def _would_differ(own: Own) -> Iterator[Weighed]:
    """Yield the changed attributes of a derivation that throws.

    The derivation throws both before and after the change.
    """
    one, other = own.before["attributes"], own.after["attributes"]
    names = tuple(
        name
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    )
    if names:
        cause = _version(own) or Cause(fact=DifferenceFact.WOULD_DIFFER, names=names)
        values = ({name: side.get(name) for name in names} for side in (one, other))
        yield changed(Kind.DERIVATION, cause, *values)


def _version(own: Own) -> Cause | None:
    """Return the new version as the cause of a rebuild, or None if it is unchanged."""
    if not own.updated:
        return None
    versions = (str(side["version"]) for side in (own.before, own.after))
    return Cause(fact=DifferenceFact.VERSION, names=tuple(versions))


def refusals(own: Own, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the reasons for which nixpkgs refuses a package after the change.

    Reasons that existed before the change are left out.
    """
    if own.before.get("drv") == THREW:
        return []
    reasons = [
        name for name in _REFUSALS if after.get(name) is True and not before.get(name)
    ]
    is_other = (
        "unsupported" not in after
        and before.get("available") is True
        and after.get("available") is False
    )
    return [*reasons, "unsupported"] if is_other else reasons


def refused(
    subject: Compared, reasons: Sequence[str], positions: tuple[Any, Any]
) -> Iterator[Weighed]:
    """Yield a difference for each reason for which nixpkgs now refuses a package.

    The weight is a change if the package's own file causes the reason, else a
    regression.
    """
    files = (
        subject.shown(position).rpartition(":")[0]
        for position in positions
        if isinstance(position, str)
    )
    words = {word for file in files for word in subject.files.get(file, ())}
    for reason in reasons:
        weigh = changed if words & _REFUSALS[reason] else regression
        yield weigh(Kind.EVALUATION, Cause(fact=DifferenceFact.REFUSED, other=reason))


def attributes(
    own: Own, before: dict[str, str], after: dict[str, str]
) -> Iterator[Weighed]:
    """Yield the attributes of a derivation, or of its source, whose type changes.

    If the derivation differs, changes of its own attributes are left out.
    """
    both = before.keys() & after.keys()
    for name in sorted(before.keys() | after.keys()):
        source, _, inner = name.partition(".")
        is_explained = not own.same and not (inner and source in both)
        if name.rpartition(".")[2] in HASHES or is_explained:
            continue
        place = DifferencePlace.ATTRIBUTE
        if name not in after:
            if before[name] != "null":
                cause = Cause(fact=DifferenceFact.GONE, place=place, name=name)
                yield regression(Kind.PASSTHRU, cause, before[name])
        elif name in before and before[name] != after[name]:
            cause = Cause(fact=DifferenceFact.ANOTHER_TYPE, place=place, name=name)
            yield changed(Kind.PASSTHRU, cause, before[name], after[name])


def functions(
    outer: Own, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Weighed]:
    """Yield the differences of the packages that a package's functions return.

    If the package itself is built differently, the derivations of these packages are
    not compared.
    """
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name], after[name]
        if not (old and new):
            continue
        own = Own(before=old["derivation"], after=new["derivation"])
        is_explained = not outer.same and THREW not in (
            own.before["drv"],
            own.after["drv"],
        )
        built = () if is_explained else derivation(own, ())
        yield from _within(name, built)
        yield from _within(name, meta(own, old["meta"], new["meta"]))
        if own.same and old["twice"] and new["twice"]:
            twice = Own(before=old["twice"], after=new["twice"])
            yield from _within(f"{name} twice", derivation(twice, ()))


def _within(call: str, differences: Iterable[Weighed]) -> Iterator[Weighed]:
    """Yield the given differences, with the name of the call that returned them."""
    for weighed in differences:
        yield replace(weighed, cause=replace(weighed.cause, within=call))
