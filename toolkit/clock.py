"""Time limits of a program: for the whole run, and for each of its tasks."""

import time
from collections.abc import Callable
from math import inf

from msgspec import Struct

from toolkit.pipes import LONGEST_WAIT, Stream


class Pace(Struct, frozen=True):
    """The time limit of each task in a program, in seconds.

    A stderr line with the mark starts the next task. `spent` has the seconds that each task has already used.
    """

    mark: str
    seconds: float
    spent: tuple[float, ...] = ()


class Clock:
    """The deadline of a program: after `timeout` seconds and by its pace. Each stderr line is passed on to `passed`."""

    def __init__(self, timeout: float | None, pace: Pace | None, passed: Callable[[str], None] | None) -> None:
        self._pace = pace
        self._passed = passed
        self._end = inf if timeout is None else time.monotonic() + timeout
        self._marked = time.monotonic()
        self._marks = 0

    @property
    def observer(self) -> Callable[[str], None] | None:
        """The function that receives each stderr line."""
        return self._passed if self._pace is None else self._observe

    @property
    def left(self) -> float:
        """The remaining seconds."""
        return min(self._end, self._paced) - time.monotonic()

    @property
    def missed(self) -> Pace | None:
        """The pace, if it ends the program before `timeout` does."""
        return self._pace if self._paced < self._end else None

    @property
    def _paced(self) -> float:
        """When the time of what the program is at is up."""
        if (pace := self._pace) is None:
            return inf
        at = max(self._marks - 1, 0)
        return self._marked + pace.seconds - (pace.spent[at] if at < len(pace.spent) else 0.0)

    def wait(self, stream: Stream) -> None:
        """Wait for the end of a stream; raise TimeoutError if the program's time runs out first."""
        while not stream.ends(min(self.left, LONGEST_WAIT)):
            if self.left <= 0:
                raise TimeoutError

    def _observe(self, line: str) -> None:
        if self._pace is not None and self._pace.mark in line:
            self._marks += 1
            if self._marks > 1:
                self._marked = time.monotonic()
        if self._passed is not None:
            self._passed(line)
