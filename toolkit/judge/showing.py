"""Compare meta, its position, passthru and the arguments of an attribute."""

from collections.abc import Collection, Iterator
from typing import Any

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
from toolkit.judge.subject import THREW, THROWN, Compared, Own
from toolkit.judge.values import (
    NOTHING,
    STORE,
    is_package,
    is_set,
    leaves,
    names_in,
    parameters,
    without_hashes,
)

_VERSIONED = {"name", "identifiers"}


def meta(
    own: Own,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    refusals: Collection[str] = (),
) -> Iterator[Weighed]:
    """Yield the differences between the values of meta, before and after a change.

    Differences that follow from a new version are left out. `refusals` are the reasons
    why nixpkgs refuses the package, which are compared separately.
    """
    explained = {*refusals, *(("available", "problems") if refusals else ())}
    if before.get("maintainers") != after.get("maintainers"):
        explained.add("nonTeamMaintainers")
    for name in sorted((before.keys() | after.keys()) - explained):
        if not name.endswith("Position"):
            yield from _of_meta(own, name, before, after)


def _of_meta(
    own: Own, name: str, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Weighed]:
    old, new = before.get(name), after.get(name)

    def cause(fact: DifferenceFact) -> Cause:
        return Cause(fact=fact, place=DifferencePlace.META, name=name)

    if name not in after:
        yield regression(Kind.META, cause(DifferenceFact.GONE), old)
    elif name not in before:
        yield changed(Kind.META, cause(DifferenceFact.NEW), None, new)
    elif old == new:
        return
    elif new == THREW:
        yield regression(Kind.META, cause(DifferenceFact.THROWS), old, THROWN)
    elif not (own.follows(old, new) or (own.updated and name in _VERSIONED)):
        weigh = regression if _is_worse(name, old, new, own) else changed
        yield weigh(Kind.META, cause(DifferenceFact.DIFFERS), old, new)


def _is_worse(name: str, old: Any, new: Any, own: Own) -> bool:  # noqa: ANN401 - JSON
    """Return whether a value of meta has lost information that users need."""
    if name == "available":
        return bool(old) and not new
    version = own.after.get("version")
    if name in {"changelog", "homepage", "downloadPage"} and isinstance(version, str):
        texts = isinstance(old, str) and isinstance(new, str) and bool(version)
        return texts and str(own.before["version"]) in old and version not in new
    return new in (None, "", [])


def position(
    subject: Compared,
    before: Any,  # noqa: ANN401 - JSON
    after: Any,  # noqa: ANN401 - JSON
) -> Iterator[Weighed]:
    """Yield the difference between the files that meta.position names."""
    if before == after or not isinstance(before, str):
        return
    if not isinstance(after, str):
        yield regression(
            Kind.POSITION, Cause(fact=DifferenceFact.POSITION_LOST), before
        )
        return
    old, new = (subject.shown(side).rpartition(":")[0] for side in (before, after))
    if old != new and new in subject.files:
        yield noted(
            Kind.POSITION, Cause(fact=DifferenceFact.POSITION_MOVED), before, after
        )
    elif old != new:
        cause = Cause(fact=DifferenceFact.POSITION_OUTSIDE)
        yield regression(Kind.POSITION, cause, before, after)


def passthru(
    own: Own,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    refetched: Collection[str] = (),
) -> Iterator[Weighed]:
    """Yield the differences between the values of passthru.

    `refetched` are names of downloads, whose differences are reported elsewhere.
    """
    for name, old, new in leaves("", before, after):
        if is_package(old) and is_package(new):
            if old["out"] != new["out"] or name not in refetched:
                yield from _packages(own, name, (old, new))
        elif NOTHING in (old, new) or THREW in (old, new):
            yield _come_or_gone(name, old, new)
        else:
            yield from _values(own, name, old, new)


def _come_or_gone(name: str, old: Any, new: Any) -> Weighed:  # noqa: ANN401 - JSON
    """Return the difference that a passthru value appears, disappears or throws."""

    def cause(fact: DifferenceFact) -> Cause:
        return Cause(fact=fact, place=DifferencePlace.PASSTHRU, name=name)

    if old is NOTHING:
        return noted(Kind.PASSTHRU, cause(DifferenceFact.NEW), None, new)
    if new is NOTHING:
        return regression(Kind.PASSTHRU, cause(DifferenceFact.GONE), old)
    if new == THREW:
        return regression(Kind.PASSTHRU, cause(DifferenceFact.THROWS), old, THROWN)
    return noted(Kind.PASSTHRU, cause(DifferenceFact.EVALUATES_NOW), THROWN, new)


