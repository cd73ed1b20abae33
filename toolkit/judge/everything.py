"""Compare every attribute of the package set, mostly by hashes."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from toolkit.asking.packages import ENDS, PACKAGE, THROWS, Answer, Question
from toolkit.judge import comparing
from toolkit.judge.differences import (
    Cause,
    DifferenceFact,
    DifferencePlace,
    Gap,
    Kind,
    changed,
    noted,
)
from toolkit.judge.made import MOST_DEEP
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import Record
from toolkit.text import counted, few

_TOGETHER = 6000
"""The number of attributes after which answers are saved in the cache."""

_HASHED = ("arguments", "kinds", "meta", "passthru", "position")


_Pairs = Mapping[AttrPath, tuple[Answer, Answer]]


def compare(record: Record, system: str) -> None:
    """Compare all attributes of the package set on a system.

    All attributes are compared by derivations and hashes; the first ones that differ
    are then compared in full.
    """
    if not (found := _answers(record, system)):
        record.unknown.append(
            Gap(what=system, reason="Nix cannot evaluate the package set")
        )
        return
    _leave(record, system, found)
    packages = {
        path for path, pair in found.items() if PACKAGE in {each.kind for each in pair}
    }
    record.asked |= {".".join(path) for path in packages}

    def rank(path: AttrPath) -> tuple[bool, int, AttrPath]:
        return all(each.kind == PACKAGE for each in found[path]), len(path), path

    differ = sorted(
        (path for path, (before, after) in found.items() if before != after), key=rank
    )
    record.compare({system: differ[:MOST_DEEP]})
    for path in differ[MOST_DEEP:]:
        _weigh(record, path, system, found[path])
    if rest := differ[MOST_DEEP:]:
        reason = "differ, but only their derivations and hashes were compared"
        record.not_covered.append(
            Gap(
                what=f"{counted(len(rest), 'more attribute')} on {system}",
                reason=reason,
            )
        )


def _leave(record: Record, system: str, found: _Pairs) -> None:
    """Record the attributes whose comparison is incomplete.

    They hit a limit, evaluate neither before nor after the change, or have a passthru
    that Nix cannot show.
    """
    limited = {
        path: after if after.limited else before
        for path, (before, after) in found.items()
    }
    limits = {
        ".".join(path): next(iter(each.limits.values()))
        for path, each in limited.items()
        if each.limited
    }
    record.unknown.extend(
        [Gap(what=system, reason=f"{name}: {limit}") for name, limit in limits.items()]
    )
    failed = [
        path
        for path, pair in found.items()
        if {each.kind for each in pair} <= {THROWS, ENDS}
    ]
    unshown = [
        path
        for path, pair in found.items()
        if all(each.kind == PACKAGE and "passthru" not in each.parts for each in pair)
    ]
    for what, paths in (
        ("does not evaluate", failed),
        ("Nix cannot show its passthru", unshown),
    ):
        if names := sorted({".".join(path) for path in paths} - limits.keys()):
            record.not_covered.append(
                Gap(
                    what=f"{few(names)} on {system}",
                    reason=f"{what}, both before and after",
                )
            )


def _answers(record: Record, system: str) -> dict[AttrPath, tuple[Answer, Answer]]:
    """Return Nix's answers about all attributes of the package set.

    Sets with `recurseForDerivations` are searched, too. Each pair has the answers
    before and after the change.
    """
    sides = record.sides.of_all()
    found: dict[AttrPath, tuple[Answer, Answer]] = {}
    (names,) = record.sides.answers({system: [Question(path=(), parts=("names",))]})[
        system
    ]
    left: Sequence[AttrPath] = [
        (name,)
        for name in sorted(
            {name for each in names for name in each.parts.get("names", ())}
        )
    ]
    while left:
        sides.progress.step(
            f"compared {len(found):,} of {len(found) + len(left):,} on {system}"
        )
        together = _TOGETHER if sides.spread is None else len(left)
        asked, left = left[:together], left[together:]
        pairs = sides.answers({system: [Question(path=path) for path in asked]})[system]
        found.update(zip(asked, pairs, strict=True))
        inner = {
            path: sorted(
                {name for each in found[path] for name in each.parts.get("names", ())}
            )
            for path in asked
        }
        left = [
            *left,
            *((*path, name) for path, names in inner.items() for name in names),
        ]
    return found


def _weigh(
    record: Record, path: AttrPath, system: str, pair: tuple[Answer, Answer]
) -> None:
    """Add the differences of an attribute whose sections were compared by hashes."""
    subject = record.subject(".".join(path), system)
    bare = (
        replace(
            each,
            parts={
                name: each.parts[name] for name in each.parts if name not in _HASHED
            },
        )
        for each in pair
    )
    record.differences.extend(comparing.compare(subject, *bare))
    before, after = (each.parts for each in pair)
    for name in _HASHED:
        if name in before and name in after and before[name] != after[name]:
            kind = Kind.PASSTHRU if name == "kinds" else Kind(name)
            weigh = noted if kind is Kind.POSITION else changed
            cause = Cause(
                fact=DifferenceFact.HASHES_DIFFER,
                place=DifferencePlace.PARTS,
                names=(name,),
            )
            record.differences.append(subject.differs(weigh(kind, cause)))
