"""Choose the attributes of nixpkgs to compare for a change.

They are the attributes that the changed files define, then all attributes that use
those.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import PurePosixPath

from msgspec.structs import replace

from toolkit.asking.packages import PACKAGE, THROWS, Question
from toolkit.judge import (
    borrowed,
    comparing,
    everything,
    library,
    mapping,
    modules,
    rebuilding,
    settings,
    why,
)
from toolkit.judge.audience import FEW_READERS, Audience
from toolkit.judge.changed import ChangedText, file_changes
from toolkit.judge.condensing import condensed
from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    DifferencePlace,
    Gap,
    Judgement,
    Kind,
    Weight,
    changed,
    noted,
    regression,
)
from toolkit.judge.made import MOST, MOST_DEEP, Made, candidates
from toolkit.judge.mapping import AttrPath
from toolkit.judge.record import SAMPLE, STATIC, Record
from toolkit.judge.sides import Sides
from toolkit.judge.subject import THREW
from toolkit.nix import limits
from toolkit.parallel import beside
from toolkit.sources.package_files import BY_NAME, by_name, is_package
from toolkit.text import few

_MOST_NAMES = 24
_UPDATING = re.compile(
    r"^maintainers/scripts/|/update[\w.-]*\.(?:sh|py|rb|pl|nu|js|ts|mjs)$"
)


class Extent:
    """Chooses and compares the attributes of a change, and collects the results.

    On the systems of `everything`, all attributes of the package set are compared.
    `explained` is an attribute whose rebuild is explained even if the change does not
    define it.
    """

    def __init__(
        self,
        sides: Sides,
        systems: Sequence[str],
        *,
        everything: Sequence[str] = (),
        explained: AttrPath | None = None,
    ) -> None:
        """Read the changed files, and prepare an empty result."""
        self.sides = sides
        self.everything = everything
        self.explained = explained
        self.files = file_changes(sides)
        self.record = Record(sides, self.files, systems)
        self.systems, self.native = self.record.systems, self.record.native
        self.made = Made(self.record)
        self.audience = Audience(self.record)

    def judged(self) -> Judgement:
        """Compare the attributes of the change, and return the differences."""
        relevant = [file for file in self.files if not file.is_document]
        documents = [file.path for file in self.files if file.is_document]
        if documents:
            self.record.not_covered.append(
                Gap(what=few(documents), reason="nothing to evaluate")
            )
        broken = [self._broken(file) for file in relevant if file.error is not None]
        if broken:
            self.record.differences.extend(broken)
        elif relevant:
            self._judge(relevant)
            for system in self.everything:
                everything.compare(self.record, system)
            if not self.everything:
                self.record.unknown.extend(self.made.unreached)
        return rebuilding.planned(self._judgement(), self.record)

    def _judgement(self) -> Judgement:
        """Return the differences and other results that were collected so far."""
        differences = [*condensed(self.record.maps, self.record.differences)]
        differ = {
            each.attribute for each in differences if each.weight is not Weight.NOTE
        }
        gaps = dict.fromkeys(self.record.unknown)
        apart = {gap for gap in gaps if self._stands_apart(gap)}
        asked = len(self.record.asked)
        differing = len(differ & self.record.asked) if asked else len(differ)
        return Judgement(
            files=len(self.files),
            systems=tuple(self.systems),
            asked=asked,
            same=asked - differing,
            differ=differing,
            differences=tuple(sorted(differences, key=self._rank)),
            reached=self._compared(lambda name: name not in self.audience.names),
            readers=self._compared(lambda name: name in self.audience.names),
            unknown=tuple(gap for gap in gaps if gap not in apart),
            unanswered=tuple(
                replace(gap, reference=gap.attribute in self.audience.names)
                for gap in gaps
                if gap in apart
            ),
            not_covered=tuple(dict.fromkeys(self.record.not_covered)),
            equal=tuple(file.path for file in self.files if file.equal),
            everything=tuple(self.everything),
            maintainers={
                name: each
                for name, each in sorted(self.record.maintainers.items())
                if name in differ
            },
        )

    def _compared(self, wanted: Callable[[str], bool]) -> dict[str, tuple[str, ...]]:
        """Return the names of compared attributes that `wanted` accepts, by system."""
        found = {
            system: [name for name in names if wanted(name)]
            for system, names in self.record.compared.items()
        }
        return {
            system: tuple(dict.fromkeys(names))
            for system, names in found.items()
            if names
        }

    def _stands_apart(self, gap: Gap) -> bool:
        """Return whether a limit affects only a dependent or a single system.

        A dependent is an attribute that uses a changed one.
        """
        elsewhere = [
            names
            for system, names in self.record.compared.items()
            if system != gap.system
        ]
        others = {name for names in elsewhere for name in names}
        return gap.limit is not None and gap.attribute in self.audience.names | others

    def _broken(self, file: ChangedText) -> Difference:
        """Return the difference that Nix cannot parse a file any more.

        If there is such a file, nothing else is compared.
        """
        name = by_name(file.path) or file.path
        cause = Cause(fact=DifferenceFact.NOT_NIX, place=DifferencePlace.FILE)
        return self.record.subject(name, self.native).differs(
            regression(Kind.EVALUATION, cause, None, file.error)
        )

    def _judge(self, files: Sequence[ChangedText]) -> None:
        """Compare the attributes that the files define, then their dependents."""
        moves_names = self._moves_names(files)
        if moves_names or any(file.path == mapping.ALIASES for file in files):
            text = "\n".join(each.text(mapping.ALIASES) for each in self.record.maps)
            self.record.aliases = set(re.findall(r"^  ([\w'-]+) =", text, re.MULTILINE))
        for file in files:
            if file.is_of_persons:
                self.audience.ask_maintained(file, MOST)
        general = self._candidates([file for file in files if not file.is_of_persons])
        differing = [
            file
            for file in files
            if not file.equal and file.path in self.record.reached
        ]
        special = [file for file in differing if file.path not in general]
        self._ask_files(files, differing, special)
        if moves_names:
            self._compare_names()
        self._compare_other_names(differing)
        self._look_beyond(
            [file.path for file in differing if file.path in general], special
        )
        self._compare_settings(special)
        made = self.made.own(differing)
        why.explain(self.record, made, self.explained)
        self._compare_modules(files)
        library.compare(self.record, files)
        borrowed.compare(self.record, [file for file in files if not file.equal])
        self._ask_references(made)
        for file in differing:
            self._note(file)
        self.record.weigh_unnamed(self.audience.names)
        self._require_all_needed(special, made)

    def _ask_files(
        self,
        files: Sequence[ChangedText],
        differing: Sequence[ChangedText],
        special: Sequence[ChangedText],
    ) -> None:
        """Compare the attributes that the `differing` files define.

        For the `special` files, on which not all packages depend, also compare
        attributes that they affect indirectly.
        """
        self._ask_made(differing)
        self.made.widen(special)
        # A file that Nix parses to the same code may still change positions.
        equal = [file.path for file in files if file.equal]
        moved = {path for file in equal for path in self.record.reached.get(file, ())}
        self.record.compare(
            {self.native: self.made.few_enough(moved - {*self.record.kinds})}
        )

    def _compare_settings(self, files: Sequence[ChangedText]) -> None:
        """Compare packages with the nixpkgs settings that changed lines read."""
        for file in files:
            there = self.made.there(file, self.record.reached[file.path])
            settings.compare(self.record, file, self.record.packages(there))

    def _compare_modules(self, files: Sequence[ChangedText]) -> None:
        """Compare changed NixOS modules, and store the NixOS tests that use them."""
        judged = [
            file
            for file in files
            if not file.equal and modules.is_judged(self.record, file)
        ]
        self.audience.add_readers(modules.compare(self.record, judged))

    def _require_all_needed(
        self, files: Sequence[ChangedText], made: set[AttrPath]
    ) -> None:
        """Record the changed files whose effect is unknown.

        The effect is unknown if a file defines no attribute, or no compared package
        needs it.
        """
        for file in files:
            if self._is_unnamed(file):
                continue
            if found := self.record.reached[file.path]:
                self._require_needed(file, found & made, made)
            else:
                reason = "unlet found no attribute that is made from it"
                self._leave(Gap(what=file.path, reason=reason))

    def _look_beyond(
        self, general: Sequence[str], special: Sequence[ChangedText]
    ) -> None:
        """Record that all packages may differ, if a change may affect them.

        The change may affect a file on which all packages depend, or stdenv.
        """
        if general and not self.everything:
            reason = "every package depends on it, but only a few were compared"
            self.made.unreached.append(Gap(what=few(general), reason=reason))
            self.record.compare(
                {
                    system: [tuple(name.split(".")) for name in SAMPLE]
                    for system in self.systems
                }
            )
            return
        # The search by names does not find everything that stdenv uses.
        may_be_in_stdenv = self.record.serious and not all(
            by_name(file.path) for file in special
        )
        if may_be_in_stdenv and not self.record.is_same(("stdenv",)):
            reason = (
                "differs, and so does every package that is built with it; --all "
                "compares them"
            )
            self.made.unreached.append(Gap(what="stdenv", reason=reason))

    def _ask_made(self, changed: Sequence[ChangedText]) -> None:
        """Compare the attributes that changed files define.

        At the same time, search the attributes that use packages of pkgs/by-name, and
        compare them.
        """
        asked = {path for file in changed for path in self.record.reached[file.path]}
        names = frozenset(
            path[0] for path in asked if len(path) == 1 and len(path[0]) > 1
        )
        is_known = (
            names
            and len(names) <= FEW_READERS
            and all(by_name(file.path) for file in changed)
        )
        with ExitStack() as stack:
            if is_known:
                # The last systems, cross and static, take the longest.
                for system in reversed(
                    [each for each in self.systems if each != self.native]
                ):
                    self.sides.foresee(system, partial(self._foreseen, system, asked))
                self.sides.foresee(
                    self.native,
                    stack.enter_context(beside(partial(self.audience.foreseen, names))),
                )
            self.made.ask(asked)

    def _foreseen(self, system: str, asked: Iterable[AttrPath]) -> list[Question]:
        """Return likely questions about attributes on a system, to answer in advance.

        The attributes exist on the main system. The system `static` has only top-level
        packages.
        """
        paths = [
            path
            for path in mapping.shortest(asked)[:MOST_DEEP]
            if len(path) == 1 or system != STATIC
        ]
        native, question = self.native, self.record.question
        return [
            question(system, path)
            for path in paths
            if self.sides.was_there(native, question(native, path))
        ]

    def _ask_references(self, made: set[AttrPath]) -> None:
        """Compare the attributes that read or override a changed attribute."""
        own = {path for path in made if not self.record.is_inside(path)}
        readers: Sequence[str] = ()
        if own:
            self.sides.progress.step("looking for readers")
            serious = {each.attribute for each in self.record.serious}
            readers = self.audience.ask(
                own,
                {path for path in self.made.members if ".".join(path) not in serious},
            )
        self.audience.ask_tests(readers)

    def _note(self, file: ChangedText) -> None:
        """Add differences that are visible only in the text of a changed file.

        They are messages of throw or warn, and names whose value depends on the
        computer.
        """
        reached = self.record.reached[file.path]
        there = mapping.shortest(reached & self.record.kinds.keys())
        if file.ambient.machine:
            subject = self.record.subject(
                ".".join(there[0]) if there else file.path, self.native
            )
            cause = Cause(
                fact=DifferenceFact.READS_MACHINE,
                place=DifferencePlace.FILE,
                names=file.ambient.machine,
            )
            self.record.differences.append(
                subject.differs(changed(Kind.EVALUATION, cause))
            )
        if file.said[0] != file.said[1] and there:
            subject = self.record.subject(".".join(there[0]), self.native)
            cause = Cause(fact=DifferenceFact.SAYS, place=DifferencePlace.FILE)
            self.record.differences.append(
                subject.differs(noted(Kind.EVALUATION, cause, *file.said))
            )

    def _compare_other_names(self, files: Sequence[ChangedText]) -> None:
        """Compare whether an alias still throws if its package throws."""
        for table in {mapping.ALL_PACKAGES, mapping.ALIASES} & {
            file.path for file in files
        }:
            before, after = (each.renamed(table) for each in self.record.maps)
            lost = [
                path
                for path in before
                if after.get(path) != before[path] and path in self.record.kinds
            ]
            asked = [
                Question(path=path, parts=("derivation",), marked=before[path][:1])
                for path in lost[:_MOST_NAMES]
            ]
            for question, pair in self.record.answers(asked):
                follows = [
                    each.kind == THROWS
                    or each.parts.get("derivation", {}).get("drv") == THREW
                    for each in pair
                ]
                if follows == [True, False] and pair[1].kind == PACKAGE:
                    other = ".".join(before[question.path])
                    subject = self.record.subject(".".join(question.path), self.native)
                    cause = Cause(fact=DifferenceFact.RENAMED, other=other)
                    self.record.differences.append(
                        subject.differs(regression(Kind.OVERRIDE, cause))
                    )

    def _candidates(self, files: Sequence[ChangedText]) -> set[str]:
        """Find and store the attributes that each changed file may affect.

        Return the paths of the files on which all packages depend.
        """
        general: set[str] = set()
        for file in files:
            if file.path.startswith("nixos/"):
                if not (file.equal or modules.is_judged(self.record, file)):
                    self.audience.add_tests(file)
                continue
            found, is_all = candidates(file, self.record.maps)
            if file.equal and is_all:
                continue
            if file.equal:
                # A comment affects only packages whose source is the whole directory.
                found = {*mapping.shortest(found)[:FEW_READERS]}
            if is_all and (
                file.rest or file.path not in {mapping.ALL_PACKAGES, mapping.ALIASES}
            ):
                general.add(file.path)
                found |= _functions(file)
            self.record.reached[file.path] = found
        return general

    def _is_reason(self, file: ChangedText, own: set[AttrPath]) -> bool:
        """Return whether a changed file, such as a patch, explains a rebuild."""
        name = PurePosixPath(file.path).name
        names = {".".join(path) for path in own}
        own_ones = (
            difference
            for difference in self.record.differences
            if difference.attribute in names
        )
        return any(
            name in (*reason.removed, *reason.added)
            for difference in own_ones
            for reason in difference.why
        )

    def _require_needed(
        self, file: ChangedText, own: set[AttrPath], made: set[AttrPath]
    ) -> None:
        """Record that a file's effect is unknown if no compared package needs it.

        For example, a function may have no caller. `own` are the attributes that the
        file may define, `made` the attributes that all changed files may define.
        """
        if own and file.path in {mapping.ALL_PACKAGES, mapping.ALIASES}:
            # All packages depend on a table of packages; its names were compared.
            return
        if self._is_needed(file, own, made):
            return
        callers = sorted(
            path
            for path, kind in self.record.kinds.items()
            if kind == PACKAGE and ".".join(path) in self.audience.names
        )
        if self.sides.times.left <= 0:
            self._leave(
                Gap(
                    what=file.path,
                    reason=(
                        "unlet did not search for packages that need it: "
                        f"{limits.no_time()}"
                    ),
                )
            )
        elif not self.made.needs(file, callers):
            self._leave(
                Gap(what=file.path, reason="no package that was compared needs it")
            )
        elif sets := self.audience.closed:
            reason = (
                f"the packages that functions of {few(sets)} make were not compared"
            )
            self.made.unreached.append(Gap(what=file.path, reason=reason))
        elif self.audience.left:
            reason = (
                f"compared {len(callers)} packages that use its subject, but not "
                f"{self.audience.left} others"
            )
            self.made.unreached.append(Gap(what=file.path, reason=reason))

    def _is_needed(
        self, file: ChangedText, own: set[AttrPath], made: set[AttrPath]
    ) -> bool:
        """Return whether a package needs a file; try the file's own packages first."""
        packages = self.record.packages(own)
        all_packages = self.record.packages(made - own)
        owner = [path for path in packages if path[0] == by_name(file.path)]
        if owner and is_package(file.path):
            return True
        others = [path for path in packages if path not in owner]
        if (
            self._is_reason(file, own)
            or self.made.needs(file, owner)
            or self.made.needs(file, others)
            or self.made.needs(file, self.made.values(own))
        ):
            return True
        is_all = not (self.audience.left or self.audience.closed)
        return is_all and self.made.needs(file, all_packages)

    def _leave(self, gap: Gap) -> None:
        """Record that the effect of a changed file is unknown.

        Scripts that maintainers run belong to no package, so they count as not
        compared.
        """
        if _UPDATING.search(gap.what):
            self.record.not_covered.append(
                Gap(what=gap.what, reason="it updates packages, but belongs to none")
            )
        else:
            self.made.unreached.append(gap)

    def _moves_names(self, files: Sequence[ChangedText]) -> bool:
        """Return whether the change may add or remove attributes of the package set."""
        tables = {mapping.ALL_PACKAGES, mapping.ALIASES}
        return any(
            not file.equal
            and (
                file.path in tables
                or (
                    file.path.startswith(f"{BY_NAME}/")
                    and None in {file.before, file.after}
                )
            )
            for file in files
        )

    def _compare_names(self) -> None:
        ((_, (before, after)),) = self.record.answers(
            [Question(path=(), parts=("names",))]
        )
        known = {(each.attribute, each.kind) for each in self.record.differences}
        for each in comparing.compare(
            self.record.subject("", self.native), before, after
        ):
            if (each.attribute, each.kind) not in known:
                self.record.differences.append(each)

    def _is_unnamed(self, file: ChangedText) -> bool:
        """Return whether no code mentions a file in a package's directory.

        Such a file in pkgs/by-name is a part of the package's source, or unused.
        """
        is_beside = by_name(file.path) is not None and not is_package(file.path)
        return is_beside and not any(
            each.is_named(file.path) for each in self.record.maps
        )

    def _rank(self, difference: Difference) -> tuple[int, bool, int, str, int]:
        """Return the sort key of a difference.

        The worst difference comes first, and changed attributes come before their
        dependents.
        """
        system = (
            self.systems.index(difference.system)
            if difference.system in self.systems
            else len(self.systems)
        )
        is_reader = difference.attribute in self.audience.names
        kind = [*Kind].index(difference.kind)
        return (
            [*Weight].index(difference.weight),
            is_reader,
            kind,
            difference.attribute,
            system,
        )


def _functions(file: ChangedText) -> set[AttrPath]:
    """Return the attribute paths of the functions in a file of nixpkgs' lib."""
    if not file.path.startswith("lib/"):
        return set()
    stem = PurePosixPath(file.path).stem
    return {
        ("lib", stem),
        *(("lib", stem, *name) for name in file.names),
        *(("lib", *name) for name in file.names),
    }
