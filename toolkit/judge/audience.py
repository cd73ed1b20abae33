"""Compare the dependents of changed attributes.

A dependent is a package, NixOS test or module that reads or overrides an attribute.
"""

from collections.abc import Collection, Mapping, Sequence

from toolkit.asking.packages import FEW, FUNCTION, PACKAGE, SET, Question
from toolkit.judge import mapping, readers
from toolkit.judge.changed import ChangedText
from toolkit.judge.differences import Gap
from toolkit.judge.made import OF_SETS
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import STATIC, Record
from toolkit.text import counted, few

_MOST_READERS = 120
_MOST_CALLERS = 60
_MOST_MADE = 600
_MOST_OPENED = 60
FEW_READERS = 24


class Audience:
    """Compares the dependents of changed attributes, which read or override them.

    `names` are the dependents that were compared; `left` is the number of dependents
    that were not compared.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self.names: set[str] = set()
        self.left = 0
        self._tests: set[AttrPath] = set()
        self._reading: set[AttrPath] = set()

    def ask(
        self, own: Collection[AttrPath], same: Collection[AttrPath]
    ) -> Sequence[str]:
        """Compare the dependents of the attributes `own`, which read or override them.

        Attributes in `same` have no difference, so their dependents are left out.
        Return the NixOS files that use the attributes.
        """
        kinds = self._record.kinds
        functions = {path[-1] for path in own if kinds[path] == FUNCTION} - OF_SETS
        serious = {each.attribute for each in self._record.serious}
        single = {
            path for path in own if path not in same and self._is_value(path, serious)
        }
        single |= {
            path for path in own if kinds[path] == FUNCTION and path[-1] in functions
        }
        there = readers.find(self._record, single, functions)
        self._ask(there, idle=not functions)
        common = {".".join(path) for path in single if path[-1] in readers.OF_ALL}
        if common := common & serious:
            reason = (
                "unlet did not search for uses, because every package has an "
                "attribute of that name"
            )
            self._record.not_covered.append(
                Gap(what=few(sorted(common)), reason=reason)
            )
        return self._ask_callers(there, own) if functions else there.modules

    def _is_value(self, path: AttrPath, serious: Collection[str]) -> bool:
        """Return whether other code uses an attribute as a value.

        A function is called instead, and a set is used through its members, except sets
        of values in nixpkgs' lib.
        """
        kind = self._record.kinds[path]
        if kind != SET:
            return kind != FUNCTION
        return path[0] == "lib" and path[2:] != () and ".".join(path) in serious

    def _ask_callers(
        self, there: readers.Readers, own: Collection[AttrPath]
    ) -> Sequence[str]:
        """Compare the callers of functions that call or rename a changed function.

        Such a function shows no difference until it is called. Return the NixOS files
        that use these functions.
        """
        # A package set may contain another one.
        opened = [*self._open(), *self._open()]
        kinds = self._record.kinds
        calling = {
            path
            for path in (*there.strong, *there.weak, *opened)
            if kinds.get(path) == FUNCTION
        } - {*own}
        calling = {path for path in calling if path[-1] not in OF_SETS}
        if not calling:
            return there.modules
        callers = readers.find(self._record, calling, {path[-1] for path in calling})
        self._ask(callers, idle=False)
        return callers.modules

    def foreseen(self, names: Collection[str]) -> list[Question]:
        """Return questions about the dependents of packages that may differ."""
        found = readers.find(self._record, {(name,) for name in names}, names)
        return [
            Question(path=path, parts=FEW)
            for path in (*found.strong[:_MOST_READERS], *found.weak[:FEW_READERS])
        ]

    @property
    def closed(self) -> list[str]:
        """The package sets whose members were not evaluated.

        A set that contains an evaluated package is left out.
        """
        record = self._record
        packages = (
            path for path, kind in record.kinds.items() if kind in {PACKAGE, FUNCTION}
        )
        opened = {path[:end] for path in packages for end in range(1, len(path))}
        sets = {
            path
            for path, kind in record.kinds.items()
            if kind == SET and not record.is_inside(path)
        } - opened
        return sorted({".".join(path) for path in sets} & self.names)

    def _open(self) -> list[AttrPath]:
        """Compare the members of small package sets that call a changed function.

        Return the members that exist.
        """
        record = self._record
        if not (closed := self.closed):
            return []
        sets = record.names(tuple(name.split(".")) for name in closed)
        small = [each for each in sets.items() if len(each[1]) <= _MOST_OPENED]
        found = [(*path, name) for path, names in small for name in sorted(names)]
        self.names |= {".".join(path) for path in found} - record.asked
        return record.compare({record.native: found}, FEW)[record.native]

    def _ask(self, found: readers.Readers, *, idle: bool) -> None:
        """Compare the dependents that a search has found.

        With `idle`, the dependents only read values that were already compared, so
        fewer of them are compared.
        """
        record = self._record
        most = (_MOST_READERS, FEW_READERS if idle else _MOST_CALLERS)
        if record.sides.every_reference:
            most = (len(found.strong), len(found.weak))
        wanted = [*found.strong[: most[0]], *found.weak[: most[1]]]
        rest = [*found.strong[most[0] :], *found.weak[most[1] :]]
        # The results of a function show in all of its callers, if there are not too
        # many.
        more = [] if idle or len(rest) > _MOST_MADE else rest
        left = {"attribute": len(rest) - len(more), **found.left}
        self.left += sum(left.values())
        record.not_covered.extend(
            [
                Gap(
                    what=counted(count, f"more {what}"),
                    reason="too many files use it: --references all compares them all",
                )
                for what, count in left.items()
                if count
            ]
        )
        if not wanted:
            return
        new = {".".join(path) for path in (*wanted, *more)} - record.asked
        self.names |= new
        record.idle |= new if idle else set()
        serious = {each.system for each in record.serious} - {STATIC}
        if not idle:
            self._ask_everywhere(wanted, more)
        elif record.native not in serious and serious:
            record.compare(dict.fromkeys(serious, wanted), FEW)
        else:
            # A difference on the main system is the same on other systems, except for
            # packages that use the attribute only there.
            record.compare({record.native: wanted}, FEW)
            differ = {
                each.attribute
                for each in record.serious
                if each.system == record.native
            }
            rest = [path for path in wanted if ".".join(path) not in differ][
                :FEW_READERS
            ]
            record.compare(dict.fromkeys(serious - {record.native}, rest), FEW)

    def _ask_everywhere(
        self, wanted: Sequence[AttrPath], more: Sequence[AttrPath]
    ) -> None:
        """Compare dependents on the main system, and some of them on other systems.

        For the dependents in `more`, only the derivations are compared.
        """
        record = self._record
        record.compare({record.native: wanted}, FEW)
        record.compare({record.native: more}, ("derivation",))
        some = wanted[:FEW_READERS]
        others = {
            system: some
            for system in record.systems
            if system not in {record.native, STATIC}
        }
        if STATIC in record.systems:
            others[STATIC] = [path for path in some if len(path) == 1]
        record.compare(others, FEW)

    def ask_maintained(self, file: ChangedText, most: int) -> None:
        """Compare the maintainers in a changed file, and `meta` of their packages.

        At most `most` packages are compared, on the main system only.
        """
        record = self._record
        persons = {(*mapping.PERSONS[file.path], *name[:1]) for name in file.names}
        # For a team, this shows only the number of members.
        members = {(*path, "members") for path in persons}
        record.compare({record.native: sorted(persons | members)}, FEW)
        names = {path[-1] for path in persons}
        found = readers.find(record, persons, names, files={file.path})
        packages = mapping.shortest({*found.strong, *found.weak})
        self.names |= {".".join(path) for path in packages}
        record.compare({record.native: packages[:most]}, ("meta",))
        if (rest := len(packages) - most) > 0:
            what = f"{counted(rest, 'more attribute')} with {few(sorted(names))}"
            record.unknown.append(Gap(what=what, reason="too many"))

    def add_tests(self, file: ChangedText) -> None:
        """Add the NixOS tests that a changed NixOS file defines, for `ask_tests`.

        If the file defines no test, record that its effect is unknown.
        """
        maps = self._record.maps if self._record.sides.nixos else ()
        tests = {test for each in maps for test in each.tests(file.path)}
        self._tests |= tests
        if not tests:
            what = (
                "a NixOS test"
                if file.path.startswith(mapping.TESTS)
                else "a NixOS module"
            )
            self._record.unknown.append(
                Gap(what=file.path, reason=f"{what}, which Nix does not evaluate")
            )

    def add_readers(self, tests: Collection[AttrPath]) -> None:
        """Add the NixOS tests that use a changed NixOS module, for `ask_tests`."""
        self._reading |= {*tests}

    def ask_tests(self, files: Sequence[str]) -> None:
        """Compare the NixOS tests that were added, and those in some NixOS files.

        `files` are NixOS files that use changed attributes. Tests that only use a
        changed module are compared if the user asked for NixOS tests.
        """
        record = self._record
        found: Mapping[str, set[AttrPath]] = (
            {file: record.maps[1].tests(file) for file in files}
            if record.sides.nixos
            else {}
        )
        if modules := [file for file in files if not found.get(file)]:
            reason = "the NixOS modules and tests that read them were not evaluated"
            reason = (
                reason
                if record.sides.nixos
                else f"{reason}; --nixos evaluates the tests"
            )
            record.not_covered.append(Gap(what=few(modules), reason=reason))
        reading: set[AttrPath] = self._reading if record.sides.nixos else set()
        if left := sorted(".".join(path) for path in self._reading - reading):
            reason = f"{counted(len(left), 'NixOS test')} may read it: add --nixos"
            record.not_covered.append(Gap(what=few(left), reason=reason))
        tests = self._tests | reading
        tests |= {test for defined in found.values() for test in defined}
        record.compare({record.native: sorted(tests)}, ("derivation",))
