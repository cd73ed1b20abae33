"""Ask Nix what can be seen of attributes of a tree, many in one evaluation.

An error that Nix cannot catch, too much memory and too much time end an evaluation: the attribute that it comes from is
asked part by part, and the others again. Everything is evaluated sealed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import documents, process
from toolkit.errors import CommandError
from toolkit.nix import evaluator, limits, program
from toolkit.nix.limits import sealed
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "judge.nix"

PARTS = ("position", "derivation", "fixed-output", "meta", "kinds", "passthru", "arguments", "override")
SET_PARTS = ("names", "values", "recurse")
ALL = (*PARTS, *SET_PARTS)
FEW = ("position", "derivation", "meta", "passthru", *SET_PARTS)
"""What is asked of an attribute that only reads what has changed."""

ENDS = "ends"
THROWS = "throws"
MISSING = "missing"
PACKAGE = "derivation"
FUNCTION = "function"
SET = "set"

_MEBIBYTES = 4096
_SECONDS = 300.0
_QUESTION = re.compile(r"unlet: question (\d+)")
_PART = re.compile(r"unlet: part ([\w-]+)")

Q = TypeVar("Q")
A = TypeVar("A")


class Question(Struct, frozen=True, kw_only=True):
    """An attribute path, and the parts that are asked for; none means all."""

    path: tuple[str, ...]
    parts: tuple[str, ...] = ()


class Answer(Struct, frozen=True, kw_only=True):
    """What an attribute is, and its parts as Nix shows them.

    `kind` is `derivation`, `set`, `function`, another type, `missing`, `throws`, or `ends` if the attribute ends Nix.
    `ends` has the reason for each part that does; `limited` are those of them that did at one of our limits.
    """

    kind: str
    parts: dict[str, Any] = field(default_factory=dict[str, Any])
    ends: dict[str, str] = field(default_factory=dict[str, str])
    limited: tuple[str, ...] = ()

    @property
    def limits(self) -> dict[str, str]:
        """The parts that ended at one of our limits, and which."""
        return {part: self.ends[part] for part in self.limited}


class Ended(Struct, frozen=True, kw_only=True):
    """Why an evaluation has ended, and the number of the question and the part that it was at, if they are known."""

    reason: str
    limited: bool = False
    culprit: int | None = None
    part: str | None = None


def command(root: Path, system: str, questions: Sequence[Question], *, nixos: bool, loud: bool = False) -> Command:
    """Return the command that asks, sealed."""
    arguments = {
        "tree": str(root),
        "system": system,
        "questions": json.dumps([{"path": each.path, "parts": each.parts} for each in questions]),
        "nixos": "yes" if nixos else "",
        "loud": "yes" if loud else "",
    }
    with sealed():
        asking = evaluator.evaluate_command(EXPRESSION, arguments)
    bounded = limits.bounded(asking, min(limits.memory() * len(questions), limits.memory(_MEBIBYTES)), strictly=True)
    most = limits.seconds(_SECONDS)
    seconds = most if nixos else min(limits.seconds() * len(questions), most)
    return replace(bounded, argv=(*asking.argv, "--readonly-mode", "--show-trace"), timeout=seconds)


def bisected(
    ask: Callable[[Sequence[Q]], Sequence[A] | Ended], items: Sequence[Q], alone: Callable[[Q, Ended], A]
) -> list[A]:
    """Return the answers to all items, in their order, though one of them may end what answers.

    `alone` answers for an item that ends it, and gets the reason.
    """
    if not items:
        return []
    said = ask(items)
    if not isinstance(said, Ended):
        return [*said]
    if (at := said.culprit if len(items) > 1 else 0) is not None and at < len(items):
        rest = bisected(ask, [*items[:at], *items[at + 1 :]], alone)
        return [*rest[:at], alone(items[at], said), *rest[at:]]
    middle = len(items) // 2
    return [*bisected(ask, items[:middle], alone), *bisected(ask, items[middle:], alone)]


def ask(root: Path, system: str, questions: Sequence[Question], *, nixos: bool = False) -> list[Answer]:
    """Return what can be seen of attributes of the tree at `root` on a system, in their order."""

    def asked(those: Sequence[Question]) -> Sequence[Answer] | Ended:
        try:
            said = process.execute(command(root, system, those, nixos=nixos)).stdout
        except CommandError as error:
            return _ended(error, root)
        answers = documents.read(said, list[dict[str, Any]], document="Nix's answer")
        return [Answer(kind=each.pop("kind"), parts=each) for each in answers]

    def alone(question: Question, ended: Ended) -> Answer:
        wanted = question.parts or ALL
        left = tuple(part for part in wanted if part != ended.part)
        if left == wanted or not left:
            return Answer(kind=ENDS, ends=dict.fromkeys(wanted, ended.reason), limited=wanted if ended.limited else ())
        (rest,) = bisected(asked, [replace(question, parts=left)], alone)
        limited = (*rest.limited, str(ended.part)) if ended.limited else rest.limited
        return replace(rest, ends={**rest.ends, str(ended.part): ended.reason}, limited=limited)

    return bisected(asked, questions, alone)


def _ended(error: CommandError, root: Path) -> Ended:
    question, part = (pattern.search(error.stderr) for pattern in (_QUESTION, _PART))
    limited = program.reached_limit(error)
    return Ended(
        reason=(program.at_limit(error) if limited else program.reason(error)).replace(f"{root}/", ""),
        limited=limited,
        culprit=int(question[1]) if question is not None else None,
        part=part[1] if part is not None else None,
    )


def why_not(root: Path, system: str, path: tuple[str, ...]) -> str:
    """Return in one line why an attribute does not evaluate."""
    asking = command(root, system, [Question(path=path, parts=("derivation",))], nixos=False, loud=True)
    try:
        process.execute(asking)
    except CommandError as error:
        return program.reason(error).replace(f"{root}/", "")
    return "it evaluates"
