"""Turn package names into commits that lift their parts, and let Nix confirm them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from shlex import quote

from msgspec import Struct

from toolkit import inside, sources
from toolkit.asking.trials import FOLLOW, LiftQuestion, why_not
from toolkit.errors import RefusalError, ToolkitError, UsageError, only, tried
from toolkit.judge import ground
from toolkit.lift.defaults import LiftChoice, ways
from toolkit.lift.defaults import lifted as lift_by
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import ASKED, Design, LiftWay
from toolkit.model import Commit, Progress, Silence, Source, Step
from toolkit.nix import program
from toolkit.proposal import judged, recipes, texts
from toolkit.proposal.judged import Judging
from toolkit.proposal.leaf import Series
from toolkit.proposal.lifted import Asking
from toolkit.proposal.prove import Stage
from toolkit.proposal.recipes import Recipe
from toolkit.proposal.requests import LIFT, Request, command
from toolkit.proposal.target import Target, find_targets
from toolkit.report.lifts import LIFTED, LiftFault, LiftOutcome
from toolkit.sources import changes, trees
from toolkit.sources.trees import NixpkgsTree

_MOST_BYTES = 100_000
_SUFFIXES = frozenset([".sh", ".py", ".pl", ".rb", ".js", ".nu"])

# `${src.name}` is no expansion of a shell; `src = fetchurl` begins a definition of Nix.
_CODE = re.compile(
    r"\$\{[A-Za-z_]\w*(?:\.\w+)+\}|[A-Za-z_][\w-]* = [a-z][\w.]*|\brec \{|\bsha256 = "
    r"\"|\brefs/tags/"
)


class Opened(Struct, frozen=True, kw_only=True, eq=False):
    """A package of a source, and the recipe for its commits; None for a lift.

    `scripts` are those in its directory that search its text.
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
    """A lift of one package, a recipe's commits, or somebody's change."""

    opened: Opened
    lifted: Lifted
    asking: Asking
    judging: Judging
    """The judge of the effects on the rest of nixpkgs."""
    progress: Progress = Silence()
    """Receives the progress of builds."""

    def judge(self) -> Judging:
        """Return the judge of the effects on everything else."""
        return self.judging


def design_of(request: Request, known: Sequence[Design] = ASKED) -> Design | None:
    """Return the requested design.

    Raise UsageError for a design that is not among the `known` ones.
    """
    name = request.designs.get(LIFT)
    if name is None:
        return None
    if name not in known:
        raise UsageError(
            f"--design: {request.target} has no design '{name}'",
            hint=f"it has {', '.join(known)}",
        )
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


def series_in(  # noqa: PLR0913, PLR0917 - what a series begins with
    found: Opened,
    steps: Sequence[Step],
    commits: Sequence[Commit],
    lifted: Lifted,
    tree: NixpkgsTree,
    after: Path | None = None,
) -> LiftCase:
    """Return the series.

    By default, it has a tree for each commit; otherwise it has one tree `after` it.
    """
    request, target = found.request, found.target
    roots = [
        after or ground.edited(tree, target.file, commit.after).root
        for commit in commits
    ]
    change = changes.one_file(
        tree, target.file, commits[-1].after, source=request.source
    )
    return LiftCase(
        request=request,
        source=found.source,
        package=target.package,
        target=target.file,
        bindings=tuple(lifted.methods),
        steps=tuple(steps),
        commits=tuple(commits),
        recipe=request.recipe,
        warnings=tree.warnings,
        stages=(
            _stage("before", found.source.content, tree.root, target),
            *(
                _stage(step.name, commit.after, root, target, step.name)
                for step, commit, root in zip(steps, commits, roots, strict=True)
            ),
        ),
        opened=found,
        lifted=lifted,
        asking=Asking(
            trees=(tree.root, roots[-1]),
            own=_question(target, lifted),
            systems=found.systems,
        ),
        judging=Judging(
            change=change,
            systems=judged.systems(found.systems, narrowed=bool(request.depth.systems)),
            updated=lifted.hashes.updated,
        ),
    )


def _question(target: Target, lifted: Lifted) -> LiftQuestion:
    """Return the question whether overrides reach the parts."""
    return LiftQuestion(
        package=target.package,
        methods={
            name: (FOLLOW, *path) if lifted.let.inner else path
            for name, path in lifted.methods.items()
        },
        shown=lifted.shown,
        follows=lifted.follows,
        downloads=lifted.hashes.downloads,
    )


