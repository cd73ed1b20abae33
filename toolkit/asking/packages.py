"""Evaluate attributes of a nixpkgs tree with Nix, many in one evaluation.

An uncatchable error, or a limit of memory or time, ends an evaluation. Earlier answers
stay valid, the attribute at fault is evaluated in smaller pieces, and later attributes
are evaluated again. Every evaluation is sandboxed.
"""

import json
import re
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

from msgspec import Struct, field, structs
from msgspec.structs import replace

from toolkit import documents
from toolkit.asking.conversation import Conversation, Thing, key
from toolkit.asking.places import HERE, EvaluationPlace, Task
from toolkit.asking.questions import MARK, Evaluation
from toolkit.errors import CommandError, LimitError
from toolkit.nix import limits, program
from toolkit.nix.limits import Allowance, Budget
from toolkit.shipped import EXPRESSIONS

EXPRESSION = EXPRESSIONS / "judge.nix"
_BESIDE = (
    "judge-build.nix",
    "judge-fetches.nix",
    "judge-modules.nix",
    "judge-overrides.nix",
    "judge-tests.nix",
    "permitting.nix",
)
FILES = (EXPRESSION, *(EXPRESSIONS / name for name in _BESIDE))
"""The file judge.nix, and the Nix files that it imports."""

PARTS = (
    "position",
    "derivation",
    "fixed-output",
    "texts",
    "meta",
    "kinds",
    "passthru",
    "functions",
    "arguments",
    "override",
    "follows",
)
SET_PARTS = ("names", "values", "recurse")
ALL = (*PARTS, *SET_PARTS)
_OF_DERIVATION = ("fixed-output", "texts", "kinds", "functions", "override", "follows")
"""The sections of Nix's answer that fail whenever the derivation fails, and are then
skipped.
"""

_OF_VALUES = ("fixed-output", "functions", "follows", "override", "passthru", "values")
"""The sections of Nix's answer that consist of single values, so that a failing value
can be left out.
"""

FEW = ("position", "derivation", "meta", "kinds", "passthru", *SET_PARTS)
"""The sections of Nix's answer to compare for an attribute that only uses a changed
one.
"""

ELSEWHERE = tuple(part for part in ALL if part not in {"functions", "follows"})
"""The sections of Nix's answer to compare on other systems and in other versions of a
package set.
"""

NATIVE = "x86_64-linux"

_CALLED = {
    "derivation": "derivation",
    "fixed-output": "fetches",
    "functions": "functions",
    "kinds": "attributes",
    "override": "overrides",
    "follows": "overrides",
    "position": "meta.position",
}

ENDS = "ends"
THROWS = "throws"
MISSING = "missing"
PACKAGE = "derivation"
FUNCTION = "function"
SET = "set"

_SECONDS = 300.0
_ENDING_SECONDS = 120.0
_MOST_LEFT_OUT = 8


def called(part: str) -> str:
    """Return a display name for a section of Nix's answer, or for a value in it."""
    whole, _, name = part.partition(".")
    if not name:
        return _CALLED.get(part, part)
    if whole == "follows":
        function, _, attribute = name.rstrip("=").partition(".")
        return (
            "tests of an overridden package"
            if attribute in {"tests", "tested"}
            else f"{function} with another {attribute}"
        )
    if whole == "override":
        return f"override with {name.rstrip('=')}"
    return name if whole == "functions" else part


class Question(Struct, frozen=True, kw_only=True):
    """An attribute path to evaluate, and the sections that the answer should have.

    `parts` are the sections (PARTS and SET_PARTS); empty means all. `leaving` excludes
    values of passthru or of a set. `given` lists arguments and attributes by their use
    in a file: `lists` and `nulls` by default value, `final` if they may be missing.
    `marked` are names of the set that throw. `settings` is JSON for the configuration
    of nixpkgs. `through` are names of inputs: the answer shows how the last one is
    built. `modules` is JSON with questions about NixOS modules instead of an attribute,
    see judge-modules.nix.
    """

    path: tuple[str, ...]
    parts: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    given: tuple[tuple[str, tuple[str, ...]], ...] = ()
    marked: tuple[str, ...] = ()
    settings: str = ""
    through: tuple[str, ...] = ()
    modules: str = ""


