"""Evaluate attributes of a tree with Nix, many in one evaluation.

An uncatchable error, or a limit of memory or time, ends an evaluation: its answers so
far count, the attribute at fault is asked part by part, and the later ones again. Every
evaluation is sealed.
"""

import json
import re
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from msgspec import Struct, field, structs
from msgspec.structs import replace

from toolkit import documents
from toolkit.asking.questions import MARK, bisected, new_mark, sealed_command
from toolkit.errors import CommandError, LimitError
from toolkit.nix import limits, program
from toolkit.nix.limits import Allowance, Budget
from toolkit.process import Command
from toolkit.shipped import EXPRESSIONS

EXPRESSION = EXPRESSIONS / "judge.nix"
_BESIDE = (
    "judge-fetches.nix",
    "judge-overrides.nix",
    "judge-tests.nix",
    "permitting.nix",
)
FILES = (EXPRESSION, *(EXPRESSIONS / name for name in _BESIDE))
"""The expression, and what it imports."""

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
"""Parts that end Nix whenever the derivation does, and are then not evaluated."""

_OF_VALUES = ("fixed-output", "functions", "follows", "override", "passthru", "values")
"""Parts that are shown value by value: a value that ends Nix is left out."""

FEW = ("position", "derivation", "meta", "kinds", "passthru", *SET_PARTS)
"""The parts to evaluate of an attribute that only reads a changed one."""

ELSEWHERE = tuple(part for part in ALL if part not in {"functions", "follows"})
"""The parts to evaluate on all systems but the first, and in other versions of a set."""

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
    """Return the name of a part, or of a value in it, for a sentence."""
    whole, _, name = part.partition(".")
    if not name:
        return _CALLED.get(part, part)
    if whole == "follows":
        function, _, attribute = name.rstrip("=").partition(".")
        return (
            "tests of an overridden package"
            if attribute == "tests"
            else f"{function} with another {attribute}"
        )
    return (
        f"override with {name.rstrip('=')}"
        if whole == "override"
        else name
        if whole == "functions"
        else part
    )


class Question(Struct, frozen=True, kw_only=True):
    """An attribute path, and the parts to evaluate; none means all.

    `leaving` excludes values of passthru or of a set. `given` lists arguments and
    attributes by their use in a file: `lists` and `nulls` by default value, `final` if
    they may be missing. `marked` are names of the set that throw.
    """

    path: tuple[str, ...]
    parts: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    given: tuple[tuple[str, tuple[str, ...]], ...] = ()
    marked: tuple[str, ...] = ()


class Answer(Struct, frozen=True, kw_only=True):
    """The kind of an attribute, and its parts as Nix shows them.

    `kind` is `derivation`, `set`, `function`, another type, `missing`, `throws`, or
    `ends` if the attribute ends the evaluation. `ends` has the reason for each part
    that does, or for a single value, as `passthru.NAME`; `limited` names those that met
    one of our limits.
    """

    kind: str
    parts: dict[str, Any] = field(default_factory=dict[str, Any])
    ends: dict[str, str] = field(default_factory=dict[str, str])
    limited: tuple[str, ...] = ()

    @property
    def limits(self) -> dict[str, str]:
        """The parts that met one of our limits, each with that limit."""
        return {part: self.ends[part] for part in self.limited}


def command(  # noqa: PLR0913 - the arguments of the expression
    root: Path,
    system: str,
    questions: Mapping[int, Question],
    *,
    nixos: bool = False,
    mark: str = MARK,
    loud: bool = False,
    hashed: bool = False,
) -> Command:
    """Return the sealed command that evaluates the questions with these numbers, each with its own time limit.

    Nix prints a `mark` and the number before each question and each answer. If
    `hashed`, no question ends another.
    """
    asked = (
        {"number": number, **structs.asdict(each), "given": dict(each.given)}
        for number, each in questions.items()
    )
    arguments = {
        "sign": mark,
        "tree": str(root),
        "system": system,
        # One variable of a program has at most 128 KiB.
        "questions": json.dumps(
            [
                {name: value for name, value in each.items() if value not in ((), {})}
                for each in asked
            ]
        ),
        "nixos": "yes" if nixos else "",
        "loud": "yes" if loud else "",
        "hashed": "yes" if hashed else "",
    }
    count = inf if nixos else len(questions)
    if hashed:
        return sealed_command(
            EXPRESSION, arguments, count, attribute="chunk", seconds=inf, searches=True
        )
    return sealed_command(
        EXPRESSION, arguments, count, attribute="answers", seconds=_SECONDS
    )


