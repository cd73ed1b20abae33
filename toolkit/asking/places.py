"""The place where an evaluation runs: a process, or by the same interface a build."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.questions import Evaluation
from toolkit.nix.limits import Allowance


class Task(Struct, frozen=True, kw_only=True):
    """An evaluation to run, and the function that receives its lines.

    The questions are about `things` (a system and an attribute path) in this order,
    whose time limits are in `allowed`. The expression begins its own lines with `mark`,
    and `on_line` receives each line that Nix prints.
    """

    evaluation: Evaluation
    things: Sequence[tuple[str, tuple[str, ...]]]
    mark: str
    allowed: Allowance
    on_line: Callable[[str], None]


class EvaluationPlace(Protocol):
    """A place that runs evaluations."""

    def execute(self, task: Task) -> None:
        """Run an evaluation; raise CommandError on failure, LimitError at a limit."""

    def taking_part(self) -> AbstractContextManager[None]:
        """Return a context manager for a thread that evaluates here."""
        ...


class Here(Struct, frozen=True):
    """A place that evaluates in a sandboxed process on this computer."""

    def execute(self, task: Task) -> None:
        """Run an evaluation in a process."""
        command = replace(task.evaluation.command, on_stderr=task.on_line)
        task.allowed.execute(command, task.things, mark=f"{task.mark} question")

    def taking_part(self) -> AbstractContextManager[None]:
        """Return an empty context manager, because threads do not wait here."""
        return nullcontext()


HERE = Here()