def _stage(name: str, content: bytes, root: Path, target: Target, *steps: str) -> Stage:
    """Return the file of a target in a tree, after some steps."""
    path = root / target.file
    return Stage(name=name, content=content, path=path, steps=frozenset(steps))


def scripts_beside(root: Path, file: PurePosixPath) -> Mapping[str, str]:
    """Return the scripts in a file's directory that name the file, by name."""
    found: dict[str, str] = {}
    for entry in inside.listed(root, file.parent):
        path = PurePosixPath(entry.path)
        if path.suffix in _SUFFIXES and inside.is_file(root, path):
            content = inside.find(root, path, most=_MOST_BYTES)
            if content is not None and file.name in (
                text := content.decode(errors="replace")
            ):
                found[path.name] = text
    return found


def require_found(
    scripts: Mapping[str, str], before: str, after: str, *, name: str
) -> None:
    """Raise RefusalError if a script searches for code that a change removes."""
    for script, text in scripts.items():
        for code in dict.fromkeys(_CODE.findall(text)):
            if before.count(code) > after.count(code):
                raise RefusalError(
                    f"{name}: {script} searches this file for '{code}', which the "
                    "change would remove"
                )


def choose(
    requests: Sequence[Request], *, progress: Progress
) -> Iterator[LiftCase | ToolkitError]:
    """Find the packages of requests, rewrite their files, and write the changed trees.

    The requests differ only in their packages. Yield for each package its commits or
    its error; raise an error of the source.
    """
    source = requests[0].source
    if any(
        request.follow and design_of(request) is Design.STAY for request in requests
    ):
        raise UsageError(
            "--follow: cannot be combined with --design stay",
            hint="a definition that stays in the let cannot use finalAttrs",
        )
    progress.step("reading nixpkgs")
    root = trees.as_they_are(source, progress=progress)
    recipes.require_fit(requests[0], len(requests))
    targets = find_targets(root, [request.target for request in requests])
    tree: NixpkgsTree | None = None
    for request, target in zip(requests, targets, strict=True):
        opened = tried(partial(_open, request, target, root, progress=progress))
        if isinstance(opened, ToolkitError):
            yield opened
            continue
        tree = tree or trees.whole(
            opened.source, offline=source.offline, progress=progress
        )
        yield tried(partial(_chosen, opened, tree, progress=progress))


def _open(
    request: Request, target: Target | ToolkitError, root: Path, *, progress: Progress
) -> Opened:
    target = only(target)
    recipe = (
        recipes.named(request.recipe, target.package)
        if request.recipe is not None
        else None
    )
    is_asked = (
        recipe is not None or request.own or request.bindings or request.depth.systems
    )
    if target.unwanted is not None and not is_asked:
        hint = "--binding NAME lifts one part nevertheless"
        raise RefusalError(f"{target.package}: {target.unwanted}", hint=hint)
    source = sources.resolve(
        request.source, target=target.file, sparse=(), progress=progress
    )
    progress.step("rewriting")
    program.parse_text(source.content, name=str(target.file))
    beside = scripts_beside(root, target.file)
    return Opened(
        request=request, source=source, target=target, recipe=recipe, scripts=beside
    )


def _chosen(found: Opened, tree: NixpkgsTree, *, progress: Progress) -> LiftCase:
    """Return the first design that Nix does not refute, or the commits of a recipe.

    If none works, raise RefusalError with the reason against the last design.
    """
    if found.recipe is not None:
        return _rewritten(found, found.recipe, tree)
    target = found.target
    refusal: RefusalError | None = None
    for way in ways(found.text, choice_of(found), name=str(target.file)):
        try:
            chosen = _lifted(
                found,
                way,
                tree,
                reason=refusal.message if refusal is not None else None,
            )
        except RefusalError as error:
            refusal = error
            continue
        progress.step(f"evaluating {target.package}")
        asking = chosen.asking
        verdict = asking.judged()
        if verdict is None:
            why = why_not(tree.root, asking.systems[0], asking.own.package)
            hint = "if the package is for another system, name it with --system"
            fact = (
                f"does not evaluate on {', '.join(asking.systems)}, even unchanged: "
                f"{why}"
            )
            raise RefusalError(f"{target.package}: {fact}", hint=hint)
        if verdict == LIFTED and (useless := _useless(found, asking)) is not None:
            refusal = useless
            continue
        is_named = choice_of(found).design is not None
        if verdict == LIFTED or (is_named and verdict.outcome is LiftOutcome.FAILED):
            return chosen
        refusal = RefusalError(f"{target.file}: {verdict.why}")
        if asking.late:
            raise refusal
        if verdict.fault is LiftFault.NO_FUNCTION:
            break
    if refusal is None:
        raise RefusalError(f"{target.file}: no design can lift it")
    return _layer(found, tree, refusal, progress=progress)


