"""Ask Nix what can be seen of attributes of a tree, many in one evaluation.

An error that Nix cannot catch, too much memory and too much time end an evaluation: the answers until then count, the
attribute that it comes from is asked part by part, and those behind it again. Everything is evaluated sealed.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import documents
from toolkit.errors import CommandError, LimitError
from toolkit.nix import evaluator, limits, program
from toolkit.nix.limits import Allowance, Budget, sealed
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "judge.nix"
FILES = (EXPRESSION, *(EXPRESSIONS / name for name in ("judge-overrides.nix", "judge-tests.nix", "permitting.nix")))
"""The expression, and what it imports."""

PARTS = ("position", "derivation", "fixed-output", "meta", "kinds", "passthru", "arguments", "override")
SET_PARTS = ("names", "values", "recurse")
ALL = (*PARTS, *SET_PARTS)
_OF_DERIVATION = ("fixed-output", "kinds", "override")
"""What ends Nix as the derivation does, and is not asked for then."""

_OF_VALUES = ("passthru", "values")
"""What is shown value by value: one that ends Nix is left out."""

FEW = ("position", "derivation", "meta", "passthru", *SET_PARTS)
"""What is asked of an attribute that only reads what has changed."""

ENDS = "ends"
THROWS = "throws"
MISSING = "missing"
PACKAGE = "derivation"
FUNCTION = "function"
SET = "set"

_SECONDS = 300.0
_ENDING_SECONDS = 120.0
_MOST_LEFT_OUT = 4


class Question(Struct, frozen=True, kw_only=True):
    """An attribute path, and the parts that are asked for; none means all.

    `leaving` are values of passthru, or of a set, that are left out.
    """

    path: tuple[str, ...]
    parts: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()


class Answer(Struct, frozen=True, kw_only=True):
    """What an attribute is, and its parts as Nix shows them.

    `kind` is `derivation`, `set`, `function`, another type, `missing`, `throws`, or `ends` if the attribute ends Nix.
    `ends` has the reason for each part that does, and for a value of one, as `passthru.NAME`; `limited` are those
    of them that did at one of our limits.
    """

    kind: str
    parts: dict[str, Any] = field(default_factory=dict[str, Any])
    ends: dict[str, str] = field(default_factory=dict[str, str])
    limited: tuple[str, ...] = ()

    @property
    def limits(self) -> dict[str, str]:
        """The parts that ended at one of our limits, and which."""
        return {part: self.ends[part] for part in self.limited}


def command(  # noqa: PLR0913 - the arguments of the expression
    root: Path,
    system: str,
    questions: Mapping[int, Question],
    *,
    nixos: bool,
    mark: str = evaluator.MARK,
    loud: bool = False,
) -> Command:
    """Return the command that asks questions by their numbers, sealed; each has the time of one evaluation.

    What begins and each answer that Nix has stand behind a `mark`, with the number.
    """
    arguments = {
        "sign": mark,
        "tree": str(root),
        "system": system,
        "questions": json.dumps(
            [
                {"number": number, "path": each.path, "parts": each.parts, "leaving": each.leaving}
                for number, each in questions.items()
            ]
        ),
        "nixos": "yes" if nixos else "",
        "loud": "yes" if loud else "",
    }
    with sealed():
        asking = evaluator.evaluate_command(EXPRESSION, arguments, attribute="answers")
    bounded = limits.bounded(asking, limits.memory(), strictly=True)
    most = max(limits.seconds(), _SECONDS)
    seconds = most if nixos else min(limits.seconds() * len(questions), most)
    return replace(
        bounded,
        argv=(*asking.argv, "--readonly-mode", "--show-trace"),
        timeout=seconds,
    )


class Times:
    """What evaluations of one judgement may take, whichever tree and system they are about.

    `late` has what is answered for attributes whose time was up, on the system and in the tree where that was. `ending`
    is for the evaluations that an error of an attribute ends, after which the others are asked again.
    """

    def __init__(self) -> None:
        self.late: dict[tuple[str, ...], Answer] = {}
        self.ending = Budget(limits.seconds(_ENDING_SECONDS))


def seconds(*, nixos: bool) -> float:
    """Return what each attribute may take on a system, in all evaluations that ask about it."""
    return max(limits.seconds(), _SECONDS) if nixos else limits.seconds()


def ask(  # noqa: C901, PLR0913 - one conversation, and what is known from before it
    root: Path,
    system: str,
    questions: Sequence[Question],
    *,
    nixos: bool = False,
    times: Times | None = None,
    allowed: Allowance | None = None,
) -> list[Answer]:
    """Return what can be seen of attributes of the tree at `root` on a system, in their order.

    Those whose time is up are added to `times`. What an attribute takes on the system, with others or alone, is taken
    off what it is `allowed`.
    """
    times = Times() if times is None else times
    late = times.late
    allowed = limits.allowance(seconds(nixos=nixos)) if allowed is None else allowed
    # The files that are evaluated cannot know it, and so not blame another question.
    mark = f"unlet-{secrets.token_hex(8)}:"
    heard: dict[Question, str] = {}
    broken: dict[tuple[str, ...], str] = {}

    def together(those: Sequence[Question]) -> list[Answer]:
        left = {number: each for number, each in enumerate(those) if each not in heard}
        if left:
            asking = replace(
                command(root, system, left, nixos=nixos, mark=mark), on_stderr=partial(_hear, heard, those, mark)
            )
            began = time.monotonic()
            try:
                allowed.execute(asking, [(system, each.path) for each in left.values()], mark=f"{mark} question")
            except CommandError as error:
                if not program.reached_limit(error):
                    times.ending.spend(time.monotonic() - began)
                    if times.ending.left <= 0 and len(those) > 1:
                        return [_answer(heard[each]) if each in heard else _unreached(each) for each in those]
                raise
        return [_answer(heard[each]) for each in those]

    def alone(question: Question, error: CommandError) -> Answer:
        """Return the answer to a question that ends the evaluation: the part that does is left out."""
        limited = program.reached_limit(error)
        reason = (program.at_limit(error) if limited else program.reason(error)).replace(f"{root}/", "")
        wanted = question.parts or ALL
        parts = re.findall(rf"{mark} (question|part) ([\w-]+)", error.stderr)[-1:]
        at = parts[0][1] if parts and parts[0][0] == "part" else None
        of_time = isinstance(error, LimitError) and error.of_time
        of_time |= limited and allowed.left((system, question.path)) < allowed.seconds / 2
        values = re.findall(rf"{mark} value (\S+)", error.stderr)
        is_worth = not limited and times.ending.left > 0 and broken.get(question.path) != reason
        if at in _OF_VALUES and values and is_worth and len(question.leaving) < _MOST_LEFT_OUT:
            # The innermost value that is shown first is a part of those around it.
            (rest,) = asked([replace(question, leaving=(*question.leaving, values[-1]))])
            return replace(rest, ends={**rest.ends, f"{at}.{values[-1]}": reason})
        ending = {at}
        if at == "derivation" and not limited:
            broken[question.path] = reason
            # Of what only reads it is enough that it no longer evaluates.
            ending |= {*_OF_DERIVATION, *(["passthru"] if wanted == FEW else [])}
        left = tuple(part for part in wanted if at is not None and part not in ending)
        if of_time:
            elsewhere = f"it reached the limit on {system}: {reason}"
            late[question.path] = Answer(kind=ENDS, ends=dict.fromkeys(ALL, elsewhere), limited=ALL)
        if at is None or left == wanted or not left or of_time or times.ending.left <= 0:
            # An attribute whose time is up has none left for its other parts.
            return Answer(kind=ENDS, ends=dict.fromkeys(wanted, reason), limited=wanted if limited else ())
        (rest,) = asked([replace(question, parts=left)])
        ends = {part: reason for part in wanted if part in ending}
        return replace(rest, ends={**rest.ends, **ends}, limited=(*rest.limited, *([at] if limited else [])))

    def asked(those: Sequence[Question]) -> list[Answer]:
        answers = zip(those, evaluator.bisected(together, those, mark=mark), strict=True)
        return [alone(each, answer) if isinstance(answer, CommandError) else answer for each, answer in answers]

    known = {question.path: late[question.path] for question in questions if question.path in late}
    answers = iter(asked([question for question in questions if question.path not in known]))
    return [known.get(question.path) or next(answers) for question in questions]


def _hear(heard: dict[Question, str], questions: Sequence[Question], mark: str, line: str) -> None:
    """Take the answer that a line of Nix has, if it has one."""
    if (found := re.match(rf"trace: {mark} answer (\d+) ", line)) is not None:
        heard[questions[int(found[1])]] = line[found.end() :]


def _answer(said: str) -> Answer:
    shown = documents.read(said, dict[str, Any], document="Nix's answer")
    return Answer(kind=shown.pop("kind"), parts=shown)


def _unreached(question: Question) -> Answer:
    wanted = question.parts or ALL
    return Answer(kind=ENDS, ends=dict.fromkeys(wanted, limits.no_time()), limited=wanted)


def why_not(root: Path, system: str, path: tuple[str, ...], allowed: Allowance) -> str:
    """Return in one line why an attribute does not evaluate, in the time that it has left."""
    asking = command(root, system, {0: Question(path=path, parts=("derivation",))}, nixos=False, loud=True)
    try:
        allowed.execute(asking, [(system, path)], mark=f"{evaluator.MARK} question")
    except CommandError as error:
        return program.reason(error).replace(f"{root}/", "")
    return "it evaluates"
