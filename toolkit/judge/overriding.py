"""Compare the results of overriding a package before and after a change."""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

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
from toolkit.judge.subject import HASHES, THREW, Own

_TRIALS = ("plain", "probe", "check")
_FAILING = (None, THREW)
_PAIR = ", "


def overrides(
    own: Own, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Weighed]:
    """Yield the differences between the override functions of a package."""
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            cause = Cause(
                fact=DifferenceFact.GONE, place=DifferencePlace.METHOD, name=name
            )
            yield regression(Kind.OVERRIDE, cause, name)
        elif name not in before:
            cause = Cause(
                fact=DifferenceFact.NEW, place=DifferencePlace.METHOD, name=name
            )
            yield noted(Kind.OVERRIDE, cause, None, name)
        elif isinstance(before[name], dict) and isinstance(after[name], dict):
            yield from _method(own, name, before[name], after[name])


def _method(
    own: Own, name: str, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Weighed]:
    """Yield the differences between the results of an override function."""
    for trial in _TRIALS:
        if trial in before:
            checked = trial == "check"
            yield from _probe(
                own,
                _Trial(
                    method=name,
                    trial=trial,
                    before=before[trial],
                    after=after.get(trial),
                    opposite_before=before.get("checked") if checked else None,
                    opposite_after=after.get("checked") if checked else None,
                    is_moved=checked and _moves_checks(before, after),
                ),
            )
    yield from _flags(own, before.get("flags", {}), after.get("flags", {}))
    is_moved = _moves_checks(before, after)
    yield from _seen(own, name, before.get("old"), after.get("old"), is_moved=is_moved)
    yield from _lost(name, before.get("lost"), after.get("lost"))
    yield from _arrivals(name, before.get("scripts", {}), after.get("scripts", {}))
    reached = [side.get("reached", {}) for side in (before, after)]
    if not own.same:
        # A package may lose an input on purpose, but its stdenv must still be
        # replaceable.
        reached = [
            {part: side[part] for part in side if part.startswith("stdenv")}
            for side in reached
        ]
    yield from _arrivals(name, *reached)


