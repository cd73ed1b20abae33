"""Run many slow tasks in threads: a failure or an interrupt ends them all."""

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import TypeVar

from toolkit import process
from toolkit.pipes import LONGEST_WAIT

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

JOBS = 16


def side_by_side(function: Callable[[A], B], items: Sequence[A], *, jobs: int = JOBS) -> list[B]:
    """Return the function's results in the order of the items; raise its first exception.

    The threads are daemons, so that an interrupt does not wait for unfinished answers.
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
        threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    results: dict[int, B] = {}
    try:
        while len(results) < len(items):
            # A signal that comes just before a wait is heeded when that ends.
            with suppress(queue.Empty):
                index, result, error = done.get(timeout=LONGEST_WAIT)
                if error is not None:
                    raise error
                results[index] = result  # type: ignore[assignment] # of this index it is the result
    finally:
        stopped.set()
    return [results[index] for index in range(len(items))]


def result_of(future: Future[T]) -> T:
    """Wait for a result, and react to signals meanwhile."""
    while not wait([future], LONGEST_WAIT).done:
        pass
    return future.result()


@contextmanager
def beside(function: Callable[[], T]) -> Generator[Callable[[], T]]:
    """Call a function in a thread during the block, and wait for it afterwards; raise its exception.

    Yield a function that waits for the result within the block.
    """
    with ThreadPoolExecutor(max_workers=1) as pool, process.ending_together():
        future = pool.submit(copy_context().run, function)
        yield lambda: result_of(future)
        result_of(future)
