"""Explain why a package is built differently, by the attributes of its derivation.

Only packages that a changed file defines are explained; other rebuilds follow from
these.
"""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.packages import Question
from toolkit.judge.differences import Difference, DifferenceFact, Form, Reason
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import Record
from toolkit.judge.subject import Own
from toolkit.judge.values import STORE

MOST = 24
"""The maximum number of packages to explain on each system."""

_DEEPEST = 4
"""The maximum number of inputs to follow to the package that caused a rebuild."""

_PART = "build"
_VERSION = re.compile(r"-\d[^-]*(?:\.drv)?\Z|\.drv\Z")
_VERSIONED = re.compile("name|version|([a-z]+H|h)ash")
"""A pattern for attributes whose values change with the version, including hashes such
as cargoHash.
"""


class _Side(StrEnum):
    """The form in which judge-build.nix represents an attribute of a derivation."""

    INPUT = "input"
    LIST = "list"
    PATH = "path"
    SET = "set"
    TEXT = "text"
    VALUE = "value"


class _Built(Struct, frozen=True, kw_only=True):
    """A package whose rebuild is explained, or one of its inputs.

    `through` are the names of the inputs that lead from the package to the input.
    """

    path: AttrPath
    through: tuple[str, ...] = ()

    @property
    def question(self) -> Question:
        """The question to Nix about the attributes of the package's derivation."""
        return Question(path=self.path, parts=(_PART,), through=self.through)


def explain(
    record: Record, made: Collection[AttrPath], asked: AttrPath | None = None
) -> None:
    """Add the reasons for rebuilds to the differences in a record.

    The explained packages are the ones in `made`, which the change defines, and
    `asked`, which is compared first if necessary.
    """
    if asked is not None and asked not in record.kinds:
        record.compare({system: [asked] for system in record.systems})
    wanted = {*made} if asked is None else {asked, *made}
    names = {".".join(path): path for path in record.kinds if _is_in(path, wanted)}
    explained = {
        (difference.attribute, difference.system): difference
        for difference in record.differences
        if difference.attribute in names and _is_rebuild(difference)
    }
    reasons: dict[tuple[str, str], tuple[Reason, ...]] = {}
    for system in dict.fromkeys(system for _, system in explained):
        attributes = [name for name, other in explained if other == system][:MOST]
        packages = [_Built(path=names[name]) for name in attributes]
        known = {path[-1] for path in made}
        answers = _reasons(record, system, packages, known)
        reasons |= {
            (name, system): answer
            for name, answer in zip(attributes, answers, strict=True)
        }
    record.differences[:] = [
        replace(
            difference, why=reasons.get((difference.attribute, difference.system), ())
        )
        if _is_rebuild(difference)
        else difference
        for difference in record.differences
    ]


def _is_in(path: AttrPath, wanted: Collection[AttrPath]) -> bool:
    """Return whether a path is wanted, by itself or in a set such as pkgsMusl."""
    return any(path[start:] in wanted for start in range(len(path)))


def _is_rebuild(difference: Difference) -> bool:
    cause = difference.cause
    return cause.fact in {
        DifferenceFact.BUILT_DIFFERENTLY,
        DifferenceFact.VERSION,
    } and not (cause.setting or cause.within or cause.name)


def _reasons(
    record: Record, system: str, packages: Sequence[_Built], known: Collection[str]
) -> list[tuple[Reason, ...]]:
    """Return the reasons for the rebuild of each package.

    If an input is the only reason, the input's own reasons follow, unless the input is
    `known`, which means that it is explained elsewhere.
    """
    pairs = record.sides.answers({system: [each.question for each in packages]})
    answers: list[tuple[Reason, ...]] = []
    for package, (before, after) in zip(packages, pairs[system], strict=True):
        one, other = (side.parts.get(_PART, {}) for side in (before, after))
        reasons = compare(one, other) if one and other else ()
        answers.append(_followed(record, system, package, reasons, known))
    return answers