class Times:
    """The time limits of one judgement, across all trees and systems.

    `late` lists attributes whose time was up, by system; on x86_64-linux that counts
    for all systems. `ending` is the reserve for evaluations that one attribute's error
    ended, and that must ask the others again.
    """

    def __init__(self) -> None:
        self.late: dict[tuple[str, tuple[str, ...]], Answer] = {}
        self.ending = Budget(limits.seconds(_ENDING_SECONDS))
        self._end = inf

    def begin(self, seconds: float) -> None:
        """Stop asking questions after so many seconds."""
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The remaining seconds for questions."""
        return self._end - time.monotonic()

    @contextmanager
    def sharing(self, share: float) -> Generator[None]:
        """Give the questions in the block a share of the remaining time."""
        end = self._end
        self._end -= max(self.left, 0.0) * (1.0 - share) if end != inf else 0.0
        try:
            yield
        finally:
            self._end = end


def seconds(*, nixos: bool) -> float:
    """Return the time limit of each attribute on a system, in all evaluations about it."""
    return max(limits.seconds(), _SECONDS) if nixos else limits.seconds()


def ask(  # noqa: PLR0913 - the question, and what is known from before it
    root: Path,
    system: str,
    questions: Sequence[Question],
    *,
    nixos: bool = False,
    hashed: bool = False,
    times: Times | None = None,
    allowed: Allowance | None = None,
    heard: Callable[[], None] | None = None,
) -> list[Answer]:
    """Evaluate attributes of the tree at `root` on a system, and return the answers in order.

    `hashed` answers are those of the whole set: without aliases, and with hashes of
    most parts. Attributes whose time is up are added to `times`. The time of an
    attribute, alone or with others, is subtracted from its `allowed` time. `heard` is
    called after each answer.
    """
    times = Times() if times is None else times
    allowed = limits.allowance(seconds(nixos=nixos)) if allowed is None else allowed
    known = {
        path: each
        for (where, path), each in times.late.items()
        if where in {system, NATIVE}
    }
    conversation = _Conversation(
        root=root,
        system=system,
        nixos=nixos,
        hashed=hashed,
        times=times,
        allowed=allowed,
        tell=heard,
    )
    answers = iter(
        conversation.ask(
            [question for question in questions if question.path not in known]
        )
    )
    return [known.get(question.path) or next(answers) for question in questions]


class _Conversation(Struct, kw_only=True):
    """Questions about one tree on one system, and what Nix has answered so far."""

    root: Path
    system: str
    nixos: bool
    hashed: bool
    times: Times
    allowed: Allowance
    tell: Callable[[], None] | None
    mark: str = field(default_factory=new_mark)
    arrived: set[str] = field(default_factory=set[str])
    heard: dict[Question, Answer] = field(default_factory=dict["Question", "Answer"])
    broken: dict[tuple[str, ...], str] = field(
        default_factory=dict[tuple[str, ...], str]
    )

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Return the answers in the order of the questions."""
        answers = zip(
            questions, bisected(self._together, questions, mark=self.mark), strict=True
        )
        return [
            self._alone(question, answer)
            if isinstance(answer, CommandError)
            else answer
            for question, answer in answers
        ]

    def _together(self, questions: Sequence[Question]) -> list[Answer]:
        """Return the answers of one evaluation.

        Raise CommandError if a question ends it.
        """
        left = {
            number: each
            for number, each in enumerate(questions)
            if each not in self.heard
        }
        if left:
            asking = command(
                self.root,
                self.system,
                left,
                nixos=self.nixos,
                mark=self.mark,
                hashed=self.hashed,
            )
            things = [(self.system, each.path) for each in left.values()]
            began, seconds = time.monotonic(), self.times.left
            if seconds <= 0:
                return self._so_far(questions)
            asking = replace(asking, on_stderr=partial(self._hear, questions))
            asking = replace(asking, timeout=min(asking.timeout or seconds, seconds))
            try:
                self.allowed.execute(asking, things, mark=f"{self.mark} question")
            except CommandError as error:
                is_over = self.times.left <= 0
                if not (self.hashed or program.reached_limit(error)):
                    self.times.ending.spend(time.monotonic() - began)
                    is_over |= self.times.ending.left <= 0 and len(questions) > 1
                if is_over:
                    return self._so_far(questions)
                raise
        return [
            self.heard.get(
                each, Answer(kind=ENDS, ends={PACKAGE: "its evaluation fails"})
            )
            for each in questions
        ]

    def _so_far(self, questions: Sequence[Question]) -> list[Answer]:
        """Return the answers that Nix has given; no others are waited for."""
        return [
            self.heard.get(each) or _limited(each.parts or ALL, limits.no_time())
            for each in questions
        ]

    def _hear(self, questions: Sequence[Question], line: str) -> None:
        """Take the answer that a line of Nix has, if it has one.

        A second one has further parts.
        """
        if (
            found := re.match(rf"trace: {self.mark} (question|arrives) (\S+)", line)
        ) is not None:
            self.arrived = {*self.arrived, found[2]} if found[1] == "arrives" else set()
        elif (
            found := re.match(rf"trace: {self.mark} answer (\d+) ", line)
        ) is not None:
            question, known = (
                questions[int(found[1])],
                self.heard.get(questions[int(found[1])]),
            )
            parts = documents.read(
                line[found.end() :], dict[str, Any], document="Nix's answer"
            )
            reached = parts.get("override", {}).get("override", {}).get("reached", {})
            reached |= dict.fromkeys(reached.keys() & self.arrived, True)
            self.heard[question] = Answer(
                kind=parts.pop("kind"),
                parts={**known.parts, **parts} if known else parts,
            )
            if self.tell is not None and known is None:
                self.tell()

    def _alone(self, question: Question, error: CommandError) -> Answer:
        """Return the answer to a question that ends the evaluation: the part that does is left out."""
        limited, ending = program.reached_limit(error), self.times.ending
        reason = (
            program.at_limit(error) if limited else program.reason(error)
        ).replace(f"{self.root}/", "")
        if self.hashed:
            # Its first part may have been heard.
            known = self.heard.get(question)
            return known or Answer(
                kind=ENDS, ends={PACKAGE: reason}, limited=(PACKAGE,) if limited else ()
            )
        wanted = question.parts or ALL
        parts = re.findall(rf"{self.mark} (question|part) ([\w-]+)", error.stderr)[-1:]
        at = parts[0][1] if parts and parts[0][0] == "part" else None
        values = re.findall(rf"{self.mark} value (\S+)", error.stderr)
        is_worth = (
            not limited and ending.left > 0 and self.broken.get(question.path) != reason
        )
        if (
            at in _OF_VALUES
            and values
            and is_worth
            and len(question.leaving) < _MOST_LEFT_OUT
        ):
            # The innermost value that is shown first is a part of those around it.
            (rest,) = self.ask(
                [replace(question, leaving=(*question.leaving, values[-1]))]
            )
            of = "passthru" if at == "fixed-output" else at
            if at == "functions":
                # It was called in another way then.
                name = re.split(r"[(\[]", values[-1])[0]
                tried = (
                    *rest.parts.get(at, ()),
                    *(each.removeprefix("functions.") for each in rest.ends),
                )
                if any(each.startswith((f"{name}(", f"{name}[")) for each in tried):
                    return rest
            return replace(rest, ends={**rest.ends, f"{of}.{values[-1]}": reason})
        ends = {at}
        if at == "derivation" and not limited:
            self.broken[question.path] = reason
            # Of what only reads it is enough that it no longer evaluates.
            ends |= {*_OF_DERIVATION, *(["passthru"] if wanted == FEW else [])}
        left = tuple(part for part in wanted if at is not None and part not in ends)
        if is_late := self._is_late(question, error):
            reached = f"it reached the limit on {self.system}: {reason}"
            self.times.late[self.system, question.path] = _limited(ALL, reached)
        if at is None or left == wanted or not left or is_late:
            # An attribute whose time is up has none left for its other parts.
            return Answer(
                kind=ENDS,
                ends=dict.fromkeys(wanted, reason),
                limited=wanted if limited else (),
            )
        if ending.left <= 0:
            ended = {
                part: limits.no_time() if part in left else reason for part in wanted
            }
            return Answer(kind=ENDS, ends=ended, limited=wanted if limited else left)
        (rest,) = self.ask([replace(question, parts=left)])
        reasons = {part: reason for part in wanted if part in ends}
        return replace(
            rest,
            ends={**rest.ends, **reasons},
            limited=(*rest.limited, *([at] if limited else [])),
        )

    def _is_late(self, question: Question, error: CommandError) -> bool:
        """Return whether the time of an attribute is up."""
        left = self.allowed.left((self.system, question.path))
        of_time = isinstance(error, LimitError) and error.of_time
        return of_time or (
            program.reached_limit(error) and left < self.allowed.seconds / 2
        )


def _limited(parts: tuple[str, ...], reason: str) -> Answer:
    return Answer(kind=ENDS, ends=dict.fromkeys(parts, reason), limited=parts)


def is_unreached(answer: Answer) -> bool:
    """Return whether the common time ended before the attribute was asked about."""
    return answer.kind == ENDS and {*answer.ends.values()} == {limits.no_time()}


def why_not(root: Path, system: str, path: tuple[str, ...], allowed: Allowance) -> str:
    """Return in one line why an attribute does not evaluate, within its remaining time."""
    asking = command(
        root, system, {0: Question(path=path, parts=("derivation",))}, loud=True
    )
    try:
        allowed.execute(asking, [(system, path)], mark=f"{MARK} question")
    except CommandError as error:
        return program.reason(error).replace(f"{root}/", "")
    return "it evaluates"
