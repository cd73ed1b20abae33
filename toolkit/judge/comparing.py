"""Compare what Nix shows of an attribute before and after a change, and weigh each difference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeGuard

from msgspec.structs import replace

from toolkit.judge import fetching
from toolkit.judge.asking import ENDS, MISSING, THROWS, Answer
from toolkit.judge.model import Difference, Kind, Weight
from toolkit.judge.overriding import overrides
from toolkit.judge.subject import HASHES, THREW, Own, Subject, with_strings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

DAMAGE, CHANGE, REMARK = Weight.DAMAGE, Weight.CHANGE, Weight.REMARK

_STORE = re.compile(r"/nix/store/[0-9a-z]{32}-")
_VERSIONED = {"name", "identifiers"}


def compare(subject: Subject, before: Answer, after: Answer) -> list[Difference]:
    """Return what differs between two answers."""
    if (transition := _of_kinds(subject, before, after)) is not None:
        return transition
    return [*_ended(subject, before, after), *_parts(subject, before, after)]


def _of_kinds(subject: Subject, before: Answer, after: Answer) -> list[Difference] | None:
    """Compare what an attribute is; None if its parts have to be compared."""
    gone = {THROWS, ENDS}
    if before.kind == after.kind:
        is_known = before.kind not in {THROWS, MISSING} and (before.kind != ENDS or before.parts)
        return None if is_known else []
    if before.kind == MISSING and after.kind in gone:
        # What is in a package that throws is nowhere; a name that comes is one of its set.
        return []
    if MISSING in {before.kind, after.kind}:
        return [_moved(subject, before, after)]
    if (before.kind in gone and after.kind in gone) or ENDS in {each.kind for each in (before, after) if each.limited}:
        return []
    if before.kind in gone:
        return [subject.differs(Kind.EVALUATION, CHANGE, "evaluates now", before.kind, after.kind)]
    kind, what, shown = Kind.DERIVATION, f"is a {after.kind} instead of a {before.kind}", after.kind
    if after.kind in gone:
        kind, what, shown = Kind.EVALUATION, "no longer evaluates", next(iter(after.ends.values()), "it throws")
    return [subject.differs(kind, DAMAGE, what, before.kind, shown)]


def _moved(subject: Subject, before: Answer, after: Answer) -> Difference:
    """Return the difference of an attribute that comes or goes."""
    if before.kind == MISSING:
        return subject.differs(Kind.ADDED, CHANGE, "is new", None, after.kind)
    weight = REMARK if before.kind in {THROWS, ENDS} else DAMAGE
    if subject.attribute in subject.aliases:
        return subject.differs(Kind.ALIAS, weight, "the alias is no longer there", before.kind, None)
    return subject.differs(Kind.REMOVED, weight, "is no longer there", before.kind, None)


def _ended(subject: Subject, before: Answer, after: Answer) -> Iterator[Difference]:
    for part, reason in after.ends.items():
        if not _ends(part, before) and part not in after.limited and _takes(part, before):
            # What shows as much of a package as its derivation, which ended Nix before as after, does no harm.
            is_known = "derivation" in before.ends and after.ends.get("derivation") == reason
            is_new = _is_new(part, before)
            # Nor does what is new in a package whose derivation throws, before as after.
            is_known |= is_new and all(each.parts.get("derivation", {}).get("drv") == THREW for each in (before, after))
            what = "is new, and does not evaluate" if is_new else "no longer evaluates"
            weight = REMARK if is_known else DAMAGE
            yield subject.differs(Kind.EVALUATION, weight, f"its {part} {what}", None, reason)
    for part in before.ends:
        if not _ends(part, after) and part not in before.limited and _takes(part, after):
            yield subject.differs(Kind.EVALUATION, REMARK, f"its {part} evaluates now", before.ends[part], None)


def _ends(part: str, answer: Answer) -> bool:
    """Return whether a part of an answer ends Nix, as a whole or, of passthru, by any of its values."""
    whole = part.partition(".")[0]
    return part in answer.ends or whole in answer.ends or any(each.startswith(f"{part}.") for each in answer.ends)


def _is_new(part: str, before: Answer) -> bool:
    """Return whether a part is a value of passthru that was not there before."""
    whole, _, name = part.partition(".")
    known = before.parts.get("passthru")
    return whole == "passthru" and known is not None and name.partition(".")[0] not in _names_in(known)


def _takes(part: str, answer: Answer) -> bool:
    """Return whether the other version has the argument of override that a part is about, if it is about one."""
    name = re.fullmatch(r"override\.(.+)=", part)
    return name is None or name[1] in answer.parts.get("arguments", {})


def _parts(subject: Subject, before: Answer, after: Answer) -> Iterator[Difference]:
    parts = {name: (before.parts[name], after.parts[name]) for name in before.parts if name in after.parts}
    derivations = parts.get("derivation")
    own = Own(before=derivations[0], after=derivations[1]) if derivations is not None else None
    if before.kind == "derivation":
        if own is not None:
            fixed = list(fetching.fetches(subject, *parts.get("fixed-output", ([], []))))
            fixed += fetching.texts(subject, *parts.get("texts", ([], [])))
            yield from _derivation(subject, own, fixed)
        yield from _meta(subject, own, *parts.get("meta", ({}, {})))
        yield from _position(subject, *parts.get("position", (None, None)))
        if own is not None and own.same:
            yield from _attributes(subject, *parts.get("kinds", ({}, {})))
            yield from _functions(subject, *parts.get("functions", ({}, {})))
        known = fetching.refetched(*parts.get("fixed-output", ([], [])))
        yield from _passthru(subject, own, *parts.get("passthru", ({}, {})), known=known)
        if own is None or own.after["drv"] != THREW or own.before["drv"] == THREW:
            yield from overrides(subject, own, *parts.get("override", ({}, {})))
    elif before.kind == "set":
        yield from _names(subject, *parts.get("names", ([], [])))
        yield from _recurse(subject, *parts.get("recurse", (None, None)))
        yield from _passthru(subject, None, *parts.get("values", ({}, {})))
    elif "value" in parts and parts["value"][0] != parts["value"][1]:
        yield subject.differs(Kind.PASSTHRU, CHANGE, "has a different value", *parts["value"])
    yield from _arguments(subject, *parts.get("arguments", ({}, {})), function=before.kind == "function")


def _derivation(subject: Subject, own: Own, fixed: Sequence[Difference]) -> Iterator[Difference]:
    before, after = own.before, own.after
    for name, what in (("drv", "no longer evaluates"), ("out", "its output no longer evaluates")):
        if after[name] == THREW and before[name] != THREW:
            yield subject.differs(Kind.EVALUATION, DAMAGE, what, before[name], "it throws")
            return
        if before[name] == THREW != after[name]:
            yield subject.differs(Kind.EVALUATION, CHANGE, "evaluates now", "it throws", after[name])
            return
    yield from fixed
    if before["drv"] == after["drv"] != THREW:
        return
    what = f"{before['version']} → {after['version']}" if own.updated else "is built differently"
    if before["drv"] == THREW:
        one, other = before["attributes"], after["attributes"]
        if names := sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)):
            what = what if own.updated else f"its derivation throws, and would be built differently: {', '.join(names)}"
            values = ({name: each.get(name) for name in names} for each in (one, other))
            yield subject.differs(Kind.DERIVATION, CHANGE, what, *values)
    elif not own.same:
        lost = [name for name in before["outputs"] if name not in after["outputs"]]
        if lost:
            yield subject.differs(Kind.DERIVATION, DAMAGE, f"has lost the output {', '.join(lost)}", lost, None)
        yield subject.differs(Kind.DERIVATION, CHANGE, what, before["drv"], after["drv"])
    elif not fixed:
        yield subject.differs(Kind.FIXED_OUTPUT, REMARK, fetching.UNNAMED, before["drv"], after["drv"])


def _meta(subject: Subject, own: Own | None, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if name.endswith("Position"):
            continue
        if name not in after:
            yield subject.differs(Kind.META, DAMAGE, f"meta.{name} is gone", old, None)
        elif name not in before:
            yield subject.differs(Kind.META, CHANGE, f"meta.{name} is new", None, new)
        elif old != new:
            if new == THREW:
                yield subject.differs(Kind.META, DAMAGE, f"meta.{name} throws", old, "it throws")
            elif own is None or not (own.follows(old, new) or (own.updated and name in _VERSIONED)):
                weight = DAMAGE if _is_worse(name, old, new, own) else CHANGE
                yield subject.differs(Kind.META, weight, f"meta.{name} differs", old, new)


def _is_worse(name: str, old: Any, new: Any, own: Own | None) -> bool:  # noqa: ANN401 - JSON
    """Return whether a value of meta has lost what it was for."""
    if name == "available":
        return bool(old) and not new
    if name in {"changelog", "homepage", "downloadPage"} and own is not None:
        old_version, version = own.before["version"], own.after["version"]
        texts = isinstance(old, str) and isinstance(new, str) and isinstance(version, str) and bool(version)
        return texts and str(old_version) in old and version not in new
    return new in (None, "", [])


def _position(subject: Subject, before: Any, after: Any) -> Iterator[Difference]:  # noqa: ANN401 - JSON
    if before == after or not isinstance(before, str):
        return
    if not isinstance(after, str):
        yield subject.differs(
            Kind.POSITION, DAMAGE, "meta.position is lost: nobody is asked for a review", before, None
        )
        return
    old, new = (subject.shown(each).rpartition(":")[0] for each in (before, after))
    if old == new:
        yield subject.differs(Kind.POSITION, REMARK, "meta.position is at another line", before, after)
    elif new in subject.files:
        yield subject.differs(Kind.POSITION, REMARK, "meta.position is in another file of the change", before, after)
    else:
        what = "meta.position is in a file that the change does not touch: others are asked for reviews"
        yield subject.differs(Kind.POSITION, DAMAGE, what, before, after)


def _attributes(subject: Subject, before: dict[str, str], after: dict[str, str]) -> Iterator[Difference]:
    """Compare the attributes of a derivation that is the same, as others read them, and those of its sources."""
    for name in sorted(before.keys() | after.keys()):
        if name.rpartition(".")[2] in HASHES:
            continue
        if name not in after:
            if before[name] != "null":
                yield subject.differs(Kind.PASSTHRU, DAMAGE, f"the attribute {name} is gone", before[name], None)
        elif name in before and before[name] != after[name]:
            what = f"the attribute {name} is a {after[name]} instead of a {before[name]}"
            yield subject.differs(Kind.PASSTHRU, CHANGE, what, before[name], after[name])


def _functions(subject: Subject, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    """Compare what functions of a package that is the same make of it, if they make a package before and after."""
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name], after[name]
        if old and new:
            own = Own(before=old["derivation"], after=new["derivation"])
            for each in (*_derivation(subject, own, ()), *_meta(subject, own, old["meta"], new["meta"])):
                yield replace(each, what=f"{name} {each.what}")
            if own.same and old["twice"] and new["twice"]:
                for each in _derivation(subject, Own(before=old["twice"], after=new["twice"]), ()):
                    yield replace(each, what=f"{name} twice {each.what}")


def _passthru(
    subject: Subject, own: Own | None, before: dict[str, Any], after: dict[str, Any], *, known: Collection[str] = ()
) -> Iterator[Difference]:
    for name, old, new in _leaves("", before, after):
        if old is _NOTHING:
            yield subject.differs(Kind.PASSTHRU, REMARK, f"{name} is new", None, new)
        elif new is _NOTHING:
            yield subject.differs(Kind.PASSTHRU, DAMAGE, f"{name} is gone", old, None)
        elif new == THREW:
            yield subject.differs(Kind.PASSTHRU, DAMAGE, f"{name} throws", old, "it throws")
        elif old == THREW:
            yield subject.differs(Kind.PASSTHRU, REMARK, f"{name} evaluates now", "it throws", new)
        elif lost := sorted(_names_in(old) - _names_in(new)):
            for each in lost:
                yield subject.differs(Kind.PASSTHRU, DAMAGE, f"{name}.{each} is gone", old, new)
        elif _is_package(old) and _is_package(new):
            yield from () if old["out"] == new["out"] and name in known else _packages(subject, own, name, (old, new))
        elif own is None or (own.same and own.after["out"] != THREW) or not _follows(own, old, new):
            yield subject.differs(Kind.PASSTHRU, DAMAGE if _loses(old, new) else CHANGE, f"{name} differs", old, new)


def _packages(
    subject: Subject, own: Own | None, name: str, pair: tuple[dict[str, Any], dict[str, Any]]
) -> Iterator[Difference]:
    """Compare two packages that a package holds; what a rebuild of its own brings with it is none of theirs."""
    old, new = pair
    if old["out"] != new["out"]:
        if own is None or own.same:
            yield subject.differs(Kind.PASSTHRU, CHANGE, f"{name} is built differently", old["drv"], new["drv"])
    elif own is None or own.before["drv"] == own.after["drv"]:
        what = f"{name} has the same output, and a fixed output among its inputs a different derivation"
        yield subject.differs(Kind.FIXED_OUTPUT, CHANGE, what, old["drv"], new["drv"])


def _follows(own: Own, old: Any, new: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a value differs as the package's version or derivation does."""
    return own.follows(old, new) or (not own.same and bool(_without_hashes(old) == _without_hashes(new)))


