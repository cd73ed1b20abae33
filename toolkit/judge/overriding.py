"""Compare overrides of a package before and after a change: their results and their inputs."""

from collections.abc import Iterator
from typing import Any

from toolkit.judge.differences import Kind, Weight
from toolkit.judge.subject import HASHES, THREW, Found, Own

REGRESSION, CHANGE, NOTE = Weight.REGRESSION, Weight.CHANGE, Weight.NOTE

_PROBES = {
    "plain": "with nothing changed",
    "probe": "with one more variable",
    "check": "with doCheck = false",
}


def overrides(
    own: Own, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Found]:
    """Yield the differences between a package's override functions."""
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield (Kind.OVERRIDE, REGRESSION, f"{name} is gone", name, None)
        elif name not in before:
            yield (Kind.OVERRIDE, NOTE, f"{name} is new", None, name)
        elif isinstance(before[name], dict) and isinstance(after[name], dict):
            one, other = before[name], after[name]
            for probe, how in _PROBES.items():
                if probe in one:
                    opposite = (
                        (one.get("checked"), other.get("checked"))
                        if probe == "check"
                        else (None, None)
                    )
                    yield from _probe(
                        own, f"{name} {how}", (one[probe], other.get(probe)), opposite
                    )
            flags, others = one.get("flags", {}), other.get("flags", {})
            for flag in sorted(flags.keys() & others.keys()):
                switch, _, value = flag.partition(" = ")
                against = f"{switch} = {'false' if value == 'true' else 'true'}"
                opposite = (
                    flags.get(against, {}).get("out"),
                    others.get(against, {}).get("out"),
                )
                yield from _flag(
                    own, f"override with {flag}", (flags[flag], others[flag]), opposite
                )
            yield from _old(own, name, (one.get("old"), other.get("old")))
            yield from _lost(name, one.get("lost"), other.get("lost"))
            yield from _arrivals(name, one.get("scripts", {}), other.get("scripts", {}))
            # A package may be built without what it took before, but with no other
            # stdenv.
            reached = [each.get("reached", {}) for each in (one, other)]
            if not own.same:
                reached = [
                    {each: side[each] for each in side if each.startswith("stdenv")}
                    for side in reached
                ]
            yield from _arrivals(name, *reached)


def _old(own: Own, name: str, pair: tuple[Any, Any]) -> Iterator[Found]:
    """Compare the attributes that an override gets to see."""
    before, after = pair
    if before is None or after is None:
        return
    if lost := [
        each
        for each in sorted(before.keys() - after.keys() - HASHES)
        if before[each] != "null"
    ]:
        weight = REGRESSION if own.same else CHANGE
        yield (
            Kind.OVERRIDE,
            weight,
            f"{name} (old: …) no longer sees {', '.join(lost)}",
            lost,
            None,
        )
    if new := sorted(after.keys() - before.keys() - HASHES):
        yield (
            Kind.OVERRIDE,
            NOTE,
            f"{name} (old: …) sees {', '.join(new)} too",
            None,
            new,
        )
    for each in sorted((before.keys() & after.keys()) - HASHES):
        if before[each] != after[each]:
            what = (
                f"{name} (old: …) sees {each} as a {after[each]} instead of a "
                f"{before[each]}"
            )
            yield (Kind.OVERRIDE, CHANGE, what, before[each], after[each])


def _lost(
    name: str, before: list[str] | None, after: list[str] | None
) -> Iterator[Found]:
    """Compare the attributes of the package that an overridden one lacks."""
    if before is None or after is None:
        return
    if more := sorted({*after} - {*before}):
        yield (
            Kind.OVERRIDE,
            REGRESSION,
            f"what {name} gives has lost {', '.join(more)}",
            before,
            after,
        )
    elif fewer := sorted({*before} - {*after}):
        yield (
            Kind.OVERRIDE,
            NOTE,
            f"{name} keeps {', '.join(fewer)} now",
            before,
            after,
        )


