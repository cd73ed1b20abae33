"""Where an evaluation runs: the one decision about that."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.questions import Evaluation
from toolkit.nix.limits import Allowance


class Task(Struct, frozen=True, kw_only=True):
    """An evaluation, and who hears of it.

    Its questions are about `things` in this order: what the time of each is subtracted
    from in `allowed`. The expression's `mark` begins what it says of itself, and
    `on_line` gets each line of Nix's.
    """

    evaluation: Evaluation
    things: Sequence[tuple[str, tuple[str, ...]]]
    mark: str
    allowed: Allowance
    on_line: Callable[[str], None]


class EvaluationPlace(Protocol):
    """A place that evaluates."""

    def execute(self, task: Task) -> None:
        """Evaluate; raise CommandError if that fails, LimitError at a limit."""

    def taking_part(self) -> AbstractContextManager[None]:
        """Return the block in which one of several conversations evaluates here."""
        ...


class Here(Struct, frozen=True):
    """A process of this machine, behind the wall of a sealed evaluation."""

    def execute(self, task: Task) -> None:
        """Evaluate in a process."""
        command = replace(task.evaluation.command, on_stderr=task.on_line)
        task.allowed.execute(command, task.things, mark=f"{task.mark} question")

    def taking_part(self) -> AbstractContextManager[None]:
        """Return a block; no conversation waits for another one."""
        return nullcontext()


HERE = Here()
