"""The leaf of packages without their own: lift the file, and let Nix judge it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from toolkit import inside
from toolkit.asking.trials import LiftQuestion
from toolkit.errors import LayoutError, RefusalError, ToolkitError
from toolkit.git.reading import TreeFile
from toolkit.judge import ground
from toolkit.lift.bindings import (
    SHARED,
    Reachability,
    direct_uses,
    find,
    only_names,
    own_attribute,
    source_argument,
)
from toolkit.lift.candidates import file_bindings, questions
from toolkit.lift.kinds import BindingKind
from toolkit.lift.locating import SYSTEMS
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import FOLLOWED, Design, LiftWay
from toolkit.lift.rewriting import lift
from toolkit.lift.shape import read
from toolkit.model import Commit, Patch, Progress, Proposal, Step
from toolkit.nix.tree import parsed
from toolkit.proposal import choosing, overlays, prove, recipes, texts
from toolkit.proposal.choosing import LiftCase, Opened, series_in
from toolkit.proposal.claims import CLAIMS, of_builds
from toolkit.proposal.judged import Judging
from toolkit.proposal.leaf import Leaf
from toolkit.proposal.lifted import Asking
from toolkit.proposal.prove import Claim, Subject
from toolkit.proposal.requests import CheckRequest, Request, command
from toolkit.proposal.target import Target, find_target
from toolkit.proposal.texts import LiftProof
from toolkit.report.pull_request import Texts
from toolkit.sources import changes, trees
from toolkit.sources.changes import ChangeRequest
from toolkit.sources.trees import NixpkgsTree

_INSECURE = "knownVulnerabilities"
"""The attribute of meta with which a file marks packages as insecure."""


class Lifts(Leaf[LiftCase]):
    """Proposals that lift the packages in a file's lets."""

    def choose(
        self, requests: Sequence[Request], *, progress: Progress
    ) -> Iterator[LiftCase | ToolkitError]:
        """Yield the lifts, as `toolkit.proposal.choosing` does."""
        return choosing.choose(requests, progress=progress)

    def again(
        self,
        request: Request,
        proposal: Proposal,
        behind: Sequence[Patch],
        *,
        progress: Progress,
    ) -> LiftCase:
        """Lift the bindings of the report again.

        If the mails do something else, use the methods that Nix finds.
        """
        del behind
        tree = trees.whole(proposal.source, offline=True, progress=progress)
        target = replace(find_target(tree.root, proposal.package), file=proposal.target)
        opened = Opened(
            request=request,
            source=proposal.source,
            target=target,
            recipe=recipes.recorded(proposal),
        )
        lifted = Lifted(text=proposal.commits[-1].after.decode(), methods={})
        if opened.recipe is None:
            lifted = _lifted(opened, proposal, tree, progress=progress)
        series = series_in(opened, proposal.steps, proposal.commits, lifted, tree)
        series = replace(
            series, patches=proposal.patches, upstream_diff=proposal.upstream_diff
        )
        overlay = inside.place(request.out, "overlay")
        if overlay.is_dir() and self.overlay_files(series):
            series = replace(series, overlay=overlay)
        return self.deepened(series, progress=progress)

    def foreign(self, request: CheckRequest, *, progress: Progress) -> LiftCase:
        """Return someone else's change; Nix finds its override methods."""
        change = changes.read(request.change, progress=progress)
        tree = change.base
        target = find_target(tree.root, request.target)
        file = changes.read_file(request.change, target.file, progress=progress)
        source, patched = file.source, file.after
        opened = Opened(request=request.proposed(), source=source, target=target)
        names = request.bindings or _packages(source.content, target.file)
        progress.step(f"preparing the changed tree for {target.package}")
        changed = ground.changed(tree, change.whole.files).root
        progress.step(f"evaluating {target.package}")
        found = _working(names, patched, target, (tree.root, changed), opened.systems)
        commit = Commit(
            subject=file.subject, body="", before=source.content, after=patched
        )
        step, lifted = (
            Step(name="patched", design=""),
            Lifted(text=patched.decode(), methods=found),
        )
        series = series_in(opened, [step], [commit], lifted, tree, changed)
        return replace(
            series,
            steps=(),
            upstream_diff=file.diff,
            judging=Judging(
                change=replace(change, steps=(change.whole,)),
                systems=series.judging.systems,
                named=_named(request.change),
            ),
            progress=progress,
        )

    def changed(self, series: LiftCase, content: bytes) -> LiftCase:
        """Return the series with another last content, in newly written trees."""
        *earlier, last = series.commits
        lifted = replace(series.lifted, text=content.decode(errors="replace"))
        commits = (*earlier, replace(last, after=content))
        return series_in(
            series.opened, series.steps, commits, lifted, series.judging.change.base
        )

    def claims(self, series: LiftCase) -> tuple[Claim[LiftCase], ...]:
        """Return the claims about a lift, a recipe's commits, or a change.

        A recipe can name further claims.
        """
        recipe, systems = series.opened.recipe, series.request.depth.systems
        subject, named = Subject.SERIES if series.steps else Subject.CHANGE, set[str]()
        if recipe is not None:
            subject = (
                Subject.REBUILD
                if any(step.rebuilds for step in recipe.steps)
                else Subject.RECIPE
            )
            named = {name for step in recipe.steps for name in step.claims}
        own = (
            claim
            for claim in CLAIMS
            if subject in claim.applies_to or claim.name in named
        )
        return (*prove.narrowed(own, systems), *of_builds(series))

    def overlay_files(self, series: LiftCase) -> Mapping[str, TreeFile]:
        """Return the package's changed directory, if the package needs nothing else."""
        return overlays.files(
            series.asking.trees[0],
            series.opened.target,
            series.after.content,
            series.source,
        )

    def texts(self, series: LiftCase) -> Texts:
        """Return the lift's texts with the package's names, or the recipe's texts."""
        found = {
            system: answer
            for system, answer in series.asking.answers().items()
            if answer.before is not None
        }
        answers = [*found.values()]
        # A mark on some systems alone keeps nobody from evaluating on the others.
        common = [frozenset(answer.marks) for answer in answers] or [frozenset[str]()]
        marks = sorted(common[0].intersection(*common))
        proof = LiftProof(
            permits=tuple(f"NIXPKGS_ALLOW_{mark.upper()}" for mark in marks),
            system="" if SYSTEMS[0] in found else next(iter(found), ""),
            bumps=bool(found)
            and all(
                answer.bump is not None and answer.bump.works for answer in answers
            ),
        )
        packages, recipe = series.opened.target.packages, series.opened.recipe
        if recipe is not None:
            return texts.lift_texts(packages, proof, recipe.steps)
        return texts.pull_request_texts(
            packages, series.commits[-1], series.steps[-1], series.lifted, proof
        )

    def deepened(self, series: LiftCase, *, progress: Progress) -> LiftCase:
        """Return the series with a receiver of the builds' progress."""
        return replace(series, progress=progress)

    def exact_request(self, series: LiftCase) -> Request:
        """Return the request with the followed attributes written out."""
        followed = dict.fromkeys(
            name for names in series.lifted.follows.values() for name in names
        )
        return replace(series.request, follow=tuple(followed))

    def require_upstream(self, series: LiftCase) -> None:
        """Raise ToolkitError for a package that upstream does not want to be changed.

        That is so if its meta rules it out, if it is insecure, or if an override
        already works.
        """
        again, fact = command("propose", series.request), series.opened.target.unwanted
        marks = (answer.marks for answer in series.asking.answers().values())
        if (
            fact is None
            and _INSECURE in series.opened.text
            and any("insecure" in each for each in marks)
        ):
            fact = (
                "it, or a part of it, is marked as insecure; nixpkgs wants that "
                "fixed first"
            )
        if fact is not None:
            raise ToolkitError(
                f"{series.package}: {fact}", hint=f"{again} writes the change"
            )
        if (
            series.opened.recipe is None
            and not series.lifted.follows
            and (override := _override(series))
        ):
            hint = (
                f"this already works, so nixpkgs needs no second way; {again} "
                "writes the change nevertheless"
            )
            raise ToolkitError(f"{series.package}: {override}", hint=hint)