def _lifted(
    found: Opened, way: LiftWay, tree: NixpkgsTree, *, reason: str | None
) -> LiftCase:
    """Rewrite the package's file; `reason` explains why an earlier design failed.

    Raise RefusalError on failure.
    """
    target = found.target
    lifted = lift_by(found.text, choice_of(found), way, name=str(target.file))
    require_found(found.scripts, found.text, lifted.text, name=str(target.file))
    commit = texts.message(target.packages, lifted).commit(
        found.source.content, lifted.text.encode()
    )
    return series_in(
        found,
        [Step(name=LIFT, design=way.design.value, reason=reason)],
        [commit],
        lifted,
        tree,
    )


def _useless(found: Opened, asking: Asking) -> RefusalError | None:
    """Return why nobody needs a correct lift; None if somebody may."""
    if known := asking.reached():
        others = " ".join(
            f"--binding {quote(name)}"
            for name in asking.own.methods
            if name not in known
        )
        hint = (
            f"{others} lifts the other parts" if others else "nothing needs to change"
        )
        return RefusalError(
            f"{found.target.file}: an override of '{known[0]}' already works", hint=hint
        )
    if not found.request.bindings and (idle := asking.idle()):
        fact = (
            f"the build does not use '{idle[0]}': an override would change only other "
            "attributes"
        )
        return RefusalError(
            f"{found.target.file}: {fact}",
            hint=f"--binding {quote(idle[0])} lifts it nevertheless",
        )
    return None


def _layer(
    found: Opened, tree: NixpkgsTree, refusal: RefusalError, *, progress: Progress
) -> LiftCase:
    """Return the lift as an `overrideAttrs` around the builder's call.

    Upstream does not want this form. Raise the refusal of the other designs, unless the
    user wants an overlay and the layer works.
    """
    if choice_of(found).design is not None:
        raise refusal
    way = LiftWay(
        design=Design.LAYER,
        bindings=found.request.bindings,
        called=found.request.called,
    )
    try:
        chosen = _lifted(found, way, tree, reason=refusal.message)
    except RefusalError:
        raise refusal from None
    progress.step(f"evaluating an overlay of {found.target.package}")
    if chosen.asking.judged() != LIFTED or chosen.asking.reached():
        raise refusal
    if not found.request.own:
        overlay = (
            f"{command('overlay', found.request)} makes it overridable in your nixpkgs"
        )
        raise RefusalError(
            refusal.message, hint="; or ".join(filter(None, (refusal.hint, overlay)))
        )
    return chosen


def _rewritten(found: Opened, recipe: Recipe, tree: NixpkgsTree) -> LiftCase:
    """Return the commits of a recipe.

    Raise RefusalError if it does not change the file, or if the builder refuses.
    """
    commits: list[Commit] = []
    text = found.text
    for each in recipe.steps:
        before, text = text, recipes.rewritten(text, each, name=str(found.target.file))
        if text == before:
            raise RefusalError(
                f"{found.target.file}: the recipe '{each.rewrite}' finds nothing to "
                "change"
            )
        require_found(found.scripts, before, text, name=str(found.target.file))
        commits.append(each.commit(before.encode(), text.encode()))
    steps = [Step(name=each.name, design=each.rewrite) for each in recipe.steps]
    chosen = series_in(found, steps, commits, Lifted(text=text, methods={}), tree)
    verdict = chosen.asking.judged()
    if verdict is not None and verdict.fault is LiftFault.NO_FUNCTION:
        raise RefusalError(f"{found.target.file}: {verdict.why}")
    return chosen
