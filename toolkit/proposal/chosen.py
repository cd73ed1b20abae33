"""A package with the commits of its lift or recipe, and the question to Nix about them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit import prove
from toolkit.errors import ToolkitError, UsageError
from toolkit.git.reading import TreeFile
from toolkit.lift.bindings import Reachability, direct_uses, only_names, own_attribute, source_argument
from toolkit.lift.defaults import LiftChoice, LiftWay
from toolkit.lift.defaults import lifted as lift_by
from toolkit.lift.locating import SYSTEMS
from toolkit.lift.plan import ASKED, Design
from toolkit.lift.rewriting import Lifted
from toolkit.lift.shape import read
from toolkit.model import Depth, Progress, Proposal, Source, Step, Tier
from toolkit.nix.tree import Tree
from toolkit.patches import Message
from toolkit.proposal import overlays, scripts, texts
from toolkit.proposal.claims import CLAIMS, Building, LiftCase, of_builds
from toolkit.proposal.leaf import Chosen
from toolkit.proposal.recipes import Recipe
from toolkit.proposal.requests import Request, command
from toolkit.proposal.systems import Asking
from toolkit.proposal.target import Target
from toolkit.prove import Claim, Stage, Subject, judged
from toolkit.prove.judged import Judging
from toolkit.prove.lifted import LiftQuestion
from toolkit.report.pull_request import Texts
from toolkit.sources import changes, trees
from toolkit.sources.trees import NixpkgsTree

LIFT = "lift"

_INSECURE = "knownVulnerabilities"
"""The attribute of meta in a file that makes what is insecure."""


class Opened(Struct, frozen=True, kw_only=True, eq=False):
    """A package of a source, with its file's text, and the recipe of its commits, None for a lift.

    `scripts` are those in its directory that read the text.
    """

    request: Request
    source: Source
    target: Target
    text: str
    recipe: Recipe | None
    scripts: Mapping[str, str] = {}


class LiftCommit(Struct, frozen=True, kw_only=True):
    """A commit: its step, its message, and the package's file after it."""

    step: Step
    message: Message
    lifted: Lifted

    @property
    def content(self) -> bytes:
        """The content of the file."""
        return self.lifted.text.encode()


class LiftChosen(Chosen[LiftCase], frozen=True, kw_only=True, eq=False):
    """A package with its commits, and the question to Nix about the last one.

    `roots` are the trees before and after each commit.
    """

    opened: Opened
    lifted: Lifted
    asking: Asking
    roots: tuple[Path, ...]
    tree: NixpkgsTree

    def case(self, proposal: Proposal, *, overlay: Path) -> LiftCase:
        """Return the case of trees that are already laid out."""
        before, *after = (root / self.file for root in self.roots)
        change = changes.one_file(self.tree, self.file, self.contents[-1], source=self.request.source)
        return LiftCase(
            source=self.source,
            target=self.file,
            stages=(
                Stage(name="before", content=self.source.content, path=before),
                *(
                    Stage(name=step.name, content=content, path=path, steps=frozenset({step.name}))
                    for step, content, path in zip(self.steps, self.contents, after, strict=True)
                ),
            ),
            patches=proposal.patches,
            upstream_diff=proposal.upstream_diff,
            lifted=self.lifted,
            asking=self.asking,
            judging=Judging(
                change=change, systems=judged.systems(self.asking.systems, narrowed=bool(self.request.depth.systems))
            ),
            overlay=overlay if self.overlay(proposal) else None,
        )

    def deepened(self, case: LiftCase, *, near: str | None, progress: Progress) -> LiftCase:
        """Return the case with a tree to build in, if the depth requires it."""
        del near
        if not self.request.depth.tier.includes(Tier.BUILD):
            return case
        tree = trees.changed(self.tree, {self.file: self.contents[-1]})
        return replace(case, building=building(self.request.depth, tree, progress=progress))

    def claims(self, case: LiftCase) -> tuple[Claim[LiftCase], ...]:
        """Return the claims about a lift, or about a recipe's commits and the claims that the recipe names."""
        recipe, systems = self.opened.recipe, self.request.depth.systems
        if recipe is None:
            return (*prove.narrowed(prove.about(CLAIMS, Subject.SERIES), systems), *of_builds(case))
        subject = Subject.REBUILD if any(step.rebuilds for step in recipe.steps) else Subject.RECIPE
        named = {name for step in recipe.steps for name in step.claims}
        own = (claim for claim in CLAIMS if subject in claim.applies_to or claim.name in named)
        return (*prove.narrowed(own, systems), *of_builds(case))

    def overlay(self, proposal: Proposal, case: LiftCase | None = None) -> Mapping[str, TreeFile]:
        """Return the package's directory with the changed file, if the directory alone makes the package."""
        del proposal, case
        return overlays.files(self.roots[0], self.opened.target, self.contents[-1], self.source)

    def exact_request(self) -> Request:
        """Return the request with the followed attributes written out."""
        followed = dict.fromkeys(name for names in self.lifted.follows.values() for name in names)
        return replace(self.request, follow=tuple(followed))

    def texts(self) -> Texts:
        """Return the lift's texts with the package's names, or the recipe's own texts."""
        # What it is marked as on some systems alone keeps nobody from asking on the others.
        found = {system: answer for system, answer in self.asking.answers().items() if answer.before is not None}
        answers = [*found.values()]
        marks = sorted({mark for each in answers for mark in each.marks if all(mark in one.marks for one in answers)})
        return texts.pull_request_texts(
            self.opened.target.packages,
            self.messages[-1],
            self.steps[-1],
            self.lifted,
            self.opened.recipe,
            [f"NIXPKGS_ALLOW_{mark.upper()}" for mark in marks],
            "" if SYSTEMS[0] in found else next(iter(found), ""),
        )

    def require_upstream(self) -> None:
        """Raise ToolkitError for a package that upstream does not want: by its meta, insecure, already overridable."""
        fact = self.opened.target.unwanted
        marks = (answer.marks for answer in self.asking.answers().values())
        if fact is None and _INSECURE in self.opened.text and any("insecure" in each for each in marks):
            fact = "is marked as insecure, or a part of it is; upstream wants that mended before anything else"
        if fact is not None:
            hint = f"{command('propose', self.request)} writes the change"
            raise ToolkitError(f"{self.package}: {fact}", hint=hint)
        if self.opened.recipe is None and not self.lifted.follows and (override := self._override()):
            hint = f"upstream has no use for a second way; {command('propose', self.request)} writes it"
            raise ToolkitError(f"{self.package}: {override}", hint=hint)

    def _override(self) -> str:
        """Return which override replaces the parts already, or what they are made of; empty if none does."""
        shape = read(Tree(self.opened.text, name=str(self.file)))
        parts = ", ".join(self.lifted.methods)
        sources = [source_argument(shape, name) for name in self.lifted.methods]
        arguments = dict.fromkeys(name for name in sources if name is not None)
        if None not in sources:
            return f"override replaces what {parts} is made of already, by {', '.join(arguments)}"
        if set(self.lifted.states.values()) != {Reachability.HIDDEN}:
            return ""
        uses = [
            use.node for name in self.lifted.methods for use in direct_uses(shape, name) if not only_names(use.node)
        ]
        attributes = [own_attribute(shape, use) for use in uses]
        own = dict.fromkeys(name for name in attributes if name is not None)
        return f"overrideAttrs replaces {parts} already, by {', '.join(own)}" if own and None not in attributes else ""

    def warnings(self, case: LiftCase, *, overlay: str) -> tuple[str, ...]:
        """Return a warning for each omitted link of the tree."""
        del case, overlay
        return self.tree.warnings

    def changed(self, contents: tuple[bytes, ...], *, progress: Progress) -> LiftChosen:
        """Return the same choice with other contents, in newly laid out trees."""
        lifts = [replace(self.lifted, text=content.decode(errors="replace")) for content in contents]
        commits = tuple(
            LiftCommit(step=step, message=message, lifted=lifted)
            for step, message, lifted in zip(self.steps, self.messages, lifts, strict=True)
        )
        return laid_out(self.opened, commits, self.tree, progress=progress)


