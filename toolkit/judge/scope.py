"""What is asked about a change: the attributes that its files reach, then those that read or override these."""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit.judge import bindings, comparing, packages, reach, versions
from toolkit.judge.asking import ENDS, FUNCTION, PACKAGE, SET, THROWS, Question
from toolkit.judge.audience import FEW_READERS, Audience
from toolkit.judge.changed import file_changes
from toolkit.judge.model import Difference, Gap, Kind, Weight
from toolkit.judge.record import SAMPLE, STATIC, Record
from toolkit.parallel import beside
from toolkit.text import few

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from toolkit.git.reading import TreeFile
    from toolkit.judge.changed import FileChange
    from toolkit.judge.everything import Engine
    from toolkit.judge.reach import AttrPath
    from toolkit.judge.sides import Sides
    from toolkit.model import Progress

NATIVE = "x86_64-linux"
_DARWIN, _OLD_DARWIN = "aarch64-darwin", "x86_64-darwin"

_MOST = 1200
_MOST_DEEP = 400
"""So many attributes are asked about on more than one system."""

_MOST_MARKED, _FEWEST_MARKED = 60, 6
_UPDATING = re.compile(r"^maintainers/scripts/|/update[\w.-]*\.(?:sh|py|rb|pl|nu|js|ts|mjs)$")


class Verdict(Struct, frozen=True, kw_only=True):
    """What a step does, compared with the one before it."""

    files: int
    asked: int
    differ: int
    differences: tuple[Difference, ...]
    reached: Mapping[str, tuple[str, ...]]
    readers: Mapping[str, tuple[str, ...]]
    unknown: tuple[Gap, ...]
    not_covered: tuple[Gap, ...]
    equal: tuple[str, ...]
    everything: tuple[str, ...]


def judged(sides: Sides, systems: Sequence[str], *, engine: Engine | None = None, progress: Progress) -> Verdict:
    """Judge what differs between the two sides, in every attribute of the set if there is an engine for that."""
    return _Judging(sides=sides, systems=systems, engine=engine, progress=progress).verdict()


