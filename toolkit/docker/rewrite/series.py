"""The rewrites in turn: the file's text after each commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker import meaning
from toolkit.docker.choices import Strategy, demotion_of, strategy_of
from toolkit.docker.readings import STRANGE, refuse
from toolkit.docker.rewrite import attrs_first, demote, lift, parameters, todo
from toolkit.docker.rewrite.layout import TODO, DockerFile
from toolkit.errors import LayoutError, NixSyntaxError, RefusalError
from toolkit.nix.tree import lost_comments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolkit.docker.rewrite.lift import Lifting
    from toolkit.model import Step

_LIFTS: dict[Strategy, Callable[[Lifting], str]] = {
    Strategy.ATTRS_FIRST: attrs_first.rewrite,
    Strategy.HIDDEN: parameters.hidden,
    Strategy.PARAMETER: parameters.parameter,
}


def rewrite(file: DockerFile, *, components: Sequence[str], entry: str, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the text after each step: the components leave the let, `entry` leaves the wrapper's PATH prefix.

    Raise LayoutError or RefusalError, each with the place in the file.
    """
    name = file.tree.name
    strategy, demotion = strategy_of(steps), demotion_of(steps)
    refuse(meaning.of(file).reading, {step.name for step in steps}, name=name)
    if not file.releases():
        raise LayoutError(f"{name}: {STRANGE}no 'docker_NN = …' in the set that the file makes")
    # What they refuse is named with its place in the file, and not in one that nobody sees.
    if demotion is not None:
        demote.edits(file, entry=entry, demotion=demotion)
    moved = file.text
    if strategy is not None:
        todo.edits(file)
        moved = _LIFTS[strategy](lift.prepare(file, components))
    texts: list[str] = []
    try:
        if strategy is not None:
            texts.append(todo.rewrite(moved, name=name))
        if demotion is not None:
            before = texts[-1] if texts else moved
            texts.append(demote.rewrite(before, name=name, entry=entry, demotion=demotion))
        after = DockerFile(texts[-1], name=name)
    except (RefusalError, NixSyntaxError) as error:
        fact = error.message.removeprefix(name).partition(": ")[2]
        why = f"design '{strategy}' does not fit this file ({fact})"
        raise RefusalError(f"{file.at(file.binding)}: {why}") from error
    _require_comments(file, after)
    return tuple(texts)


def _require_comments(before: DockerFile, after: DockerFile) -> None:
    """Raise RefusalError for a comment that is in `before` and not in `after`."""
    for comment in lost_comments(before.tree, after.tree):
        if not TODO.search(comment.text):
            raise RefusalError(
                f"{before.at(comment)}: this comment would be lost: the code around it is rewritten, not moved"
            )
