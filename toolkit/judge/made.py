"""Compare the attributes that the changed files of nixpkgs define.

A file may define attributes by name, in a set, by a function, or in other versions of a
package set.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath
from posixpath import dirname

from msgspec.structs import replace

from toolkit.asking.packages import (
    ENDS,
    FUNCTION,
    PACKAGE,
    SET,
    THROWS,
    Answer,
    Question,
)
from toolkit.judge import mapping, tokens, versions
from toolkit.judge.changed import ChangedText
from toolkit.judge.differences import Gap
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import STATIC, Record
from toolkit.sources.package_files import by_name
from toolkit.text import counted, few

_DARWIN, _OTHER_DARWIN = "aarch64-darwin", "x86_64-darwin"
MOST = 1200
MOST_DEEP = 400
"""The maximum number of attributes that are evaluated on several systems."""

OF_SETS = frozenset(
    {
        "callPackage",
        "callPackages",
        "extend",
        "makeScope",
        "newScope",
        "override",
        "overrideAttrs",
        "overrideDerivation",
        "overrideScope",
        "overrideScope'",
        "packages",
    }
)
"""The names of functions that all package sets have."""

_SHARE = 0.6
_MOST_MARKED, _FEWEST_MARKED = 60, 6
_MOST_ELSEWHERE = 12
_MOST_VALUES = 48
"""The maximum number of values of a large set to compare."""

# The package sets that nixpkgs has for other platforms, each with the words that refer
# to the platform.
_ELSEWHERE: Sequence[tuple[re.Pattern[str], AttrPath]] = [
    (re.compile(asks), tuple(path.split(".")))
    for asks, path in (
        ("isMusl|pkgsMusl", "pkgsMusl"),
        ("isi686|isx86_32|is32bit|pkgsi686Linux|i686-linux", "pkgsi686Linux"),
        ("pkgsLLVM", "pkgsLLVM"),
        ("isAarch32|isArmv7|armv7l-linux", "pkgsCross.armv7l-hf-multiplatform"),
        ("isRiscV|isRiscV64|riscv64-linux", "pkgsCross.riscv64"),
        ("isLoongArch64|loongarch64-linux", "pkgsCross.loongarch64-linux"),
        ("isPower|isPower64|powerpc64le-linux", "pkgsCross.powernv"),
        ("isBigEndian|isS390x?|s390x-linux", "pkgsCross.s390x"),
        ("isMips|isMips64|mips64el-linux", "pkgsCross.mips64el-linux-gnuabi64"),
        ("isMinGW|isWindows", "pkgsCross.mingwW64"),
        ("isFreeBSD|x86_64-freebsd", "pkgsCross.x86_64-freebsd"),
    )
]


class Made:
    """Compares the attributes that changed files define.

    `unreached` describes further attributes, which only a comparison of the whole
    package set would find. `members` are members of a changed set, and `users` are
    attributes that a file defines by calling a function of its own set.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._sides = record.sides
        self._native = record.native
        self._systems = record.systems
        self.unreached: list[Gap] = []
        self.members: set[AttrPath] = set()
        self.users: set[AttrPath] = set()

    def widen(self, files: Sequence[ChangedText]) -> None:
        """Compare further attributes that the changed files affect.

        They are members of a set, results of a function, or packages in other package
        sets.
        """
        self._ask_members(files)
        for file in files:
            reached = self._record.reached[file.path]
            self._ask_elsewhere(file, reached)
            self._ask_users(file, reached)
            reached |= self._ask_sets(file, reached)
        versions.compare(
            self._record,
            {path for file in files for path in self._record.reached[file.path]},
        )

    def ask(self, reached: set[AttrPath], *, most_deep: int = MOST_DEEP) -> None:
        """Compare attributes on the main system, then on the other systems.

        On the other systems, at most `most_deep` attributes are compared.
        """
        there = self._record.compare({self._native: self.few_enough(reached)})[
            self._native
        ]
        others = [system for system in self._systems if system != self._native]
        if (count := len(there)) > most_deep and others:
            there = [
                path for path in there if self._record.kinds[path] not in {THROWS, ENDS}
            ][:most_deep]
            reason = (
                f"{count - len(there)} of {count} attributes were compared only on "
                f"{self._native}"
            )
            self._record.not_covered.append(Gap(what=", ".join(others), reason=reason))
        top = [
            path for path in there if len(path) == 1 and self._record.kinds[path] != SET
        ]
        asked = {system: top if system == STATIC else there for system in others}
        if rest := len(there) - len(asked.get(STATIC, there)):
            reason = (
                f"{counted(rest, 'package set')}, or their members, were not compared "
                "there"
            )
            self._record.not_covered.append(Gap(what=STATIC, reason=reason))
        # Users of the attributes need a share of the time, too.
        with self._sides.times.sharing(_SHARE):
            self._record.compare(asked)
        packages = self._record.packages(asked.get(_DARWIN, ()))
        known = {".".join(path) for path in packages} & {
            *self._record.compared.get(_DARWIN, ())
        }
        if packages and not known and not self._has_darwin():
            self._record.compare({_OTHER_DARWIN: packages})

    def _has_darwin(self) -> bool:
        """Return whether this nixpkgs supports aarch64-darwin.

        A nixpkgs before 2021 does not.
        """
        question = Question(path=("stdenv",), parts=("derivation",))
        sides = replace(self._sides, after=self._sides.before)
        ((before, _),) = sides.answers({_DARWIN: [question]})[_DARWIN]
        return before.kind not in {ENDS, THROWS} and not before.ends

    def _ask_elsewhere(self, file: ChangedText, reached: Collection[AttrPath]) -> None:
        """Compare a file's packages on other platforms that its lines mention.

        The effect on platforms without a package set is recorded as unknown.
        """
        packages = self._record.packages(self.there(file, reached))
        known: set[str] = set()
        for word in file.platforms:
            found = [path for asks, path in _ELSEWHERE if asks.fullmatch(word)]
            paths = [
                (*prefix, *path)
                for prefix in found or [()]
                for path in packages[:_MOST_ELSEWHERE]
            ]
            system = word if word == _OTHER_DARWIN else self._native
            if found or system != self._native:
                self._record.compare({system: paths})
            compared = {".".join(path) for path in paths} & {
                *self._record.compared.get(system, ())
            }
            # If not all packages are evaluated, the effect of the word on the others is
            # unknown.
            is_asked = compared or system != self._native
            known |= {word} if is_asked and len(packages) <= _MOST_ELSEWHERE else set()
        if rest := [word for word in file.platforms if word not in known]:
            reason = f"the effect of {few(rest)} was not compared"
            self._record.unknown.append(Gap(what=file.path, reason=reason))

    def few_enough(self, paths: Iterable[AttrPath]) -> list[AttrPath]:
        """Return at most MOST attributes to compare, the shortest paths first.

        Record the number of attributes that are left out.
        """
        found = mapping.shortest(paths)
        if (rest := len(found) - MOST) > 0:
            self.unreached.append(
                Gap(
                    what=counted(rest, "more attribute"),
                    reason="the change reaches too many packages",
                )
            )
        return found[:MOST]

    def _ask_members(self, files: Sequence[ChangedText]) -> None:
        """Compare all members of a package set that a changed file may define."""
        record, places = self._record, self._record.maps[1]
        families = places.families()
        makers: defaultdict[AttrPath, list[ChangedText]] = defaultdict(list)
        for file in files:
            for path in self._unknown_sets(file):
                makers[path].append(file)
        for path, names in record.names(sorted(makers)).items() if makers else ():
            members = {(*path, name) for name in names - OF_SETS}
            is_large = path in families and not all(
                places.is_table(file.path) for file in makers[path]
            )
            if is_large and len(members) > _MOST_MARKED:
                # The file then belongs to no single package, so all packages of a
                # language may use it.
                continue
            members |= places.inherited(members)
            for file in makers[path]:
                record.reached[file.path].update(members)
            self.members |= members - {*record.kinds}
        if makers:
            self.ask(self.members, most_deep=_MOST_MARKED)

    def _unknown_sets(self, file: ChangedText) -> set[AttrPath]:
        """Return the package sets in which a file may define any member."""
        kinds = self._record.kinds
        there = self._record.reached[file.path] & kinds.keys()
        called = (
            candidates(replace(file, names=frozenset()), self._record.maps)[0] & there
        )
        is_set = any(
            path[-1] == _called(file) and kinds[path] == SET for path in called
        )
        if not is_set and PACKAGE in {kinds[path] for path in called}:
            # The file defines a package, and the set only contains the package.
            return set()
        around = {path[:end] for path in called for end in range(1, len(path))}
        is_known = any if self._record.maps[1].is_table(file.path) else all
        is_whole = file.rest or not file.names
        return {
            path
            for path in there - around
            if kinds[path] == SET
            and (
                is_whole or not is_known((*path, *name) in there for name in file.names)
            )
        }

    def _ask_users(self, file: ChangedText, reached: set[AttrPath]) -> None:
        """Compare attributes that a file defines by calling its own functions.

        A function shows no difference until it is called. The attributes are added to
        the set `reached`.
        """
        places = self._record.maps[1]
        text = places.text(file.path)
        known: set[AttrPath] = set()
        while (
            functions := {
                path
                for path in self.there(file, reached)
                if self._record.kinds[path] == FUNCTION
                and len(path) > 1
                and path[-1] not in OF_SETS
            }
            - known
        ):
            known |= functions
            users: set[AttrPath] = set()
            for path in functions:
                word = rf"(?<![\w'-]){re.escape(path[-1])}(?![\w'-])"
                for match in re.finditer(word, text):
                    around = tokens.attributes(text, match.start())
                    users |= {(*path[:-1], *user) for user in around}
            reached |= users
            self.users |= users
            self.ask(users - {*self._record.kinds}, most_deep=_MOST_MARKED)

    def _ask_sets(
        self, file: ChangedText, reached: Collection[AttrPath]
    ) -> set[AttrPath]:
        """Compare members of package sets that have the name of a file.

        The file is one that no compared attribute needs: nixpkgs may read a whole
        directory, and add its packages to a set without naming the files. Return the
        members that exist.
        """
        path = PurePosixPath(file.path)
        if (
            path.suffix != ".nix"
            or by_name(file.path) is not None
            or file.path.startswith(mapping.TOP)
        ):
            return set()
        name = _called(file)
        packages = sorted(
            each for each in reached if self._record.kinds.get(each) == PACKAGE
        )
        has_function = FUNCTION in {
            self._record.kinds.get(each) for each in reached if len(each) == 1
        }
        if (
            has_function
            or any(each[-1] == name for each in packages)
            or self.needs(file, packages)
        ):
            return set()
        if self.needs(file, self.values(reached)):
            return set()
        possible = [(family, name) for family in sorted(self._record.maps[1].sets())]
        found = {*self._sides.needing(path, possible, self._native)}
        self.ask(found)
        return found & self._record.kinds.keys()

    def needs(self, file: ChangedText, packages: Sequence[AttrPath]) -> bool:
        """Return whether one of the packages needs a file.

        On the main system, many packages are tested, and only a few on other systems.
        """
        most = dict.fromkeys((self._native, *self._systems), _FEWEST_MARKED)
        if file.path.endswith(".nix"):
            most[self._native] = _MOST_MARKED
        return any(
            self._sides.needing(
                PurePosixPath(file.path), packages[: most[system]], system
            )
            for system in most
        )

    def values(self, paths: Collection[AttrPath]) -> list[AttrPath]:
        """Return the existing attributes whose values can be compared directly.

        Return an empty list if a set has too many values, or a value is a function.
        """
        kinds = {
            path: self._record.kinds[path]
            for path in paths
            if path in self._record.kinds
        }
        asked = [
            Question(path=path, parts=("names", "values"))
            for path, kind in kinds.items()
            if kind == SET
        ]
        is_whole = all(
            _is_whole(question.path, answer, kinds)
            for question, pair in self._record.answers(asked)
            for answer in pair
        )
        if FUNCTION in kinds.values() or not is_whole:
            return []
        return sorted(
            path for path, kind in kinds.items() if kind not in {PACKAGE, THROWS, ENDS}
        )

    def own(self, files: Sequence[ChangedText]) -> set[AttrPath]:
        """Return the existing attributes that the changed files may affect."""
        own: set[AttrPath] = set()
        for file in files:
            there = self.there(file, self._record.reached[file.path])
            own |= {path for path in there if self._is_own(file, path)}
        return own

    def there(self, file: ChangedText, reached: Collection[AttrPath]) -> set[AttrPath]:
        """Return the existing attributes that a changed file may define.

        If the file defines a package of its own name, functions of a set are left out.
        """
        there = {path for path in reached if path in self._record.kinds}
        if not any(
            path[-1] == _called(file) and self._record.kinds[path] == PACKAGE
            for path in there
        ):
            return there
        return {path for path in there if self._record.kinds[path] != FUNCTION}

    def _is_own(self, file: ChangedText, path: AttrPath) -> bool:
        """Return whether a changed file can change an attribute.

        A file for many packages of a language changes a function only if the change
        mentions the function.
        """
        is_of_language = (
            dirname(file.path) in mapping.DIRECTORIES and file.names and not file.rest
        )
        if (
            self._record.kinds[path] != FUNCTION
            or not is_of_language
            or path in self.users
        ):
            return True
        return path[-1] in {name[-1] for name in file.names}