class Answer(Struct, frozen=True, kw_only=True):
    """Nix's answer about an attribute: its kind, and its sections as JSON values.

    `kind` is `derivation`, `set`, `function`, another type, `missing`, `throws`, or
    `ends` if the attribute ends the evaluation. `ends` has the reason for each section
    that ends the evaluation, or for a single value, as `passthru.NAME`; `limited` names
    the sections that hit a limit of unlet.
    """

    kind: str
    parts: dict[str, Any] = field(default_factory=dict[str, Any])
    ends: dict[str, str] = field(default_factory=dict[str, str])
    limited: tuple[str, ...] = ()

    @property
    def limits(self) -> dict[str, str]:
        """The sections of the answer that hit a limit of unlet, with the limit."""
        return {part: self.ends[part] for part in self.limited}


class QuestionScope(Struct, frozen=True, kw_only=True):
    """A nixpkgs tree and a system, in which questions are evaluated.

    With `nixos`, NixOS tests are evaluated, too. With `hashed`, the answers are about
    the whole package set: without aliases, and with hashes instead of most values.
    `place` runs the evaluations.
    """

    root: Path
    system: str
    nixos: bool = False
    hashed: bool = False
    place: EvaluationPlace = HERE

    @property
    def seconds(self) -> float:
        """The time limit of each attribute in seconds, over all its evaluations."""
        return seconds(nixos=self.nixos)

    def evaluation(
        self, questions: Mapping[int, Question], *, mark: str = MARK, loud: bool = False
    ) -> Evaluation:
        """Return the evaluation that answers the questions with these numbers.

        Nix prints a `mark` and the number before each question and each answer. With
        `loud`, a value that throws ends the evaluation.
        """
        asked = (
            {"number": number, **structs.asdict(each), "given": dict(each.given)}
            for number, each in questions.items()
        )
        arguments = {
            "sign": mark,
            "tree": str(self.root),
            "system": self.system,
            # Linux limits one argument of a program to 128 KiB.
            "questions": json.dumps(
                [
                    {
                        name: value
                        for name, value in each.items()
                        if value not in ((), {}, "")
                    }
                    for each in asked
                ]
            ),
            "nixos": "yes" if self.nixos else "",
            "loud": "yes" if loud else "",
            "hashed": "yes" if self.hashed else "",
        }
        return Evaluation(
            expression=EXPRESSION,
            arguments=arguments,
            count=inf if self.nixos else len(questions),
            attribute="chunk" if self.hashed else "answers",
            # In the whole set, an error in one question does not end the others.
            searches=self.hashed,
            seconds=inf if self.hashed else _SECONDS,
        )


