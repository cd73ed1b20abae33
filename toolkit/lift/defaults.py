"""The default designs of a lift, in order, and the largest change that a default design may make."""

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from toolkit.errors import RefusalError
from toolkit.lift.bindings import SHARED, reason, shared, state
from toolkit.lift.plan import FOLLOWED, Design, LiftWay
from toolkit.lift.rewriting import Lifted, lift, rewrite
from toolkit.lift.shape import Shape, read
from toolkit.lift.wanted import equals, wanted, with_reason
from toolkit.nix.tree import Tree

MOST_LINES = 300
"""So many lines a change may have that nobody insists on."""


class LiftChoice(Struct, frozen=True, kw_only=True):
    """The choices for a lift: bindings (none: all), a design (None: the best), attributes to follow, new names.

    `called` is that of a `LiftWay`. If the lift is `requested`, by an issue, its parts need no other reason.
    """

    bindings: tuple[str, ...] = ()
    design: Design | None = None
    follow: tuple[str, ...] = ()
    called: Mapping[str, str] = {}
    requested: bool = False


def ways(text: str, choice: LiftChoice, *, name: str) -> Iterator[LiftWay]:
    """Yield the ways to lift, the best first; after one that changes too much, the same for fewer bindings.

    Raise as `lift` does.
    """
    shape = read(Tree(text, name=name))
    asked = LiftWay(bindings=choice.bindings, follow=choice.follow, called=choice.called)
    if choice.design is not None or choice.follow:
        yield from _best(shape, replace(asked, design=choice.design or Design.MOVE))
        return
    every = wanted(shape, choice.bindings)
    names = every if choice.bindings or choice.requested else with_reason(shape, every)
    others = equals(shape, names)
    if not choice.requested:
        others = tuple(name for name in others if reason(state(shape, name), shared(shape, name)))
    if not choice.bindings and others:
        yield from _ways(shape, replace(asked, bindings=(*names, *others)))
    yield from _ways(shape, asked if names == every else replace(asked, bindings=names))


def _ways(shape: Shape, stay: LiftWay) -> Iterator[LiftWay]:
    follow = {part for binding in wanted(shape, stay.bindings) for part in shared(shape, binding)}
    follows = (tuple(part for part in parts if part in follow) for parts in (FOLLOWED, SHARED))
    moves = (replace(stay, design=Design.MOVE, follow=each) for each in dict.fromkeys(follows) if each)
    for way in (*(way for move in moves for way in _best(shape, move)), stay):
        yield way
        if some := _affordable(shape, way):
            yield replace(way, bindings=some)


def _best(shape: Shape, way: LiftWay) -> Iterator[LiftWay]:
    """Yield a way, after the one by which what is followed leaves the let, too."""
    if way.follow:
        whole = replace(way, whole=True)
        with suppress(RefusalError):
            rewrite(shape, whole)
            yield whole
    yield way


def _affordable(shape: Shape, way: LiftWay) -> tuple[str, ...]:
    """Return the parts of a lift that is refused or too large by which it is not, smallest changes first; else none."""

    def size(bindings: tuple[str, ...]) -> float:
        try:
            return changed_lines(shape.tree.text, rewrite(shape, replace(way, bindings=bindings)).text)
        except RefusalError:
            return inf

    names = wanted(shape, way.bindings)
    chosen: tuple[str, ...] = ()
    if size(names) <= MOST_LINES:
        return ()
    for name in sorted(names, key=lambda each: size((each,))):
        if size((*chosen, name)) > MOST_LINES:
            break
        chosen = (*chosen, name)
    return chosen


def lifted(text: str, choice: LiftChoice, way: LiftWay, *, name: str) -> Lifted:
    """Lift in one way; raise as `lift` does, and RefusalError if a default design changes too much.

    A layer is only for an overlay, which nobody has to review.
    """
    made = lift(text, way, name=name)
    asked = choice.design is not None or way.design is Design.LAYER
    if not asked and (lines := changed_lines(text, made.text)) > MOST_LINES:
        fact = f"{name}: the change has {lines} lines, more than {MOST_LINES}"
        raise RefusalError(fact, hint=f"--design {way.design} makes it all the same, --binding a part of it")
    return made


def changed_lines(before: str, after: str) -> int:
    """Return the number of added and removed lines in a diff."""
    # Two lines of names come first, and the place of the first change.
    lines = [*difflib.unified_diff(before.splitlines(), after.splitlines())]
    return sum(line[:1] in {"+", "-"} for line in lines[3:])
