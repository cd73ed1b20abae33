"""Run slow tasks in parallel threads; a failure or an interrupt ends all of them."""

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

from toolkit import process
from toolkit.pipes import LONGEST_WAIT

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

JOBS = 16


def side_by_side(
    function: Callable[[A], B], items: Sequence[A], *, jobs: int = JOBS
) -> list[B]:
    """Return a function's results for all items, in the order of the items.

    Raise the first exception. The threads are daemons, so an interrupt does not wait
    for unfinished tasks.
    """
    if len(items) <= 1:
        return [function(item) for item in items]
    futures: list[Future[B]] = [Future() for _ in items]
    # Each thread takes the next item.
    waiting = iter([*zip(items, futures, strict=True)])

    def work() -> None:
        for item, future in waiting:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(item))
                except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                    future.set_exception(error)

    for _ in range(min(jobs, len(items))):
        threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    try:
        # Python handles a signal that comes just before a wait when the wait ends.
        while (state := wait(futures, LONGEST_WAIT, FIRST_EXCEPTION)).not_done:
            for future in state.done:
                future.result()
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


def result_of(future: Future[T]) -> T:
    """Return the result of a future, and handle signals while waiting for it."""
    while not wait([future], LONGEST_WAIT).done:
        pass
    return future.result()


@contextmanager
def beside(function: Callable[[], T]) -> Generator[Callable[[], T]]:
    """Call a function in a thread while the block runs.

    Yield a function that waits for the result within the block. At the end of the
    block, wait for the thread, and raise its exception.
    """
    with ThreadPoolExecutor(max_workers=1) as pool, process.ending_together():
        future = pool.submit(copy_context().run, function)
        yield lambda: result_of(future)
        result_of(future)