def _followed(
    record: Record,
    system: str,
    package: _Built,
    reasons: tuple[Reason, ...],
    known: Collection[str],
) -> tuple[Reason, ...]:
    """Return the reasons for a package's rebuild, and those of its first input.

    The input's reasons are added only if all reasons of the package are inputs.
    """
    if not reasons or any(reason.form is not Form.INPUT for reason in reasons):
        return reasons
    name = reasons[0].added[0]
    if name in known or len(package.through) >= _DEEPEST:
        return reasons
    inner = replace(package, through=(*package.through, name))
    (rest,) = _reasons(record, system, [inner], known)
    return (
        *reasons,
        *(replace(reason, package=reason.package or name) for reason in rest),
    )


def compare(before: dict[str, Any], after: dict[str, Any]) -> tuple[Reason, ...]:
    """Return the reasons why two derivations differ, by their attributes.

    A value that differs only by the version is not a reason.
    """
    own = Own(before=before, after=after)
    names = sorted(before.keys() | after.keys())
    if own.updated:
        names = [name for name in names if not _VERSIONED.fullmatch(name)]
    rest: list[Reason] = []
    inputs: dict[str, None] = {}
    for name in names:
        for reason in _attribute(name, before.get(name), after.get(name), own):
            if reason.form is Form.INPUT:
                inputs |= dict.fromkeys(reason.added)
            else:
                rest.append(reason)
    by_inputs = [Reason(form=Form.INPUT, added=tuple(inputs))] if inputs else []
    return (*rest, *by_inputs)


def _attribute(name: str, old: Any, new: Any, own: Own) -> Iterator[Reason]:  # noqa: ANN401 - JSON
    """Yield the reasons for which one attribute of a derivation differs."""
    if old == new or own.follows(old, new):
        return
    sides = {_side(value) for value in (old, new) if value is not None}
    if sides == {_Side.LIST}:
        yield from _members(name, old or [], new or [], own)
    elif sides == {_Side.INPUT}:
        yield from _inputs(name, old or {}, new or {}, own)
    elif sides == {_Side.SET}:
        before = cast("dict[str, Any]", old or {})
        after = cast("dict[str, Any]", new or {})
        for inner in sorted(before.keys() | after.keys()):
            yield from _attribute(
                f"{name}.{inner}", before.get(inner), after.get(inner), own
            )
    elif sides == {_Side.PATH}:
        one, other = (side["name"] if side is not None else None for side in (old, new))
        form = Form.CONTENT if one == other else Form.VALUE
        yield Reason(form=form, name=name, removed=_only(one), added=_only(other))
    elif sides == {_Side.TEXT}:
        yield from _texts(name, old, new, own)
    else:
        yield Reason(form=Form.VALUE, name=name, removed=_only(old), added=_only(new))


def _side(value: Any) -> _Side:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return _Side.LIST
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        if "drv" in members:
            return _Side.INPUT
        if members.keys() == {"name", "out"}:
            return _Side.PATH
        return _Side.TEXT if members.keys() == {"text", "inputs"} else _Side.SET
    return _Side.TEXT if isinstance(value, str) else _Side.VALUE


def _members(name: str, old: list[Any], new: list[Any], own: Own) -> Iterator[Reason]:
    """Yield the differences between two lists of a derivation, by their members."""
    old, new = [*_flat(old)], [*_flat(new)]
    one, other = ([_label(member) for member in side] for side in (old, new))
    removed = tuple((Counter(one) - Counter(other)).elements())
    added = tuple((Counter(other) - Counter(one)).elements())
    if removed or added:
        yield Reason(form=Form.MEMBERS, name=name, removed=removed, added=added)
    elif one != other:
        yield Reason(form=Form.ORDER, name=name)
    befores = dict(zip(one, old, strict=True))
    for label, member in zip(other, new, strict=True):
        before = befores.get(label, member)
        if before == member:
            continue
        if _side(member) is _Side.INPUT and "hash" not in member:
            yield Reason(form=Form.INPUT, name=name, added=(label,))
        elif _side(member) is _Side.TEXT:
            yield from _texts(name, before, member, own)
        else:
            yield Reason(form=Form.CONTENT, name=name, added=(label,))


