"""Choose the design of the lift by the arguments that docker's builder accepts.

Ask Nix if it is installed.

For any package, `toolkit.proposal.lifted.verdict` reads that from the evaluation of the
changed tree. docker's design is chosen before that tree exists, for a file alone or a
checkout of a few directories, so its builder is called by itself.
`toolkit.nix.program.GOT_FUNCTION` is Nix's error about a function.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath

from msgspec import Struct
from packaging.version import Version

from toolkit import inside
from toolkit.docker import COMPONENTS
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.rewrite.layout import DockerFile, newest, ordered
from toolkit.docker.steps import DEMOTE, LIFT, Demotion
from toolkit.errors import CommandError, LayoutError, RefusalError
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.planning import plan
from toolkit.model import Source, Step
from toolkit.nix import evaluator, limits, program

EXPRESSION = EXPRESSIONS / "takes-function.nix"
BUILDER = PurePosixPath("pkgs/build-support/go/module.nix")
"""The file with buildGoModule.

Older trees have it elsewhere, and theirs accepts no function.
"""

_SINCE = Version("28")
"""The docker version from which buildGoModule accepts a function (PR 390220)."""

_UNEXPECTED = "function 'anonymous lambda' called with unexpected argument"


class Builder(Struct, frozen=True, kw_only=True):
    """Whether docker's builder accepts a function of the final attributes, and why."""

    takes_function: bool
    reason: str


def steps(
    file: DockerFile,
    source: Source,
    *,
    design: Design | None,
    demotion: Demotion,
    only: Sequence[str] = (),
) -> tuple[Step, ...]:
    """Return the steps of the series, with a reason for a chosen design.

    `only` names steps, empty for all.
    """
    wanted = only or (LIFT, DEMOTE)
    demoting = [Step(name=DEMOTE, design=demotion)] if DEMOTE in wanted else []
    if LIFT not in wanted:
        return tuple(demoting)
    return (
        Step(name=LIFT, design=design) if design is not None else _lift(file, source),
        *demoting,
    )


def _lift(file: DockerFile, source: Source) -> Step:
    """Choose the design that the builder allows, unless it does not fit the file."""
    found = builder(file, source.root)
    if not found.takes_function:
        return Step(name=LIFT, design=Design.HIDDEN, reason=found.reason)
    try:
        plan(file.shape, LiftWay(bindings=COMPONENTS, design=Design.MOVE))
    except LayoutError:
        pass
    except RefusalError as error:
        return Step(
            name=LIFT, design=Design.HIDDEN, reason=f"{Design.MOVE}: {error.message}"
        )
    return Step(name=LIFT, design=Design.MOVE, reason=found.reason)


def builder(file: DockerFile, root: Path | None = None) -> Builder:
    """Return whether buildGoModule accepts a function.

    The surrounding nixpkgs decides, else the age of the file.
    """
    built = file.shape.construction
    name = built.name.rpartition(".")[2] if built is not None else ""
    if re.fullmatch(r"buildGo\d*Module", name) is None:
        return Builder(
            takes_function=False,
            reason=f"{name or 'the builder'} does not accept a function",
        )
    asked = ask_tree(root) if root is not None else None
    if asked is not None:
        return Builder(
            takes_function=asked,
            reason=f"the tree's {name} takes {'a' if asked else 'no'} function",
        )
    version = newest(file.releases().values())
    young = version is not None and ordered(version) >= _SINCE
    reason = (
        f"{name} takes {'a' if young else 'no'} function in a nixpkgs with "
        f"docker {version}"
    )
    return Builder(takes_function=young, reason=reason)


@cache
def ask_tree(root: Path) -> bool | None:
    """Ask Nix, sealed, about a tree's buildGoModule.

    Return None if the tree has none, or it cannot be evaluated.
    """
    path, library = inside.within(root, BUILDER), inside.within(root, "lib")
    if (
        path is None
        or library is None
        or not inside.is_file(root, library / "default.nix")
    ):
        return None
    try:
        with limits.sealed(root / path.parent):
            arguments = {"builder": str(root / path), "libPath": str(root / library)}
            return bool(evaluator.evaluate(EXPRESSION, arguments))
    except CommandError as error:
        return (
            False
            if program.GOT_FUNCTION in program.reason(error)
            or _UNEXPECTED in error.stderr
            else None
        )
