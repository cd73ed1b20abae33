"""Compare an attribute before and after a change, and weigh each difference."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from toolkit.asking.packages import ENDS, MISSING, SET, THROWS, Answer, called
from toolkit.judge import fixed_outputs
from toolkit.judge.differences import Difference, Kind, Weight
from toolkit.judge.overriding import follows, overrides
from toolkit.judge.subject import HASHES, THREW, Compared, Found, Own
from toolkit.judge.values import (
    NOTHING,
    STORE,
    is_package,
    is_set,
    leaves,
    names_in,
    what_differs,
    without_hashes,
)

REGRESSION, CHANGE, NOTE = Weight.REGRESSION, Weight.CHANGE, Weight.NOTE

_VERSIONED = {"name", "identifiers"}
_REFUSALS = {
    "broken": {"broken"},
    "unfree": {"license"},
    "insecure": {"knownVulnerabilities"},
    "unsupported": {"platforms", "badPlatforms"},
}
"""Why nixpkgs refuses a package unless it is configured to allow it, as `meta` has it, and what sets that there."""

THROWN = "it throws"
_NOW, _THROWS, _GONE = "evaluates now", "throws now", "is gone, and did not evaluate"
_OF_VALUES = {"passthru", "values"}


def compare(subject: Compared, before: Answer, after: Answer) -> list[Difference]:
    """Return the differences between two answers."""
    if (found := _transition(subject, before, after)) is None:
        found = [*_ended(before, after), *_parts(subject, before, after)]
    return [
        *_names(subject, before, after),
        *(subject.differs(*each) for each in found),
    ]


def _transition(subject: Compared, before: Answer, after: Answer) -> list[Found] | None:
    """Compare what an attribute is; None if its parts have to be compared."""
    gone = {THROWS, ENDS}
    if before.kind == after.kind:
        is_known = before.kind not in {THROWS, MISSING} and (
            before.kind != ENDS or before.parts
        )
        return None if is_known else []
    if before.kind == MISSING and after.kind in gone:
        # What is in a package that throws is nowhere; a name that comes is one of its
        # set.
        return []
    if MISSING in {before.kind, after.kind}:
        return [_moved(subject, before, after)]
    if (before.kind in gone and after.kind in gone) or ENDS in {
        each.kind for each in (before, after) if each.limited
    }:
        return []
    if before.kind in gone:
        return [(Kind.EVALUATION, CHANGE, "evaluates now", before.kind, after.kind)]
    kind, what, shown = (
        Kind.DERIVATION,
        f"is a {after.kind} instead of a {before.kind}",
        after.kind,
    )
    if after.kind in gone:
        kind, what, shown = (
            Kind.EVALUATION,
            "no longer evaluates",
            next(iter(after.ends.values()), THROWN),
        )
    return [(kind, REGRESSION, what, before.kind, shown)]


def _moved(subject: Compared, before: Answer, after: Answer) -> Found:
    """Return the difference of an attribute that comes or goes."""
    if before.kind == MISSING:
        return (Kind.ADDED, CHANGE, "is new", None, after.kind)
    weight = NOTE if before.kind in {THROWS, ENDS} else REGRESSION
    if subject.attribute in subject.aliases:
        return (Kind.ALIAS, weight, "the alias is no longer there", before.kind, None)
    return (Kind.REMOVED, weight, "is no longer there", before.kind, None)


def _ended(before: Answer, after: Answer) -> Iterator[Found]:
    """Yield what no longer evaluates: what has one reason, and all else that the derivation takes with it, once."""
    together: dict[tuple[Weight, str, str], list[str]] = {}
    for part, reason in after.ends.items():
        if (
            not _ends(part, before)
            and part not in after.limited
            and _takes(part, before)
        ):
            # What shows as much of a package as its derivation, which ended Nix before
            # as after, does no harm.
            is_known = (
                "derivation" in before.ends and after.ends.get("derivation") == reason
            )
            is_new = _lacks(before, part)
            # Nor does what is new in a package whose derivation throws, before as
            # after.
            is_known |= is_new and all(
                each.parts.get("derivation", {}).get("drv") == THREW
                for each in (before, after)
            )
            what = "is new, and does not evaluate" if is_new else "no longer evaluates"
            together.setdefault(
                (NOTE if is_known else REGRESSION, what, reason), []
            ).append(part)
    is_whole = "derivation" in before.ends.keys() - after.ends.keys()
    now = (
        _THROWS
        if is_whole and after.parts.get("derivation", {}).get("drv") == THREW
        else _NOW
    )
    for part, reason in before.ends.items():
        if (
            not _ends(part, after)
            and part not in before.limited
            and _takes(part, after)
        ):
            weight, what = (
                (CHANGE, _GONE)
                if _lacks(after, part)
                else (CHANGE if is_whole else NOTE, now)
            )
            together.setdefault((weight, what, reason), []).append(part)
    for (weight, what, reason), parts in together.items():
        names = ", ".join(dict.fromkeys(map(called, sorted(parts))))
        old, new = (
            (reason, THROWN if what == _THROWS else None)
            if what in {_NOW, _THROWS, _GONE}
            else (None, reason)
        )
        yield (
            Kind.EVALUATION,
            weight,
            what if "derivation" in parts else f"its {names} {what}",
            old,
            new,
        )


def _ends(part: str, answer: Answer) -> bool:
    """Return whether a part of an answer ends Nix, as a whole or, of passthru, by any of its values."""
    whole = part.partition(".")[0]
    return (
        part in answer.ends
        or whole in answer.ends
        or any(each.startswith(f"{part}.") for each in answer.ends)
    )


def _lacks(answer: Answer, part: str) -> bool:
    """Return whether a part is a value of passthru that this version does not have."""
    whole, _, name = part.partition(".")
    known = answer.parts.get("passthru")
    return (
        whole == "passthru"
        and known is not None
        and name.partition(".")[0] not in names_in(known)
    )


def _takes(part: str, answer: Answer) -> bool:
    """Return whether the other version has the argument or attribute that a part is about, if it is about one."""
    if part.startswith("follows."):
        return part.removeprefix("follows.") in answer.parts.get("follows", {})
    name = re.fullmatch(r"override\.(.+)=", part)
    return name is None or name[1] in answer.parts.get("arguments", {})


def _parts(subject: Compared, before: Answer, after: Answer) -> Iterator[Found]:
    parts = {
        name: (before.parts[name], after.parts[name])
        for name in before.parts
        if name in after.parts
    }
    for part in _OF_VALUES & parts.keys():
        # A value that ends Nix was left out of its set, and is not gone.
        left = {
            place[len(part) + 1 :]
            for place in (*before.ends, *after.ends)
            if place.startswith(f"{part}.")
        }
        one, other = (
            {name: each for name, each in side.items() if name not in left}
            for side in parts[part]
        )
        parts[part] = one, other
    if before.kind == "derivation":
        yield from _package(subject, parts)
    elif before.kind == SET:
        one, other = parts.get("recurse", (None, None))
        if one != other:
            what = (
                "recurseForDerivations differs: what is in it is built and found, "
                "or is not"
            )
            yield (
                Kind.PASSTHRU,
                REGRESSION if one is True else CHANGE,
                what,
                one,
                other,
            )
        yield from _passthru(Own(), *parts.get("values", ({}, {})))
    elif "value" in parts and parts["value"][0] != parts["value"][1]:
        yield (Kind.PASSTHRU, CHANGE, "has a different value", *parts["value"])
    yield from _arguments(
        *parts.get("arguments", ({}, {})), function=before.kind == "function"
    )


def _package(
    subject: Compared, parts: Mapping[str, tuple[Any, Any]]
) -> Iterator[Found]:
    """Compare the parts of a package.

    Beneath a rebuild too, less what that explains.
    """

    def pair(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        return parts.get(name, ({}, {}))

    is_known = "derivation" in parts
    before, after = pair("derivation")
    own = Own(before=before, after=after)
    is_broken = after.get("drv") == THREW != before.get("drv")
    fetched, texts = (parts.get(name, ([], [])) for name in ("fixed-output", "texts"))
    position = parts.get("position", (None, None))
    refused = _refusals(own, *pair("meta"))
    yield from _refused(subject, refused, position)
    if is_known and not (refused and is_broken):
        fixed = [
            *fixed_outputs.fetches(subject, *fetched, same=own.same),
            *fixed_outputs.texts(*texts),
        ]
        yield from _derivation(own, fixed)
    yield from _meta(own, *pair("meta"), known=refused)
    yield from _position(subject, *position)
    yield from _attributes(own, *pair("kinds"))
    yield from _functions(own, *pair("functions"))
    for each in _passthru(
        own, *pair("passthru"), known=fixed_outputs.refetched(*fetched)
    ):
        # What throws with the derivation has its reason.
        if not (is_broken and each[-1] == THROWN):
            yield each
    if is_known and not is_broken:
        yield from overrides(own, *pair("override"))
        yield from follows(own, *pair("follows"))


def _derivation(own: Own, fixed: Sequence[Found]) -> Iterator[Found]:
    before, after = own.before, own.after
    for name, what in (
        ("drv", "no longer evaluates"),
        ("out", "its output no longer evaluates"),
    ):
        if after[name] == THREW and before[name] != THREW:
            yield (Kind.EVALUATION, REGRESSION, what, before[name], THROWN)
            return
        if before[name] == THREW != after[name]:
            yield (Kind.EVALUATION, CHANGE, "evaluates now", THROWN, after[name])
            return
    yield from fixed
    if before["drv"] == after["drv"] != THREW:
        return
    what = (
        f"{before['version']} → {after['version']}"
        if own.updated
        else "is built differently"
    )
    if before["drv"] == THREW:
        one, other = before["attributes"], after["attributes"]
        if names := sorted(
            name
            for name in one.keys() | other.keys()
            if one.get(name) != other.get(name)
        ):
            what = (
                what
                if own.updated
                else "its derivation throws, and would be built differently: "
                f"{', '.join(names)}"
            )
            one, other = (
                {name: each.get(name) for name in names} for each in (one, other)
            )
            yield (Kind.DERIVATION, CHANGE, what, one, other)
    elif not own.same:
        lost = [name for name in before["outputs"] if name not in after["outputs"]]
        if lost:
            yield (
                Kind.DERIVATION,
                REGRESSION,
                f"has lost the output {', '.join(lost)}",
                lost,
                None,
            )
        yield (Kind.DERIVATION, CHANGE, what, before["drv"], after["drv"])
    elif not fixed:
        yield (
            Kind.FIXED_OUTPUT,
            NOTE,
            fixed_outputs.UNNAMED,
            before["drv"],
            after["drv"],
        )


def _refusals(own: Own, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return why nixpkgs refuses a package now, unless it is configured to allow it."""
    if own.before.get("drv") == THREW:
        return []
    found = [
        name for name in _REFUSALS if after.get(name) is True and not before.get(name)
    ]
    is_other = (
        "unsupported" not in after
        and before.get("available") is True
        and after.get("available") is False
    )
    return [*found, *(["unsupported"] if is_other else [])]


