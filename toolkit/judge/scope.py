"""What is asked about a change: the attributes that its files reach, then those that read or override these."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import inside
from toolkit.errors import NixSyntaxError, RefusalError
from toolkit.git import reading
from toolkit.git.reading import LINK, TreeFile
from toolkit.judge import bindings, comparing, everything, reach, readers
from toolkit.judge.asking import ENDS, FEW, FUNCTION, MISSING, PACKAGE, PARTS, SET, THROWS, Question, why_not
from toolkit.judge.model import Difference, Gap, Kind, Weight
from toolkit.judge.subject import Subject
from toolkit.nix import program
from toolkit.parallel import side_by_side
from toolkit.sources.changes import MOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from toolkit.judge.asking import Answer
    from toolkit.judge.everything import Engine
    from toolkit.judge.reach import AttrPath
    from toolkit.judge.sides import Sides
    from toolkit.model import Progress

NATIVE = "x86_64-linux"
STATIC = "static"
_DARWIN, _OLD_DARWIN = "aarch64-darwin", "x86_64-darwin"

_DOCUMENTS = (".md", ".rst", ".txt.in", ".svg", ".xml")
_ROOMS = ("pkgs/", "lib/", "nixos/", "maintainers/")
_MOST = 1200
_MOST_DEEP = 400
"""So many attributes are asked about on more than one system."""

_MOST_READERS = 120
_FEW_READERS = 24
_MOST_REASONS = 6
_MOST_MARKED, _FEWEST_MARKED = 60, 6
_SAMPLE = ("hello", "git", "jq", "ripgrep", "curl", "nginx", "gzip", "cowsay", "figlet", "python3Packages.requests")
"""What is asked about a change that reaches everything."""


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


class _File(Struct, frozen=True, kw_only=True):
    """A file of the change; `equal` means that Nix reads the same in it."""

    path: str
    before: TreeFile | None
    after: TreeFile | None
    equal: bool
    error: str | None = None
    names: frozenset[AttrPath] = frozenset()
    rest: bool = True

    @property
    def is_document(self) -> bool:
        """Return whether nothing evaluates it."""
        return self.path.endswith(_DOCUMENTS) or not (self.path.startswith(_ROOMS) or self.path == "default.nix")


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
        self.files = self._files()
        self.differences: list[Difference] = []
        self.unknown: list[Gap] = []
        self.not_covered: list[Gap] = []
        self.unreached: list[Gap] = []
        """What the change may reach, and only every attribute of the set would show."""
        self.everything: list[str] = []
        self.asked: set[str] = set()
        self.compared: dict[str, list[str]] = {}
        self.aliases: set[str] = set()
        self.readers: set[str] = set()
        self.own: set[AttrPath] = set()
        self.kinds: dict[AttrPath, str] = {}
        self.members: set[AttrPath] = set()
        self.left = 0
        self.ended: dict[str, int] = {}

    def verdict(self) -> Verdict:
        relevant = [file for file in self.files if not file.is_document]
        documents = [file.path for file in self.files if file.is_document]
        if documents:
            self.not_covered.append(Gap(what=_few(documents), reason="nothing to evaluate"))
        broken = [self._broken(file) for file in relevant if file.error is not None]
        if broken:
            self.differences += broken
        elif relevant:
            self._judge(relevant)
            if self.engine is not None:
                self._ask_everything(self.engine)
            else:
                self.unknown += self.unreached
        differ = {each.attribute for each in self.differences if each.weight is not Weight.REMARK}
        return Verdict(
            files=len(self.files),
            asked=len(self.asked),
            differ=len(differ & self.asked) if self.asked else len(differ),
            differences=tuple(sorted(_distinct(self.differences), key=self._rank)),
            reached=self._compared(lambda name: name not in self.readers),
            readers=self._compared(lambda name: name in self.readers),
            unknown=tuple(dict.fromkeys(self.unknown)),
            not_covered=tuple(dict.fromkeys(self.not_covered)),
            equal=tuple(file.path for file in self.files if file.equal),
            everything=tuple(self.everything),
        )

    def _compared(self, wanted: Callable[[str], bool]) -> dict[str, tuple[str, ...]]:
        """Return by system which of the attributes that are wanted were compared there."""
        found = {system: [name for name in names if wanted(name)] for system, names in self.compared.items()}
        return {system: tuple(dict.fromkeys(names)) for system, names in found.items() if names}

    def _broken(self, file: _File) -> Difference:
        """Return the difference that a file makes which Nix does not parse: nothing is asked then."""
        what = "is not Nix any more"
        return self._subject(file.path, self.native).differs(Kind.EVALUATION, Weight.DAMAGE, what, None, file.error)

    def _judge(self, files: Sequence[_File]) -> None:
        maps = [reach.Map(self.sides.base, _contents(contents)) for contents in (self.sides.before, self.sides.after)]
        if any(file.path == reach.ALIASES for file in files) or self._moves_names(files):
            text = "\n".join(each.text(reach.ALIASES) for each in maps)
            self.aliases = set(re.findall(r"^  ([\w'-]+) =", text, re.MULTILINE))
        reached, of_all = self._candidates(files, maps)
        changed = [file for file in files if not file.equal and reached.get(file.path)]
        self._ask({path for file in changed for path in reached[file.path]})
        self._ask_members([file for file in changed if file.path not in of_all], reached, maps)
        # What Nix reads as before can differ by its position alone.
        self._compare(self.native, sorted({path for paths in reached.values() for path in paths} - {*self.kinds}), ())
        if self._moves_names(files):
            self._compare_names()
        if of_all and self.engine is None:
            self._sample(of_all)
        own = {path for file in changed for path in reached[file.path] if path in self.kinds}
        # What is in a package is read through it.
        own = {path for path in own if PACKAGE not in {self.kinds.get(path[:end]) for end in range(1, len(path))}}
        self.own = own
        if own:
            self.progress.step("looking for readers")
            functions = {path[-1] for path in own if self.kinds[path] == FUNCTION}
            paths = {file.path for file in self.files}
            # A whole set is read by the names in it, of which those count that differ.
            serious = {each.attribute for each in self.differences if each.weight is not Weight.REMARK}
            idle = {path for path in self.members if ".".join(path) not in serious}
            single = {path for path in own - idle if self.kinds[path] != SET}
            self._ask_readers(readers.find(maps[1], single, self.differences, paths, functions=functions))
        for file in changed:
            if file.path not in of_all:
                self._require_needed(file, reached[file.path] & own)

    def _candidates(
        self, files: Sequence[_File], maps: Sequence[reach.Map]
    ) -> tuple[dict[str, set[AttrPath]], list[str]]:
        """Return the attributes that each file may be in, and the files that all packages are made with."""
        reached: dict[str, set[AttrPath]] = {}
        of_all: list[str] = []
        for file in files:
            if file.path.startswith("nixos/"):
                self._nixos(file)
                continue
            found, is_all = self._reached(file, maps)
            if file.equal and (is_all or len(found) > _FEW_READERS):
                continue
            if is_all and (file.rest or file.path not in {reach.ALL_PACKAGES, reach.ALIASES}):
                of_all.append(file.path)
                found |= _of_library(file)
            elif not found and not file.equal:
                self.unreached.append(Gap(what=file.path, reason="no attribute was found that is made from it"))
            reached[file.path] = found
        return reached, of_all

    def _require_needed(self, file: _File, own: set[AttrPath]) -> None:
        """Say that a file is unknown if no package that was asked about needs it: a function is not called then."""
        if own and file.path in {reach.ALL_PACKAGES, reach.ALIASES}:
            # All packages need a table of them; what its names are was asked.
            return
        packages = sorted((path for path in own if self.kinds[path] == PACKAGE), key=lambda path: (len(path), path))
        if reach.by_name(file.path) in {path[0] for path in packages} or self._is_needed(file, packages):
            return
        callers = sorted(
            path for path, kind in self.kinds.items() if kind == PACKAGE and ".".join(path) in self.readers
        )
        if not self._is_needed(file, callers):
            self.unreached.append(Gap(what=file.path, reason="nothing that was asked about needs it"))
        elif self.left:
            reason = f"asked {len(callers)} packages that name what it is for, and not {self.left} others"
            self.unreached.append(Gap(what=file.path, reason=reason))

    def _is_needed(self, file: _File, paths: Sequence[AttrPath]) -> bool:
        """Return whether one of some packages is another if the file has nothing but a mark in it."""
        is_code = file.path.endswith(".nix")
        few = paths[: _MOST_MARKED if is_code else _FEWEST_MARKED]
        if not few:
            return False
        contents = self.sides.after if file.after is not None else self.sides.before
        mark = TreeFile(content=b'throw "unlet: a mark"\n' if is_code else b"unlet: a mark\n")
        marked = {**contents, PurePosixPath(file.path): mark}
        sides = replace(self.sides, before=contents, after=marked)
        questions = {self.native: [Question(path=path, parts=("derivation",)) for path in few]}
        return any(before != after for before, after in sides.answers(questions, what="with a mark")[self.native])

    def _reached(self, file: _File, maps: Sequence[reach.Map]) -> tuple[set[AttrPath], bool]:
        """Return the attributes that a file may be in, in one of the trees, and whether that is all."""
        there = [each for each, content in zip(maps, (file.before, file.after), strict=True) if content is not None]
        sides = [each.reached(file.path, file.names) for each in there]
        # What a package is fetched from is looked at with it.
        found = {path for paths, _ in sides for path in paths if path[-1] != "src" or len(path) == 1}
        return found, any(is_all for _, is_all in sides)

    def _ask(self, reached: set[AttrPath], *, most_deep: int = _MOST_DEEP) -> None:
        """Ask about what the files reach, first natively, and on the other systems about what was found."""
        paths = sorted(reached, key=lambda path: (len(path), path))
        if len(paths) > _MOST:
            rest = len(paths) - _MOST
            self.unreached.append(Gap(what=f"{rest} more attributes", reason="the change reaches too many"))
            paths = paths[:_MOST]
        there = self._compare(self.native, paths, ())
        others = [system for system in self.systems if system != self.native]
        if len(there) > most_deep and others:
            reason = f"{len(there)} attributes are asked about on {self.native} alone"
            self.not_covered.append(Gap(what=", ".join(others), reason=reason))
            return
        asked = {system: [path for path in there if system != STATIC or len(path) == 1] for system in others}
        if rest := len(there) - len(asked.get(STATIC, there)):
            reason = f"{rest} attributes in package sets are not asked about there"
            self.not_covered.append(Gap(what=STATIC, reason=reason))
        self._compare_all(asked, ())
        if asked.get(_DARWIN) and self.ended.get(_DARWIN, 0) >= len(asked[_DARWIN]):
            # A nixpkgs from before there was such a machine.
            self._compare(_OLD_DARWIN, asked[_DARWIN], ())

    def _ask_members(
        self, files: Sequence[_File], reached: Mapping[str, set[AttrPath]], maps: Sequence[reach.Map]
    ) -> None:
        """Ask about what is in a set, if it is not known which part of it a file makes."""
        places = maps[1]
        families = places.families()
        sets: defaultdict[AttrPath, list[str]] = defaultdict(list)
        for file in files:
            there = {path for path in reached[file.path] if path in self.kinds}
            is_table = places.is_table(file.path)
            called = self._reached(replace(file, names=frozenset()), maps)[0] & there
            if PACKAGE in {self.kinds[path] for path in called}:
                # It is known by what it makes: a set is only around that.
                continue
            around = {path[:end] for path in called for end in range(1, len(path))}
            whole = {path for path in there if self.kinds[path] == SET} - around
            for path in whole if is_table else whole - families:
                named = [(*path, *name) in there for name in file.names]
                is_known = any(named) if is_table else all(named)
                if file.rest or not named or not is_known:
                    sets[path].append(file.path)
        if not sets:
            return
        asked = [Question(path=path, parts=("names",)) for path in sorted(sets)]
        for question, pair in zip(asked, self.sides.answers({self.native: asked}, what="")[self.native], strict=True):
            members = {(*question.path, name) for answer in pair for name in answer.parts.get("names", ())}
            members |= places.inherited(members)
            for name in sets[question.path]:
                reached[name].update(members)
            self.members |= members - {*self.kinds}
        self._ask(self.members, most_deep=_MOST_MARKED)

    def _compare(self, system: str, paths: Sequence[AttrPath], parts: tuple[str, ...]) -> list[AttrPath]:
        return self._compare_all({system: paths}, parts)[system]

    def _compare_all(
        self, asked: Mapping[str, Sequence[AttrPath]], parts: tuple[str, ...]
    ) -> dict[str, list[AttrPath]]:
        """Compare attributes, and return those that one of the sides has."""
        questions = {system: [Question(path=path, parts=parts) for path in paths] for system, paths in asked.items()}
        there: dict[str, list[AttrPath]] = {}
        for system, pairs in self.sides.answers(questions, what="").items():
            there[system] = []
            for path, (before, after) in zip(asked[system], pairs, strict=True):
                if before.kind == MISSING and (after.kind == MISSING or ".".join(path) in _SAMPLE):
                    continue
                there[system].append(path)
                self.ended[system] = self.ended.get(system, 0) + ("derivation" in before.ends)
                if system == self.native:
                    self.kinds[path] = after.kind
                name = ".".join(path)
                self.asked.add(name)
                self._gap(path, system, before, after)
                if "derivation" not in {*before.ends, *after.ends} and not {before.kind, after.kind} <= {THROWS, ENDS}:
                    self.compared.setdefault(system, []).append(name)
                found = comparing.compare(self._subject(name, system), before, after)
                self.differences += self._explained(path, system, found)
        return there

    def _gap(self, path: AttrPath, system: str, before: Answer, after: Answer) -> None:
        """Say which parts of an attribute were not compared, and whether they are unknown."""
        name = ".".join(path)
        what = f"{name} on {system}"
        is_equal = all(file.equal or file.is_document for file in self.files)
        limits = {**before.limits, **after.limits}
        both = before.ends.keys() & after.ends.keys()
        # Few packages are made for it, and some of the others need many times what they need natively.
        is_beyond = bool(before.limits and after.limits)
        kinds = {before.kind, after.kind}
        throws = THROWS in kinds and kinds <= {THROWS, ENDS}
        if not limits and (throws or ("derivation" in both and system != self.native)):
            reason = "does not evaluate before either"
            self.not_covered.append(Gap(what=what, reason=reason, attribute=name, system=system, parts=PARTS))
        elif parts := tuple(sorted(limits or both)):
            reason = f"its {', '.join(parts)} cannot be asked for: {(limits or before.ends)[parts[0]]}"
            of_values = all("." in part for part in parts)
            is_known = is_equal or (system == STATIC and is_beyond)
            is_known |= not limits and (of_values or self._is_idle(path))
            whole = tuple(dict.fromkeys(part.partition(".")[0] for part in parts))
            gap = Gap(what=what, reason=reason, attribute=name, system=system, parts=whole)
            (self.not_covered if is_known else self.unknown).append(gap)

    def _is_idle(self, path: AttrPath) -> bool:
        """Return whether an attribute only reads values that were compared."""
        return ".".join(path) in self.readers and FUNCTION not in {self.kinds.get(each) for each in self.own}

    def _subject(self, name: str, system: str) -> Subject:
        return Subject(
            attribute=name,
            system=system,
            root=str(self.sides.ground.root),
            files={file.path for file in self.files},
            aliases=self.aliases,
        )

    def _explained(self, path: AttrPath, system: str, found: Iterable[Difference]) -> list[Difference]:
        """Return the differences, with Nix's reason for what no longer evaluates."""
        explained: list[Difference] = []
        for each in found:
            broken = each.kind is Kind.EVALUATION and each.weight is Weight.DAMAGE and each.after == "it throws"
            known = sum(other.kind is Kind.EVALUATION for other in self.differences)
            if broken and known < _MOST_REASONS:
                with self.sides.ground.holding(self.sides.after) as root:
                    explained.append(replace(each, after=why_not(root, system, path)))
            else:
                explained.append(each)
        return explained

    def _moves_names(self, files: Sequence[_File]) -> bool:
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
        known = {(each.attribute, each.kind) for each in self.differences}
        for each in comparing.compare(self._subject("", self.native), before, after):
            if (each.attribute, each.kind) not in known:
                self.differences.append(each)

    def _sample(self, of_all: Sequence[str]) -> None:
        """Ask about a few packages if all of them are made with a file."""
        reason = "reaches everything, of which a few packages were asked about"
        self.unreached.append(Gap(what=_few(of_all), reason=reason))
        self._compare_all({system: [tuple(name.split(".")) for name in _SAMPLE] for system in self.systems}, ())

    def _ask_everything(self, engine: Engine) -> None:
        """Compare every package of the set, and ask about those that are not the same."""
        for system in engine.systems or (self.native,):
            before, after = self.sides.packages(system, engine)
            self.everything.append(system)
            self.unknown += [Gap(what=system, reason=each) for each in {*before.partial, *after.partial}]
            self.asked |= {*before.derivations, *after.derivations}
            for what, sides in (
                ("does not evaluate", (before.failed, after.failed)),
                ("its passthru cannot be asked for", (before.unfinished, after.unfinished)),
            ):
                if both := sorted({*sides[0]} & {*sides[1]}):
                    self.not_covered.append(Gap(what=f"{_few(both)} on {system}", reason=f"{what}, before as after"))
            paths = everything.differing(before, after)
            self._compare_all({system: paths[:_MOST_DEEP]}, ())
            for path in paths[_MOST_DEEP:]:
                self.differences += everything.unexplained(self._subject(".".join(path), system), path, before, after)
            if rest := len(paths) - _MOST_DEEP:
                reason = "differ, and their derivations and digests alone were compared"
                if rest > 0:
                    self.not_covered.append(Gap(what=f"{rest} more attributes on {system}", reason=reason))

    def _nixos(self, file: _File) -> None:
        if file.equal:
            return
        what = "a NixOS test" if file.path.startswith("nixos/tests/") else "a NixOS module"
        self.unknown.append(Gap(what=file.path, reason=f"{what}, which is not evaluated"))

    def _ask_readers(self, found: readers.Readers) -> None:
        wanted = [*found.strong[:_MOST_READERS], *found.weak[:_FEW_READERS]]
        self.left = len(found.strong) + len(found.weak) - len(wanted)
        if self.left:
            self.not_covered.append(Gap(what=f"{self.left} more attributes that name them", reason="too many"))
        serious = {each.system for each in self.differences if each.weight is not Weight.REMARK}
        # A difference that is there natively is the same elsewhere, but for the packages that are not for it.
        systems = {self.native} if self.native in serious or not serious - {STATIC} else serious - {STATIC}
        self.readers = {".".join(path) for path in wanted} - self.asked
        if wanted:
            self._compare_all(dict.fromkeys(systems, wanted), FEW)
        if found.modules:
            reason = "NixOS modules and tests that read them are not evaluated: --nixos"
            self.not_covered.append(Gap(what=_few(found.modules), reason=reason))

    def _rank(self, difference: Difference) -> tuple[int, bool, int, str, int]:
        """Return the place of a difference: the worst first, and what the change is made in before what reads it."""
        system = self.systems.index(difference.system) if difference.system in self.systems else len(self.systems)
        is_reader = difference.attribute in self.readers
        kind = [*Kind].index(difference.kind)
        return [*Weight].index(difference.weight), is_reader, kind, difference.attribute, system

    def _files(self) -> list[_File]:
        """Return the files that differ between the two sides."""
        found: list[_File] = []
        for path in sorted({*self.sides.before, *self.sides.after}):
            before = self.sides.before[path] if path in self.sides.before else _of_base(self.sides, path)
            after = self.sides.after[path] if path in self.sides.after else _of_base(self.sides, path)
            if before != after:
                found.append(_File(path=str(path), before=before, after=after, equal=False))
        return [_compared(file) for file in side_by_side(_parsed, found, jobs=2)]


