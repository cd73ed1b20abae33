"""Collect chunks of questions from several threads, to build all of them at once."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from threading import Condition

from msgspec import Struct

from toolkit.asking.builds import Built
from toolkit.pipes import LONGEST_WAIT


class ChunkRequest(Struct, frozen=True, kw_only=True, eq=False):
    """A chunk of questions to Nix, as the attributes of its derivation."""

    attributes: Mapping[str, str | int]


class Gathering:
    """Collects one chunk of questions from each of `count` threads.

    When each thread waits for its result, or has left, all chunks are built at once.
    """

    def __init__(
        self,
        count: int,
        build: Callable[[Sequence[Mapping[str, str | int]]], list[Built]],
    ) -> None:
        self._left = count
        self._build = build
        self._waiting: list[ChunkRequest] = []
        self._results: dict[int, Built | BaseException] = {}
        self._change = Condition()

    def result(self, request: ChunkRequest) -> Built:
        """Return the result of a chunk, which is built with those of all threads."""
        with self._change:
            self._waiting.append(request)
            self._change.notify_all()
            while id(request) not in self._results:
                if len(self._waiting) < self._left:
                    self._change.wait(LONGEST_WAIT)
                else:
                    self._build_all()
            result = self._results.pop(id(request))
        if isinstance(result, BaseException):
            raise result
        return result

    @contextmanager
    def taking_part(self) -> Generator[None]:
        """Leave at the end of the block, so that other threads do not wait."""
        try:
            yield
        finally:
            with self._change:
                self._left -= 1
                self._change.notify_all()

    def _build_all(self) -> None:
        requests, self._waiting = self._waiting, []
        try:
            results: Sequence[Built | BaseException] = self._build(
                [request.attributes for request in requests]
            )
        except BaseException as error:  # noqa: BLE001 - raised again by each thread
            results = [error] * len(requests)
        for request, result in zip(requests, results, strict=True):
            self._results[id(request)] = result
        self._change.notify_all()
