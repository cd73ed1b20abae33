"""The places where an evaluation can run: in a process, or in a Nix build."""

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
    """A place where evaluations run: in processes, or in Nix builds."""

    def execute(self, task: Task) -> None:
        """Run an evaluation; raise CommandError on failure, LimitError at a limit."""

    def taking_part(self) -> AbstractContextManager[None]:
        """Return a context manager for one of several parallel threads."""
        ...


class Here(Struct, frozen=True):
    """The place that evaluates in sandboxed processes on this computer."""

    def execute(self, task: Task) -> None:
        """Run an evaluation in a process on this computer."""
        command = replace(task.evaluation.command, on_stderr=task.on_line)
        task.allowed.execute(command, task.things, mark=f"{task.mark} question")

    def taking_part(self) -> AbstractContextManager[None]:
        """Return an empty context manager, because threads need not wait here."""
        return nullcontext()


HERE = Here()
