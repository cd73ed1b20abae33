"""Find the attributes that each file of a nixpkgs may define.

The search is by text and includes too much rather than too little: it follows all
references to a file up to a package set. Nix then decides whether such an attribute
exists and differs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import PurePosixPath
from posixpath import dirname

from toolkit import inside
from toolkit.judge import literals, tokens
from toolkit.sources import package_files
from toolkit.sources.changes import MOST
from toolkit.sources.trees import NixpkgsTree

AttrPath = tuple[str, ...]
_Named = tuple[str, frozenset[AttrPath]]

TOP = f"{package_files.TOP}/"
ALL_PACKAGES = str(package_files.ALL_PACKAGES)
ALIASES = str(package_files.ALIASES)
PERSONS: Mapping[str, AttrPath] = {
    "maintainers/maintainer-list.nix": ("lib", "maintainers"),
    "maintainers/team-list.nix": ("lib", "teams"),
}
"""The files that list maintainers, and the attribute path of each list."""
TESTS = "nixos/tests/"

_TABLES = frozenset(
    {ALL_PACKAGES, ALIASES, f"{TOP}unixtools.nix", f"{TOP}darwin-aliases.nix"}
)
# Only the top-level files that make the package set itself; their references lead to
# the other files.
_EVERYTHING = re.compile(
    rf"pkgs/stdenv/|lib/|default\.nix|pkgs/build-support/cc-wrapper/"
    rf"|{TOP}(?:by-name-overlay|config|default|impure|impure-overlays|packages-config|pure-packages|splice|stage|static"
    r"|variants)\.nix"
)
# Directories whose results are in no package set: NixOS configurations, and jobs of
# Hydra.
_APART = ("nixos/", f"{TOP}release")

_LANGUAGES = (
    "agda coq dotnet java kodi lua node ocaml octave perl python2 rocq ruby rust"
)
_FAMILIES = {
    **{f"{name}-packages.nix": f"{name}Packages" for name in _LANGUAGES.split()},
    "python-packages.nix": "python3Packages",
    "python-aliases.nix": "python3Packages",
    "php-packages.nix": "phpExtensions phpPackages",
    "haskell-packages.nix": "haskellPackages haskell.packages",
    "linux-kernels.nix": "linuxPackages linuxKernel.kernels linuxKernel.packages",
    "beam-packages.nix": "beam beamPackages",
    "qt5-packages.nix": "libsForQt5 qt5",
    "qt6-packages.nix": "qt6Packages qt6",
    "emacs-packages.nix": "emacsPackages emacs.pkgs",
    "darwin-packages.nix": "darwin",
    "gnome-packages.nix": "gnome",
    "wine-packages.nix": "wine winePackages",
    "release-python.nix": "",
}
# Directories whose files list packages of a language. The path from such a file to its
# package set leads through many functions.
DIRECTORIES = {
    "pkgs/development/haskell-modules": "haskellPackages",
    "pkgs/development/lua-modules": "luaPackages",
}
# Functions of all-packages.nix that return a package set.
_MAKERS: Mapping[str, Sequence[AttrPath]] = {
    "linuxPackagesFor": [("linuxPackages",), ("linuxPackages_latest",)]
}
_OTHER_NAME = re.compile(
    r"^  ([\w-]+) = (?:(?:final|pkgs|self)\.)?([A-Za-z_][\w-]*(?:\.[\w-]+){,3});",
    re.MULTILINE,
)
_NEW_NAME = re.compile(
    r"^  ([\w'-]+) =\s+(?:\S*[wW]arn\S*\s+\"[^\"]*\"\s+)?(?:(?:final|pkgs|self)\.)?"
    r"([A-Za-z_][\w'-]*);",
    re.MULTILINE,
)
_DROPPED = re.compile(r"^  ([\w-]+) =\s+throw\b", re.MULTILINE)
_INHERIT = re.compile(r"\binherit \(([\w.-]{1,80})\)([^;()]{1,4000});")
# The further versions of a language's package set that Hydra builds.
_VERSIONED = re.compile(
    r"^ *(((python|perl|lua|ruby|php)[\d_]+)(?:Packages|Extensions)) *= "
    r"*recurseIntoAttrs",
    re.MULTILINE,
)
MOST_SUFFIXES = 80
"""The maximum number of attributes of a file whose references are followed."""

_SETS = re.compile(
    r"^  ([\w-]+) = (?:[\w.]+ )?\(?(?:[\w.]*\.)?recurseIntoAttrs\b|^  "
    r"(\w+(?:Packages|Plugins|Extensions)) =",
    re.MULTILINE,
)
_MOST_FILES = 4000
_DEEPEST = 3


class Map:
    """The references between the files of a nixpkgs tree.

    `contents` replace files of the tree.
    """

    def __init__(self, tree: NixpkgsTree, contents: Mapping[str, bytes | None]) -> None:
        """Read the index of the tree's references, or create the index."""
        self._tree, self._root = tree, tree.root
        self._contents = contents
        self._index = literals.index(tree)
        self.text = cache(self._text)
        self.renamed = cache(self._renamed)
        self._offsets = cache(self._literals)
        self._added: defaultdict[str, set[str]] = defaultdict(set)
        self._naming: dict[frozenset[str], list[str]] = {}
        for file in contents:
            for path in self._offsets(file):
                self._added[path].add(file)

    def _text(self, file: str) -> str:
        """Return the text of a file, empty if the file cannot be read."""
        content = self._contents.get(file)
        if content is None:
            content = (
                b""
                if inside.link(self._root, file) is not None
                else inside.find(self._root, file, most=MOST)
            )
        return (content or b"").decode("utf-8", "replace")

    def _literals(self, file: str) -> Mapping[str, list[int]]:
        """Return the offsets at which a file mentions each path."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for path, offset in literals.find(file, self.text(file)):
            found[path].append(offset)
        return found

    def reached(
        self, file: str, names: Iterable[AttrPath] = ()
    ) -> tuple[frozenset[AttrPath], bool]:
        """Return the attribute paths that a file may define.

        The second result is true if all packages may depend on the file. `names`
        restricts the search to these attributes of the file.
        """
        found: set[AttrPath] = set()
        is_all = _EVERYTHING.match(file) is not None
        if (family := DIRECTORIES.get(dirname(file))) is not None:
            found |= {(family, *name[-1:]) for name in names}
        # Code may name the directory of a file instead of the file.
        waiting: list[_Named] = [(file, frozenset({(), *names}))]
        seen: set[_Named] = set()
        while waiting and len(seen) < _MOST_FILES:
            state = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            current, suffixes = state
            if (named := package_files.by_name(current)) is not None:
                found |= {(named, *suffix) for suffix in suffixes}
            if (families := self._families(current)) is not None:
                lasts = {last for suffix in suffixes for last in (suffix, suffix[-1:])}
                found |= {(*family, *last) for family in families for last in lasts}
            elif current != file and _EVERYTHING.match(current):
                is_all = True
            else:
                waiting += self._upward(current, suffixes, found)
        if file in _TABLES:
            found |= _made(names)
        renamed = self.renamed(ALL_PACKAGES)
        found |= {path for path in renamed if renamed[path] in found}
        return frozenset(path for path in found | self.inherited(found) if path), is_all

    def _renamed(self, file: str) -> Mapping[AttrPath, AttrPath]:
        """Return the aliases of the form `name = other;` in a file, by name."""
        return {
            (name,): tuple(other.split("."))
            for name, other in _OTHER_NAME.findall(self.text(file))
        }

    @cached_property
    def new_names(self) -> Mapping[str, str]:
        """The new names of renamed packages, by the alias for the old name."""
        return dict(_NEW_NAME.findall(self.text(ALIASES)))

    @cached_property
    def dropped(self) -> frozenset[str]:
        """The names of removed packages, whose aliases throw a message."""
        return frozenset(_DROPPED.findall(self.text(ALIASES)))

    def inherited(self, paths: Iterable[AttrPath]) -> set[AttrPath]:
        """Return the top-level names under which attributes of sets are inherited.

        all-packages.nix inherits them in the form `inherit (set) name;`.
        """
        return {path[-1:] for path in paths if path in self._inherits}

    @cached_property
    def _inherits(self) -> set[AttrPath]:
        found = _INHERIT.findall(self.text(ALL_PACKAGES))
        return {
            (*source.split("."), name)
            for source, names in found
            for name in names.split()
        }

    def _upward(
        self, file: str, suffixes: frozenset[AttrPath], found: set[AttrPath]
    ) -> Iterator[tuple[str, frozenset[AttrPath]]]:
        """Yield the files that mention a file, with the attribute paths below them.

        The attributes of package sets are added to `found`.
        """
        for other, names, below in self._referrers(file):
            if other.startswith(_APART):
                continue
            places = self._places(other, names)
            if other in _TABLES:
                found |= {
                    (*path, *suffix) for path in _made(places) for suffix in suffixes
                }
                continue
            above = (
                (),
                *(
                    tuple(name for name in path if name != "passthru")
                    for path in places
                ),
                *below,
            )
            extended = {
                (*path, *suffix)[-_DEEPEST:] for path in above for suffix in suffixes
            }
            yield (
                other,
                frozenset(
                    sorted(extended, key=lambda each: (len(each), each))[:MOST_SUFFIXES]
                ),
            )

    def is_table(self, file: str) -> bool:
        """Return whether a top-level file defines package sets."""
        return file in _TABLES or self._families(file) is not None

    def tests(self, file: str) -> set[AttrPath]:
        """Return the NixOS tests that a file defines, according to all-tests.nix."""
        if not file.startswith(TESTS):
            return set()
        name = re.escape(re.sub(r"(/default)?\.nix$", "", file.removeprefix(TESTS)))
        table = rf"^  ([\w-]+) =[^\n]*[ (]\./{name}(?:\.nix)?(?![\w./-])"
        return {
            ("nixosTests", test)
            for test in re.findall(
                table, self.text(f"{TESTS}all-tests.nix"), re.MULTILINE
            )
        }

    def sets(self) -> set[str]:
        """Return the names in all-packages.nix that look like package sets."""
        found = _SETS.findall(self.text(ALL_PACKAGES))
        return {name for names in found for name in names} - {""}

    def families(self) -> set[AttrPath]:
        """Return the attribute paths of the package sets at the top level."""
        return {
            prefix
            for name in _FAMILIES
            for prefix in self._families(f"{TOP}{name}") or ()
        }

    def _families(self, file: str) -> list[AttrPath] | None:
        """Return the package sets that a file in pkgs/top-level defines, or None."""
        if not file.startswith(TOP):
            return None
        family = _FAMILIES.get(file.removeprefix(TOP))
        if family is None:
            return None
        prefixes = [tuple(name.split(".")) for name in family.split()]
        kind = re.match(r"python|perl|lua|ruby|php", family)
        if kind is not None and not family.startswith("python2"):
            text = self.text(ALL_PACKAGES)
            default = set(
                re.findall(rf"^  {kind[0]}3? = ({kind[0]}[\d_]+);", text, re.MULTILINE)
            )
            for name, version, prefix in _VERSIONED.findall(text):
                if prefix == kind[0] and version not in default:
                    prefixes.append((name,))
        return prefixes

    def _referrers(
        self, file: str
    ) -> Iterator[tuple[str, Sequence[str], Sequence[AttrPath]]]:
        """Yield the files that mention a file, or else a directory that contains it.

        The second value are the mentioned paths, the third the attribute paths of the
        file relative to the directory.
        """
        names = [file]
        if PurePosixPath(file).name == "default.nix":
            names.append(dirname(file))
        direct = {other for name in names for other in self._who_name(name)} - {file}
        for other in sorted(direct):
            yield other, names, ()
        if direct or file.startswith(TOP) or package_files.is_package(file):
            return
        path = PurePosixPath(file)
        # In pkgs/by-name, a package is a whole directory.
        least = 4 if file.startswith(f"{package_files.BY_NAME}/") else 2
        around = [
            directory for directory in path.parents if len(directory.parts) >= least
        ]
        for directory in around[: _DEEPEST + 2]:
            # A file deeper in the directory uses the path to reach another place.
            others = {
                other
                for other in self._who_name(str(directory))
                if other != file
                and (
                    not other.startswith(f"{directory}/")
                    or dirname(other) == str(directory)
                )
            }
            beside = (str(directory / name) for name in ("default.nix", "package.nix"))
            others |= {place for place in beside if place != file and self.text(place)}
            if others:
                stem = path.parts[len(directory.parts)].removesuffix(".nix")
                yield from (
                    (other, [str(directory)], [(stem,)]) for other in sorted(others)
                )
                return

    def importers(self, file: str) -> set[str]:
        """Return the files that mention a file, or the directory of a default.nix."""
        path = PurePosixPath(file)
        names = [file, *([dirname(file)] if path.name == "default.nix" else [])]
        return {other for name in names for other in self._who_name(name)} - {file}

    def is_named(self, file: str) -> bool:
        """Return whether any file mentions a file of pkgs/by-name, or its directory."""
        parts = file.split("/")
        return any(
            self._who_name("/".join(parts[:end])) for end in range(4, len(parts) + 1)
        )

    def _who_name(self, path: str) -> set[str]:
        return {*self._index.get(path, ()), *self._added.get(path, ())}

    def _places(self, file: str, names: Sequence[str]) -> set[AttrPath]:
        """Return the attribute paths in a file whose code mentions some paths."""
        offsets = [
            offset for name in names for offset in self._offsets(file).get(name, ())
        ]
        return {
            path
            for offset in offsets
            for path in tokens.attributes(self.text(file), offset)
        }

    def naming(self, names: Sequence[str]) -> list[str]:
        """Return the files that contain one of these names as a word.

        All files of the change are added at the end.
        """
        wanted = frozenset(names)
        if not wanted:
            return []
        known = next((each for each in self._naming if wanted <= each), wanted)
        if known not in self._naming:
            # git-grep searches fixed strings one by one, which takes minutes for two
            # hundred.
            words = "|".join(
                re.sub(r"([^\w'-])", r"\\\1", name) for name in sorted(known)
            )
            self._naming[known] = literals.naming(self._tree, f"({words})")
        return [*dict.fromkeys((*self._naming[known], *self._contents))]


def shortest(paths: Iterable[AttrPath]) -> list[AttrPath]:
    """Return attribute paths in order, the shortest first."""
    return sorted(paths, key=lambda path: (len(path), path))


def _made(paths: Iterable[AttrPath]) -> set[AttrPath]:
    """Return attribute paths with package sets in place of functions that make sets."""
    return {
        (*made, *path[1:])
        for path in paths
        for made in _MAKERS.get(path[0], [path[:1]])
    }
