"""A package with the commits of its lift or recipe, in trees before and after them, and the question to Nix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit.errors import UsageError
from toolkit.lift.defaults import LiftChoice
from toolkit.lift.defaults import lifted as lift_by
from toolkit.lift.plan import ASKED, Design, LiftWay
from toolkit.lift.rewriting import Lifted
from toolkit.model import Commit, Progress, Silence, Source, Step
from toolkit.proposal import judged, scripts, texts
from toolkit.proposal.judged import Judging
from toolkit.proposal.leaf import Series
from toolkit.proposal.lifted import LiftQuestion
from toolkit.proposal.prove import Stage
from toolkit.proposal.recipes import Recipe
from toolkit.proposal.requests import Request
from toolkit.proposal.systems import Asking
from toolkit.proposal.target import Target
from toolkit.sources import changes, trees
from toolkit.sources.changes import Change
from toolkit.sources.trees import NixpkgsTree

LIFT = "lift"


def contents_of(change: Change) -> dict[PurePosixPath, bytes | None]:
    """Return the files of a whole change; None for a deleted one."""
    return {path: file.content if file is not None else None for path, file in change.whole.files.items()}


class Opened(Struct, frozen=True, kw_only=True, eq=False):
    """A package of a source, and the recipe of its commits, None for a lift.

    `scripts` are those in its directory that read the text.
    """

    request: Request
    source: Source
    target: Target
    recipe: Recipe | None = None
    scripts: Mapping[str, str] = {}

    @property
    def text(self) -> str:
        """The text of the package's file."""
        return self.source.content.decode()

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems to evaluate for."""
        return self.request.depth.systems or self.target.systems


class LiftCase(Series[Stage], frozen=True, kw_only=True, eq=False):
    """A lift of one package, a recipe's commits, or somebody's change of the package's file."""

    opened: Opened
    lifted: Lifted
    asking: Asking
    judging: Judging
    """The effects on everything else; its base is the unchanged nixpkgs."""
    progress: Progress = Silence()
    """Receives that of builds."""

    def judge(self) -> Judging:
        """Return the judge of the effects on everything else."""
        return self.judging


def design_of(request: Request, known: Sequence[Design] = ASKED) -> Design | None:
    """Return the requested design; raise UsageError for a design that is not among the `known` ones."""
    name = request.designs.get(LIFT)
    if name is None:
        return None
    if name not in known:
        raise UsageError(f"--design: '{name}' is not a design for {request.target}", hint=f"it has {', '.join(known)}")
    return Design(name)


def choice_of(found: Opened) -> LiftChoice:
    """Return the choices for the lift."""
    request = found.request
    return LiftChoice(
        bindings=request.bindings,
        design=design_of(request),
        follow=request.follow,
        called=request.called,
        requested=request.own or texts.motive(found.target.packages) is not None,
    )


def lifted_by(found: Opened, way: LiftWay, *, reason: str | None = None) -> tuple[Step, Commit, Lifted]:
    """Rewrite the package's file; `reason` explains why an earlier design failed. Raise RefusalError on failure."""
    target = found.target
    lifted = lift_by(found.text, choice_of(found), way, name=str(target.file))
    scripts.require_found(found.scripts, found.text, lifted.text, name=str(target.file))
    message = texts.message(target.packages, lifted)
    commit = Commit(
        subject=message.subject,
        body=message.body,
        proven=message.proven,
        before=found.source.content,
        after=lifted.text.encode(),
    )
    return Step(name=LIFT, design=way.design.value, reason=reason), commit, lifted


def series_in(  # noqa: PLR0913, PLR0917 - what a series begins with
    found: Opened,
    steps: Sequence[Step],
    commits: Sequence[Commit],
    lifted: Lifted,
    tree: NixpkgsTree,
    after: Path | None = None,
    beside: tuple[str, ...] = (),
) -> LiftCase:
    """Return the series; by default, it has a tree for each commit, else one tree `after` it, with changes `beside`."""
    request, target = found.request, found.target
    roots = [after or trees.changed(tree, {target.file: commit.after}).root for commit in commits]
    change = changes.one_file(tree, target.file, commits[-1].after, source=request.source)
    return LiftCase(
        request=request,
        source=found.source,
        package=target.package,
        target=target.file,
        bindings=tuple(lifted.methods),
        steps=tuple(steps),
        commits=tuple(commits),
        recipe=request.recipe,
        author=request.author,
        warnings=tree.warnings,
        stages=(
            Stage(name="before", content=found.source.content, path=tree.root / target.file),
            *(
                Stage(name=step.name, content=commit.after, path=root / target.file, steps=frozenset({step.name}))
                for step, commit, root in zip(steps, commits, roots, strict=True)
            ),
        ),
        opened=found,
        lifted=lifted,
        asking=Asking(
            trees=(tree.root, roots[-1]),
            own=LiftQuestion(
                package=target.package,
                methods=lifted.methods,
                shown=lifted.shown,
                follows=lifted.follows,
                downloads=lifted.downloads,
            ),
            systems=found.systems,
            beside=beside,
        ),
        judging=Judging(
            change=change,
            systems=judged.systems(found.systems, narrowed=bool(request.depth.systems)),
            updated=lifted.updated,
        ),
    )
