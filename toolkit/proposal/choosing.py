"""Turn package names into the commits that lift their let-bound packages, as far as Nix confirms them.

Several packages of one source are first tried together, in one tree with all changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from shlex import quote

from msgspec.structs import replace

from toolkit import sources
from toolkit.errors import RefusalError, ToolkitError, UsageError, only, tried
from toolkit.lift.defaults import ways
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import Lifted
from toolkit.model import Commit, Progress, Step
from toolkit.nix import program
from toolkit.proposal import recipes, scripts
from toolkit.proposal.chosen import LiftCase, Opened, choice_of, design_of, lifted_by, series_in
from toolkit.proposal.lifted import LIFTED, why_not
from toolkit.proposal.recipes import Recipe
from toolkit.proposal.requests import Request, command
from toolkit.proposal.systems import Asking, ask_about
from toolkit.proposal.target import Target, find_targets
from toolkit.sources import trees
from toolkit.sources.trees import NixpkgsTree


def choose(requests: Sequence[Request], *, progress: Progress) -> Iterator[LiftCase | ToolkitError]:
    """Find the packages of one source, rewrite their files and lay out the changed trees.

    Yield for each package its commits or its error; raise an error of the source.
    """
    source = requests[0].source
    if any(request.follow and design_of(request) not in {None, Design.MOVE} for request in requests):
        raise UsageError(
            "--follow: goes with --design move only", hint="a definition that stays sees no final attributes"
        )
    progress.step("reading nixpkgs")
    root = trees.as_they_are(source, progress=progress)
    asked = [tried(partial(recipes.asked, request)) for request in requests]
    for recipe in asked:
        if isinstance(recipe, Recipe):
            recipes.require_few(recipe, len(requests), requests[0].limit)
    targets = find_targets(root, [request.target for request in requests])
    found = [
        tried(partial(_open, request, recipe, target, root, progress=progress))
        for request, recipe, target in zip(requests, asked, targets, strict=True)
    ]
    if not (opened := [each for each in found if isinstance(each, Opened)]):
        yield from (each for each in found if isinstance(each, ToolkitError))
        return
    tree = trees.whole(opened[0].source, offline=source.offline, progress=progress)
    known = _together(tree, opened, progress=progress)
    for each in found:
        if isinstance(each, ToolkitError):
            yield each
        elif each.target in known:
            yield known[each.target]
        else:
            yield tried(partial(_alone, each, tree, progress=progress))


def _open(
    request: Request,
    recipe: Recipe | ToolkitError | None,
    target: Target | ToolkitError,
    root: Path,
    *,
    progress: Progress,
) -> Opened:
    """Read the file of a package."""
    recipe, target = only(recipe), only(target)
    if (name := request.recipe) is not None:
        request = replace(request, target=target.package)
        recipe = recipes.named(name, target.package)
    elif target.unwanted is not None and not (request.own or request.bindings or request.depth.systems):
        hint = "--binding NAME lifts a part of it all the same"
        raise RefusalError(f"{target.package}: {target.unwanted}", hint=hint)
    source = sources.resolve(request.source, target=target.file, sparse=(), progress=progress)
    progress.step("rewriting")
    program.parse_text(source.content, name=str(target.file))
    beside = scripts.beside(root, target.file)
    return Opened(request=request, source=source, target=target, recipe=recipe, scripts=beside)


def _together(tree: NixpkgsTree, found: Sequence[Opened], *, progress: Progress) -> Mapping[Target, LiftCase]:
    """Return the lifts of packages that Nix says are right in one tree with all of them, on every system.

    A package that is not among them is to be chosen for alone: the change of another one may be why.
    """
    lifts: dict[PurePosixPath, tuple[Opened, Step, Commit, Lifted]] = {}
    for each in found:
        if each.recipe is None:
            with suppress(RefusalError):
                way = next(ways(each.text, choice_of(each), name=str(each.target.file)))
                lifts.setdefault(each.target.file, (each, *lifted_by(each, way)))
    if len(lifts) < 2:  # noqa: PLR2004 - one is alone
        return {}
    progress.step("laying out a nixpkgs with all changes")
    root = trees.changed(tree, {file: commit.after for file, (_, _, commit, _) in lifts.items()}).root
    chosen: dict[Target, LiftCase] = {}
    for each, step, commit, lifted in lifts.values():
        beside = tuple(other.target.package for other, *_ in lifts.values() if other is not each)
        chosen[each.target] = series_in(each, [step], [commit], lifted, tree, root, beside)
    progress.step(f"asking Nix about {len(chosen)} packages")
    ask_about([each.asking for each in chosen.values()])
    right = {target: each for target, each in chosen.items() if each.asking.holds()}
    return {target: each for target, each in right.items() if _useless(each.opened, each.asking) is None}


def _alone(found: Opened, tree: NixpkgsTree, *, progress: Progress) -> LiftCase:
    """Return the first design that can be right as far as Nix says, or the commits of a recipe.

    Raise RefusalError with the reason against the last design, if none can.
    """
    if found.recipe is not None:
        return _rewritten(found, found.recipe, tree)
    target = found.target
    refusal: RefusalError | None = None
    for way in ways(found.text, choice_of(found), name=str(target.file)):
        try:
            step, commit, lifted = lifted_by(found, way, reason=refusal.message if refusal is not None else None)
        except RefusalError as error:
            refusal = error
            continue
        chosen = series_in(found, [step], [commit], lifted, tree)
        progress.step(f"asking Nix about {target.package}")
        asking = chosen.asking
        verdict = asking.judged()
        if verdict is None:
            why = why_not(tree.root, asking.systems[0], asking.own.package)
            hint = "if the package is for another system, name that by --system"
            fact = f"does not evaluate, unchanged, on {', '.join(asking.systems)}: {why}"
            raise RefusalError(f"{target.package}: {fact}", hint=hint)
        if verdict.outcome == "lifted" and (useless := _useless(found, asking)) is not None:
            refusal = useless
            continue
        if verdict.outcome == "lifted" or (choice_of(found).design is not None and verdict.outcome == "failed"):
            return chosen
        refusal = RefusalError(f"{target.file}: {verdict.why}")
        if asking.is_late:
            raise refusal
    if refusal is None:
        raise RefusalError(f"{target.file}: no design lifts it")
    return _layer(found, tree, refusal, progress=progress)


def _useless(found: Opened, asking: Asking) -> RefusalError | None:
    """Return why nobody needs a lift that is right, None if somebody may."""
    if known := asking.reached():
        others = " ".join(f"--binding {quote(name)}" for name in asking.own.methods if name not in known)
        hint = f"{others} lifts the rest" if others else "there is nothing to propose"
        return RefusalError(f"{found.target.file}: an override of '{known[0]}' works already", hint=hint)
    if not found.request.bindings and (idle := asking.idle()):
        fact = f"the package is not built with '{idle[0]}': an override changes other attributes of it alone"
        return RefusalError(f"{found.target.file}: {fact}", hint=f"--binding {quote(idle[0])} lifts it all the same")
    return None


def _layer(found: Opened, tree: NixpkgsTree, refusal: RefusalError, *, progress: Progress) -> LiftCase:
    """Return the lift by an `overrideAttrs` around the builder's call, which upstream does not want.

    Raise the refusal of the other designs unless the user wants an overlay and the layer works.
    """
    if choice_of(found).design is not None:
        raise refusal
    way = LiftWay(design=Design.LAYER, bindings=found.request.bindings, called=found.request.called)
    try:
        step, commit, lifted = lifted_by(found, way, reason=refusal.message)
        chosen = series_in(found, [step], [commit], lifted, tree)
    except RefusalError:
        raise refusal from None
    progress.step(f"asking Nix about {found.target.package} for an overlay")
    if chosen.asking.judged() != LIFTED or chosen.asking.reached():
        raise refusal
    if not found.request.own:
        overlay = f"{command('overlay', found.request)} makes it overridable for you"
        raise RefusalError(refusal.message, hint="; or ".join(filter(None, (refusal.hint, overlay))))
    return chosen


def _rewritten(found: Opened, recipe: Recipe, tree: NixpkgsTree) -> LiftCase:
    """Return the commits of a recipe; raise RefusalError for a file that it does not change."""
    commits: list[Commit] = []
    text = found.text
    for each in recipe.steps:
        before, text = text, recipes.REWRITES[each.rewrite].make(text, name=str(found.target.file))
        if text == before:
            raise RefusalError(f"{found.target.file}: '{each.rewrite}' has nothing to change")
        scripts.require_found(found.scripts, before, text, name=str(found.target.file))
        commits.append(
            Commit(
                subject=each.subject, body=each.body, proven=each.proven, before=before.encode(), after=text.encode()
            )
        )
    steps = [Step(name=each.name, design=each.rewrite) for each in recipe.steps]
    return series_in(found, steps, commits, Lifted(text=text, methods={}), tree)