def _loses(old: Any, new: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether a function has lost an argument."""
    functions = _is_set(old) and _is_set(new) and "λ" in old and "λ" in new
    return functions and bool({*old["λ"]} - {*new["λ"]})


def _names_in(value: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Return the names in a set, also in one that is shown by its hash."""
    if not _is_set(value) or _is_package(value) or ({*_MARKS} - {"#"}) & value.keys():
        return set()
    return {*value["names"]} if "#" in value else {*value}


_NOTHING = object()
_MARKS = {"!", "λ", "#", "{", "["}


def _leaves(prefix: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401 - JSON
    """Yield what differs, as deep as both are sets."""
    if before == after:
        return
    sets = _is_set(before) and _is_set(after)
    if not sets or _is_package(before) or _is_package(after) or _MARKS & (before.keys() | after.keys()):
        yield prefix, before, after
        return
    for name in sorted(before.keys() | after.keys()):
        inner = f"{prefix}.{name}" if prefix else name
        yield from _leaves(inner, before.get(name, _NOTHING), after.get(name, _NOTHING))


def _is_set(value: Any) -> TypeGuard[dict[str, Any]]:  # noqa: ANN401 - JSON
    return isinstance(value, dict)


def _is_package(value: Any) -> bool:  # noqa: ANN401 - JSON
    return _is_set(value) and value.keys() == {"drv", "out"}


def _without_hashes(value: Any) -> Any:  # noqa: ANN401 - JSON
    return with_strings(value, lambda text: _STORE.sub("/nix/store/…-", text))


def _arguments(
    subject: Subject, before: dict[str, bool], after: dict[str, bool], *, function: bool
) -> Iterator[Difference]:
    where = "" if function else " of override"
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield subject.differs(Kind.ARGUMENTS, DAMAGE, f"the argument {name}{where} is gone", before[name], None)
        elif name not in before:
            weight = DAMAGE if function and not after[name] else REMARK
            yield subject.differs(Kind.ARGUMENTS, weight, f"the argument {name}{where} is new", None, after[name])
        elif before[name] != after[name]:
            weight, how = (DAMAGE, "no longer has") if before[name] else (REMARK, "now has")
            what = f"the argument {name}{where} {how} a default"
            yield subject.differs(Kind.ARGUMENTS, weight, what, before[name], after[name])


def _names(subject: Subject, before: list[str], after: list[str]) -> Iterator[Difference]:
    prefix = f"{subject.attribute}." if subject.attribute else ""
    for names, kind, weight, what in (
        (sorted({*before} - {*after}), Kind.REMOVED, DAMAGE, "is no longer there"),
        (sorted({*after} - {*before}), Kind.ADDED, CHANGE, "is new"),
    ):
        for name in names:
            known = Kind.ALIAS if kind is Kind.REMOVED and name in subject.aliases else kind
            yield Difference(attribute=prefix + name, system=subject.system, kind=known, weight=weight, what=what)


def _recurse(subject: Subject, before: Any, after: Any) -> Iterator[Difference]:  # noqa: ANN401 - JSON
    if before != after:
        weight = DAMAGE if before is True else CHANGE
        what = "recurseForDerivations differs: what is in it is built and found, or is not"
        yield subject.differs(Kind.PASSTHRU, weight, what, before, after)