def _flat(members: list[Any]) -> Iterator[Any]:
    """Yield the members of a list as a derivation has them, without nesting or null."""
    for member in members:
        if _side(member) is _Side.LIST:
            yield from _flat(member)
        elif member is not None:
            yield member


def _label(member: Any) -> str:  # noqa: ANN401 - JSON
    side = _side(member)
    if side in {_Side.INPUT, _Side.PATH}:
        return str(member["name"])
    if side is _Side.TEXT:
        return _text(member)
    return str(member)


def _inputs(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], own: Own
) -> Iterator[Reason]:
    """Yield the differences between two inputs of a derivation.

    Downloads are compared by their URLs and hashes.
    """
    if "hash" in old and "hash" in new:
        for part in ("urls", "hash"):
            one, other = old[part], new[part]
            is_expected = own.updated and (part == "hash" or own.follows(one, other))
            if one != other and not is_expected:
                yield Reason(
                    form=Form.VALUE,
                    name=f"{name}.{part}",
                    removed=_only(one),
                    added=_only(other),
                )
    elif old.get("name") == new.get("name"):
        yield Reason(form=Form.INPUT, name=name, added=(str(new["name"]),))
    elif own.follows(old.get("name"), new.get("name")) and old.keys() == new.keys():
        # The name contains the version, as for vendored sources.
        return
    else:
        yield Reason(
            form=Form.MEMBERS,
            name=name,
            removed=_only(old.get("name")),
            added=_only(new.get("name")),
        )


def _texts(name: str, old: Any, new: Any, own: Own) -> Iterator[Reason]:  # noqa: ANN401 - JSON
    """Yield the differences between two texts, by lines and by mentioned inputs."""
    one, other = (_text(side) if side is not None else "" for side in (old, new))
    befores, afters = (
        {_package(path) for path in paths}
        for paths in (
            _paths(old) - _paths(new) - _source(own.before),
            _paths(new) - _paths(old) - _source(own.after),
        )
    )
    if inputs := sorted(befores & afters):
        yield Reason(form=Form.INPUT, name=name, added=tuple(inputs))
    if one == other or own.follows(one, other):
        return
    if "\n" in one + other:
        olds, news = (
            [line.strip() for line in side.splitlines()] for side in (one, other)
        )
        lines = [*difflib.unified_diff(olds, news, n=0, lineterm="")][2:]
        removed, added = (
            tuple(line[1:] for line in lines if line[0] == sign and line[1:])
            for sign in "-+"
        )
        form = Form.LINES if removed or added else Form.SPACES
        yield Reason(form=form, name=name, removed=removed, added=added)
    else:
        yield Reason(
            form=Form.VALUE,
            name=name,
            removed=_only(one if old is not None else None),
            added=_only(other if new is not None else None),
        )


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return str(cast("dict[str, Any]", value)["text"])
    return str(value)


def _paths(value: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Return the derivations that a text mentions."""
    return {*value["inputs"]} if isinstance(value, dict) else set()


def _source(attributes: Mapping[str, Any]) -> set[str]:
    """Return the form in which a text mentions the source of a package."""
    source = attributes.get("src")
    if source is None or _side(source) is not _Side.INPUT:
        return set()
    return {f"!out!{source['drv']}"}


def _package(path: str) -> str:
    """Return the name of the package to which a store path belongs."""
    return _VERSION.sub("", STORE.sub("", path.rpartition("!")[2]))


def _only(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    """Return a value as a tuple of display texts; empty if the value is missing."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(map(str, cast("list[object]", value)))
    if isinstance(value, bool):
        return (str(value).lower(),)
    return (str(value),)
