"""The default designs of a lift, in order, and the largest change that a default design may make."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from toolkit.errors import RefusalError
from toolkit.lift.bindings import SHARED, reason, shared
from toolkit.lift.following import is_derivation
from toolkit.lift.plan import FOLLOWED, Design
from toolkit.lift.rewriting import Lifted, rewrite
from toolkit.lift.shape import Shape, read
from toolkit.lift.wanted import equals, wanted, with_reason
from toolkit.nix.tree import Tree

_MOST_MOVED = 24
MOST_LINES = 300
"""So many lines a change may have that nobody insists on."""


class LiftChoice(Struct, frozen=True, kw_only=True):
    """The choices for a lift: bindings (none: all), a design (None: the best), attributes to follow, new names.

    `called` is that of `lift`. If the lift is `requested`, by an issue, its parts need no other reason.
    """

    bindings: tuple[str, ...] = ()
    design: Design | None = None
    follow: tuple[str, ...] = ()
    called: Mapping[str, str] = {}
    requested: bool = False


class LiftWay(Struct, frozen=True, kw_only=True):
    """A design, the bindings to lift by it (none: all), and the attributes that moved definitions follow.

    If `whole`, the followed bindings leave the let as well.
    """

    design: Design
    follow: tuple[str, ...] = ()
    bindings: tuple[str, ...] = ()
    whole: bool = False


def ways(text: str, choice: LiftChoice, *, name: str) -> Iterator[LiftWay]:
    """Yield the ways to lift, the best first; after one that changes too much, the same for fewer bindings.

    Raise as `lift` does.
    """
    shape = read(Tree(text, name=name))
    if choice.design is not None or choice.follow:
        design = choice.design or Design.MOVE
        yield from _best(shape, choice, LiftWay(design=design, follow=choice.follow, bindings=choice.bindings))
        return
    every = wanted(shape, choice.bindings)
    names = every if choice.bindings or choice.requested else with_reason(shape, every)
    others = [name for name in equals(shape, names) if choice.requested or reason(shape, name)]
    if not choice.bindings and "" not in choice.called and others:
        yield from _ways(shape, choice, (*names, *others))
    yield from _ways(shape, choice, choice.bindings if names == every else names)


def _ways(shape: Shape, choice: LiftChoice, bindings: tuple[str, ...]) -> Iterator[LiftWay]:
    names = wanted(shape, bindings)
    follow = {part for binding in names for part in shared(shape, binding)}
    stay = LiftWay(design=Design.STAY, bindings=bindings)
    follows = (tuple(part for part in parts if part in follow) for parts in (FOLLOWED, SHARED))
    moves = (replace(stay, design=Design.MOVE, follow=each) for each in dict.fromkeys(follows) if each)
    for way in (*(way for move in moves for way in _best(shape, choice, move)), stay):
        some = _affordable(shape, choice, way, names)
        ways = [way, *([replace(way, bindings=some)] if some else [])]
        # A set of many lines is no attribute to have if it can be helped.
        yield from reversed(ways) if _moves_values(shape, choice, way, names) else ways


def _best(shape: Shape, choice: LiftChoice, way: LiftWay) -> Iterator[LiftWay]:
    """Yield a way, after the one by which what is followed leaves the let, too."""
    if way.follow:
        whole = replace(way, whole=True)
        with suppress(RefusalError):
            _made(shape, choice, whole, whole.bindings)
            yield whole
    yield way


def lifted(text: str, choice: LiftChoice, way: LiftWay, *, name: str) -> Lifted:
    """Lift in one way; raise as `lift` does, and RefusalError if a default design changes too much.

    A layer is only for an overlay, which nobody has to review.
    """
    made = _made(read(Tree(text, name=name)), choice, way, way.bindings)
    asked = choice.design is not None or way.design is Design.LAYER
    if not asked and (lines := changed_lines(text, made.text)) > MOST_LINES:
        fact = f"{name}: the change has {lines} lines, more than {MOST_LINES}"
        raise RefusalError(fact, hint=f"--design {way.design} makes it all the same, --binding a part of it")
    return made


def _made(shape: Shape, choice: LiftChoice, way: LiftWay, bindings: Sequence[str]) -> Lifted:
    return rewrite(
        shape, bindings=bindings, design=way.design, follow=way.follow, called=choice.called, whole=way.whole
    )


def _moves_values(shape: Shape, choice: LiftChoice, way: LiftWay, names: Sequence[str]) -> bool:
    """Return whether what stays makes an attribute of something long that is no derivation."""
    if way.design is not Design.STAY:
        return False
    try:
        moved = _made(shape, choice, way, names).moved
    except RefusalError:
        return False
    values = (shape.bindings[binding] for binding in moved if not is_derivation(shape, binding))
    return sum(node.text.count("\n") for node in values) > _MOST_MOVED


def _affordable(shape: Shape, choice: LiftChoice, way: LiftWay, names: Sequence[str]) -> tuple[str, ...]:
    """Return the bindings of a lift that is too large, or moves values, by which it is not; else none.

    Those that change least come first, and of those that stay only such by which nothing moves.
    """

    def size(bindings: Sequence[str]) -> float:
        try:
            made = _made(shape, choice, way, bindings)
        except RefusalError:
            return inf
        moves = bindings != names and way.design is Design.STAY and made.moved
        return inf if moves else changed_lines(shape.tree.text, made.text)

    if size(names) <= MOST_LINES and not _moves_values(shape, choice, way, names):
        return ()
    chosen: tuple[str, ...] = ()
    for binding in sorted(names, key=lambda each: size([each])):
        if size(more := (*chosen, binding)) > MOST_LINES:
            break
        chosen = more
    return chosen


def changed_lines(before: str, after: str) -> int:
    """Return the number of added and removed lines in a diff."""
    # Two lines of names come first, and the place of the first change.
    lines = [*difflib.unified_diff(before.splitlines(), after.splitlines())]
    return sum(line[:1] in {"+", "-"} for line in lines[3:])