def _arrivals(
    name: str, before: dict[str, bool], after: dict[str, bool]
) -> Iterator[Found]:
    """Compare which scripts of the package an override may add something to, or which arguments it may replace."""
    changed = [
        each
        for each in sorted(before.keys() & after.keys())
        if before[each] != after[each]
    ]
    for was, weight, reaches in (
        (True, REGRESSION, "no longer reaches"),
        (False, NOTE, "now reaches"),
    ):
        if names := ", ".join(each for each in changed if before[each] is was):
            yield (
                Kind.OVERRIDE,
                weight,
                f"{name} with {names} {reaches} the derivation",
                None,
                None,
            )


def follows(
    own: Own, before: dict[str, list[str]], after: dict[str, list[str]]
) -> Iterator[Found]:
    """Compare the reach of an override of one attribute or argument: other attributes, tests, the output."""
    for key in sorted(before.keys() & after.keys()):
        function, _, name = key.rstrip("=").partition(".")
        lost, new = (
            [each for each in one[key] if each not in other[key]]
            for one, other in ((before, after), (after, before))
        )
        if not own.same:
            # What is built differently may be made with other attributes.
            lost = [each for each in lost if each in {"src", "out"} or name == "tests"]
        how = (
            f"{function} with {'a' if name in {'version', 'pname'} else 'another'} "
            f"{name}"
        )
        if name in {"passthru", "tests"}:
            how, lost, new = (
                function,
                *([f"{name}.{each}" for each in those] for those in (lost, new)),
            )
        if name == "pname":
            what = (
                f"{how} changes src now: a fork or a variant is fetched from elsewhere"
            )
            yield from ((Kind.OVERRIDE, CHANGE, what, None, None) for _ in new)
            continue
        for those, weight, reaches in (
            (lost, REGRESSION, "no longer reaches"),
            (new, NOTE, "now reaches"),
        ):
            names = ", ".join(
                "the derivation" if each == "out" else each for each in those
            )
            what = (
                f"{how} of {names} {reaches} the derivation"
                if name == "passthru"
                else f"{how} {reaches} {names}"
            )
            kept = (
                "; a whole new passthru has to keep it"
                if name == "passthru" and weight is NOTE
                else ""
            )
            if those:
                yield (Kind.OVERRIDE, weight, what + kept, None, None)


def _flag(
    own: Own,
    what: str,
    pair: tuple[dict[str, Any], dict[str, Any]],
    opposite: tuple[Any, Any],
) -> Iterator[Found]:
    """Compare a package that is made with another argument; of one with the same output, what it is fetched from."""
    before, after = pair
    yield from _probe(own, what, (before["out"], after["out"]), opposite)
    is_other = before["out"] == after["out"] and before["drv"] != after["drv"]
    if is_other and own.before["drv"] == own.after["drv"]:
        what = (
            f"{what}: a fixed output is made by a different derivation, and has "
            "the same hash"
        )
        yield (Kind.FIXED_OUTPUT, CHANGE, what, before["drv"], after["drv"])


def _probe(
    own: Own, what: str, pair: tuple[Any, Any], opposite: tuple[Any, Any]
) -> Iterator[Found]:
    """Compare the output of an overridden package.

    `opposite` is that of the other value.
    """
    before, after = pair
    failing = (None, THREW)
    if before in failing:
        if after not in failing:
            yield (Kind.OVERRIDE, NOTE, f"{what} evaluates now", before, after)
    elif after in failing:
        yield (Kind.OVERRIDE, REGRESSION, f"{what} no longer evaluates", before, after)
    elif own.same:
        if before != after:
            yield (
                Kind.OVERRIDE,
                REGRESSION,
                f"{what} gives something else",
                before,
                after,
            )
    else:
        had, has = before != own.before["out"], after != own.after["out"]
        # What is the default, or has become it, has no effect.
        was_default, is_default = (
            other not in failing and other != side["out"]
            for other, side in zip(opposite, (own.before, own.after), strict=True)
        )
        if had and not has and not is_default:
            yield (
                Kind.OVERRIDE,
                REGRESSION,
                f"{what} no longer has an effect",
                before,
                after,
            )
        elif has and not had and not was_default:
            yield (Kind.OVERRIDE, CHANGE, f"{what} has an effect now", before, after)
