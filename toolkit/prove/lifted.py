"""Ask whole trees about packages: their derivations before and after, and what an override of an attribute reaches.

Many packages are asked about in one evaluation. An error that Nix cannot catch ends it: the package that it came from
gets the error as its answer, and the others are asked again.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import documents, process
from toolkit.errors import CommandError
from toolkit.nix import evaluator, limits, program
from toolkit.nix.limits import sealed
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.process import Command

EXPRESSION = EXPRESSIONS / "lifted.nix"

# What a dozen packages of two whole trees may take, on a slow machine; one has what any evaluation has.
_SECONDS = 180.0
_MEBIBYTES = 4096

UNREACHED = (
    "no override has an effect here: by default, nothing on these systems is built with it, or the builder does not "
    "see the override"
)
UNFOLLOWED = "an override of src or version does not reach what takes it from the package"
NO_FUNCTION = "the builder takes no function of the final attributes"


class Question(Struct, frozen=True, kw_only=True):
    """A package by its attribute path, doors by name, and other attributes that may be made with them.

    `follows` has by door the attributes of the package which what is behind it takes over.
    """

    package: str
    doors: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    shown: tuple[tuple[str, ...], ...] = ()
    follows: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


class Reach(Struct, frozen=True, kw_only=True):
    """What an override of a door reaches: the derivation that is built, other attributes; whether all evaluates."""

    built: bool
    shown: bool
    evaluates: bool

    @property
    def something(self) -> bool:
        """Return whether the override has any effect."""
        return self.built or self.shown


class ChangedAttribute(Struct, frozen=True, kw_only=True):
    """An attribute of the changed package.

    `before` shows whether an override of it had an effect before, `hides` whether the package had another attribute of
    the name. `thrown` is what a value reaches that throws, `replaced` what the same package under another name does.
    `follows` has by attribute of the package whether another value of it changes this one.
    """

    there: bool
    before: bool
    hides: bool
    thrown: Reach
    replaced: Reach
    follows: dict[str, bool] = field(default_factory=dict[str, bool])


class Derivations(Struct, frozen=True, kw_only=True):
    """The derivations of a package before and after, None for one that does not evaluate, and its doors by name.

    `same_shown` shows whether the other attributes are the same. `error` is what ended the evaluation, in one line, at
    one of our limits if it is `limited`; `refuses_function` shows whether it was a function in the place of a set,
    `places` are the files of the changed tree on the way there.
    """

    before: str | None = None
    after: str | None = None
    doors: dict[str, ChangedAttribute]
    same_shown: bool = True
    error: str | None = None
    limited: bool = False
    refuses_function: bool = False
    places: tuple[str, ...] = ()


class LiftVerdict(Struct, frozen=True, kw_only=True):
    """What came of a lift: `lifted`, `refused` because it cannot be right, or `failed`, and why."""

    outcome: str
    why: str = ""


LIFTED = LiftVerdict(outcome="lifted")


def judge(answers: Sequence[Derivations]) -> LiftVerdict | None:
    """Judge a lift by Nix's answers on several systems: a door has to reach something on one of them."""
    said = [found for answer in answers if (found := verdict(answer)) is not None]
    wrong = next((found for found in said if found.outcome != "lifted" and found.why != UNREACHED), None)
    return wrong or next((found for found in said if found.outcome == "lifted"), said[0] if said else None)


def verdict(answer: Derivations) -> LiftVerdict | None:
    """Judge a lift by Nix's answer; None where the package did not evaluate before, so that nothing can be said."""
    if answer.error is not None:
        if answer.refuses_function:
            return LiftVerdict(outcome="refused", why=NO_FUNCTION)
        return LiftVerdict(outcome="failed", why=_in_tree(answer.error))
    if answer.before is None:
        return None
    doors = answer.doors.values()
    faults = {
        ("failed", "the derivation differs"): answer.after != answer.before or not answer.same_shown,
        ("failed", "the attribute is not there"): not all(door.there for door in doors),
        ("refused", "a different attribute of the package has the name"): any(door.hides for door in doors),
        ("refused", UNREACHED): not all(door.thrown.something for door in doors),
        ("refused", UNFOLLOWED): not all(reached for door in doors for reached in door.follows.values()),
    }
    outcome, why = next((fault for fault, holds in faults.items() if holds), ("lifted", ""))
    return LiftVerdict(outcome=outcome, why=why)


def _in_tree(reason: str) -> str:
    """Name the files of a tree as the tree does."""
    return re.sub(r"/\S+/(?=pkgs/)", "", reason)


def command(  # noqa: PLR0913 - the arguments of the expression
    before: Path,
    after: Path,
    system: str,
    questions: Sequence[Question],
    overlay: Path | None = None,
    *,
    loud: bool = False,
) -> Command:
    """Return the command that asks, sealed; if it is `loud`, what throws ends it."""
    asked = [
        {
            "package": each.package.split("."),
            "doors": dict(each.doors),
            "shown": each.shown,
            "follows": {name: each.follows.get(name, ()) for name in each.doors},
        }
        for each in questions
    ]
    arguments = {"before": str(before), "after": str(after), "system": system, "questions": json.dumps(asked)}
    if overlay is not None:
        arguments["overlay"] = str(overlay.resolve())
    if loud:
        arguments["loud"] = "yes"
    with sealed():
        asking = evaluator.evaluate_command(EXPRESSION, arguments)
    bounded = limits.bounded(asking, min(limits.memory() * len(questions), limits.memory(_MEBIBYTES)), strictly=True)
    return replace(
        bounded,
        argv=(*asking.argv, "--readonly-mode", "--show-trace"),
        timeout=min(limits.seconds() * len(questions), limits.seconds(_SECONDS), limits.left()),
    )


def why_not(tree: Path, system: str, package: str) -> str:
    """Return in one line why a package of a tree does not evaluate."""
    try:
        process.execute(command(tree, tree, system, [Question(package=package)], loud=True))
    except CommandError as error:
        return _in_tree(program.reason(error))
    return "it is no derivation"


def ask(
    before: Path, after: Path, system: str, questions: Sequence[Question], overlay: Path | None = None
) -> list[Derivations]:
    """Ask about packages of two trees on one system, the second under an overlay; the answers keep the order."""

    def together(part: Sequence[Question]) -> list[Derivations]:
        said = process.execute(command(before, after, system, part, overlay)).stdout
        return documents.read(said, list[Derivations], document="Nix's answer")

    answers = zip(questions, evaluator.bisected(together, questions), strict=True)
    return [
        _failed(before, after, system, question, answer) if isinstance(answer, CommandError) else answer
        for question, answer in answers
    ]


def _failed(before: Path, after: Path, system: str, question: Question, error: CommandError) -> Derivations:
    """Return the answer to a question that ended the evaluation; what the unchanged package does too says nothing."""
    same = ask(before, before, system, [replace(question, doors={})])[0] if before != after else None
    if same is not None and same.limited:
        return same
    if same is not None and same.error is not None:
        if not question.shown:
            return Derivations(doors={})
        return ask(before, after, system, [replace(question, shown=())])[0]
    places = re.findall(rf"{re.escape(str(after))}/(\S+?\.nix)\b", error.stderr)
    limited = program.reached_limit(error)
    return Derivations(
        doors={},
        error=program.at_limit(error) if limited else program.reason(error),
        limited=limited,
        refuses_function=program.refuses_function(error),
        places=tuple(dict.fromkeys(places)),
    )
