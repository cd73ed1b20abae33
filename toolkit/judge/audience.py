"""Compare the packages, NixOS tests and modules that use changed attributes.

They read or override these attributes.
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
    """Compares the users of a change's attributes.

    `names` are the changed attributes whose users were compared; `left` counts the
    users that were not.
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
        """Compare the users of the attributes `own`, except the `same` ones.

        Return NixOS files that use them.
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
        """Return whether to compare by value.

        Sets are compared by name, except values of the library.
        """
        kind = self._record.kinds[path]
        if kind != SET:
            return kind != FUNCTION
        return path[0] == "lib" and path[2:] != () and ".".join(path) in serious

    def _ask_callers(
        self, there: readers.Readers, own: Collection[AttrPath]
    ) -> Sequence[str]:
        """Compare the callers of functions that call a changed one, or rename it.

        Such a function shows nothing itself, either. Return NixOS files.
        """
        # A set may be in one of them.
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
        """Return likely questions about users, in case the packages differ."""
        found = readers.find(self._record, {(name,) for name in names}, names)
        return [
            Question(path=path, parts=FEW)
            for path in (*found.strong[:_MOST_READERS], *found.weak[:FEW_READERS])
        ]

    @property
    def closed(self) -> list[str]:
        """The sets whose members were not evaluated, except sets of a package."""
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
        """Compare members of small sets that call a changed function; return them."""
        record = self._record
        if not (closed := self.closed):
            return []
        sets = record.names(tuple(name.split(".")) for name in closed)
        small = [each for each in sets.items() if len(each[1]) <= _MOST_OPENED]
        found = [(*path, name) for path, names in small for name in sorted(names)]
        self.names |= {".".join(path) for path in found} - record.asked
        return record.compare({record.native: found}, FEW)[record.native]

    def _ask(self, found: readers.Readers, *, idle: bool) -> None:
        """Compare users.

        They are `idle` if they read only values, which were already compared.
        """
        record = self._record
        most = (_MOST_READERS, FEW_READERS if idle else _MOST_CALLERS)
        if record.sides.every_reference:
            most = (len(found.strong), len(found.weak))
        wanted = [*found.strong[: most[0]], *found.weak[: most[1]]]
        rest = [*found.strong[most[0] :], *found.weak[most[1] :]]
        # What a function makes is seen in all that call it, if these are not too many.
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
            # A difference that is there natively is the same elsewhere, but for what
            # reads it there alone.
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
        """Compare users on this system, and the first ones on others.

        Return whether `more` are built differently.
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
        """Compare the maintainers that a file changes, and `meta` of their packages.

        Do so only on this system.
        """
        record = self._record
        persons = {(*mapping.PERSONS[file.path], *name[:1]) for name in file.names}
        # Of the persons of a team, that shows no more than how many they are.
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
        """Add the NixOS tests that a NixOS file defines.

        If it defines none, its effect is unknown.
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
        """Add the NixOS tests that read a changed module."""
        self._reading |= {*tests}

    def ask_tests(self, files: Sequence[str]) -> None:
        """Evaluate the NixOS tests in the change; on request, those that read it."""
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
