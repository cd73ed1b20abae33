"""Doing many slow things at a time."""

from __future__ import annotations

import contextvars
import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

A = TypeVar("A")
B = TypeVar("B")

JOBS = 16


def side_by_side(function: Callable[[A], B], items: Sequence[A], *, jobs: int = JOBS) -> list[B]:
    """Return the function's results in the order of the items; what it raises is raised.

    The threads are daemons, so that an interrupt need not wait for an answer that is still to come.
    """
    if len(items) <= 1:
        return [function(item) for item in items]
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, B | None, BaseException | None]] = queue.SimpleQueue()
    stopped = threading.Event()
    for index in range(len(items)):
        waiting.put(index)

    def work() -> None:
        while not stopped.is_set():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((index, function(items[index]), None))
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                done.put((index, None, error))

    for _ in range(min(jobs, len(items))):
        threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()
    results: dict[int, B] = {}
    try:
        while len(results) < len(items):
            index, result, error = done.get()
            if error is not None:
                raise error
            results[index] = result  # type: ignore[assignment] # of this index it is the result
    finally:
        stopped.set()
    return [results[index] for index in range(len(items))]