def _override(series: LiftCase) -> str:
    """Return the override that already replaces the parts, or what they are made of.

    Return an empty text if none does.
    """
    shape, lifted = (
        read(parsed(series.opened.text, name=str(series.target))),
        series.lifted,
    )
    parts = ", ".join(lifted.methods)
    sources = [source_argument(shape, name) for name in lifted.methods]
    arguments = dict.fromkeys(name for name in sources if name is not None)
    if None not in sources:
        return (
            f"override already replaces what {parts} is made of, through "
            f"{', '.join(arguments)}"
        )
    if set(lifted.states.values()) != {Reachability.HIDDEN}:
        return ""
    nodes = [use.node for name in lifted.methods for use in direct_uses(shape, name)]
    uses = [node for node in nodes if not only_names(node)]
    attributes = [own_attribute(shape, use) for use in uses]
    own = dict.fromkeys(name for name in attributes if name is not None)
    return (
        f"overrideAttrs already replaces {parts}, through {', '.join(own)}"
        if own and None not in attributes
        else ""
    )


def _lifted(
    opened: Opened, proposal: Proposal, tree: NixpkgsTree, *, progress: Progress
) -> Lifted:
    """Return the lift that gives a proposal's file.

    If none does, return the file with the methods that work.
    """
    last = proposal.commits[-1].after
    design = Design(proposal.steps[0].design)
    follows = (
        (*((name,) for name in SHARED), SHARED, FOLLOWED)
        if design in {Design.MOVE, Design.INNER}
        else ()
    )
    for follow, whole in ((), False), *product(follows, (False, True)):
        with suppress(RefusalError):
            way = LiftWay(
                design=design, bindings=proposal.bindings, follow=follow, whole=whole
            )
            lifted = lift(opened.text, way, name=str(proposal.target))
            if lifted.text.encode() == last:
                return lifted
    progress.step(f"evaluating {proposal.package}")
    roots = (tree.root, ground.edited(tree, proposal.target, last).root)
    found = _working(proposal.bindings, last, opened.target, roots, opened.systems)
    return Lifted(text=last.decode(), methods=found)


