"""The two rewrites in turn: the file's text after each commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.model import Demotion, Strategy
from toolkit.rewrite import demote, in_place, lift, parameter, sentinel, todo
from toolkit.rewrite.layout import require_liftable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolkit.rewrite.layout import DockerFile
    from toolkit.rewrite.lift import Lifting

_LIFTS: dict[Strategy, Callable[[Lifting], str]] = {
    Strategy.SENTINEL: sentinel.rewrite,
    Strategy.IN_PLACE: in_place.rewrite,
    Strategy.PARAMETER: parameter.rewrite,
}


def rewrite(
    file: DockerFile, *, components: Sequence[str], entry: str, strategy: Strategy, demotion: Demotion
) -> tuple[str, str]:
    """Return the text after commit 1 (lift) and after commit 2 (demote).

    `entry` is the package that leaves the wrapper's PATH prefix. Raise LayoutError or RefusalError, each with
    the place in the file.
    """
    name = file.tree.name
    require_liftable(file, components, entry)
    lifted = todo.rewrite(_LIFTS[strategy](lift.prepare(file, components)), name=name)
    return lifted, demote.rewrite(lifted, name=name, entry=entry, demotion=demotion)
