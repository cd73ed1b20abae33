"""Find the attributes that read or override others, by text: in pkgs, lib and nixos, by any path of names."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from math import inf

from msgspec import Struct

from toolkit.judge import reach, tokens
from toolkit.judge.differences import Difference, Kind, Weight
from toolkit.judge.reach import AttrPath

_TABLES = {reach.ALL_PACKAGES, reach.ALIASES}
_MOST_NAMES = 400
_DEEPEST = 3
_MOST_PATHS = 400
# Every package has these: their names tell nothing of who reads a package that is called so.
OF_ALL = frozenset({"meta", "name", "out", "passthru", "pname", "src", "tests", "version"})
# An attribute of it, a call of it by a function of the library, a with.
_AFTER = r"(?:\.(?!nix\b)[A-Za-z_]|\s+or\b)"
_BEFORE = (
    r"(?:inherit\s*\(\s*(?:[\w.-]+\.)?|get(?:Exe'?|Bin|Dev|Lib|Version|Name)\s+\(?(?:[\w.-]+\.)?|with\s+(?:[\w.-]+\.)?)"
)


class Readers(Struct, frozen=True, kw_only=True):
    """Attributes that read or override others, attributes that only name them, and files of NixOS."""

    strong: tuple[AttrPath, ...]
    weak: tuple[AttrPath, ...]
    modules: tuple[str, ...]


def find(  # noqa: PLR0913 - what is looked for, and what is known of it
    places: reach.Map,
    own: Collection[AttrPath],
    differences: Iterable[Difference],
    files: Collection[str],
    *,
    functions: Collection[str],
    every: bool = False,
) -> Readers:
    """Return the readers of the attributes `own`; `files` are the changed ones, which are known already.

    An attribute that only names one counts if that one differs, has a new name in it, or is one of the `functions`,
    which show nothing without a call. References to different attributes come first. The list is cut if it is long,
    unless `every` one is wanted.
    """
    most = inf if every else _MOST_PATHS
    names = sorted({path[-1] for path in own if len(path[-1]) > 1} - OF_ALL)[:_MOST_NAMES]
    # A new name of a package may be looked for in other ways than by reading it.
    serious = {
        each.attribute.rpartition(".")[2]
        for each in differences
        if each.weight is not Weight.NOTE or (each.kind is Kind.PASSTHRU and each.before is None)
    } | {*functions}
    strong: set[AttrPath] = set()
    weak: set[AttrPath] = set()
    first: set[AttrPath] = set()
    modules: set[str] = set()
    for file, named in _by_file(places, names, files).items():
        is_table = file in _TABLES
        if not (is_table or _reads(places.text(file), named) or (serious & named.keys() and len(weak) < most)):
            continue
        code = {*tokens.in_code(places.text(file), chain.from_iterable(named.values()))}
        found = {name: kept for name, offsets in named.items() if (kept := [at for at in offsets if at in code])}
        reading = is_table or _reads(places.text(file), found)
        if file.startswith("nixos/"):
            modules |= {file} if reading else set()
        elif reading or serious & found.keys():
            made = _named(places, file, found) if is_table else _made_from(places, file, found)
            (strong if is_table or (reading and len(strong) < most) else weak).update(made)
            differ = {name: found[name] for name in serious & found.keys()}
            first |= _named(places, file, differ) if is_table else made if differ else set()
    sides = (strong - {*own}, weak - strong - {*own})
    ranked = (sorted(paths, key=lambda path: (path not in first, len(path), path)) for paths in sides)
    strongest, weakest = (tuple(path for path in paths if len(path) <= _DEEPEST) for paths in ranked)
    return Readers(strong=strongest, weak=weakest, modules=tuple(sorted(modules)))


def _by_file(places: reach.Map, names: Sequence[str], files: Collection[str]) -> Mapping[str, dict[str, list[int]]]:
    """Return the places of names by file, without the files of a change that are no tables."""
    by_file: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)
    for name, found in places.readers(names).items():
        for file, offsets in found.items():
            if file not in files or file in _TABLES:
                by_file[file][name] = offsets
    return by_file


def _made_from(places: reach.Map, file: str, found: Mapping[str, Iterable[int]]) -> frozenset[AttrPath]:
    """Return what a file may be in, one package for one of pkgs/by-name, and what is made in it where it has names."""
    name = reach.by_name(file)
    if name is not None and file.endswith("/package.nix"):
        return frozenset({(name,)})
    return places.reached(file, _named(places, file, found))[0]


def _named(places: reach.Map, file: str, found: Mapping[str, Iterable[int]]) -> set[AttrPath]:
    """Return the attributes of a file in which some places stand."""
    text, bound = places.text(file), places.bindings(file)
    return {path for offsets in found.values() for at in offsets for path in tokens.attributes(bound, text, at)}


def _reads(text: str, named: Mapping[str, Iterable[int]]) -> bool:
    """Return whether a text reads or overrides what it names, at one of the places of each name."""
    for name, offsets in named.items():
        word = re.escape(name)
        pattern = re.compile(rf"{_BEFORE}{word}(?![\w'-])|(?<![\w'-]){word}{_AFTER}")
        if any(pattern.search(text, max(0, at - 60), at + len(name) + 12) for at in offsets):
            return True
    return False
