"""Judge a lift by Nix's answers about its override methods on several systems."""

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
from toolkit.report.lifts import LIFTED, LiftFault, LiftVerdict


def joint_verdict(answers: Sequence[Derivations]) -> LiftVerdict | None:
    """Judge a lift by Nix's answers on several systems.

    Each method must have an effect on one of them.
    """
    known = [found for answer in answers if (found := verdict(answer)) is not None]
    wrong = (each for each in known if each != LIFTED and not each.is_local)
    if (first := next(wrong, None)) is not None:
        return first
    if LIFTED in known:
        return LIFTED
    return known[0] if known else None


def verdict(answer: Derivations) -> LiftVerdict | None:
    """Judge a lift by Nix's answer.

    Return None if the package did not evaluate before, so that nothing follows.
    """
    if answer.error is not None:
        return _failure(answer, answer.error)
    if answer.before is None:
        return None
    return LiftVerdict(fault=next(_faults(answer), None))


def _failure(answer: Derivations, error: str) -> LiftVerdict:
    """Return the verdict on a package that does not evaluate once it is changed."""
    if program.GOT_FUNCTION in error:
        return LiftVerdict(fault=LiftFault.NO_FUNCTION)
    fault = LiftFault.NOT_JUDGED if answer.limited else LiftFault.NOT_EVALUATED
    return LiftVerdict(fault=fault, error=in_tree(error))


def _faults(answer: Derivations) -> Iterator[LiftFault]:
    """Yield the faults of a lift, the worst first."""
    methods = answer.methods.values()
    present = [method.after.there for method in methods]
    effects = [method.after.effect for method in methods]
    follows = [reached for method in methods for reached in method.follows.values()]
    if answer.after != answer.before:
        yield LiftFault.DIFFERS
    if not all(present):
        yield LiftFault.NOT_THERE if any(present) else LiftFault.ABSENT
    if any(method.hides for method in methods):
        yield LiftFault.HIDES
    if Effect.PARTLY in effects:
        yield LiftFault.IN_PART
    if not all(method.after.has_effect for method in methods):
        yield LiftFault.UNREACHED
    if not all(follows):
        yield LiftFault.UNFOLLOWED


TOGETHER = 2
"""How many evaluations run at a time."""


class Asking(Struct, frozen=True, kw_only=True, eq=False):
    """The questions to Nix about a lifted package's override methods, on each system.

    `trees` are the roots of the trees before and after. All claims share the answers.
    """

    trees: tuple[Path, Path]
    own: LiftQuestion
    systems: tuple[str, ...]
    known: dict[str, Derivations] = field(default_factory=dict[str, Derivations])
    """Nix's answers so far, by system."""
    late: list[Derivations] = field(default_factory=list[Derivations])
    """The answer for all further systems once the package's time is used up."""
    _lock: Lock = field(default_factory=Lock)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that ask Nix the questions."""
        return tuple(
            command(*self.trees, system, [self.question(system)]).line
            for system in self.systems
        )

    def question(self, system: str) -> LiftQuestion:
        """Return the question on a system.

        If the package evaluates on one of the first systems, others are not compared.
        """
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
            if said is not None and not said.is_local:
                break
        return said

    def idle(self) -> tuple[str, ...]:
        """Return the methods whose replacement changes only other attributes.

        They are the ones among the methods that were examined.
        """
        works = {
            name
            for name, method in self._methods()
            if method.after.effect in {Effect.WORKS, Effect.UNKNOWN}
        }
        return tuple(name for name in self.own.methods if name not in works)

    def reached(self) -> tuple[str, ...]:
        """Return the override methods that already work without the change.

        Omit those whose parts newly follow the package.
        """
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