def _is_whole(path: AttrPath, answer: Answer, kinds: Collection[AttrPath]) -> bool:
    """Return whether the values of a set contain all information about the set.

    Each value must be a package, be short, or have been compared separately.
    """
    names, values = answer.parts.get("names", ()), answer.parts.get("values", {})
    return (
        not answer.ends
        and len(names) <= _MOST_VALUES
        and all(
            not isinstance(value, dict)
            or "drv" in value
            or ("λ" not in value and (*path, name) in kinds)
            for name, value in values.items()
        )
    )


def _called(file: ChangedText) -> str:
    """Return the name of the package that a file defines, judged by the file's path."""
    path = PurePosixPath(file.path)
    return (
        path.parent.name if path.name in {"default.nix", "package.nix"} else path.stem
    )


def candidates(
    file: ChangedText, maps: Sequence[mapping.Map]
) -> tuple[set[AttrPath], bool]:
    """Return the attributes that a file of a change may define.

    They are searched in the tree before and after the change. The second result is true
    if all packages may depend on the file.
    """
    there = [
        each
        for each, content in zip(maps, (file.before, file.after), strict=True)
        if content is not None
    ]
    found: set[AttrPath] = set()
    is_any = False
    for each in there:
        paths, is_all = each.reached(file.path, file.names)
        # The source of a package is compared with the package.
        found |= {path for path in paths if path[-1] != "src" or len(path) == 1}
        is_any |= is_all
    return found, is_any
