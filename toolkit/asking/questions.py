"""Put many questions into one evaluation of Nix, and limit its resources.

The expression prints a mark and `question N` before each question. No evaluated file
can know the mark, so none can forge an answer or the number of a question.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from toolkit.errors import CommandError, LimitError
from toolkit.nix import evaluator, limits
from toolkit.nix.program import reached_limit
from toolkit.process import Command

A = TypeVar("A")
T = TypeVar("T")

MARK = "unlet:"
"""The word before questions and answers in the commands that a report shows."""


def new_mark() -> str:
    """Return a random word that marks lines of Nix's output.

    No evaluated file can know the word, so none can forge such a line.
    """
    return f"unlet-{secrets.token_hex(8)}:"


def in_tree(reason: str) -> str:
    """Return a text in which paths of a nixpkgs tree's files start with `pkgs/`."""
    return re.sub(r"/\S+/(?=pkgs/)", "", reason)


class Evaluation(Struct, frozen=True, kw_only=True):
    """A sandboxed evaluation of a Nix expression that answers several questions.

    Each question has the time limit of one evaluation. All questions together have at
    most `seconds`, or the time of one question if the user allows more for it, and
    never more than `most`. With `searches`, the attribute is a set of questions, and an
    error in one does not end the others. With `keeps`, the derivations are written to
    the user's own store.
    """

    expression: Path
    arguments: Mapping[str, str]
    count: float
    attribute: str | None = None
    keeps: bool = False
    seconds: float = 0.0
    most: float = inf
    searches: bool = False

    @property
    def command(self) -> Command:
        """The command that runs the evaluation on this computer."""
        with limits.sealed():
            command = self._command()
        return replace(
            limits.bounded(command, limits.memory(), strictly=True),
            timeout=min(self.longest, limits.left()),
        )

    @property
    def longest(self) -> float:
        """The time limit of all questions together, in seconds."""
        one = limits.seconds()
        return min(one * self.count, max(one, self.seconds), self.most)

    def _command(self) -> Command:
        if self.searches and self.attribute is not None:
            return evaluator.search_command(
                self.expression, self.arguments, self.attribute
            )
        command = evaluator.evaluate_command(
            self.expression,
            self.arguments,
            attribute=self.attribute,
            keeps=self.keeps,
        )
        options = (
            ("--show-trace",) if self.keeps else ("--readonly-mode", "--show-trace")
        )
        return replace(command, argv=(*command.argv, *options))


def bisected(
    ask: Callable[[Sequence[T]], Sequence[A]], items: Sequence[T], *, mark: str = MARK
) -> list[A | CommandError]:
    """Return the answers about items, with as few evaluations as possible.

    If an item ends an evaluation with an error, the error becomes the item's answer,
    and all other items are evaluated again. The last `question N` after the word `mark`
    in the error output names the item; without it, or if the total time ran out, the
    items are halved. An item that exceeded its own time is not evaluated again. If
    memory ran out, the items before and after it are evaluated separately.
    """
    if not items:
        return []
    try:
        return [*ask(items)]
    except CommandError as error:
        if len(items) == 1:
            return [error]
        late = isinstance(error, LimitError) and error.of_pace
        numbers = re.findall(rf"{re.escape(mark)} question (\d{{1,9}})\b", error.stderr)
        known = numbers and (late or not isinstance(error, LimitError))
        index = int(numbers[-1]) if known else len(items)
        answer: list[A | CommandError] = [error] if late else []
        parts = [items[:index], items[index + 1 :]]
        apart = parts if reached_limit(error) and not late else [[*parts[0], *parts[1]]]
    if index >= len(items):
        middle = len(items) // 2
        return [
            *bisected(ask, items[:middle], mark=mark),
            *bisected(ask, items[middle:], mark=mark),
        ]
    rest = [each for part in apart for each in bisected(ask, part, mark=mark)]
    return [
        *rest[:index],
        *(answer or bisected(ask, [items[index]], mark=mark)),
        *rest[index:],
    ]
