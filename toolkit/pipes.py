"""Feed a program's input and collect its output, with limits on time and size."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import IO

# The longest wait of the main thread, in seconds. Python handles a signal that comes
# just before a wait only when the wait ends.
LONGEST_WAIT = 0.2

_CHUNK = 65536


class Stream:
    """One output stream of a program; `observer` receives each line.

    If the output exceeds `kept` bytes, its oldest bytes are dropped. `size` counts the
    dropped bytes, too.
    """

    def __init__(
        self,
        *,
        most: int | None = None,
        kept: int | None = None,
        observer: Callable[[str], None] | None = None,
    ) -> None:
        self._most, self._kept = most, kept
        self._observer = observer
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self.size = 0
        self._rest = b""

    @property
    def is_full(self) -> bool:
        """Return whether the output exceeds `most` bytes."""
        return self._most is not None and self._size > self._most

    @property
    def content(self) -> bytes:
        """The collected bytes."""
        return b"".join(self._chunks)

    @property
    def text(self) -> str:
        """The collected output as text."""
        return self.content.decode("utf-8", "replace")

    def take(self, chunk: bytes) -> None:
        """Add bytes that the program has written; an empty chunk ends the output."""
        if self._observer is not None:
            *lines, self._rest = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
            for line in lines if chunk or not self._rest else (*lines, self._rest):
                self._observer(line.decode("utf-8", "replace"))
        self.size += len(chunk)
        self._size += len(chunk)
        self._chunks.append(chunk)
        while (
            self._kept is not None and self._size - len(self._chunks[0]) >= self._kept
        ):
            self._size -= len(self._chunks.popleft())


def exchange(
    pipe: IO[bytes] | None,
    content: bytes,
    outputs: Sequence[tuple[IO[bytes] | None, Stream]],
    left: Callable[[], float],
    status: Callable[[], int | None],
) -> None:
    """Write `content` to a program, and collect its output until it ends or is full.

    Once the program has a `status`, the rest of its input is dropped. `left` returns
    the remaining seconds, or raises.
    """
    rest = memoryview(content)
    with DefaultSelector() as waiting:
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
            waiting.register(pipe, EVENT_WRITE)
        for output, stream in outputs:
            if output is not None:
                waiting.register(output, EVENT_READ, stream)
        while waiting.get_map() and not any(stream.is_full for _, stream in outputs):
            ready = waiting.select(min(left(), LONGEST_WAIT))
            reads = any(key.data is not None for key in waiting.get_map().values())
            if not ready and status() is not None and not reads:
                return
            for key, _ in ready:
                if isinstance(key.data, Stream):
                    key.data.take(chunk := os.read(key.fd, _CHUNK))
                    if not chunk:
                        waiting.unregister(key.fileobj)
                elif pipe is not None and not (rest := rest[_written(key.fd, rest) :]):
                    waiting.unregister(pipe)
                    pipe.close()


def _written(handle: int, content: memoryview) -> int:
    """Return how many bytes of a content a program accepts now.

    If the program has ended or reads no more, return the length of the content.
    """
    try:
        return os.write(handle, content[:_CHUNK])
    except BlockingIOError:
        return 0
    except OSError:
        return len(content)


def drain(output: IO[bytes] | None, stream: Stream) -> None:
    """Collect the remaining output of a program that has ended.

    Do not wait for other processes that have the pipe open.
    """
    if output is not None:
        os.set_blocking(output.fileno(), False)
        with suppress(BlockingIOError):
            while chunk := os.read(output.fileno(), _CHUNK):
                stream.take(chunk)
