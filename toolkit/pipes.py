"""Collect a program's output in a thread, pass it on line by line, and limit its size."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable

# The longest wait of the main thread, in seconds: a signal that comes just before it blocks raises nothing until it
# wakes.
LONGEST_WAIT = 0.2


class Stream:
    """Collects one output of a program in a thread, and passes it on line by line.

    More than `most` bytes end the program; beyond `kept` bytes, the first are dropped.
    """

    def __init__(
        self, *, most: int | None = None, kept: int | None = None, observer: Callable[[str], None] | None = None
    ) -> None:
        self._reading, self.writing = os.pipe()
        self._most, self._kept = most, kept
        self._observer = observer
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._stop: Callable[[], None] = lambda: None

    def start(self, stop: Callable[[], None]) -> None:
        """Start to read a program's output; `stop` ends a program that writes too much."""
        os.close(self.writing)
        self._stop = stop
        self._thread.start()

    def close(self) -> None:
        """Stop: the process did not start."""
        os.close(self._reading)
        os.close(self.writing)

    def ends(self, within: float | None) -> bool:
        """Wait at most so many seconds for the end of the output, and return whether it came."""
        deadline = float("inf") if within is None else time.monotonic() + within
        while self._thread.is_alive() and (left := deadline - time.monotonic()) > 0:
            self._thread.join(min(left, LONGEST_WAIT))
        return not self._thread.is_alive()

    @property
    def is_full(self) -> bool:
        """Return whether the output exceeded its limit."""
        return self._most is not None and self._size > self._most

    @property
    def content(self) -> bytes:
        """The collected bytes."""
        return b"".join(self._chunks)

    @property
    def text(self) -> str:
        """The collected output as text."""
        return self.content.decode("utf-8", "replace")

    def _read(self) -> None:
        rest = b""
        with os.fdopen(self._reading, "rb", buffering=0) as stream:
            while chunk := stream.read(65536):
                self._keep(chunk)
                if self._observer is None:
                    continue
                *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
                for line in lines:
                    self._observer(line.decode("utf-8", "replace"))
        if rest and self._observer is not None:
            self._observer(rest.decode("utf-8", "replace"))

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self.is_full:
            self._chunks.clear()
            self._stop()
            return
        self._chunks.append(chunk)
        if self._kept is not None:
            while self._size - len(self._chunks[0]) >= self._kept:
                self._size -= len(self._chunks.popleft())
