from collections.abc import Callable, Sequence

import pytest

from toolkit.asking.questions import bisected
from toolkit.errors import CommandError, LimitError


class Asking:
    """Doubles numbers, and ends at bad ones, as Nix at uncatchable errors."""

    def __init__(
        self, *bad: int, is_named: bool = False, names: int | None = None
    ) -> None:
        """Say which question it ended at, by its place or as it `names` it."""
        self.bad, self.is_named, self.names = bad, is_named, names
        self.parts: list[tuple[int, ...]] = []

    def __call__(self, part: Sequence[int]) -> list[int]:
        self.parts.append(tuple(part))
        if set(part) & set(self.bad):
            at = part.index(next(number for number in part if number in self.bad))
            said = (
                f"unlet: question {at if self.names is None else self.names}"
                if self.is_named
                else "no such file"
            )
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
def test_only_what_ends_it_has_no_answer_and_the_order_stays(
    bad: tuple[int, ...],
) -> None:
    wanted = [None if number in bad else number * 2 for number in range(1, 6)]
    assert answers(bisected(Asking(*bad), range(1, 6))) == wanted


def test_an_item_that_the_error_names_is_asked_alone_and_the_rest_together() -> None:
    asking = Asking(3, is_named=True)
    assert answers(bisected(asking, [1, 2, 3, 4])) == [2, 4, None, 8]
    assert asking.parts == [(1, 2, 3, 4), (1, 2, 4), (3,)]


@pytest.mark.parametrize("names", [0, 1, 99])
def test_an_error_that_names_another_question_blames_nobody_else(names: int) -> None:
    assert answers(bisected(Asking(3, is_named=True, names=names), [1, 2, 3, 4])) == [
        2,
        4,
        None,
        8,
    ]


def _has(number: int) -> Callable[[Sequence[int]], bool]:
    return lambda part: number in part


def _is_long(part: Sequence[int]) -> bool:
    return len(part) > 2


@pytest.mark.parametrize(
    ("is_bad", "number", "limit", "wanted", "asked"),
    [
        # One that takes all of its time is not asked again; all that take too long
        # together are asked in halves.
        (
            _has(2),
            2,
            {"of_time": True, "of_pace": True},
            [2, None, 6],
            [(1, 2, 3), (1, 3)],
        ),
        (_is_long, 2, {"of_time": True}, [2, 4, 6], [(1, 2, 3), (1,), (2, 3)]),
        # What takes all of the memory is asked alone, and nothing is asked with it
        # again.
        (
            _has(3),
            3,
            None,
            [2, 4, None, 8, 10],
            [(1, 2, 3, 4, 5), (1, 2), (4, 5), (3,)],
        ),
        (_is_long, 3, None, [2, 4, 6, 8, 10], [(1, 2, 3, 4, 5), (1, 2), (4, 5), (3,)]),
    ],
)
def test_one_at_a_limit_keeps_no_other_from_an_answer(
    is_bad: Callable[[Sequence[int]], bool],
    number: int,
    limit: dict[str, bool] | None,
    wanted: list[int | None],
    asked: list[tuple[int, ...]],
) -> None:
    parts: list[tuple[int, ...]] = []

    def ask(part: Sequence[int]) -> list[int]:
        parts.append(tuple(part))
        if not is_bad(part):
            return [each * 2 for each in part]
        marks = "".join(
            f"trace: x question {each}\n" for each in range(part.index(number) + 1)
        )
        if limit is not None:
            raise LimitError(["nix"], status=-15, stderr=marks, limit="still", **limit)
        raise CommandError(["nix"], status=1, stderr=f"{marks}error: out of memory")

    assert answers(bisected(ask, range(1, len(wanted) + 1), mark="x")) == wanted
    assert parts == asked
