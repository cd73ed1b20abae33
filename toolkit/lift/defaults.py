"""Choose the designs of a lift to try, in order, and limit how much they change."""

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from toolkit.errors import RefusalError
from toolkit.lift.bindings import SHARED, Reachability, reason, shared, state
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import FOLLOWED, Design, LiftWay
from toolkit.lift.rewriting import lift, rewrite
from toolkit.lift.shape import Shape, read
from toolkit.lift.wanted import REQUEST, equals, wanted, with_reason
from toolkit.nix.tree import parsed

MOST_LINES = 300
"""The most lines that a change may have, unless the user insists."""


class LiftChoice(Struct, frozen=True, kw_only=True):
    """The choices for a lift: bindings, a design, attributes to follow, new names.

    Without bindings, it lifts all; without a design, it takes the best one. `called` is
    as in `LiftWay`. If an issue has `requested` the lift, its parts need no other
    reason.
    """

    bindings: tuple[str, ...] = ()
    design: Design | None = None
    follow: tuple[str, ...] = ()
    called: Mapping[str, str] = {}
    requested: bool = False


def ways(text: str, choice: LiftChoice, *, name: str) -> Iterator[LiftWay]:
    """Yield the ways to lift, best first.

    If one would change too much, yield it again for fewer bindings. Raise as `lift`
    does.
    """
    shape = read(parsed(text, name=name))
    asked = LiftWay(
        bindings=choice.bindings, follow=choice.follow, called=choice.called
    )
    if choice.design is not None or choice.follow:
        way = replace(asked, design=choice.design or Design.MOVE)
        for each in (
            _following(shape, way)
            if way.design is Design.INNER and not way.follow
            else [way]
        ):
            yield from _best(shape, each)
        return
    every = wanted(shape, choice.bindings)
    names = every if choice.bindings or choice.requested else with_reason(shape, every)
    others = equals(shape, names)
    if not choice.requested:
        others = tuple(
            name for name in others if reason(state(shape, name), shared(shape, name))
        )
    if not (choice.bindings or choice.requested or REQUEST.search(text)):
        yield from _halved(shape, replace(asked, bindings=(*names, *others)))
    if not choice.bindings and others:
        yield from _ways(shape, replace(asked, bindings=(*names, *others)))
    yield from _ways(shape, asked if names == every else replace(asked, bindings=names))


def _ways(shape: Shape, stay: LiftWay) -> Iterator[LiftWay]:
    moves = _following(shape, replace(stay, design=Design.MOVE))
    for way in (*(way for move in moves for way in _best(shape, move)), stay):
        yield way
        if some := _affordable(shape, way):
            yield replace(way, bindings=some)


def _following(shape: Shape, way: LiftWay) -> Iterator[LiftWay]:
    """Yield a way that follows all shared attributes, and one for SHARED alone."""
    follow = {
        part
        for binding in wanted(shape, way.bindings)
        for part in shared(shape, binding)
    }
    follows = (
        tuple(part for part in parts if part in follow) for parts in (FOLLOWED, SHARED)
    )
    yield from (replace(way, follow=each) for each in dict.fromkeys(follows) if each)


def _halved(shape: Shape, way: LiftWay) -> Iterator[LiftWay]:
    """Yield the way with an inner let if that halves the changed lines.

    Each part must be hidden, so nothing shows that anybody replaces it. It must have no
    hash, because no override would reach it.
    """
    for follow in [each.follow for each in _following(shape, way)][:1]:
        designs = (Design.MOVE, Design.INNER)
        move, inner = (
            next(_best(shape, replace(way, design=design, follow=follow)))
            for design in designs
        )
        with suppress(RefusalError):
            moved, bound = rewrite(shape, move), rewrite(shape, inner)
            lines, fewer = (
                changed_lines(shape.tree.text, each.text) for each in (moved, bound)
            )
            is_same = moved.follows == bound.follows and {*bound.states.values()} == {
                Reachability.HIDDEN
            }
            if is_same and not bound.hashes.parts and lines >= 2 * fewer:
                yield inner


def _best(shape: Shape, way: LiftWay) -> Iterator[LiftWay]:
    """Yield a way, after the one in which the followed values also leave the let."""
    if way.follow:
        whole = replace(way, whole=True)
        with suppress(RefusalError):
            rewrite(shape, whole)
            yield whole
    yield way


def _affordable(shape: Shape, way: LiftWay) -> tuple[str, ...]:
    """Return the parts that can be lifted if the whole lift is refused or too large.

    The parts with the smallest changes come first.
    """

    def size(bindings: tuple[str, ...]) -> float:
        try:
            return changed_lines(
                shape.tree.text, rewrite(shape, replace(way, bindings=bindings)).text
            )
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
    """Lift in one way.

    Raise as `lift` does, and RefusalError if a default design changes too much. A layer
    is exempt: it is only for an overlay, which nobody reviews.
    """
    made = lift(text, way, name=name)
    asked = choice.design is not None or way.design is Design.LAYER
    if not asked and (lines := changed_lines(text, made.text)) > MOST_LINES:
        fact = (
            f"{name}: the change has {lines} lines; unlet makes at most "
            f"{MOST_LINES} unless you ask"
        )
        raise RefusalError(
            fact,
            hint=(
                f"add --design {way.design} to make it nevertheless, or --binding "
                "to change only a part"
            ),
        )
    return made


def changed_lines(before: str, after: str) -> int:
    """Return the number of added and removed lines in a diff."""
    # Two lines of names come first, and the place of the first change.
    lines = [*difflib.unified_diff(before.splitlines(), after.splitlines())]
    return sum(line[:1] in {"+", "-"} for line in lines[3:])
