"""A lifted package, with the trees around its file before and after, and what Nix says of both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct, field

from toolkit import process, prove
from toolkit.prove.lifted import LIFTED, UNREACHED, Derivations, LiftVerdict, Question, ask, command, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolkit.lift.rewriting import Lifted

_TOGETHER = 2
"""Evaluations at a time."""

_AT_ONCE = 12
"""Packages in one evaluation."""


class Asking(Struct, frozen=True, kw_only=True, eq=False):
    """What is asked of Nix about a lift: on each system about the package first, then about its readers.

    `trees` are the tops of the whole trees before and after; the second has the changes of the packages `beside` this
    one as well. Answers are kept; all claims share them.
    """

    trees: tuple[Path, Path]
    questions: tuple[Question, ...]
    systems: tuple[str, ...]
    beside: tuple[str, ...] = ()
    _kept: dict[str, list[Derivations]] = field(default_factory=dict[str, "list[Derivations]"])
    _lock: Lock = field(default_factory=Lock)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that ask."""
        before, after = self.trees
        return tuple(command(before, after, system, self.questions).line for system in self.systems)

    def answer(self, system: str) -> list[Derivations]:
        """Return Nix's answers on one system."""
        if system not in self._kept:
            before, after = self.trees
            self.keep(system, ask(before, after, system, self.questions))
        return self._kept[system]

    def keep(self, system: str, answers: list[Derivations]) -> None:
        """Keep what Nix answers on one system."""
        self._kept[system] = answers

    def answers(self) -> Mapping[str, list[Derivations]]:
        """Return Nix's answers by system."""
        with self._lock, ThreadPoolExecutor(_TOGETHER) as pool:
            asked = [pool.submit(copy_context().run, self.answer, system) for system in self.systems]
            return dict(zip(self.systems, process.results(asked), strict=True))

    def judged(self) -> LiftVerdict | None:
        """Judge the lift by the first system that settles it, None where the package evaluates on none."""
        asked: list[Derivations] = []
        for system in self.systems:
            asked.append(self.answer(system)[0])
            said = judge(asked)
            if said is not None and said.why != UNREACHED:
                break
        return judge(asked)

    def holds(self) -> bool:
        """Tell whether the lift is right on all systems together, and no reader has changed."""
        answers = self.answers().values()
        readers = [answer for _, *others in answers for answer in others]
        same = all(answer.error is None and answer.before == answer.after for answer in readers)
        return same and judge([own for own, *_ in answers]) == LIFTED


def ask_about(askings: Sequence[Asking]) -> None:
    """Ask about packages whose trees are the same: on each system in as few evaluations as memory allows."""
    before, after = askings[0].trees

    def answer(part: tuple[str, Sequence[Asking]]) -> None:
        system, those = part
        answers = iter(ask(before, after, system, [question for each in those for question in each.questions]))
        for each in those:
            each.keep(system, list(islice(answers, len(each.questions))))

    parts = [
        (system, those[begin : begin + _AT_ONCE])
        for system in dict.fromkeys(system for each in askings for system in each.systems)
        for those in [[each for each in askings if system in each.systems]]
        for begin in range(0, len(those), _AT_ONCE)
    ]
    with ThreadPoolExecutor(_TOGETHER) as pool:
        process.results([pool.submit(copy_context().run, answer, part) for part in parts])


class LiftCase(prove.Case[prove.Stage], frozen=True, kw_only=True, eq=False):
    """A lift of one package. `readers` are packages that override or read it, as far as a search by name found them.

    `overlay` is the directory of the overlay, None where there is none.
    """

    package: str
    lifted: Lifted
    asking: Asking
    readers: tuple[str, ...] = ()
    overlay: Path | None = None
