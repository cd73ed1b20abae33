"""Find the attributes that use changed attributes, by searching the text of files.

The search covers pkgs, lib and nixos, and attribute paths of any form.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from math import inf

from msgspec import Struct, field

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
# Every package has attributes of these names, so a use cannot be assigned to a package.
OF_ALL = frozenset(
    {"meta", "name", "out", "passthru", "pname", "src", "tests", "version"}
)
# Forms of use: an attribute of the name, a call of a lib function, a `with`.
_AFTER = r"(?:\.(?!nix\b)[A-Za-z_]|\s+or\b)"
_BEFORE = r"(?:inherit\s*\(\s*(?:[\w.-]+\.)?|get(?:Exe'?|Bin|Dev|Lib|Version|Name)\s+\(?(?:[\w.-]+\.)?|with\s+(?:[\w.-]+\.)?)"


class Readers(Struct, frozen=True, kw_only=True):
    """The dependents of changed attributes that a text search has found.

    `strong` are attributes that read or override a changed one, `weak` are attributes
    whose code only contains its name, and `modules` are NixOS files that use one.
    `left` counts the files and names that were not searched.
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
    """Return the dependents of the attributes `own`.

    A dependent is an attribute that reads or overrides one of them. Attributes whose
    code only contains the name count if the named attribute differs, or is one of
    `functions`. Dependents of attributes that differ come first. `files` are the
    changed files, which are left out. Unless the user asked for all references, a long
    list is cut.
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
    known = record.files if files is None else files
    search = _Search(places=places, serious=frozenset(serious), most=most)
    # If not all files can be read, the files of the first names are read.
    for file in sorted(
        named, key=lambda file: min(map(ranks.__getitem__, named[file]))
    ):
        if file in _TABLES or file not in known:
            search.read(file, named[file])

    unread = search.unread + len(naming) - len(naming[:most_files])
    return Readers(
        strong=search.ranked(search.strong - {*own}),
        weak=search.ranked(search.weak - search.strong - {*own}),
        modules=tuple(sorted(search.modules)),
        left={"file": unread, "name": len(names[most_names:])},
    )


class _Search(Struct, kw_only=True):
    """The dependents in the files that were searched so far, at most `most` of them.

    `first` are dependents of a `serious` name, which is the name of an attribute that
    differs.
    """

    places: mapping.Map
    serious: frozenset[str]
    most: float
    strong: set[AttrPath] = field(default_factory=set[AttrPath])
    weak: set[AttrPath] = field(default_factory=set[AttrPath])
    first: set[AttrPath] = field(default_factory=set[AttrPath])
    modules: list[str] = field(default_factory=list[str])
    unread: int = 0

    def read(self, file: str, named: Mapping[str, Sequence[int]]) -> None:
        """Add the attributes of a file whose code uses names at some offsets."""
        is_table, is_module = file in _TABLES, file.startswith("nixos/")
        text = self.places.text(file)
        if not (is_table or _reads(text, named)):
            if is_module or self.serious.isdisjoint(named):
                return
            if len(self.weak) >= self.most:
                self.unread += 1
                return
        code = tokens.in_code(text, tuple(chain.from_iterable(named.values())))
        in_code = {
            name: [at for at in offsets if at in code]
            for name, offsets in named.items()
        }
        found = {name: offsets for name, offsets in in_code.items() if offsets}
        differ = {name: found[name] for name in self.serious & found.keys()}
        is_reading = is_table or _reads(text, found)
        if is_module:
            self.modules += [file] if is_reading else []
        elif is_reading or differ:
            self._add(file, found, differ, is_reading=is_reading)

    def ranked(self, paths: set[AttrPath]) -> tuple[AttrPath, ...]:
        """Return attributes that are not nested too deeply, sorted by importance."""
        kept = [path for path in paths if len(path) <= _DEEPEST]
        kept.sort(key=lambda path: (path not in self.first, len(path), path))
        return tuple(kept)

    def _add(
        self,
        file: str,
        found: Mapping[str, Iterable[int]],
        differ: Mapping[str, Iterable[int]],
        *,
        is_reading: bool,
    ) -> None:
        """Add the attributes of a file whose code uses changed attributes."""
        if file in _TABLES:
            self.strong |= _named(self.places, file, found)
            self.first |= _named(self.places, file, differ)
            return
        made = _made_from(self.places, file, found)
        is_strong = is_reading and len(self.strong) < self.most
        (self.strong if is_strong else self.weak).update(made)
        self.first |= made if differ else set()


def _differing(differences: Iterable[Difference]) -> set[str]:
    """Return the last names of attributes that differ or gain a passthru value."""
    return {
        each.attribute.rpartition(".")[2]
        for each in differences
        if each.weight is not Weight.NOTE
        or (each.kind is Kind.PASSTHRU and each.before is None)
    }


@lru_cache(maxsize=1024)
def _places(text: str, names: tuple[str, ...]) -> dict[str, list[int]]:
    """Return the offsets at which a text uses names; definitions are left out."""
    words = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    found: defaultdict[str, list[int]] = defaultdict(list)
    for match in re.finditer(rf"(?<![\w'-])(?:{words})(?![\w'-]|\s*=(?!=))", text):
        found[match[0]].append(match.start())
    return found


def _made_from(
    places: mapping.Map, file: str, found: Mapping[str, Iterable[int]]
) -> frozenset[AttrPath]:
    """Return the attributes that code at some offsets of a file defines.

    A package.nix in pkgs/by-name defines one package.
    """
    name = by_name(file)
    if name is not None and file.endswith("/package.nix"):
        return frozenset({(name,)})
    return places.reached(file, _named(places, file, found))[0]


def _named(
    places: mapping.Map, file: str, found: Mapping[str, Iterable[int]]
) -> set[AttrPath]:
    """Return the attribute paths of the code at some offsets of a file."""
    text = places.text(file)
    places_of_all = chain.from_iterable(found.values())
    return {path for at in places_of_all for path in tokens.attributes(text, at)}


def _reads(text: str, named: Mapping[str, Iterable[int]]) -> bool:
    """Return whether a text reads or overrides one of the names in it."""
    for name, offsets in named.items():
        word = re.escape(name)
        pattern = re.compile(rf"{_BEFORE}{word}(?![\w'-])|(?<![\w'-]){word}{_AFTER}")
        if any(
            pattern.search(text, max(0, at - 60), at + len(name) + 12) for at in offsets
        ):
            return True
    return False