def _refused(
    subject: Compared, refused: list[str], positions: tuple[Any, Any]
) -> Iterator[Found]:
    """Yield what a package is refused for by default: a change if its own file sets that, and else a regression."""
    files = (
        subject.shown(each).rpartition(":")[0]
        for each in positions
        if isinstance(each, str)
    )
    words = {word for file in files for word in subject.files.get(file, ())}
    for reason in refused:
        weight = CHANGE if words & _REFUSALS[reason] else REGRESSION
        what = (
            "is refused by default now: it is "
            f"{reason}{' on this platform' if reason == 'unsupported' else ''}"
        )
        yield (Kind.EVALUATION, weight, what, None, None)


def _meta(
    own: Own,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    known: Collection[str] = (),
) -> Iterator[Found]:
    others = {*known, *(("available", "problems") if known else ())}
    if before.get("maintainers") != after.get("maintainers"):
        others.add("nonTeamMaintainers")
    for name in sorted((before.keys() | after.keys()) - others):
        old, new = before.get(name), after.get(name)
        if name.endswith("Position"):
            continue
        if name not in after:
            yield (Kind.META, REGRESSION, f"meta.{name} is gone", old, None)
        elif name not in before:
            yield (Kind.META, CHANGE, f"meta.{name} is new", None, new)
        elif old != new:
            if new == THREW:
                yield (Kind.META, REGRESSION, f"meta.{name} throws", old, THROWN)
            elif not (own.follows(old, new) or (own.updated and name in _VERSIONED)):
                weight = REGRESSION if _is_worse(name, old, new, own) else CHANGE
                yield (
                    Kind.META,
                    weight,
                    f"meta.{name} {what_differs(old, new)}",
                    old,
                    new,
                )