def _values(own: Own, name: str, old: Any, new: Any) -> Iterator[Weighed]:  # noqa: ANN401 - JSON
    """Yield the difference between two values of passthru.

    At most one of the values is a package.
    """
    if lost := sorted(names_in(old) - names_in(new)):
        for inner in lost:
            cause = Cause(
                fact=DifferenceFact.GONE,
                place=DifferencePlace.PASSTHRU,
                name=f"{name}.{inner}",
            )
            yield regression(Kind.PASSTHRU, cause, old, new)
        return
    before, after = parameters(old), parameters(new)
    if before is not None and after is not None:
        yield from arguments(before, after, of_function=True, function=name)
        return
    if before is not None:
        cause = Cause(
            fact=DifferenceFact.NO_FUNCTION, place=DifferencePlace.PASSTHRU, name=name
        )
        yield regression(Kind.PASSTHRU, cause, old, new)
        return
    is_equally_built = own.same and own.after.get("out") != THREW
    if is_equally_built or not _follows(own, old, new):
        is_by_packages = _bare(old) == _bare(new)
        fact = (
            DifferenceFact.BUILT_DIFFERENTLY
            if is_by_packages
            else DifferenceFact.DIFFERS
        )
        cause = Cause(fact=fact, place=DifferencePlace.PASSTHRU, name=name)
        yield changed(Kind.PASSTHRU, cause, old, new)


def _bare(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value without the hashes in its store paths.

    For a long value, judge.nix has already computed a hash of this form.
    """
    is_long = is_set(value) and "#" in value
    return value["bare"] if is_long else without_hashes(value)


def _packages(
    own: Own, name: str, pair: tuple[dict[str, Any], dict[str, Any]]
) -> Iterator[Weighed]:
    """Yield the difference between two packages in passthru.

    Differences that follow from the rebuild of the outer package are left out.
    """

    def cause(fact: DifferenceFact) -> Cause:
        return Cause(fact=fact, place=DifferencePlace.PASSTHRU, name=name)

    old, new = pair
    if old["out"] == new["out"]:
        if own.before.get("drv") == own.after.get("drv"):
            fetch = cause(DifferenceFact.FETCH_OF_INPUT)
            yield changed(Kind.FIXED_OUTPUT, fetch, old["drv"], new["drv"])
    elif own.same:
        built = cause(DifferenceFact.BUILT_DIFFERENTLY)
        yield changed(Kind.PASSTHRU, built, old["drv"], new["drv"])
    elif not _follows(own, old["out"], new["out"]):
        outputs = (STORE.sub("", str(side["out"])) for side in pair)
        yield changed(Kind.PASSTHRU, cause(DifferenceFact.ANOTHER_PACKAGE), *outputs)


def _follows(own: Own, old: Any, new: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a passthru value differs only because its package does.

    The value then differs by the version, or by hashes of store paths.
    """
    if is_set(old) and is_set(new) and "#" in old and "#" in new:
        return not own.same and (own.updated or bool(old["bare"] == new["bare"]))
    one, other = (old, new) if own.same else (without_hashes(old), without_hashes(new))
    return bool(one == other) or own.follows(one, other)


def arguments(
    before: dict[str, bool],
    after: dict[str, bool],
    *,
    of_function: bool,
    function: str = "",
) -> Iterator[Weighed]:
    """Yield the differences between the arguments of a function or of `override`.

    The values are true for arguments with a default. `function` is the name of a
    function in passthru, or empty.
    """
    place = DifferencePlace.PARAMETER if of_function else DifferencePlace.ARGUMENT
    if function:
        place = DifferencePlace.FUNCTION

    def cause(fact: DifferenceFact, name: str) -> Cause:
        return Cause(fact=fact, place=place, name=name, other=function or None)

    for name in sorted(before.keys() - after.keys()):
        yield regression(Kind.ARGUMENTS, cause(DifferenceFact.GONE, name), before[name])
    for name in sorted(after.keys() - before.keys()):
        weigh = regression if of_function and not after[name] else noted
        yield weigh(Kind.ARGUMENTS, cause(DifferenceFact.NEW, name), None, after[name])
    for name in sorted(before.keys() & after.keys()):
        if before[name] == after[name]:
            continue
        fact, weigh = (
            (DifferenceFact.DEFAULT_GONE, regression)
            if before[name]
            else (DifferenceFact.DEFAULT_NEW, noted)
        )
        yield weigh(Kind.ARGUMENTS, cause(fact, name), before[name], after[name])
