"""Report each cause once: drop the differences that another difference explains."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from toolkit.judge import mapping
from toolkit.judge.comparing import is_of_set, is_told_of_set
from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    DifferencePlace,
    Kind,
    Weight,
)
from toolkit.judge.mapping import AttrPath, Map

_SEEN = {DifferenceFact.SEEN_NEW, DifferenceFact.SEEN_NO_MORE}


def condensed(
    maps: tuple[Map, Map], differences: Iterable[Difference]
) -> Iterator[Difference]:
    """Yield the differences, except those that another difference explains."""
    once = [*_told_once(differences)]
    yield from _pointed(maps, _renamed(maps, [*_unseen(once)]))


def _unseen(differences: list[Difference]) -> Iterator[Difference]:
    """Yield the differences, without repeated facts about overrides.

    If an attribute appears in the `old` of an override function and in the changed
    derivation, only the derivation is reported.
    """
    reasons: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for difference in differences:
        if difference.kind is Kind.DERIVATION:
            own = {reason.name for reason in difference.why if not reason.package}
            reasons[difference.attribute, difference.system] |= own
    for difference in differences:
        cause = difference.cause
        is_minor = difference.weight is not Weight.REGRESSION
        if not (is_minor and cause.fact in _SEEN):
            yield difference
            continue
        told = reasons[difference.attribute, difference.system]
        if names := tuple(name for name in cause.names if name not in told):
            yield replace(difference, cause=replace(cause, names=names))


def _renamed(
    maps: tuple[Map, Map], differences: list[Difference]
) -> Iterator[Difference]:
    """Yield the differences, with one change for each renamed argument.

    An argument is renamed if a package got a new name and the old one is now an alias.
    """
    before, after = (side.new_names for side in maps)
    names = {old: new for old, new in after.items() if before.get(old) != new}
    gone, come = (
        {
            (each.attribute, each.system, each.cause.name)
            for each in differences
            if _is_argument(each, fact)
        }
        for fact in (DifferenceFact.GONE, DifferenceFact.NEW)
    )
    moved = {
        (attribute, system, names[name]): name
        for attribute, system, name in gone
        if (attribute, system, names.get(name)) in come
    }
    for each in differences:
        key = (each.attribute, each.system, each.cause.name)
        if _is_argument(each, DifferenceFact.NEW) and key in moved:
            cause = Cause(
                fact=DifferenceFact.ARGUMENT_RENAMED,
                place=DifferencePlace.ARGUMENT,
                name=moved[key],
                other=each.cause.name,
            )
            yield replace(each, weight=Weight.CHANGE, cause=cause, after=None)
        elif not (
            _is_argument(each, DifferenceFact.GONE)
            and (*key[:2], names.get(key[2])) in moved
        ):
            yield each


def _is_argument(difference: Difference, fact: DifferenceFact) -> bool:
    """Return whether a difference has this fact about an argument of `override`."""
    cause = difference.cause
    return cause.place is DifferencePlace.ARGUMENT and cause.fact is fact


def _pointed(
    maps: tuple[Map, Map], differences: Iterable[Difference]
) -> Iterator[Difference]:
    """Yield the differences, with one change for each redirected alias.

    A redirected alias names another package than before the change.
    """
    before, after = (
        {**side.renamed(mapping.ALL_PACKAGES), **side.renamed(mapping.ALIASES)}
        for side in maps
    )
    moved = {path: other for path, other in after.items() if before.get(path) != other}
    listed = [*differences]
    serious = {
        (difference.attribute.partition(".")[0], difference.system)
        for difference in listed
        if difference.weight is not Weight.NOTE
    }
    told = set[tuple[AttrPath, str]]()
    for difference in listed:
        path = (difference.attribute.partition(".")[0],)
        is_own_fact = difference.kind in {Kind.EVALUATION, Kind.ADDED}
        is_equal = (path[0], difference.system) not in serious
        if path not in moved or is_own_fact or is_equal:
            yield difference
        elif (path, difference.system) not in told:
            told.add((path, difference.system))
            cause = Cause(
                fact=DifferenceFact.POINTS_ELSEWHERE,
                name=".".join(before.get(path, ("a package of its own",))),
                other=".".join(moved[path]),
            )
            yield Difference(
                attribute=path[0],
                system=difference.system,
                kind=Kind.ALIAS,
                weight=Weight.CHANGE,
                cause=cause,
            )


def _set_of(difference: Difference) -> str:
    """Return the path of the package set that contains a difference's attribute."""
    return difference.attribute.rpartition(".")[0]


def _told_once(differences: Iterable[Difference]) -> Iterator[Difference]:
    """Yield the differences without duplicates.

    A rebuilt package in passthru is a duplicate if the same package is reported by
    itself.
    """
    # Only the first of equal differences has the reasons.
    first: dict[tuple[str, str, Kind, Cause], Difference] = {}
    for each in differences:
        key = (each.attribute, each.system, each.kind, each.cause)
        first.setdefault(key, each)
    sets = {
        (each.attribute, each.system) for each in first.values() if is_told_of_set(each)
    }
    distinct = [
        each
        for each in first.values()
        if not (is_of_set(each) and (_set_of(each), each.system) in sets)
    ]
    built = {
        (str(each.before), str(each.after))
        for each in distinct
        if each.kind is Kind.DERIVATION
    }
    for each in distinct:
        if (
            each.kind is not Kind.PASSTHRU
            or (str(each.before), str(each.after)) not in built
        ):
            yield each