def _is_worse(name: str, old: Any, new: Any, own: Own) -> bool:  # noqa: ANN401 - JSON
    """Return whether a value of meta has lost what it was for."""
    if name == "available":
        return bool(old) and not new
    version = own.after.get("version")
    if name in {"changelog", "homepage", "downloadPage"} and isinstance(version, str):
        texts = isinstance(old, str) and isinstance(new, str) and bool(version)
        return texts and str(own.before["version"]) in old and version not in new
    return new in (None, "", [])


def _position(subject: Compared, before: Any, after: Any) -> Iterator[Found]:  # noqa: ANN401 - JSON
    if before == after or not isinstance(before, str):
        return
    if not isinstance(after, str):
        yield (
            Kind.POSITION,
            REGRESSION,
            "meta.position is lost: nobody is asked for a review",
            before,
            None,
        )
        return
    old, new = (subject.shown(each).rpartition(":")[0] for each in (before, after))
    if old != new and new in subject.files:
        yield (
            Kind.POSITION,
            NOTE,
            "meta.position is in another file of the change",
            before,
            after,
        )
    elif old != new:
        what = (
            "meta.position is in a file that the change does not touch: others "
            "are asked for reviews"
        )
        yield (Kind.POSITION, REGRESSION, what, before, after)


def _attributes(
    own: Own, before: dict[str, str], after: dict[str, str]
) -> Iterator[Found]:
    """Compare the attributes of a derivation that is the same, as others read them, and those of its sources."""
    for name in sorted(before.keys() | after.keys()):
        # With another derivation go attributes of it, and with a source its own.
        is_known = not own.same and name.partition(".")[0] not in (
            before.keys() & after.keys() if "." in name else ()
        )
        if name.rpartition(".")[2] in HASHES or is_known:
            continue
        if name not in after:
            if before[name] != "null":
                yield (
                    Kind.PASSTHRU,
                    REGRESSION,
                    f"the attribute {name} is gone",
                    before[name],
                    None,
                )
        elif name in before and before[name] != after[name]:
            what = (
                f"the attribute {name} is a {after[name]} instead of a {before[name]}"
            )
            yield (Kind.PASSTHRU, CHANGE, what, before[name], after[name])


