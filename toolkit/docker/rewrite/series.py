"""The two rewrites in turn: the file's text after each commit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from toolkit.docker.choices import Demotion, Strategy
from toolkit.docker.rewrite import demote, in_place, lift, parameter, sentinel, todo
from toolkit.docker.rewrite.layout import TODO, DockerFile, require_liftable
from toolkit.errors import NixSyntaxError, RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolkit.docker.rewrite.lift import Lifting
    from toolkit.nix.tree import Node

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
    # What they refuse is named with its place in the file, and not in one that nobody sees.
    demote.edits(file, entry=entry, demotion=demotion)
    todo.edits(file)
    moved = _LIFTS[strategy](lift.prepare(file, components))
    try:
        lifted = todo.rewrite(moved, name=name)
        demoted = demote.rewrite(lifted, name=name, entry=entry, demotion=demotion)
        after = DockerFile(demoted, name=name)
    except (RefusalError, NixSyntaxError) as error:
        fact = error.message.removeprefix(name).partition(": ")[2]
        raise RefusalError(f"{name}: strategy '{strategy.value}' cannot move what is in this file ({fact})") from error
    _require_comments(file, after)
    return lifted, demoted


def _require_comments(before: DockerFile, after: DockerFile) -> None:
    """Raise RefusalError for a comment that is in `before` and not in `after`."""
    kept = Counter(_words(comment) for comment in after.comments())
    for comment in before.comments():
        kept[_words(comment)] -= 1
        if kept[_words(comment)] < 0 and not TODO.search(comment.text):
            raise RefusalError(
                f"{before.at(comment)}: this comment would be lost: what it stands in is not moved as it is"
            )


def _words(comment: Node) -> str:
    return " ".join(comment.text.split())
