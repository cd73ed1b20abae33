"""Find the attributes that read or override others, by text: in pkgs, lib and nixos, by any path of names."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import chain
from math import inf

from msgspec import Struct

from toolkit.judge import mapping, tokens
from toolkit.judge.differences import Difference, Kind, Weight
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import Record
from toolkit.sources.package_files import by_name

_TABLES = {mapping.ALL_PACKAGES, mapping.ALIASES}
_MOST_NAMES = 400
_DEEPEST = 3
_MOST_PATHS = 400
_MOST_FILES = 6000
# Every package has these: their names tell nothing of who reads a package that is
# called so.
OF_ALL = frozenset(
    {"meta", "name", "out", "passthru", "pname", "src", "tests", "version"}
)
# An attribute of it, a call of it by a function of the library, a with.
_AFTER = r"(?:\.(?!nix\b)[A-Za-z_]|\s+or\b)"
_BEFORE = r"(?:inherit\s*\(\s*(?:[\w.-]+\.)?|get(?:Exe'?|Bin|Dev|Lib|Version|Name)\s+\(?(?:[\w.-]+\.)?|with\s+(?:[\w.-]+\.)?)"


class Readers(Struct, frozen=True, kw_only=True):
    """Attributes that read or override others, attributes that only name them, and files of NixOS.

    `left` counts what was not looked for, by what it is.
    """

    strong: tuple[AttrPath, ...]
    weak: tuple[AttrPath, ...]
    modules: tuple[str, ...]
    left: Mapping[str, int]


def find(
    record: Record,
    own: Collection[AttrPath],
    functions: Collection[str],
    *,
    files: Collection[str] | None = None,
) -> Readers:
    """Return the readers of the attributes `own`.

    `files` are the changed ones, which are known already.

    An attribute that only names one counts if that one differs, has a new name in it,
    or is one of the `functions`, which show nothing without a call. References to
    different attributes come first. A long list is cut by default.
    """
    names = sorted({path[-1] for path in own if len(path[-1]) > 1} - OF_ALL)
    serious, places = _differing(record.differences) | {*functions}, record.maps[1]
    is_whole = record.sides.every_reference
    most_names, most_files, most = (
        (len(names), None, inf) if is_whole else (_MOST_NAMES, _MOST_FILES, _MOST_PATHS)
    )
    naming = places.naming(names[:most_names])
    texts = ((file, places.text(file)) for file in naming[:most_files])
    named = {
        file: found
        for file, text in texts
        if (found := _places(text, tuple(names[:most_names])))
    }
    ranks = {
        name: rank
        for rank, name in enumerate(dict.fromkeys(chain.from_iterable(named.values())))
    }
    strong, weak, first = set[AttrPath](), set[AttrPath](), set[AttrPath]()
    modules: list[str] = []
    unread = len(naming) - len(naming[:most_files])
    # If not all can be looked at, it is the files of some names.
    for file in sorted(
        named, key=lambda file: min(map(ranks.__getitem__, named[file]))
    ):
        is_table, is_module, text = (
            file in _TABLES,
            file.startswith("nixos/"),
            places.text(file),
        )
        if not is_table and file in (record.files if files is None else files):
            continue
        if not (is_table or _reads(text, named[file])):
            if is_module or serious.isdisjoint(named[file]):
                continue
            if len(weak) >= most:
                unread += 1
                continue
        code = tokens.in_code(text, tuple(chain.from_iterable(named[file].values())))
        found = {
            name: kept
            for name, offsets in named[file].items()
            if (kept := [at for at in offsets if at in code])
        }
        differ = {name: found[name] for name in serious & found.keys()}
        is_reading = is_table or _reads(text, found)
        if is_module:
            modules += [file] if is_reading else []
        elif is_reading or differ:
            made = (
                _named(places, file, found)
                if is_table
                else _made_from(places, file, found)
            )
            (
                strong if is_table or (is_reading and len(strong) < most) else weak
            ).update(made)
            first |= (
                _named(places, file, differ) if is_table else made if differ else set()
            )

    def ranked(paths: set[AttrPath]) -> tuple[AttrPath, ...]:
        there = (path for path in paths - {*own} if len(path) <= _DEEPEST)
        return tuple(
            sorted(there, key=lambda path: (path not in first, len(path), path))
        )

    left = {"file": unread, "name": len(names[most_names:])}
    return Readers(
        strong=ranked(strong),
        weak=ranked(weak - strong),
        modules=tuple(sorted(modules)),
        left=left,
    )


def _differing(differences: Iterable[Difference]) -> set[str]:
    """Return the names of attributes that differ, or of which one may look for a new name in other ways."""
    return {
        each.attribute.rpartition(".")[2]
        for each in differences
        if each.weight is not Weight.NOTE
        or (each.kind is Kind.PASSTHRU and each.before is None)
    }


@lru_cache(maxsize=1024)
def _places(text: str, names: tuple[str, ...]) -> dict[str, list[int]]:
    """Return the offsets of names in a text, as words, but not where they are defined."""
    words = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    found: defaultdict[str, list[int]] = defaultdict(list)
    for match in re.finditer(rf"(?<![\w'-])(?:{words})(?![\w'-]|\s*=(?!=))", text):
        found[match[0]].append(match.start())
    return found


def _made_from(
    places: mapping.Map, file: str, found: Mapping[str, Iterable[int]]
) -> frozenset[AttrPath]:
    """Return what a file may be in, one package for one of pkgs/by-name, and what is made in it where it has names."""
    name = by_name(file)
    if name is not None and file.endswith("/package.nix"):
        return frozenset({(name,)})
    return places.reached(file, _named(places, file, found))[0]


def _named(
    places: mapping.Map, file: str, found: Mapping[str, Iterable[int]]
) -> set[AttrPath]:
    """Return the attributes of a file in which some places stand."""
    text = places.text(file)
    return {
        path
        for offsets in found.values()
        for at in offsets
        for path in tokens.attributes(text, at)
    }


def _reads(text: str, named: Mapping[str, Iterable[int]]) -> bool:
    """Return whether a text reads or overrides what it names, at one of the places of each name."""
    for name, offsets in named.items():
        word = re.escape(name)
        pattern = re.compile(rf"{_BEFORE}{word}(?![\w'-])|(?<![\w'-]){word}{_AFTER}")
        if any(
            pattern.search(text, max(0, at - 60), at + len(name) + 12) for at in offsets
        ):
            return True
    return False