def _functions(
    outer: Own, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[Found]:
    """Compare the results of a package's functions, if they make a package before and after.

    A package that is built differently makes its results differ too.
    """
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name], after[name]
        if old and new:
            own = Own(before=old["derivation"], after=new["derivation"])
            is_explained = not outer.same and THREW not in (
                own.before["drv"],
                own.after["drv"],
            )
            found = [] if is_explained else [*_derivation(own, ())]
            yield from _named(name, [*found, *_meta(own, old["meta"], new["meta"])])
            if own.same and old["twice"] and new["twice"]:
                yield from _named(
                    f"{name} twice",
                    _derivation(Own(before=old["twice"], after=new["twice"]), ()),
                )


def _named(name: str, differences: Iterable[Found]) -> Iterator[Found]:
    """Yield differences with the name of what they are of."""
    for kind, weight, what, before, after in differences:
        yield (kind, weight, f"{name} {what}", before, after)


def _passthru(
    own: Own,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    known: Collection[str] = (),
) -> Iterator[Found]:
    for name, old, new in leaves("", before, after):
        if old is NOTHING:
            yield (Kind.PASSTHRU, NOTE, f"{name} is new", None, new)
        elif new is NOTHING:
            yield (Kind.PASSTHRU, REGRESSION, f"{name} is gone", old, None)
        elif new == THREW:
            yield (Kind.PASSTHRU, REGRESSION, f"{name} throws", old, THROWN)
        elif old == THREW:
            yield (Kind.PASSTHRU, NOTE, f"{name} evaluates now", THROWN, new)
        elif is_package(old) and is_package(new):
            yield from (
                ()
                if old["out"] == new["out"] and name in known
                else _packages(own, name, (old, new))
            )
        elif lost := sorted(names_in(old) - names_in(new)):
            for each in lost:
                yield (Kind.PASSTHRU, REGRESSION, f"{name}.{each} is gone", old, new)
        elif (own.same and own.after.get("out") != THREW) or not _follows(
            own, old, new
        ):
            # A function may have lost an argument.
            functions = is_set(old) and is_set(new) and "λ" in new
            weight = (
                REGRESSION
                if functions and old.get("λ", {}).keys() - new["λ"].keys()
                else CHANGE
            )
            yield (Kind.PASSTHRU, weight, f"{name} {what_differs(old, new)}", old, new)


