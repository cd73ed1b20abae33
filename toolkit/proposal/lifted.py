"""The verdict on a lift, by Nix's answers about its override methods on several systems."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import process
from toolkit.asking.questions import in_tree
from toolkit.asking.trials import (
    ChangedMethod,
    Derivations,
    Effect,
    LiftQuestion,
    command,
    recall,
    thing,
)
from toolkit.nix import limits, program
from toolkit.parallel import side_by_side

UNREACHED, ABSENT = (
    "a replacement of a part changes nothing that is built",
    "no part is in passthru",
)
"""The messages about a lift without effect on the systems that were tried; it may have one elsewhere."""
_ELSEWHERE = frozenset([UNREACHED, ABSENT])
IN_PART = (
    "an override reaches a part of the uses alone: the replaced package is "
    "still built in"
)
UNFOLLOWED = (
    "an override of src or version does not reach what takes it from the package"
)
NO_FUNCTION = "the builder takes no function of the final attributes"


class LiftVerdict(Struct, frozen=True, kw_only=True):
    """The outcome of a lift: `lifted`, `refused` because it cannot be right, or `failed`, and why."""

    outcome: str
    why: str = ""


LIFTED = LiftVerdict(outcome="lifted")


def joint_verdict(answers: Sequence[Derivations]) -> LiftVerdict | None:
    """Judge a lift by Nix's answers on several systems: each method must have an effect on one of them."""
    verdicts = [found for answer in answers if (found := verdict(answer)) is not None]
    wrong = next(
        (
            found
            for found in verdicts
            if found.outcome != "lifted" and found.why not in _ELSEWHERE
        ),
        None,
    )
    return wrong or next(
        (found for found in verdicts if found.outcome == "lifted"),
        verdicts[0] if verdicts else None,
    )


def verdict(answer: Derivations) -> LiftVerdict | None:
    """Judge a lift by Nix's answer.

    None if the package did not evaluate before, so nothing can be concluded.
    """
    if answer.error is not None:
        if program.GOT_FUNCTION in answer.error:
            return LiftVerdict(outcome="refused", why=NO_FUNCTION)
        fact = (
            "the changed package was not judged"
            if answer.limited
            else "once changed, it does not evaluate"
        )
        return LiftVerdict(outcome="failed", why=f"{fact}: {in_tree(answer.error)}")
    if answer.before is None:
        return None
    methods = answer.methods.values()
    there = [method.after.there for method in methods]
    faults = {
        ("failed", "the derivation differs"): answer.after != answer.before,
        ("failed", "the attribute is not there" if any(there) else ABSENT): not all(
            there
        ),
        ("refused", "a different attribute of the package has the name"): any(
            method.hides for method in methods
        ),
        ("refused", IN_PART): any(
            method.after.effect is Effect.PARTLY for method in methods
        ),
        ("refused", UNREACHED): not all(method.after.has_effect for method in methods),
        ("refused", UNFOLLOWED): not all(
            reached for method in methods for reached in method.follows.values()
        ),
    }
    outcome, why = next(
        (fault for fault, holds in faults.items() if holds), ("lifted", "")
    )
    return LiftVerdict(outcome=outcome, why=why)


TOGETHER = 2
"""Evaluations at a time."""


class Asking(Struct, frozen=True, kw_only=True, eq=False):
    """The questions to Nix about a lifted package's override methods, on each system.

    `trees` are the roots of the trees before and after. All claims share the answers.
    """

    trees: tuple[Path, Path]
    own: LiftQuestion
    systems: tuple[str, ...]
    known: dict[str, Derivations] = field(default_factory=dict[str, Derivations])
    """Nix's answers by system, as far as it was asked."""
    late: list[Derivations] = field(default_factory=list[Derivations])
    """The answer on all further systems once the package has used up its time limit."""
    _lock: Lock = field(default_factory=Lock)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that ask Nix the questions."""
        return tuple(
            command(*self.trees, system, [self.question(system)]).line
            for system in self.systems
        )

    def question(self, system: str) -> LiftQuestion:
        """Return the question on a system: if the package evaluates on one of the first, others are not compared."""
        first = self.systems[:TOGETHER]
        evaluates = any(
            self.known[each].before is not None for each in first if each in self.known
        )
        return replace(self.own, compared=system in first or not evaluates)

    def answer(self, system: str) -> Derivations:
        """Return Nix's answer on one system."""
        if system in self.known:
            return self.known[system]
        if self.late:
            return self.late[0]
        allowed = limits.allowance()
        (answer,) = recall(
            *self.trees, system, [self.question(system)], allowed=allowed
        )
        if answer.limited and allowed.left(thing(system, self.own)) <= 0:
            self.late.append(
                replace(
                    answer, error=f"it reached the limit on {system}: {answer.error}"
                )
            )
        self.known[system] = answer
        return answer

    def answers(
        self, systems: Sequence[str] | None = None
    ) -> Mapping[str, Derivations]:
        """Return Nix's answers by system, by default on all of them."""
        chosen, first = (
            self.systems if systems is None else systems,
            {*self.systems[:TOGETHER]},
        )
        with self._lock, process.ending_together():
            for part in (first.intersection(chosen), {*chosen} - first):
                side_by_side(
                    self.answer, sorted(part, key=self.systems.index), jobs=TOGETHER
                )
            return {system: self.answer(system) for system in chosen}

    def judged(self) -> LiftVerdict | None:
        """Judge the lift by the first systems that decide it.

        None if the package evaluates on none.
        """
        said: LiftVerdict | None = None
        for end in range(TOGETHER, len(self.systems) + TOGETHER, TOGETHER):
            said = joint_verdict([*self.answers(self.systems[:end]).values()])
            if said is not None and said.why not in _ELSEWHERE:
                break
        return said

    def idle(self) -> tuple[str, ...]:
        """Return the methods whose replacement only changes other attributes of the package, as far as was examined."""
        works = {
            name
            for name, method in self._methods()
            if method.after.effect in {Effect.WORKS, Effect.UNKNOWN}
        }
        return tuple(name for name in self.own.methods if name not in works)

    def reached(self) -> tuple[str, ...]:
        """Return the override methods that already work without the change and follow nothing new."""
        works = {
            name
            for name, method in self._methods()
            if method.before.effect is Effect.WORKS
        }
        return tuple(
            name for name in self.own.methods if name in works - self.own.follows.keys()
        )

    def _methods(self) -> Iterator[tuple[str, ChangedMethod]]:
        return (
            each for answer in self.known.values() for each in answer.methods.items()
        )
