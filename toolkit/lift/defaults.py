"""By which designs to lift if nobody asked for one, in order, and which changes are too large to be made unasked."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.errors import RefusalError
from toolkit.lift.bindings import shared
from toolkit.lift.plan import FOLLOWED, Design, wanted
from toolkit.lift.rewriting import Lifted, lift
from toolkit.lift.shape import read
from toolkit.nix.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_LINES = 300
"""So many lines a change may have that nobody insists on."""


class LiftChoice(Struct, frozen=True, kw_only=True):
    """What is asked of a lift: bindings, none for all; a design, None for the best; attributes to follow; new names.

    `called` is that of `lift`.
    """

    bindings: tuple[str, ...] = ()
    design: Design | None = None
    follow: tuple[str, ...] = ()
    called: Mapping[str, str] = {}


def choices(text: str, choice: LiftChoice, *, name: str) -> Iterator[tuple[Design, tuple[str, ...]]]:
    """Yield designs with the attributes that what moves takes from the package, the best first.

    Raise as `lift` does.
    """
    if choice.design is not None:
        yield choice.design, choice.follow
        return
    if choice.follow:
        yield Design.MOVE, choice.follow
        return
    shape = read(Tree(text, name=name))
    follow = {part for binding in wanted(shape, choice.bindings) for part in shared(shape, binding)}
    if follow:
        yield Design.MOVE, tuple(part for part in FOLLOWED if part in follow)
    yield Design.STAY, ()


def lifted(text: str, choice: LiftChoice, design: Design, follow: Sequence[str], *, name: str) -> Lifted:
    """Lift by one design; raise as `lift` does, and RefusalError for a large change if nobody asked for the design."""
    made = lift(text, name=name, bindings=choice.bindings, design=design, follow=follow, called=choice.called)
    if choice.design is None and (lines := changed_lines(text, made.text)) > MOST_LINES:
        fact = f"{name}: the change has {lines} lines, more than {MOST_LINES}, which nobody reviews with pleasure"
        raise RefusalError(fact, hint=f"--design {design} makes it all the same")
    return made


def changed_lines(before: str, after: str) -> int:
    """Return how many lines of a diff are added or removed."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)
    return sum(line[:1] in "+-" and line[:3] not in {"+++", "---"} for line in lines)