def _parsed(file: _File) -> _File:
    """Return a file, and whether Nix reads the same in both versions, but for positions, or why it reads none."""
    if not file.path.endswith(".nix") or file.after is None or file.after.mode == LINK:
        return file
    try:
        after = program.parsed(file.after.content, name=file.path)
    except (NixSyntaxError, RefusalError) as error:
        return replace(file, error=error.message)
    if file.before is None or file.before.mode != file.after.mode:
        return file
    try:
        before = program.parsed(file.before.content, name=file.path)
    except (NixSyntaxError, RefusalError):
        return file
    return replace(file, equal=before == after and "__curPos" not in after)


def _compared(file: _File) -> _File:
    if file.equal or not file.path.endswith((".nix", ".json")):
        return file
    before, after = (
        each.content.decode("utf-8", "replace") if each is not None else "" for each in (file.before, file.after)
    )
    if file.path.endswith(".json"):
        one, other = _members(before), _members(after)
        names = {(name,) for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
        return replace(file, names=frozenset(names), rest=not (one and other))
    differing = bindings.differing(before, after, deep=file.path.startswith(reach.TOP))
    return replace(file, names=differing.paths, rest=differing.rest)


def _members(text: str) -> dict[str, Any]:
    """Return what a text of JSON has by name: a list of versions or of sources."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", members) if isinstance(members, dict) else {}


def _of_base(sides: Sides, path: PurePosixPath) -> TreeFile | None:
    root = sides.base.root
    there = inside.link(root, path) is not None or inside.is_file(root, path)
    return reading.read_file(root, path, most=MOST) if there else None


def _contents(files: Mapping[PurePosixPath, TreeFile | None]) -> dict[str, bytes | None]:
    return {str(path): file.content if file is not None else b"" for path, file in files.items()}


def _of_library(file: _File) -> set[AttrPath]:
    """Return the functions of a file of the library."""
    if not file.path.startswith("lib/"):
        return set()
    stem = PurePosixPath(file.path).stem
    return {("lib", stem), *(("lib", stem, *name) for name in file.names), *(("lib", *name) for name in file.names)}


def _distinct(differences: Iterable[Difference]) -> Iterable[Difference]:
    return {(each.attribute, each.system, each.kind, each.what): each for each in differences}.values()


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - as many as a line has room for
    return f"{', '.join(names[:3])}{more}"