class _Judging:
    """One judgement; what it finds is collected on the way."""

    def __init__(self, *, sides: Sides, systems: Sequence[str], engine: Engine | None, progress: Progress) -> None:
        self.sides = sides
        self.engine = engine
        self.systems = [*systems]
        self.native = NATIVE if NATIVE in systems else systems[0]
        self.progress = progress
        self.files = file_changes(sides)
        self.record = Record(sides, self.files, native=self.native)
        self.unreached: list[Gap] = []
        """What the change may reach, and only every attribute of the set would show."""
        self.everything: list[str] = []
        self.audience = Audience(self.record, self.systems)
        self.members: set[AttrPath] = set()
        self.users: set[AttrPath] = set()

    def verdict(self) -> Verdict:
        relevant = [file for file in self.files if not file.is_document]
        documents = [file.path for file in self.files if file.is_document]
        if documents:
            self.record.not_covered.append(Gap(what=few(documents), reason="nothing to evaluate"))
        broken = [self._broken(file) for file in relevant if file.error is not None]
        if broken:
            self.record.differences += broken
        elif relevant:
            self._judge(relevant)
            self.record.unknown += [
                Gap(what=file.path, reason=f"what it does by {few(file.platforms)} was not asked about")
                for file in relevant
                if file.platforms
            ]
            if self.engine is not None:
                self._ask_everything(self.engine)
            else:
                self.record.unknown += self.unreached
        differ = {each.attribute for each in self.record.serious}
        return Verdict(
            files=len(self.files),
            asked=len(self.record.asked),
            differ=len(differ & self.record.asked) if self.record.asked else len(differ),
            differences=tuple(sorted(_distinct(self.record.differences), key=self._rank)),
            reached=self._compared(lambda name: name not in self.audience.names),
            readers=self._compared(lambda name: name in self.audience.names),
            unknown=tuple(dict.fromkeys(self.record.unknown)),
            not_covered=tuple(dict.fromkeys(self.record.not_covered)),
            equal=tuple(file.path for file in self.files if file.equal),
            everything=tuple(self.everything),
        )

    def _compared(self, wanted: Callable[[str], bool]) -> dict[str, tuple[str, ...]]:
        """Return by system which of the attributes that are wanted were compared there."""
        found = {system: [name for name in names if wanted(name)] for system, names in self.record.compared.items()}
        return {system: tuple(dict.fromkeys(names)) for system, names in found.items() if names}

    def _broken(self, file: FileChange) -> Difference:
        """Return the difference that a file makes which Nix does not parse: nothing is asked then."""
        name = reach.by_name(file.path) or file.path
        what = "its file is not Nix any more"
        return self.record.subject(name, self.native).differs(Kind.EVALUATION, Weight.DAMAGE, what, None, file.error)

    def _judge(self, files: Sequence[FileChange]) -> None:
        maps = [reach.Map(self.sides.base, _contents(contents)) for contents in (self.sides.before, self.sides.after)]
        if any(file.path == reach.ALIASES for file in files) or self._moves_names(files):
            text = "\n".join(each.text(reach.ALIASES) for each in maps)
            self.record.aliases = set(re.findall(r"^  ([\w'-]+) =", text, re.MULTILINE))
        for file in files:
            if file.is_of_persons:
                self.audience.ask_maintained(file, maps[1], _MOST)
        reached, of_all = self._candidates([file for file in files if not file.is_of_persons], maps)
        changed = [file for file in files if not file.equal and file.path in reached]
        asked = {path for file in changed for path in reached[file.path]}
        # Who reads a package of pkgs/by-name is looked for while Nix is asked about it.
        names = frozenset(path[0] for path in asked if len(path) == 1 and len(path[0]) > 1)
        is_known = names and len(names) <= FEW_READERS and all(reach.by_name(file.path) for file in changed)
        with beside(partial(maps[1].look_for, names)) if is_known else nullcontext():
            self._ask(asked)
        of_some = [file for file in changed if file.path not in of_all]
        self._widen(of_some, reached, maps)
        # What Nix reads as before can differ by its position alone.
        moved = {path for file in files if file.equal for path in reached.get(file.path, ())}
        self.record.compare({self.native: self._few_enough(moved - {*self.record.kinds})})
        if self._moves_names(files):
            self._compare_names()
        if of_all and self.engine is None:
            self._sample(of_all)
        elif self.record.serious and not all(reach.by_name(file.path) for file in of_some):
            self._require_same_stdenv()
        own = {path for file in changed for path in self._made(file, reached[file.path]) if self._is_own(file, path)}
        # What is in a package is read through it.
        own = {path for path in own if not self.record.is_inside(path)}
        modules: Sequence[str] = ()
        if own:
            self.progress.step("looking for readers")
            serious = {each.attribute for each in self.record.serious}
            same = {path for path in self.members if ".".join(path) not in serious}
            modules = self.audience.ask(own, same, maps[1])
        self.audience.ask_tests(modules, maps[1])
        self.record.weigh_unnamed(self.audience.names)
        for file in of_some:
            if reached[file.path]:
                self._require_needed(file, reached[file.path] & own)
            else:
                self._leave(Gap(what=file.path, reason="no attribute was found that is made from it"))

    def _widen(
        self, files: Sequence[FileChange], reached: Mapping[str, set[AttrPath]], maps: Sequence[reach.Map]
    ) -> None:
        """Ask about what else the files make: in a set, with a function of theirs, in other versions of a set."""
        self._ask_members(files, reached, maps)
        for file in files:
            self._ask_users(file, reached[file.path], maps[1])
            reached[file.path].update(self._ask_sets(file, reached[file.path], maps[1]))
        found = {path for file in files for path in reached[file.path]}
        versions.compare(self.record, self.systems, found)

    def _candidates(
        self, files: Sequence[FileChange], maps: Sequence[reach.Map]
    ) -> tuple[dict[str, set[AttrPath]], list[str]]:
        """Return the attributes that each file may be in, and the files that all packages are made with."""
        reached: dict[str, set[AttrPath]] = {}
        of_all: list[str] = []
        for file in files:
            if file.path.startswith("nixos/"):
                self.audience.add_tests(file, maps)
                continue
            found, is_all = self._reached(file, maps)
            if file.equal and (is_all or len(found) > FEW_READERS):
                continue
            if is_all and (file.rest or file.path not in {reach.ALL_PACKAGES, reach.ALIASES}):
                of_all.append(file.path)
                found |= _of_library(file)
            reached[file.path] = found
        return reached, of_all

    def _require_needed(self, file: FileChange, own: set[AttrPath]) -> None:
        """Say that a file is unknown if no package that was asked about needs it: a function is not called then."""
        if own and file.path in {reach.ALL_PACKAGES, reach.ALIASES}:
            # All packages need a table of them; what its names are was asked.
            return
        packages = sorted(
            (path for path in own if self.record.kinds[path] == PACKAGE), key=lambda path: (len(path), path)
        )
        if reach.by_name(file.path) in {path[0] for path in packages} or self._needs(file, packages):
            return
        callers = sorted(
            path
            for path, kind in self.record.kinds.items()
            if kind == PACKAGE and ".".join(path) in self.audience.names
        )
        if not self._needs(file, callers):
            self._leave(Gap(what=file.path, reason="nothing that was asked about needs it"))
        elif sets := self.audience.closed:
            reason = f"what {few(sets)} has by its functions was not asked about"
            self.unreached.append(Gap(what=file.path, reason=reason))
        elif self.audience.left:
            reason = f"asked {len(callers)} packages that name what it is for, and not {self.audience.left} others"
            self.unreached.append(Gap(what=file.path, reason=reason))

    def _needs(self, file: FileChange, packages: Sequence[AttrPath]) -> bool:
        """Return whether one of the first of some packages needs a file."""
        few_packages = packages[: _MOST_MARKED if file.path.endswith(".nix") else _FEWEST_MARKED]
        return bool(few_packages) and self.sides.needs(PurePosixPath(file.path), few_packages, self.native)

    def _leave(self, gap: Gap) -> None:
        """Say that what a file does is unknown, but for a program that is run by hand."""
        if _UPDATING.search(gap.what):
            self.record.not_covered.append(Gap(what=gap.what, reason="it updates packages, and is in none"))
        else:
            self.unreached.append(gap)

    def _reached(self, file: FileChange, maps: Sequence[reach.Map]) -> tuple[set[AttrPath], bool]:
        """Return the attributes that a file may be in, in one of the trees, and whether that is all."""
        there = [each for each, content in zip(maps, (file.before, file.after), strict=True) if content is not None]
        sides = [each.reached(file.path, file.names) for each in there]
        # What a package is fetched from is looked at with it.
        found = {path for paths, _ in sides for path in paths if path[-1] != "src" or len(path) == 1}
        return found, any(is_all for _, is_all in sides)

    def _ask(self, reached: set[AttrPath], *, most_deep: int = _MOST_DEEP) -> None:
        """Ask about what the files reach, first natively, and on the other systems about what was found."""
        there = self.record.compare({self.native: self._few_enough(reached)})[self.native]
        others = [system for system in self.systems if system != self.native]
        if (count := len(there)) > most_deep and others:
            there = [path for path in there if self.record.kinds[path] not in {THROWS, ENDS}][:most_deep]
            reason = f"{count - len(there)} of {count} attributes are asked about on {self.native} alone"
            self.record.not_covered.append(Gap(what=", ".join(others), reason=reason))
        top = [path for path in there if len(path) == 1 and self.record.kinds[path] != SET]
        asked = {system: top if system == STATIC else there for system in others}
        if rest := len(there) - len(asked.get(STATIC, there)):
            reason = f"{rest} package set{'s' if rest > 1 else ''}, or what is in one, not asked about there"
            self.record.not_covered.append(Gap(what=STATIC, reason=reason))
        self.record.compare(asked)
        if asked.get(_DARWIN) and self.record.ended.get(_DARWIN) and not self._has_new_darwin:
            self.record.compare({_OLD_DARWIN: asked[_DARWIN]})

    @cached_property
    def _has_new_darwin(self) -> bool:
        """Return whether the nixpkgs is not from before there was such a machine: nothing can be made there then."""
        question = Question(path=("stdenv",), parts=("derivation",))
        ((before, _),) = self.sides.answers({_DARWIN: [question]}, what="")[_DARWIN]
        return before.kind not in {ENDS, THROWS} and not before.ends

    def _few_enough(self, paths: Iterable[AttrPath]) -> list[AttrPath]:
        """Return the attributes that are asked about, the first of many."""
        found = sorted(paths, key=lambda path: (len(path), path))
        if (rest := len(found) - _MOST) > 0:
            self.unreached.append(Gap(what=f"{rest} more attributes", reason="the change reaches too many"))
        return found[:_MOST]

    def _ask_members(
        self, files: Sequence[FileChange], reached: Mapping[str, set[AttrPath]], maps: Sequence[reach.Map]
    ) -> None:
        """Ask about what is in a set, if it is not known which part of it a file makes."""
        places = maps[1]
        families = places.families()
        sets: defaultdict[AttrPath, list[str]] = defaultdict(list)
        large: set[AttrPath] = set()
        for file in files:
            there = {path for path in reached[file.path] if path in self.record.kinds}
            is_table = places.is_table(file.path)
            called = self._reached(replace(file, names=frozenset()), maps)[0] & there
            if PACKAGE in {self.record.kinds[path] for path in called}:
                # It is known by what it makes: a set is only around that.
                continue
            around = {path[:end] for path in called for end in range(1, len(path))}
            whole = {path for path in there if self.record.kinds[path] == SET} - around
            for path in whole:
                named = [(*path, *name) in there for name in file.names]
                is_known = any(named) if is_table else all(named)
                if file.rest or not named or not is_known:
                    sets[path].append(file.path)
                    large |= {path} if path in families and not is_table else set()
        if not sets:
            return
        asked = [Question(path=path, parts=("names",)) for path in sorted(sets)]
        for question, pair in zip(asked, self.sides.answers({self.native: asked}, what="")[self.native], strict=True):
            members = {(*question.path, name) for answer in pair for name in answer.parts.get("names", ())}
            if question.path in large and len(members) > _MOST_MARKED:
                # All of a language is made with a file that is not for one package of it.
                continue
            members |= places.inherited(members)
            for name in sets[question.path]:
                reached[name].update(members)
            self.members |= members - {*self.record.kinds}
        self._ask(self.members, most_deep=_MOST_MARKED)

    def _ask_users(self, file: FileChange, reached: set[AttrPath], places: reach.Map) -> None:
        """Ask about what a file makes with functions of its set that it reaches, and add it to what is reached.

        A function shows nothing without a call; what is made with another function of them counts as well.
        """
        text, bound = places.text(file.path), places.bindings(file.path)
        known: set[AttrPath] = set()
        while (
            functions := {
                path for path in self._made(file, reached) if self.record.kinds[path] == FUNCTION and len(path) > 1
            }
            - known
        ):
            known |= functions
            users = {
                (*path[:-1], *user)
                for path in functions
                for match in re.finditer(rf"(?<![\w'-]){re.escape(path[-1])}(?![\w'-])", text)
                for user in bindings.attributes(bound, text, match.start())
            }
            reached |= users
            self.users |= users
            self._ask(users - {*self.record.kinds}, most_deep=_MOST_MARKED)

    def _ask_sets(self, file: FileChange, reached: Collection[AttrPath], places: reach.Map) -> set[AttrPath]:
        """Ask about what package sets have by the name of a file that nothing needs of what was found, and return it.

        A whole directory may be read, and its packages put where no text names them.
        """
        path = PurePosixPath(file.path)
        if path.suffix != ".nix" or reach.by_name(file.path) is not None or reach.is_top(file.path):
            return set()
        name = _called(file)
        packages = sorted(each for each in reached if self.record.kinds.get(each) == PACKAGE)
        if any(each[-1] == name for each in packages) or self._needs(file, packages):
            return set()
        found: set[AttrPath] = {(family, name) for family in places.sets()}
        self._ask(found)
        return found & self.record.kinds.keys()

    def _made(self, file: FileChange, reached: Collection[AttrPath]) -> set[AttrPath]:
        """Return the attributes of a file that are there; a package's file names no function of its set."""
        there = {path for path in reached if path in self.record.kinds}
        if not any(path[-1] == _called(file) and self.record.kinds[path] == PACKAGE for path in there):
            return there
        return {path for path in there if self.record.kinds[path] != FUNCTION}

    def _is_own(self, file: FileChange, path: AttrPath) -> bool:
        """Return whether an attribute may differ by a file: not a function of its set that the change does not name."""
        if self.record.kinds[path] != FUNCTION or file.rest or not file.names or path in self.users:
            return True
        return path[-1] in {name[-1] for name in file.names}

    def _moves_names(self, files: Sequence[FileChange]) -> bool:
        """Return whether names of the package set may come or go."""
        tables = {reach.ALL_PACKAGES, reach.ALIASES}
        return any(
            not file.equal
            and (file.path in tables or (file.path.startswith(reach.BY_NAME) and None in {file.before, file.after}))
            for file in files
        )

    def _compare_names(self) -> None:
        question = {self.native: [Question(path=(), parts=("names",))]}
        ((before, after),) = self.sides.answers(question, what="")[self.native]
        known = {(each.attribute, each.kind) for each in self.record.differences}
        for each in comparing.compare(self.record.subject("", self.native), before, after):
            if (each.attribute, each.kind) not in known:
                self.record.differences.append(each)

    def _require_same_stdenv(self) -> None:
        """Say that the change reaches everything if stdenv differs: not all that it is made with is found by names."""
        question = Question(path=("stdenv",), parts=("derivation",))
        ((before, after),) = self.sides.answers({self.native: [question]}, what="")[self.native]
        if before != after:
            self.unreached.append(Gap(what="stdenv", reason="differs, and with it all that is made with it: --all"))

    def _sample(self, of_all: Sequence[str]) -> None:
        """Ask about a few packages if all of them are made with a file."""
        reason = "reaches everything, of which a few packages were asked about"
        self.unreached.append(Gap(what=few(of_all), reason=reason))
        self.record.compare({system: [tuple(name.split(".")) for name in SAMPLE] for system in self.systems})

    def _ask_everything(self, engine: Engine) -> None:
        """Compare every package of the set, and ask about those that are not the same."""
        for system in engine.systems or (self.native,):
            before, after = self.sides.packages(system, engine)
            self.everything.append(system)
            self.record.unknown += [Gap(what=system, reason=each) for each in {*before.partial, *after.partial}]
            self.record.asked |= {*before.derivations, *after.derivations}
            for what, sides in (
                ("does not evaluate", (before.failed, after.failed)),
                ("its passthru cannot be asked for", (before.unfinished, after.unfinished)),
            ):
                if both := sorted({*sides[0]} & {*sides[1]}):
                    self.record.not_covered.append(
                        Gap(what=f"{few(both)} on {system}", reason=f"{what}, before as after")
                    )
            paths = packages.differing(before, after)
            self.record.compare({system: paths[:_MOST_DEEP]})
            for path in paths[_MOST_DEEP:]:
                self.record.differences += packages.unexplained(
                    self.record.subject(".".join(path), system), path, before, after
                )
            if rest := len(paths) - _MOST_DEEP:
                reason = "differ, and their derivations and digests alone were compared"
                if rest > 0:
                    self.record.not_covered.append(Gap(what=f"{rest} more attributes on {system}", reason=reason))

    def _rank(self, difference: Difference) -> tuple[int, bool, int, str, int]:
        """Return the place of a difference: the worst first, and what the change is made in before what reads it."""
        system = self.systems.index(difference.system) if difference.system in self.systems else len(self.systems)
        is_reader = difference.attribute in self.audience.names
        kind = [*Kind].index(difference.kind)
        return [*Weight].index(difference.weight), is_reader, kind, difference.attribute, system


def _contents(files: Mapping[PurePosixPath, TreeFile | None]) -> dict[str, bytes | None]:
    return {str(path): file.content if file is not None else b"" for path, file in files.items()}


def _of_library(file: FileChange) -> set[AttrPath]:
    """Return the functions of a file of the library."""
    if not file.path.startswith("lib/"):
        return set()
    stem = PurePosixPath(file.path).stem
    return {("lib", stem), *(("lib", stem, *name) for name in file.names), *(("lib", *name) for name in file.names)}


def _distinct(differences: Iterable[Difference]) -> Iterable[Difference]:
    return {(each.attribute, each.system, each.kind, each.what): each for each in differences}.values()


def _called(file: FileChange) -> str:
    """Return what a package in a file of its own is called."""
    path = PurePosixPath(file.path)
    return path.parent.name if path.name in {"default.nix", "package.nix"} else path.stem