def _packages(content: bytes, file: PurePosixPath) -> tuple[str, ...]:
    """Return the packages in the lets of the unchanged file."""
    shape = read(parsed(content.decode(), name=str(file)))
    names = tuple(each.name for each in find(shape) if each.kind is BindingKind.PACKAGE)
    if not names:
        raise LayoutError(
            f"{file}: no let around the package defines a package",
            hint="name a part with --binding",
        )
    return names


def _working(
    names: Sequence[str],
    content: bytes,
    target: Target,
    roots: tuple[Path, Path],
    systems: tuple[str, ...],
) -> dict[str, tuple[str, ...]]:
    """Return for each binding the first method whose override has a new effect.

    The file's own methods come first, then an attribute and an argument. If none works,
    return the first.
    """
    file = file_bindings(content)
    tries = questions(file, names)
    trial = Asking(
        trees=roots,
        own=LiftQuestion(package=target.package, methods=tries),
        systems=systems,
    )
    working: set[tuple[str, ...]] = set()
    for answer in trial.answers().values():
        working |= {
            tries[key]
            for key, method in answer.methods.items()
            if method.after.has_effect and not method.hides
        }
    paths = {name: file.paths(name) for name in names}
    return {
        name: next((path for path in own if path in working), own[0])
        for name, own in paths.items()
    }


def _named(change: ChangeRequest) -> tuple[str, ...]:
    """Return how the command line names a change."""
    if change.patch is not None:
        return "--patch", str(change.patch)
    if change.pull is not None:
        return "--pull", str(change.pull.number)
    return (change.rev if change.rev is not None else "--uncommitted",)