def _packages(
    own: Own, name: str, pair: tuple[dict[str, Any], dict[str, Any]]
) -> Iterator[Found]:
    """Compare two packages that a package holds; what a rebuild of its own brings with it is none of theirs."""
    old, new = pair
    if old["out"] != new["out"]:
        if own.same:
            yield (
                Kind.PASSTHRU,
                CHANGE,
                f"{name} is built differently",
                old["drv"],
                new["drv"],
            )
        elif not _follows(own, old["out"], new["out"]):
            one, other = (STORE.sub("", str(each["out"])) for each in pair)
            yield (Kind.PASSTHRU, CHANGE, f"{name} is another package", one, other)
    elif own.before.get("drv") == own.after.get("drv"):
        what = (
            f"{name} has the same output, and a fixed output among its inputs a "
            "different derivation"
        )
        yield (Kind.FIXED_OUTPUT, CHANGE, what, old["drv"], new["drv"])


def _follows(own: Own, old: Any, new: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a value differs as the package's version or derivation does; of a long one that is not shown."""
    if is_set(old) and is_set(new) and "#" in old and "#" in new:
        return not own.same and (own.updated or bool(old["bare"] == new["bare"]))
    one, other = (old, new) if own.same else (without_hashes(old), without_hashes(new))
    return bool(one == other) or own.follows(one, other)


def _arguments(
    before: dict[str, bool], after: dict[str, bool], *, function: bool
) -> Iterator[Found]:
    where = "" if function else " of override"
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield (
                Kind.ARGUMENTS,
                REGRESSION,
                f"the argument {name}{where} is gone",
                before[name],
                None,
            )
        elif name not in before:
            weight = REGRESSION if function and not after[name] else NOTE
            yield (
                Kind.ARGUMENTS,
                weight,
                f"the argument {name}{where} is new",
                None,
                after[name],
            )
        elif before[name] != after[name]:
            weight, how = (
                (REGRESSION, "no longer has") if before[name] else (NOTE, "now has")
            )
            what = f"the argument {name}{where} {how} a default"
            yield (Kind.ARGUMENTS, weight, what, before[name], after[name])


def _names(subject: Compared, before: Answer, after: Answer) -> Iterator[Difference]:
    """Yield the names that come to a set or go from it, as attributes of their own."""
    if not before.kind == after.kind == SET:
        return
    old, new = (dict.fromkeys(each.parts.get("names", ())) for each in (before, after))
    prefix = f"{subject.attribute}." if subject.attribute else ""
    differing = sorted(old.keys() ^ new.keys(), key=lambda name: (name in new, name))
    for name in (
        differing if "names" in before.parts.keys() & after.parts.keys() else ()
    ):
        own = replace(subject, attribute=prefix + name)
        kind = (
            Kind.ADDED
            if name in new
            else Kind.ALIAS
            if name in subject.aliases
            else Kind.REMOVED
        )
        what = "is new" if name in new else "is no longer there"
        yield own.differs(kind, CHANGE if name in new else REGRESSION, what)
