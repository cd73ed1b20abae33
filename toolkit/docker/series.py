"""Apply the rewrites in order: the file's text after each commit.

The first one also deletes upstream's TODO, which it completes.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from toolkit.docker import COMPONENTS, PathPlace, meaning
from toolkit.docker.rewrite import demote
from toolkit.docker.rewrite.layout import TODO, DockerFile, file_of
from toolkit.docker.steps import DEMOTE, LIFT, demotion_of, design_of
from toolkit.errors import LayoutError, NixSyntaxError, RefusalError
from toolkit.lift import rewriting
from toolkit.lift.plan import LiftWay
from toolkit.model import Step
from toolkit.nix.edit import Edit, apply
from toolkit.nix.tree import lost_comments
from toolkit.track.readings import STRANGE, Overridable, Reading, State


def rewrite(file: DockerFile, steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the text after each step.

    First the components leave the let, then rootlesskit leaves the wrapper's PATH
    prefix. Raise LayoutError or RefusalError, each with the place in the file.
    """
    name = file.tree.name
    design, demotion = design_of(steps), demotion_of(steps)
    refuse(meaning.reading(file), {step.name for step in steps}, name=name)
    if not file.releases():
        raise LayoutError(f"{name}: {STRANGE}the file's set defines no 'docker_NN = …'")
    # What they refuse is named with its place in the file, and not in one that nobody
    # sees.
    if demotion is not None:
        demote.rewrite(file, demotion)
    lifted = file.text
    if design is not None:
        without_todo(file)
        lifted = rewriting.rewrite(
            file.shape, LiftWay(bindings=COMPONENTS, design=design)
        ).text
    texts: list[str] = []
    after = file
    # What is made of a file keeps the parser no longer than that has.
    read = partial(file_of, name=name, known=True)
    try:
        if design is not None:
            texts.append(without_todo(read(lifted)))
            after = read(texts[-1])
        if demotion is not None:
            texts.append(demote.rewrite(after, demotion))
            after = read(texts[-1])
    except (RefusalError, NixSyntaxError) as error:
        fact = error.message.removeprefix(name).partition(": ")[2]
        why = f"the file does not allow the design '{design}' ({fact})"
        raise RefusalError(f"{file.binding.location}: {why}") from error
    _require_comments(file, after)
    return tuple(texts)


def refuse(reading: Reading, steps: AbstractSet[str], *, name: str) -> None:
    """Raise LayoutError unless the file has the defects that the steps fix."""
    in_let = all(
        part.bound == "let" and not part.methods for part in reading.components
    )
    defects = {LIFT: in_let, DEMOTE: meaning.place_of(reading) is PathPlace.PREFIX}
    if all(defects[step] for step in steps):
        return
    left = next((step for step, defect in defects.items() if defect), None)
    hint = (
        "nothing needs to change"
        if left is None
        else f"only the step '--only {left}' still changes something"
    )
    unknown = reading.overridable is Overridable.UNKNOWN or (
        left is None and reading.state is State.UNKNOWN
    )
    raise LayoutError(
        f"{name}: {meaning.sentence(reading)}", hint=None if unknown else hint
    )


def _require_comments(before: DockerFile, after: DockerFile) -> None:
    """Raise RefusalError if `after` lacks a comment of `before`."""
    for comment in lost_comments(before.tree, after.tree):
        if not TODO.search(comment.text):
            raise RefusalError(
                f"{comment.location}: this comment would be lost, because unlet "
                "rewrites the code around it"
            )


_COMMENT = rf"(?:#[ \t]*{TODO.pattern}[^\n]*|/\*[ \t]*{TODO.pattern}[^\n]*\*/[ \t]*)"
_LINE = re.compile(rf"([ \t]*){_COMMENT}(?:\n(?!\1#(?![ \t]*(?:TODO|FIXME|XXX)\b))|\Z)")
"""The line of a TODO, if the comment does not continue on the next line."""


def without_todo(file: DockerFile) -> str:
    """Return the text without the TODO comments and their lines.

    Raise RefusalError if a comment contains more than the TODO, or is not alone on its
    line.
    """
    edits: list[Edit] = []
    for comment in file.todos():
        line = _LINE.match(file.text, file.text.rfind("\n", 0, comment.start) + 1)
        if line is None:
            fact = (
                "the change removes the TODO, but other text shares its line or comment"
            )
            hint = (
                "put an empty line or code between the TODO and the comment that "
                "should stay"
            )
            raise RefusalError(f"{comment.location}: {fact}", hint=hint)
        edits.append(Edit(*line.span(), ""))
    return apply(file.text, edits)
