"""Put questions to Nix about a change, and collect the differences.

Everything that could not be compared is collected, too.
"""

import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit.asking.packages import (
    ELSEWHERE,
    ENDS,
    MISSING,
    NATIVE,
    PACKAGE,
    PARTS,
    THROWS,
    Answer,
    Question,
    called,
)
from toolkit.judge import comparing
from toolkit.judge.changed import ChangedText, given
from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    Gap,
    Kind,
    Weight,
)
from toolkit.judge.mapping import AttrPath, Map, shortest
from toolkit.judge.sides import Sides
from toolkit.judge.subject import THREW, THROWN, Compared
from toolkit.judge.values import labels

STATIC = "static"
SAMPLE = (
    "hello",
    "git",
    "jq",
    "ripgrep",
    "curl",
    "nginx",
    "gzip",
    "cowsay",
    "figlet",
    "python3Packages.requests",
)
"""The packages that are compared if a change affects all packages."""

_TRIED = "follows.override."
_VALUE = "passthru."
_FETCHED = ("hello", "src")
"""The attribute path of a simple download, which differs if fetchurl itself changed."""

_ORDER = re.compile("infinite recursion|stack overflow|call-depth")
_VERSION = re.compile(r"-\d[^-]*\Z")
_MOST_REASONS = 6


class Findings(Struct, kw_only=True):
    """The differences that were found, and the facts that could not be compared."""

    differences: list[Difference] = field(default_factory=list[Difference])
    unknown: list[Gap] = field(default_factory=list[Gap])
    not_covered: list[Gap] = field(default_factory=list[Gap])