def _moves_checks(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Return whether a change moves checks from the build to the installed package.

    The checks then run without doCheck, as the change intends.
    """
    old: dict[str, str] = before.get("old") or {}
    new: dict[str, str] = after.get("old") or {}
    gone, come = old.keys() - new.keys(), new.keys() - old.keys()
    return "nativeInstallCheckInputs" in come and gone <= {"nativeCheckInputs"}


class _Trial(Struct, frozen=True, kw_only=True):
    """The output paths of a package with an override, before and after the change.

    `opposite_before` and `opposite_after` are the output paths with the opposite value.
    `is_moved` is true if the change moves the checks that the override would turn off.
    """

    method: str
    trial: str
    before: Any
    after: Any
    opposite_before: Any
    opposite_after: Any
    is_moved: bool = False

    def cause(self, fact: DifferenceFact) -> Cause:
        """Return the cause of a difference that this tried override shows."""
        return Cause(
            fact=fact, place=DifferencePlace.METHOD, name=self.method, trial=self.trial
        )


def _probe(own: Own, trial: _Trial) -> Iterator[Weighed]:
    """Yield the difference between the outputs of a package with one override."""
    before, after = trial.before, trial.after
    if before in _FAILING:
        if after not in _FAILING:
            cause = trial.cause(DifferenceFact.EVALUATES_NOW)
            yield noted(Kind.OVERRIDE, cause, before, after)
    elif after in _FAILING:
        yield regression(
            Kind.OVERRIDE, trial.cause(DifferenceFact.FAILS), before, after
        )
    elif own.same:
        if before != after:
            weigh = changed if trial.is_moved else regression
            cause = trial.cause(DifferenceFact.GIVES_ANOTHER)
            yield weigh(Kind.OVERRIDE, cause, before, after)
    else:
        yield from _effect(own, trial)


def _effect(own: Own, trial: _Trial) -> Iterator[Weighed]:
    """Yield a difference if an override gains or loses its effect on a rebuilt package.

    An override with the default value has no effect in any case.
    """
    before, after = trial.before, trial.after
    had, has = before != own.before["out"], after != own.after["out"]
    was_default = trial.opposite_before not in (*_FAILING, own.before["out"])
    is_default = trial.opposite_after not in (*_FAILING, own.after["out"])
    if had and not has and not is_default:
        cause = trial.cause(DifferenceFact.NO_EFFECT)
        yield regression(Kind.OVERRIDE, cause, before, after)
    elif has and not had and not was_default:
        cause = trial.cause(DifferenceFact.NOW_HAS_EFFECT)
        yield changed(Kind.OVERRIDE, cause, before, after)


def _flags(
    own: Own, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Weighed]:
    """Yield the differences between a package's variants with changed arguments.

    If a variant's output is the same, its downloads are compared. A variant with two
    changed arguments is left out if one of them alone already shows a difference.
    """
    shared = sorted(
        before.keys() & after.keys(), key=lambda flag: (_PAIR in flag, flag)
    )
    telling: set[str] = set()
    for flag in shared:
        if telling.isdisjoint(flag.split(_PAIR)) and (
            weighed := [*_flag(own, flag, before, after)]
        ):
            telling.add(flag)
            yield from weighed


def _flag(
    own: Own, flag: str, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Weighed]:
    """Yield the differences of a package with one or two changed arguments."""
    switch, _, value = flag.partition(" = ")
    opposite = {"true": f"{switch} = false", "false": f"{switch} = true"}.get(value, "")
    old, new = before[flag], after[flag]
    trial = _Trial(
        method="override",
        trial=flag,
        before=old["out"],
        after=new["out"],
        opposite_before=before.get(opposite, {}).get("out"),
        opposite_after=after.get(opposite, {}).get("out"),
    )
    yield from _probe(own, trial)
    is_other = old["out"] == new["out"] and old["drv"] != new["drv"]
    if is_other and own.before["drv"] == own.after["drv"]:
        cause = Cause(
            fact=DifferenceFact.FETCH_OF_ARGUMENT, name="override", trial=flag
        )
        yield changed(Kind.FIXED_OUTPUT, cause, old["drv"], new["drv"])


def _seen(
    own: Own,
    name: str,
    before: dict[str, str] | None,
    after: dict[str, str] | None,
    *,
    is_moved: bool,
) -> Iterator[Weighed]:
    """Yield the differences in the attributes that an override function gets as `old`.

    With `is_moved`, the change moves checks, so a lost attribute is no regression.
    """
    if before is None or after is None:
        return
    gone = sorted(before.keys() - after.keys() - HASHES)
    lost = tuple(attribute for attribute in gone if before[attribute] != "null")
    if lost:
        cause = Cause(fact=DifferenceFact.SEEN_NO_MORE, name=name, names=lost)
        weigh = regression if own.same and not is_moved else changed
        yield weigh(Kind.OVERRIDE, cause, [*lost])
    if new := tuple(sorted(after.keys() - before.keys() - HASHES)):
        cause = Cause(fact=DifferenceFact.SEEN_NEW, name=name, names=new)
        yield noted(Kind.OVERRIDE, cause, None, [*new])
    for attribute in sorted((before.keys() & after.keys()) - HASHES):
        if before[attribute] != after[attribute]:
            cause = Cause(
                fact=DifferenceFact.ANOTHER_TYPE_SEEN,
                place=DifferencePlace.SEEN,
                name=name,
                other=attribute,
            )
            yield changed(Kind.OVERRIDE, cause, before[attribute], after[attribute])


def _lost(
    name: str, before: list[str] | None, after: list[str] | None
) -> Iterator[Weighed]:
    """Yield the differences in which attributes a package loses if it is overridden."""
    if before is None or after is None:
        return
    more, fewer = sorted({*after} - {*before}), sorted({*before} - {*after})
    if more:
        cause = Cause(fact=DifferenceFact.RESULT_LOST, name=name, names=tuple(more))
        yield regression(Kind.OVERRIDE, cause, before, after)
    elif fewer:
        cause = Cause(fact=DifferenceFact.KEEPS, name=name, names=tuple(fewer))
        yield noted(Kind.OVERRIDE, cause, before, after)


def _arrivals(
    name: str, before: dict[str, bool], after: dict[str, bool]
) -> Iterator[Weighed]:
    """Yield the scripts or arguments that an override starts or ceases to affect."""
    differing = [
        part
        for part in sorted(before.keys() & after.keys())
        if before[part] != after[part]
    ]
    lost = tuple(part for part in differing if before[part])
    new = tuple(part for part in differing if not before[part])
    for names, weigh, fact in (
        (lost, regression, DifferenceFact.REACHES_NO_MORE),
        (new, noted, DifferenceFact.NOW_REACHES),
    ):
        if names:
            cause = Cause(
                fact=fact, place=DifferencePlace.RESULT, name=name, names=names
            )
            yield weigh(Kind.OVERRIDE, cause)


def follows(
    own: Own, before: dict[str, list[str]], after: dict[str, list[str]]
) -> Iterator[Weighed]:
    """Yield the attributes and tests that an override starts or ceases to affect."""
    for key in sorted(before.keys() & after.keys()):
        function, _, name = key.rstrip("=").partition(".")
        lost, new = (
            tuple(part for part in one[key] if part not in other[key])
            for one, other in ((before, after), (after, before))
        )
        if name == "tested":
            if lost:
                cause = Cause(fact=DifferenceFact.TESTS_NOTHING, names=lost)
                yield noted(Kind.PASSTHRU, cause)
            continue
        if not own.same and name != "tests":
            # A rebuilt package may use other attributes, so only its source and output
            # count.
            lost = tuple(part for part in lost if part in {"src", "out"})
        if name == "pname":
            cause = Cause(
                fact=DifferenceFact.SOURCE_FOLLOWS_NAME, name=function, trial=name
            )
            yield from (changed(Kind.OVERRIDE, cause) for _ in new)
            continue
        sides: tuple[
            tuple[tuple[str, ...], Callable[..., Weighed], DifferenceFact], ...
        ] = (
            (lost, regression, DifferenceFact.FOLLOWS_NO_MORE),
            (new, noted, DifferenceFact.FOLLOWS),
        )
        for names, weigh, fact in sides:
            if names:
                cause = Cause(fact=fact, name=function, trial=name, names=names)
                yield weigh(Kind.OVERRIDE, cause)
