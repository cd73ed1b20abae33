"""Decide where an evaluation runs."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.questions import Evaluation
from toolkit.nix.limits import Allowance


class Task(Struct, frozen=True, kw_only=True):
    """An evaluation, and who receives its lines.

    Its questions are about `things` in this order, whose time limits are in `allowed`.
    The expression begins its own lines with `mark`, and `on_line` receives each line of
    Nix.
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
    """A process of this machine, in a sealed evaluation."""

    def execute(self, task: Task) -> None:
        """Evaluate in a process."""
        command = replace(task.evaluation.command, on_stderr=task.on_line)
        task.allowed.execute(command, task.things, mark=f"{task.mark} question")

    def taking_part(self) -> AbstractContextManager[None]:
        """Return a block; no conversation waits for another one here."""
        return nullcontext()


HERE = Here()
