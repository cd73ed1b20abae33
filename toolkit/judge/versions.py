"""The other versions of a package set: what a file makes in one of them it makes in the others, perhaps differently."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from toolkit.judge.reach import AttrPath

CONTAINERS: Mapping[AttrPath, str] = {
    ("beam", "packages"): "beamPackages",
    ("haskell", "packages"): "haskellPackages",
    ("linuxKernel", "packages"): "linuxPackages",
    ("ocaml-ng",): "ocamlPackages",
}
"""Sets of package sets, and what the one of them is called that is the default."""

MOST = 24
"""So many versions of a set are asked about."""

_SET = re.compile(r"(\D+?)[\d_.]*(Packages|Extensions|Plugins)(_.*)?")
_POSTGRESQL = re.compile(r"postgresql_\d+")
"""Servers, each with the set of its packages as `pkgs`."""

_NUMBERED = re.compile(r"\D*[\d_]+\D*")


def family(name: str) -> str | None:
    """Return what the versions of a package set have in common in their names, None for what is called otherwise."""
    found = _SET.fullmatch(name)
    return re.sub("^luajit", "lua", found[1]) + found[2] if found is not None else None


def is_set(prefix: AttrPath) -> bool:
    """Return whether a path is that of a package set with other versions, if there are any."""
    return prefix[:-1] in CONTAINERS or (len(prefix) == 1 and family(prefix[0]) is not None)


def others(names: Mapping[AttrPath, Collection[str]], prefix: AttrPath) -> list[AttrPath]:
    """Return the other versions of a package set, by the names in the set of all packages and in CONTAINERS.

    Those with nothing but a number come first.
    """
    around = prefix[:-1]
    kind = CONTAINERS.get(around) or (family(prefix[0]) if len(prefix) == 1 else None)
    if kind is None:
        return []
    return sorted({*_of_kind(names, kind)} - {prefix}, key=lambda path: (_is_special(path), path))


def _of_kind(names: Mapping[AttrPath, Collection[str]], kind: str) -> Iterator[AttrPath]:
    for around, found in names.items():
        for name in found:
            if CONTAINERS.get(around) == kind or (not around and family(name) == kind):
                yield (*around, name)
            elif not around and kind == "postgresqlPackages" and _POSTGRESQL.fullmatch(name):
                yield (name, "pkgs")


def _is_special(path: AttrPath) -> bool:
    return _NUMBERED.fullmatch(path[-1]) is None
