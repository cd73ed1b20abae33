"""Ask Nix about lifted packages on each system, about one package or many together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import process
from toolkit.nix import limits
from toolkit.parallel import side_by_side
from toolkit.proposal.lifted import (
    LIFTED,
    NOWHERE,
    Derivations,
    Effect,
    LiftQuestion,
    LiftVerdict,
    ask,
    command,
    judge,
    thing,
)

_TOGETHER = 2
"""Evaluations at a time."""

_AT_ONCE = 12
"""Packages in one evaluation."""


class Asking(Struct, frozen=True, kw_only=True, eq=False):
    """The questions to Nix about a lifted package's override methods, on each system.

    `trees` are the roots of the trees before and after; the second also has the changes of the packages `beside` this
    one. Answers are kept; all claims share them.
    """

    trees: tuple[Path, Path]
    own: LiftQuestion
    systems: tuple[str, ...]
    beside: tuple[str, ...] = ()
    _kept: dict[str, Derivations] = field(default_factory=dict[str, Derivations])
    _late: list[Derivations] = field(default_factory=list[Derivations])
    _lock: Lock = field(default_factory=Lock)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that ask Nix the questions."""
        return tuple(command(*self.trees, system, [self.own]).line for system in self.systems)

    def answer(self, system: str) -> Derivations:
        """Return Nix's answer on one system."""
        if system in self._kept:
            return self._kept[system]
        if self._late:
            return self._late[0]
        allowed = limits.allowance()
        (answer,) = ask(*self.trees, system, [self.own], allowed=allowed)
        if answer.limited and allowed.left(thing(system, self.own)) <= 0:
            elsewhere = f"it reached the limit on {system}: {answer.error}"
            self._late.append(replace(answer, error=elsewhere))
        self._kept[system] = answer
        return answer

    @property
    def is_late(self) -> bool:
        """Return whether the package has used up its time limit."""
        return bool(self._late)

    def keep(self, system: str, answer: Derivations) -> None:
        """Keep Nix's answer on one system from an evaluation about several packages."""
        self._kept[system] = answer

    def answers(self) -> Mapping[str, Derivations]:
        """Return Nix's answers by system."""
        with self._lock, process.ending_together():
            return dict(zip(self.systems, side_by_side(self.answer, self.systems, jobs=_TOGETHER), strict=True))

    def judged(self) -> LiftVerdict | None:
        """Judge the lift by the first system that decides it; None if the package evaluates on none."""
        asked: list[Derivations] = []
        for system in self.systems:
            asked.append(self.answer(system))
            said = judge(asked)
            if said is not None and said.why not in NOWHERE:
                break
        return judge(asked)

    def idle(self) -> tuple[str, ...]:
        """Return the methods whose replacement only changes other attributes of the package, as far as was examined."""
        works = {
            name
            for answer in self._kept.values()
            for name, method in answer.methods.items()
            if method.after.effect in {Effect.WORKS, Effect.UNKNOWN}
        }
        return tuple(name for name in self.own.methods if name not in works)

    def reached(self) -> tuple[str, ...]:
        """Return the override methods that already work without the change and follow nothing new."""
        works = {
            name
            for answer in self._kept.values()
            for name, method in answer.methods.items()
            if method.before.effect is Effect.WORKS and name not in self.own.follows
        }
        return tuple(name for name in self.own.methods if name in works)

    def holds(self) -> bool:
        """Return whether the verdict over all systems is that the lift is right."""
        return judge([*self.answers().values()]) == LIFTED


def ask_about(askings: Sequence[Asking]) -> None:
    """Ask about packages that share their trees: on each system in as few evaluations as memory allows."""

    def answer(part: tuple[str, Sequence[Asking]]) -> None:
        system, those = part
        answers = ask(*those[0].trees, system, [each.own for each in those])
        for each, found in zip(those, answers, strict=True):
            each.keep(system, found)

    parts = [
        (system, those[begin : begin + _AT_ONCE])
        for system in dict.fromkeys(system for each in askings for system in each.systems)
        for those in [[each for each in askings if system in each.systems]]
        for begin in range(0, len(those), _AT_ONCE)
    ]
    with process.ending_together():
        side_by_side(answer, parts, jobs=_TOGETHER)
