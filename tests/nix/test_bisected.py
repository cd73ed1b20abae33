from collections.abc import Sequence

import pytest

from toolkit.errors import CommandError, LimitError
from toolkit.nix.questions import bisected


class Asking:
    """Doubles numbers, and ends at those that are bad, as Nix does at what it cannot catch."""

    def __init__(self, *bad: int, is_named: bool = False, names: int | None = None) -> None:
        """Say which question it ended at, by its place or as it `names` it."""
        self.bad, self.is_named, self.names = bad, is_named, names
        self.parts: list[tuple[int, ...]] = []

    def __call__(self, part: Sequence[int]) -> list[int]:
        self.parts.append(tuple(part))
        if set(part) & set(self.bad):
            at = part.index(next(number for number in part if number in self.bad))
            said = f"unlet: question {at if self.names is None else self.names}" if self.is_named else "no such file"
            raise CommandError(["nix-instantiate"], status=1, stderr=f"error: {said}")
        return [number * 2 for number in part]


def answers(found: Sequence[int | CommandError]) -> list[int | None]:
    return [None if isinstance(each, CommandError) else each for each in found]


def test_what_nothing_ends_is_asked_once() -> None:
    asking = Asking()
    assert answers(bisected(asking, [1, 2, 3])) == [2, 4, 6]
    assert asking.parts == [(1, 2, 3)]
    assert bisected(asking, []) == []


@pytest.mark.parametrize("bad", [(1,), (5,), (2, 4), (1, 2, 3, 4, 5)])
def test_only_what_ends_it_has_no_answer_and_the_order_stays(bad: tuple[int, ...]) -> None:
    wanted = [None if number in bad else number * 2 for number in range(1, 6)]
    assert answers(bisected(Asking(*bad), range(1, 6))) == wanted


def test_an_item_that_the_error_names_is_asked_alone_and_the_rest_together() -> None:
    asking = Asking(3, is_named=True)
    assert answers(bisected(asking, [1, 2, 3, 4])) == [2, 4, None, 8]
    assert asking.parts == [(1, 2, 3, 4), (1, 2, 4), (3,)]


@pytest.mark.parametrize("names", [0, 1, 99])
def test_an_error_that_names_another_question_blames_nobody_else(names: int) -> None:
    assert answers(bisected(Asking(3, is_named=True, names=names), [1, 2, 3, 4])) == [2, 4, None, 8]


def test_one_that_takes_all_of_its_time_is_not_asked_again_and_keeps_no_other_from_an_answer() -> None:
    asked: list[tuple[int, ...]] = []

    def slow(part: Sequence[int]) -> list[int]:
        asked.append(tuple(part))
        if 2 in part:
            marks = "".join(f"trace: x question {number}\n" for number in range(part.index(2) + 1))
            raise LimitError(["nix"], status=-15, stderr=marks, limit="still", of_time=True, of_pace=True)
        return [number * 2 for number in part]

    assert answers(bisected(slow, [1, 2, 3], mark="x")) == [2, None, 6]
    assert asked == [(1, 2, 3), (1, 3)]


def test_all_that_take_too_long_together_are_asked_in_halves() -> None:
    asked: list[tuple[int, ...]] = []

    def slow(part: Sequence[int]) -> list[int]:
        asked.append(tuple(part))
        if len(part) > 2:
            raise LimitError(["nix"], status=-15, stderr="x question 1", limit="still", of_time=True)
        return [number * 2 for number in part]

    assert answers(bisected(slow, [1, 2, 3, 4], mark="x")) == [2, 4, 6, 8]
    assert asked == [(1, 2, 3, 4), (1, 2), (3, 4)]


def test_what_takes_all_of_the_memory_is_asked_alone_and_nothing_is_asked_with_it_again() -> None:
    asked: list[tuple[int, ...]] = []

    def large(part: Sequence[int]) -> list[int]:
        asked.append(tuple(part))
        if 3 in part:
            marks = "".join(f"trace: x question {number}\n" for number in range(part.index(3) + 1))
            raise CommandError(["nix"], status=1, stderr=f"{marks}error: out of memory")
        return [number * 2 for number in part]

    assert answers(bisected(large, [1, 2, 3, 4, 5], mark="x")) == [2, 4, None, 8, 10]
    assert asked == [(1, 2, 3, 4, 5), (1, 2), (4, 5), (3,)]


def test_all_that_take_too_much_memory_together_are_asked_in_parts() -> None:
    asked: list[tuple[int, ...]] = []

    def large(part: Sequence[int]) -> list[int]:
        asked.append(tuple(part))
        if len(part) > 2:
            marks = "".join(f"trace: x question {number}\n" for number in range(3))
            raise CommandError(["nix"], status=1, stderr=f"{marks}error: out of memory")
        return [number * 2 for number in part]

    assert answers(bisected(large, [1, 2, 3, 4, 5], mark="x")) == [2, 4, 6, 8, 10]
    assert asked == [(1, 2, 3, 4, 5), (1, 2), (4, 5), (3,)]