class Record:
    """Compares attributes before and after a change, and stores the results.

    `native` is the main system: x86_64-linux, if it is compared. `kinds` has the kind
    of each attribute on that system. `reached` are the attributes that each file may
    define, `aliases` are names of aliases in the package set, and `idle` are attributes
    that only read the value of compared ones.
    """

    def __init__(
        self, sides: Sides, files: Sequence[ChangedText], systems: Sequence[str]
    ) -> None:
        self.sides = sides
        self.systems = [*systems]
        self.native = NATIVE if NATIVE in systems else systems[0]
        self.reached: dict[str, set[AttrPath]] = {}
        self.files = {file.path: file.words for file in files}
        self.is_equal = all(file.equal or file.is_document for file in files)
        self._findings = Findings()
        self._reasons = 0
        self._messages: dict[AttrPath, str] = {}
        self.asked: set[str] = set()
        self.compared: dict[str, list[str]] = {}
        self.kinds: dict[AttrPath, str] = {}
        self.aliases: set[str] = set()
        self.idle: set[str] = set()
        self.maintainers: dict[str, tuple[str, ...]] = {}
        self.outputs: dict[tuple[str, str], str] = {}
        self._given = given(files)
        self._doubtful = 0

    @cached_property
    def maps(self) -> tuple[Map, Map]:
        """The references between files, before and after the change."""
        before, after = (
            Map(
                self.sides.base,
                {
                    str(path): file.content if file is not None else b""
                    for path, file in files.items()
                },
            )
            for files in (self.sides.before, self.sides.after)
        )
        return before, after

    @property
    def differences(self) -> list[Difference]:
        """The differences that were found so far in this block."""
        return self._findings.differences

    @property
    def unknown(self) -> list[Gap]:
        """The attributes and files whose comparison has an unknown result so far."""
        return self._findings.unknown

    @property
    def not_covered(self) -> list[Gap]:
        """The facts about the change that were left out so far."""
        return self._findings.not_covered

    @contextmanager
    def apart(self) -> Generator[Findings]:
        """Yield a separate list of results for the block, and merge it at the end."""
        before, self._findings = self._findings, Findings()
        try:
            yield self._findings
        finally:
            before.differences += self._findings.differences
            before.unknown += self._findings.unknown
            before.not_covered += self._findings.not_covered
            self._findings = before

    @property
    def serious(self) -> list[Difference]:
        """The differences that weigh more than a note."""
        return [each for each in self.differences if each.weight is not Weight.NOTE]

    def answers(
        self, questions: Sequence[Question]
    ) -> Iterator[tuple[Question, tuple[Answer, Answer]]]:
        """Yield questions with Nix's answers before and after the change.

        The answers are for the main system.
        """
        return zip(
            questions,
            self.sides.answers({self.native: questions})[self.native],
            strict=True,
        )

    def names(self, paths: Iterable[AttrPath]) -> dict[AttrPath, set[str]]:
        """Return the names in each package set, before or after the change.

        The names are those on the main system.
        """
        questions = [Question(path=path, parts=("names",)) for path in paths]
        return {
            question.path: {
                name for answer in pair for name in answer.parts.get("names", ())
            }
            for question, pair in self.answers(questions)
        }

    def packages(self, paths: Iterable[AttrPath]) -> list[AttrPath]:
        """Return the attributes that are packages, the shortest paths first."""
        return shortest(path for path in paths if self.kinds[path] == PACKAGE)

    def is_same(self, path: AttrPath) -> bool:
        """Return whether a package's derivation is the same before and after."""
        ((_, (before, after)),) = self.answers(
            [Question(path=path, parts=("derivation",))]
        )
        return before == after

    def question(
        self, system: str, path: AttrPath, parts: tuple[str, ...] = ()
    ) -> Question:
        """Return a question about an attribute on a system.

        `parts` are the wanted sections of the answer, such as meta; by default, they
        are all sections that are compared on that system.
        """
        if parts or system != self.native:
            return Question(path=path, parts=parts or ELSEWHERE)
        return Question(path=path, given=self._given)

    def compare(
        self, asked: Mapping[str, Sequence[AttrPath]], parts: tuple[str, ...] = ()
    ) -> dict[str, list[AttrPath]]:
        """Compare attributes on each system, and store the differences.

        `parts` are the sections of the answer to compare, such as meta, by default all.
        Return the attributes that exist before or after the change.
        """
        questions = {
            system: [self.question(system, path, parts) for path in paths]
            for system, paths in asked.items()
        }
        there: dict[str, list[AttrPath]] = {}
        for system, pairs in self.sides.answers(questions).items():
            there[system] = []
            for question, (before, after) in zip(questions[system], pairs, strict=True):
                path = question.path
                if before.kind == MISSING and (
                    after.kind == MISSING or ".".join(path) in SAMPLE
                ):
                    continue
                if self._is_doubtful(before, after):
                    before, after = self.sides.again(system, question)  # noqa: PLW2901
                there[system].append(path)
                if system == self.native:
                    self.kinds[path] = (
                        PACKAGE if PACKAGE in {before.kind, after.kind} else after.kind
                    )
                name = ".".join(path)
                self.asked.add(name)
                self._gap(path, system, before, after)
                ends = "derivation" in {*before.ends, *after.ends} or (
                    _throws(before) and _throws(after)
                )
                if not ends and not {before.kind, after.kind} <= {THROWS, ENDS}:
                    self.compared.setdefault(system, []).append(name)
                if before.kind == MISSING and self.is_inside(path):
                    # The comparison of the package's passthru reports this.
                    continue
                found = comparing.compare(self.subject(name, system), before, after)
                self.differences.extend(self._explained(path, system, found))
                output = after.parts.get("derivation", {}).get("out")
                if isinstance(output, str):
                    self.outputs[system, name] = output
                if any(each.weight is not Weight.NOTE for each in found):
                    self.maintainers.setdefault(name, _maintainers(before, after))
        return there

    def _is_doubtful(self, before: Answer, after: Answer) -> bool:
        """Return whether a failure may depend on the order of the questions.

        Infinite recursion, for example, may appear only before or only after the change
        for this reason. At most _MOST_REASONS failures are repeated.
        """
        if before.ends.keys() == after.ends.keys() or before.limited or after.limited:
            return False
        if not any(
            _ORDER.search(reason)
            for reason in (*before.ends.values(), *after.ends.values())
        ):
            return False
        self._doubtful += 1
        return self._doubtful <= _MOST_REASONS

    def weigh_unnamed(self, readers: Collection[str]) -> None:
        """Turn unexplained differences of unnamed downloads into changes.

        A named download, or a changed fetchurl, may explain such a difference.
        Differences of `readers`, which only use changed attributes, stay notes.
        """
        fetches = [
            difference
            for difference in self.differences
            if difference.kind is Kind.FIXED_OUTPUT
        ]
        named = {
            difference.attribute
            for difference in fetches
            if difference.cause.fact is not DifferenceFact.FETCH_UNNAMED
        }

        def is_unexplained(difference: Difference) -> bool:
            cause = difference.cause
            if (
                cause.fact is not DifferenceFact.FETCH_UNNAMED
                or difference.attribute in readers
            ):
                return False
            if cause.other is None:
                return not named
            output = f"-{_VERSION.sub('', cause.other)}"
            return not any(
                output.endswith(f"-{name.rpartition('.')[2]}") for name in named
            )

        unexplained = {
            id(difference) for difference in fetches if is_unexplained(difference)
        }
        if unexplained and self.is_same(_FETCHED):
            self.differences[:] = [
                replace(difference, weight=Weight.CHANGE)
                if id(difference) in unexplained
                else difference
                for difference in self.differences
            ]

    def is_inside(self, path: AttrPath) -> bool:
        """Return whether an attribute is part of a package that was evaluated."""
        return PACKAGE in {self.kinds.get(path[:end]) for end in range(1, len(path))}

    def _gap(self, path: AttrPath, system: str, before: Answer, after: Answer) -> None:
        """Record which sections of Nix's answers about an attribute are missing.

        A section is, for example, meta or passthru.
        """
        name = ".".join(path)
        gap = partial(Gap, what=f"{name} on {system}", attribute=name, system=system)
        limits = {**before.limits, **after.limits}
        both = before.ends.keys() & after.ends.keys()
        unchanged = {part for part in both if before.ends[part] == after.ends[part]}
        # An argument that the file refuses is not an override of the package.
        both -= {part for part in unchanged if part.startswith(_TRIED)}
        values = {part for part in unchanged if part.startswith(_VALUE)}
        both -= values
        # Few packages support the system `static`, and some need much more time than on
        # the main system.
        is_beyond = bool(before.limits and after.limits)
        kinds = {before.kind, after.kind}
        throws = THROWS in kinds and kinds <= {THROWS, ENDS}
        if not limits and (throws or ("derivation" in both and system != self.native)):
            self.not_covered.append(
                gap(reason="did not evaluate before either", parts=PARTS)
            )
            return
        if all(_throws(each) for each in (before, after)):
            reason = (
                "its derivation throws both before and after, so only its inputs "
                "were compared"
            )
            self.not_covered.append(gap(reason=reason, parts=("derivation",)))
        elif parts := tuple(sorted(limits or both)):
            names = ", ".join(dict.fromkeys(map(called, parts)))
            which = "it" if "derivation" in parts else f"its {names}"
            reason = f"{which} cannot be compared: {(limits or before.ends)[parts[0]]}"
            of_values = all("." in part for part in parts)
            is_known = self.is_equal or (system == STATIC and is_beyond)
            is_known |= not limits and (of_values or name in self.idle)
            # The attribute was compared on the main system, and fails on this system
            # in the same way before and after the change.
            is_known |= (
                not limits and system != self.native and before.ends == after.ends
            )
            whole = tuple(dict.fromkeys(part.partition(".")[0] for part in parts))
            gaps = self.not_covered if is_known else self.unknown
            gaps.append(gap(reason=reason, parts=whole, limit=limits.get(parts[0])))
        if values:
            names = ", ".join(dict.fromkeys(map(called, sorted(values))))
            reason = f"its {names} did not evaluate before either"
            self.not_covered.append(gap(reason=reason, parts=("passthru",)))

    def subject(self, name: str, system: str) -> Compared:
        """Return an attribute on a system, in the form that comparisons need."""
        return Compared(
            attribute=name,
            system=system,
            root=str(self.sides.root),
            files=self.files,
            aliases=self.aliases,
        )

    def _explained(
        self, path: AttrPath, system: str, found: Iterable[Difference]
    ) -> Iterator[Difference]:
        """Yield differences; one about a failing attribute gets Nix's error."""
        for difference in found:
            is_broken = (
                difference.kind is Kind.EVALUATION
                and difference.weight is Weight.REGRESSION
                and difference.after == THROWN
            )
            if is_broken and self._is_dropped(path):
                yield replace(
                    difference,
                    kind=Kind.REMOVED,
                    weight=Weight.CHANGE,
                    cause=Cause(fact=DifferenceFact.DROPPED),
                    before=None,
                    after=self._message(system, path),
                )
                continue
            if is_broken:
                yield replace(difference, after=self._reason(system, path))
            else:
                yield difference

    def _is_dropped(self, path: AttrPath) -> bool:
        """Return whether a package is now an alias that throws a message."""
        before, after = self.maps
        return len(path) == 1 and path[0] in after.dropped - before.dropped

    def _message(self, system: str, path: AttrPath) -> str:
        """Return the message of a removed package, which is the same on all systems."""
        if path not in self._messages:
            self._messages[path] = self._reason(system, path)
        return self._messages[path]

    def _reason(self, system: str, path: AttrPath) -> str:
        """Return the error of an attribute that does not evaluate.

        Nix evaluates the error only for the first few attributes; later ones get a
        general text.
        """
        if self._reasons >= _MOST_REASONS:
            return THROWN
        self._reasons += 1
        return self.sides.why_not(system, path)


def _maintainers(before: Answer, after: Answer) -> tuple[str, ...]:
    """Return the maintainers of a package before the change, or of a new package."""
    meta = before.parts.get("meta") or after.parts.get("meta", {})
    return (
        *(labels(meta.get("maintainers")) or ()),
        *(f"team {each}" for each in labels(meta.get("teams")) or ()),
    )


def _throws(answer: Answer) -> bool:
    """Return whether the derivation of a package throws."""
    return bool(answer.parts.get("derivation", {}).get("drv") == THREW)
