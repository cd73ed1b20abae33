"""Compare attributes in other versions of a package set, such as python3Packages.

A file that one version uses is also used in the others, perhaps in another way.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from toolkit.asking.packages import ELSEWHERE, FUNCTION, PACKAGE, PARTS
from toolkit.judge.differences import Gap
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import STATIC, Record
from toolkit.text import few

CONTAINERS: Mapping[AttrPath, str] = {
    ("beam", "packages"): "beamPackages",
    ("haskell", "packages"): "haskellPackages",
    ("linuxKernel", "packages"): "linuxPackages",
    ("ocaml-ng",): "ocamlPackages",
}
"""The sets that contain the versions of a package set, with the name of the default
version.
"""

_MOST = 24
"""The maximum number of versions of a set to compare in full; others by derivation
only.
"""

_MOST_ATTRIBUTES = 240
_DEEPEST = 2
"""The maximum number of names in the path of a package set."""

_SET = re.compile(r"(\D+?)[\d_.]*(Packages|Extensions|Plugins)(_.*)?")
_IMPLEMENTATIONS = {"luajit": "lua", "pypy": "python"}
_POSTGRESQL = re.compile(r"postgresql_\d+")
"""A pattern for the names of PostgreSQL servers, whose attribute `pkgs` is a package
set.
"""

# The order of versions: releases, then their variants.
_RANKED = (re.compile(r"[a-zA-Z-]+_?\d[\d_.]*(\.pkgs)?"), re.compile(r"\D*[\d_]+\D*"))


def compare(record: Record, reached: Collection[AttrPath]) -> None:
    """Compare changed attributes in other versions of their package sets.

    On other systems than the main one, only attributes that differ are compared.
    """
    found = {path for path in reached if record.kinds.get(path) in {PACKAGE, FUNCTION}}
    prefixes = {
        path[:end] for path in found for end in range(1, min(len(path), _DEEPEST + 1))
    }
    if not any(is_set(prefix) for prefix in prefixes):
        return
    wanted, more = _wanted(record.names(((), *CONTAINERS)), found)
    new, more = (
        [path for path in paths if path not in record.kinds] for paths in (wanted, more)
    )
    if left := {
        path[:-1] for path in (*new[_MOST_ATTRIBUTES:], *more[_MOST_ATTRIBUTES:])
    }:
        what = few(sorted(".".join(path) for path in left))
        record.unknown.append(
            Gap(
                what=what,
                reason="the package sets have too many versions; --all compares them",
            )
        )
    with record.apart() as findings:
        compared = record.compare({record.native: new[:_MOST_ATTRIBUTES]}, ELSEWHERE)
        record.compare({record.native: more[:_MOST_ATTRIBUTES]}, ("derivation",))
        # Some versions of a set lack packages, or have packages that do not evaluate.
        findings.not_covered[:] = [
            gap for gap in findings.not_covered if gap.parts != PARTS
        ]
        findings.unknown[:] = [
            gap
            for gap in findings.unknown
            if gap.limit or "derivation" not in gap.parts
        ]
    differ = {difference.attribute for difference in findings.differences}
    again = [path for path in compared[record.native] if ".".join(path) in differ]
    record.compare(
        {
            system: again
            for system in record.systems
            if system not in {record.native, STATIC}
        }
    )


def _wanted(
    names: Mapping[AttrPath, Collection[str]], found: Collection[AttrPath]
) -> tuple[list[AttrPath], list[AttrPath]]:
    """Return the paths that the given attributes have in other versions of a set.

    For example, `python3Packages.x` is also `python312Packages.x`. The second list is
    for the versions after the first _MOST.
    """
    own = {path[:end] for path in found for end in range(1, len(path) + 1)}
    wanted: dict[AttrPath, None] = {}
    more: dict[AttrPath, None] = {}
    for path in sorted(found):
        for end in range(1, min(len(path), _DEEPEST + 1)):
            versions = [
                other for other in others(names, path[:end]) if other not in own
            ]
            wanted |= dict.fromkeys((*other, *path[end:]) for other in versions[:_MOST])
            more |= dict.fromkeys((*other, *path[end:]) for other in versions[_MOST:])
    return [*wanted], [*more]


def family(name: str) -> str | None:
    """Return the common name of a package set's versions.

    For example, `python312Packages` belongs to `pythonPackages`. Return None if the
    name does not have the form of a package set's name.
    """
    found = _SET.fullmatch(name)
    if found is None:
        return None
    return _IMPLEMENTATIONS.get(found[1], found[1]) + found[2]


def is_set(prefix: AttrPath) -> bool:
    """Return whether a path leads to a package set with several versions."""
    return prefix[:-1] in CONTAINERS or (
        len(prefix) == 1 and family(prefix[0]) is not None
    )


def others(
    names: Mapping[AttrPath, Collection[str]], prefix: AttrPath
) -> list[AttrPath]:
    """Return the paths of the other versions of a package set.

    Names with only a number come first. A version with two names is returned once.
    """
    around = prefix[:-1]
    kind = CONTAINERS.get(around) or (family(prefix[0]) if len(prefix) == 1 else None)
    if kind is None:
        return []
    found = sorted(
        {*_versions(names, kind)} - {prefix}, key=lambda path: (_rank(path), path)
    )
    first: dict[str, AttrPath] = {}
    for path in found:
        first.setdefault(_version(path), path)
    return [*first.values()]


def _versions(
    names: Mapping[AttrPath, Collection[str]], kind: str
) -> Iterator[AttrPath]:
    """Yield the paths of all versions of a package set."""
    for around, found in names.items():
        for name in found:
            if CONTAINERS.get(around) == kind or (not around and family(name) == kind):
                yield (*around, name)
            elif (
                not around
                and kind == "postgresqlPackages"
                and _POSTGRESQL.fullmatch(name)
            ):
                yield (name, "pkgs")


def _version(path: AttrPath) -> str:
    """Return the name of a package set without the word Packages or similar.

    Names of the same version become equal, such as `linuxPackages_6_6` and `linux_6_6`.
    """
    return re.sub(
        "Packages|Extensions|Plugins",
        "",
        ".".join(path[-2:]) if path[-1] == "pkgs" else path[-1],
    )


def _rank(path: AttrPath) -> int:
    return next(
        (
            rank
            for rank, pattern in enumerate(_RANKED)
            if pattern.fullmatch(_version(path))
        ),
        len(_RANKED),
    )