def building(depth: Depth, tree: NixpkgsTree, *, progress: Progress) -> Building | None:
    """Return the build of a changed tree, or None if the depth does not require one."""
    return Building(tree=tree, depth=depth, progress=progress) if depth.tier.includes(Tier.BUILD) else None


def design_of(request: Request) -> Design | None:
    """Return the requested design; raise UsageError for a design that a lift does not have."""
    name = request.designs.get(LIFT)
    if name is None:
        return None
    if name not in ASKED:
        raise UsageError(f"--design: '{name}' is not a design for {request.target}", hint=f"it has {', '.join(ASKED)}")
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


def lifted_by(found: Opened, way: LiftWay, *, reason: str | None = None) -> LiftCommit:
    """Rewrite the package's file; `reason` explains why an earlier design failed. Raise RefusalError on failure."""
    target = found.target
    lifted = lift_by(found.text, choice_of(found), way, name=str(target.file))
    scripts.require_found(found.scripts, found.text, lifted.text, name=str(target.file))
    step = Step(name=LIFT, design=way.design.value, reason=reason)
    message = texts.message(target.packages, lifted)
    return LiftCommit(step=step, message=message, lifted=lifted)


def laid_out(found: Opened, commits: tuple[LiftCommit, ...], tree: NixpkgsTree, *, progress: Progress) -> LiftChosen:
    """Lay out the tree after each commit."""
    progress.step(f"laying out the changed {found.target.package}")
    contents = ({found.target.file: commit.content} for commit in commits)
    after = (trees.changed(tree, each).root for each in contents)
    return chosen_commits(found, commits, tree, (tree.root, *after))


def chosen_commits(
    found: Opened,
    commits: tuple[LiftCommit, ...],
    tree: NixpkgsTree,
    roots: tuple[Path, ...],
    *,
    beside: tuple[str, ...] = (),
) -> LiftChosen:
    """Return the question to Nix about the last commit."""
    lifted = commits[-1].lifted
    asking = Asking(
        trees=(roots[0], roots[-1]),
        own=LiftQuestion(
            package=found.target.package, methods=lifted.methods, shown=lifted.shown, follows=lifted.follows
        ),
        systems=found.request.depth.systems or found.target.systems,
        beside=beside,
    )
    return LiftChosen(
        request=found.request,
        source=found.source,
        package=found.target.package,
        file=found.target.file,
        bindings=tuple(lifted.methods),
        steps=tuple(commit.step for commit in commits),
        messages=tuple(commit.message for commit in commits),
        contents=tuple(commit.content for commit in commits),
        opened=found,
        lifted=lifted,
        asking=asking,
        roots=roots,
        tree=tree,
    )
