"""A lifted package, with the trees around its file before and after, and what Nix says of both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from toolkit import prove
from toolkit.prove.lifted import Answer, Question, ask, command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolkit.lift.rewriting import Lifted

SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin")
_TOGETHER = 2
_lock = Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class Case(prove.Case[prove.Stage]):
    """A lift of one package. `trees` are the tops of the whole trees before and after, `readers` packages beside it.

    A reader is a package that overrides or reads the lifted one, as far as a search by name found it. `overlay` is the
    directory of the overlay, None where there is none.
    """

    package: str
    lifted: Lifted
    trees: tuple[Path, Path]
    systems: tuple[str, ...] = SYSTEMS
    readers: tuple[str, ...] = ()
    overlay: Path | None = None

    @property
    def questions(self) -> list[Question]:
        """What is asked on each system: about the package first, then about its readers."""
        own = Question(package=tuple(self.package.split(".")), doors=self.lifted.doors, shown=self.lifted.shown)
        return [own, *(Question(package=tuple(name.split(".")), doors={}) for name in self.readers)]

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that ask."""
        before, after = self.trees
        return tuple(command(before, after, system, self.questions).line for system in self.systems)

    def answers(self) -> Mapping[str, list[Answer]]:
        """Return Nix's answers by system; all claims share them."""
        with _lock:
            return self._answers

    @cached_property
    def _answers(self) -> Mapping[str, list[Answer]]:
        before, after = self.trees
        with ThreadPoolExecutor(_TOGETHER) as pool:
            asked = [
                pool.submit(copy_context().run, ask, before, after, system, self.questions) for system in self.systems
            ]
            return dict(zip(self.systems, (answer.result() for answer in asked), strict=True))