class Times:
    """The time limits of one run of the judge, for all trees and systems.

    `late` lists attributes whose time was up, by system; an attribute that was late on
    x86_64-linux counts as late on all systems. `ending` is the time in reserve for
    evaluations that an error ended, and that must evaluate the other attributes again.
    """

    def __init__(self, *, ending: float | None = None) -> None:
        self.late: dict[tuple[str, tuple[str, ...]], Answer] = {}
        self.ending = Budget(
            limits.seconds(_ENDING_SECONDS) if ending is None else ending
        )
        self._end = inf

    def begin(self, seconds: float) -> None:
        """Set the end of the time for all questions, `seconds` from now."""
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The remaining seconds for questions."""
        return self._end - time.monotonic()

    @contextmanager
    def sharing(self, share: float) -> Generator[None]:
        """Limit the questions in the block to a share of the remaining time."""
        end = self._end
        self._end -= max(self.left, 0.0) * (1.0 - share) if end != inf else 0.0
        try:
            yield
        finally:
            self._end = end


def seconds(*, nixos: bool) -> float:
    """Return the time limit of an attribute in seconds, over all its evaluations."""
    return max(limits.seconds(), _SECONDS) if nixos else limits.seconds()


def ask(
    scope: QuestionScope,
    questions: Sequence[Question],
    *,
    times: Times | None = None,
    allowed: Allowance | None = None,
    heard: Callable[[], None] | None = None,
) -> list[Answer]:
    """Evaluate attributes, and return the answers in order.

    Attributes whose time is up are added to `times`. The time that an attribute takes,
    alone or with others, is subtracted from its `allowed` time. `heard` is called after
    each answer.
    """
    times = Times() if times is None else times
    allowed = limits.allowance(scope.seconds) if allowed is None else allowed
    late = {
        path: answer
        for (system, path), answer in times.late.items()
        if system in {scope.system, NATIVE}
    }
    conversation = _Conversation(scope, times, allowed, tell=heard)
    answers = iter(
        conversation.ask(
            [question for question in questions if question.path not in late]
        )
    )
    return [late.get(question.path) or next(answers) for question in questions]


class _End(Struct, frozen=True, kw_only=True):
    """The reason why an evaluation ended, and the section that Nix was evaluating."""

    reason: str
    limited: bool
    late: bool
    part: str | None
    value: str | None


class _Conversation(Conversation[Question, Answer]):
    """Questions about one tree on one system, and the answers that Nix has given."""

    def __init__(
        self,
        scope: QuestionScope,
        times: Times,
        allowed: Allowance,
        *,
        tell: Callable[[], None] | None,
    ) -> None:
        super().__init__(scope.system, allowed, scope.place)
        self._scope = scope
        self._times = times
        self._tell = tell
        self._arrived: set[str] = set()
        self._broken: dict[tuple[str, ...], str] = {}

    def evaluation(self, questions: Mapping[int, Question]) -> Evaluation:
        """Return the evaluation of some questions, within the remaining time."""
        return replace(
            self._scope.evaluation(questions, mark=self.mark), most=self._times.left
        )

    def thing(self, question: Question) -> Thing:
        """Return the system and attribute path of a question."""
        return self.system, question.path

    def together(self, questions: Sequence[Question]) -> list[Answer]:
        """Return Nix's answers from a single evaluation.

        If the time is up, return the answers so far.
        """
        began = time.monotonic()
        if self._times.left <= 0:
            return self._so_far(questions)
        try:
            return super().together(questions)
        except CommandError as error:
            is_over = self._times.left <= 0
            if not (self._scope.hashed or program.reached_limit(error)):
                self._times.ending.spend(time.monotonic() - began)
                is_over |= self._times.ending.left <= 0 and len(questions) > 1
            if is_over:
                return self._so_far(questions)
            raise

    def answer(self, question: Question) -> Answer:
        """Return the answer to a question.

        If the answer is missing, its evaluation failed: `nix search`, which evaluates
        the whole set, skips attributes that fail.
        """
        return self.heard.get(
            key(question), Answer(kind=ENDS, ends={PACKAGE: "its evaluation fails"})
        )

    def _so_far(self, questions: Sequence[Question]) -> list[Answer]:
        """Return the answers so far; a missing answer is a time-out."""
        return [
            self.heard.get(key(question))
            or _limited(question.parts or ALL, limits.no_time())
            for question in questions
        ]

    def note(self, fact: str) -> None:
        """Read the name of an argument that the current question uses."""
        kind, _, name = fact.partition(" ")
        if kind == "question":
            self._arrived = set()
        elif kind == "arrives":
            self._arrived = {*self._arrived, name}

    def read(self, question: Question, answer: str) -> None:
        """Store an answer from JSON; a second one for a question adds sections."""
        known = self.heard.get(key(question))
        parts = documents.read(answer, dict[str, Any], document="Nix's answer")
        reached = parts.get("override", {}).get("override", {}).get("reached", {})
        reached |= dict.fromkeys(reached.keys() & self._arrived, True)
        self.heard[key(question)] = Answer(
            kind=parts.pop("kind"), parts={**known.parts, **parts} if known else parts
        )
        if self._tell is not None and known is None:
            self._tell()

    def alone(self, question: Question, error: CommandError) -> Answer:
        """Return a partial answer to a question that ended the evaluation.

        The section or value that caused the error is left out.
        """
        end = self._end(question, error)
        if self._scope.hashed:
            # The first sections of the answer may have arrived.
            limited = (PACKAGE,) if end.limited else ()
            return self.heard.get(key(question)) or Answer(
                kind=ENDS, ends={PACKAGE: end.reason}, limited=limited
            )
        is_worth = (
            not end.limited
            and self._times.ending.left > 0
            and self._broken.get(question.path) != end.reason
            and len(question.leaving) < _MOST_LEFT_OUT
        )
        if end.value is not None and is_worth:
            return self._without_value(question, end, end.value)
        return self._without_part(question, end)

    def _end(self, question: Question, error: CommandError) -> _End:
        """Return the reason why an evaluation ended, and which section caused it."""
        limited = program.reached_limit(error)
        reason = program.at_limit(error) if limited else program.reason(error)
        places = re.findall(rf"{self.mark} (question|part) ([\w-]+)", error.stderr)
        part = next((name for kind, name in places[-1:] if kind == "part"), None)
        values = re.findall(rf"{self.mark} value (\S+)", error.stderr)
        return _End(
            reason=reason.replace(f"{self._scope.root}/", ""),
            limited=limited,
            late=self._is_late(question, error),
            part=part,
            # If values are nested, the last one printed is the innermost.
            value=values[-1] if values and part in _OF_VALUES else None,
        )

    def _without_value(self, question: Question, end: _End, value: str) -> Answer:
        """Return the answer without the value that ends Nix, and the reason."""
        (rest,) = self.ask([replace(question, leaving=(*question.leaving, value))])
        if end.part == "functions":
            name = re.split(r"[(\[]", value)[0]
            called = (
                *rest.parts.get(end.part, ()),
                *(part.removeprefix("functions.") for part in rest.ends),
            )
            if any(each.startswith((f"{name}(", f"{name}[")) for each in called):
                # The function was then called in another way.
                return rest
        whole = "passthru" if end.part == "fixed-output" else end.part
        return replace(rest, ends={**rest.ends, f"{whole}.{value}": end.reason})

    def _without_part(self, question: Question, end: _End) -> Answer:
        """Return the answer without the section that ends Nix.

        A section is, for example, meta. If no other section can be evaluated, the
        answer has only the reason.
        """
        parts = question.parts or ALL
        ended = {end.part}
        if end.part == "derivation" and not end.limited:
            self._broken[question.path] = end.reason
            # An attribute that only uses a changed one needs no further sections if it
            # no longer evaluates.
            ended |= {*_OF_DERIVATION, *(["passthru"] if parts == FEW else [])}
        left = tuple(part for part in parts if part not in ended)
        if end.late:
            reason = f"it reached the limit on {self.system}: {end.reason}"
            self._times.late[self.system, question.path] = _limited(ALL, reason)
        if end.part is None or left == parts or not left or end.late:
            # An attribute whose time is up has no time for its other sections.
            return Answer(
                kind=ENDS,
                ends=dict.fromkeys(parts, end.reason),
                limited=parts if end.limited else (),
            )
        if self._times.ending.left <= 0:
            reasons = {
                part: limits.no_time() if part in left else end.reason for part in parts
            }
            limited = parts if end.limited else left
            return Answer(kind=ENDS, ends=reasons, limited=limited)
        (rest,) = self.ask([replace(question, parts=left)])
        reasons = {part: end.reason for part in parts if part in ended}
        return replace(
            rest,
            ends={**rest.ends, **reasons},
            limited=(*rest.limited, *([end.part] if end.limited else [])),
        )

    def _is_late(self, question: Question, error: CommandError) -> bool:
        """Return whether an error means that an attribute's time is up."""
        left = self.allowed.left((self.system, question.path))
        of_time = isinstance(error, LimitError) and error.of_time
        return of_time or (
            program.reached_limit(error) and left < self.allowed.seconds / 2
        )


def _limited(parts: tuple[str, ...], reason: str) -> Answer:
    return Answer(kind=ENDS, ends=dict.fromkeys(parts, reason), limited=parts)


def is_unreached(answer: Answer) -> bool:
    """Return whether the total time ended before unlet evaluated the attribute."""
    return answer.kind == ENDS and {*answer.ends.values()} == {limits.no_time()}


def why_not(scope: QuestionScope, path: tuple[str, ...], allowed: Allowance) -> str:
    """Return the reason why an attribute does not evaluate, as one line."""
    question = Question(path=path, parts=("derivation",))
    task = Task(
        evaluation=scope.evaluation({0: question}, loud=True),
        things=[(scope.system, path)],
        mark=MARK,
        allowed=allowed,
        on_line=lambda _: None,
    )
    try:
        scope.place.execute(task)
    except CommandError as error:
        return program.reason(error).replace(f"{scope.root}/", "")
    return "it evaluates"
