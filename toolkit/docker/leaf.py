"""docker's own part of a proposal for it: the steps, its stages, its claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from toolkit import inside, sources
from toolkit.docker import COMPONENTS, PACKAGE, TARGET, builder, evaluating, foreign, module, overlay
from toolkit.docker import case as cases
from toolkit.docker.case import BEFORE, SYSTEMS, DockerCase
from toolkit.docker.claims import catalogue as claims
from toolkit.docker.claims import overrides
from toolkit.docker.rewrite.layout import DockerFile, docker_file
from toolkit.docker.series import rewrite
from toolkit.docker.steps import DEMOTE, DESIGNS, LIFT, MODULE, Demotion, OverlayKind, demotion_of, design_of, plan
from toolkit.errors import LayoutError, RefusalError, ToolkitError, UsageError, tried
from toolkit.git.reading import TreeFile
from toolkit.lift.plan import Design
from toolkit.model import OverlayReport, Patch, Progress, Proposal, Source, Step
from toolkit.nix import program
from toolkit.proposal.inspection import PackageInspection, Part
from toolkit.proposal.leaf import Chosen, Draft, Leaf, Recorded
from toolkit.proposal.requests import CheckRequest, Request
from toolkit.proposal.requests import command as command_of
from toolkit.prove import Claim
from toolkit.report.pull_request import Texts
from toolkit.track.readings import EVALUATION

DROP_WARNING = foreign.DROP_WARNING


class DockerChosen(Chosen[DockerCase], frozen=True, kw_only=True, eq=False):
    """docker's series; `unchanged` is the file before it."""

    unchanged: DockerFile

    def case(self, proposal: Proposal, *, overlay: Path) -> DockerCase:
        """Stage the series."""
        case = cases.of_proposal(proposal, name=self.unchanged.tree.name, overlay=overlay)
        return replace(case, added=self.added)

    def deepened(self, case: DockerCase, *, near: str | None, progress: Progress) -> DockerCase:
        """Return the case with the inputs of deeper tiers.

        If the file has no TODO comment, check first whether overrides already reach the components; if so, raise
        LayoutError.
        """
        asked = self.request
        del near
        case = cases.deepened(case, asked.depth, offline=asked.source.offline, progress=progress)
        if self.unchanged.todo() is None:
            overrides.require_closed(case)
        return case

    def claims(self, case: DockerCase) -> tuple[Claim[DockerCase], ...]:
        """Return the claims about docker."""
        return claims.of(case)

    def overlay(self, proposal: Proposal, case: DockerCase) -> Mapping[str, TreeFile]:
        """Return docker's patched directory as an overlay; nothing if docker stays the same."""
        if not proposal.commits:
            return {}
        releases = [release.attr for release in self.unchanged.releases()]
        return overlay.overlay_files(proposal, releases=releases, siblings=case.beside)

    def texts(self) -> Texts:
        """Return patches/docker.toml."""
        return plan()

    def changed(self, contents: tuple[bytes, ...], *, progress: Progress) -> DockerChosen:
        """Return this series with other contents; raise NixSyntaxError or RefusalError if one is not a docker file."""
        del progress
        for content in contents:
            docker_file(content, name=self.unchanged.tree.name)
        return replace(self, contents=contents, added=None)

    def require_useful(self, case: DockerCase) -> None:
        """Raise LayoutError if overrides already reach the components."""
        overrides.require_closed(case)

    def warnings(self, case: DockerCase, *, overlay: str) -> tuple[str, ...]:
        """Return warnings about the demotion's costs, missing files, and omitted links."""
        dropped = [DROP_WARNING] if case.demotion is Demotion.DROP else []
        names = ", ".join(case.missing)
        lacking = [f"not found beside the file: {names}; the overlay needs them in {overlay}docker/"] if names else []
        return (*dropped, *lacking, *case.left_out)

    def require_upstream(self) -> None:
        """Raise ToolkitError if the builder takes no function: this nixpkgs is too old to contribute to."""
        for step in self.steps:
            if step.name == LIFT and step.design == Design.HIDDEN and step.reason is not None:
                command = command_of("overlay", self.request, "--kind", OverlayKind.PATCHED)
                raise ToolkitError(
                    f"{self.file}: such a pull request has no place upstream: {step.reason}",
                    hint=f"{command} makes an overlay with this docker",
                )


class Docker(Leaf):
    """Proposals for docker."""

    file = TARGET

    def choose(self, requests: Sequence[Request], *, progress: Progress) -> Iterator[DockerChosen | ToolkitError]:
        """Yield the series of the single request."""
        for request in requests:
            yield tried(partial(self._choose, request, progress=progress))

    def again(self, recorded: Recorded, *, progress: Progress) -> Draft[DockerCase]:
        """Stage the contents of the mails, and the commit of other files against the source's nixpkgs."""
        proposal, source, asked = recorded.proposal, recorded.source, recorded.request
        case = cases.of_proposal(proposal, name=str(TARGET), overlay=inside.place(recorded.directory, "overlay"))
        case = replace(case, added=module.read_back(recorded.behind, source))
        case = cases.deepened(case, asked.depth, offline=True, progress=progress)
        return _judged(proposal, case, ())

    def foreign(self, request: CheckRequest, *, progress: Progress) -> Draft[DockerCase]:
        """Find out which of the steps someone else's change makes; its evaluation is sealed."""
        case, proposal, warnings = foreign.foreign(request, progress=progress)
        case = cases.deepened(case, request.depth, offline=request.change.source.offline, progress=progress)
        return _judged(proposal, case, warnings)

    def unconcerned(self, draft: Draft[DockerCase]) -> str | None:
        """Return why no claim is about this change: it moves no component and leaves the wrapper unchanged."""
        return None if foreign.concerns(draft.case) else "no lift and no demotion"

    def require_known(self, steps: Sequence[Step]) -> None:
        """Raise ToolkitError for an unknown design or demotion."""
        design_of(steps)
        demotion_of(steps)

    def needs(self, only: Sequence[str] = (), behind: Sequence[Patch] = ()) -> tuple[str, ...]:
        """Return the paths that patches/docker.toml lists."""
        return (*plan().sparse, *(plan().module.needs if MODULE in only or behind else ()))

    def inspect(self, root: Path, name: str) -> PackageInspection:
        """Return the meaning of docker's file: by syntax if that decides all, else by sealed evaluation."""
        (reading,) = evaluating.read([inside.read(root, TARGET)])
        return PackageInspection(
            package=name,
            file=TARGET,
            version=reading.newest,
            parts=tuple(
                Part(
                    name=each.name,
                    bound=each.bound,
                    builder=None,
                    line=each.line,
                    state=None,
                    reached=each.overridable,
                    methods=each.methods,
                )
                for each in reading.components
            ),
            system=SYSTEMS[0][0] if reading.overridable_by == EVALUATION else None,
            reason=reading.reason,
        )

    def overlay(self, request: Request, kind: str | None, *, progress: Progress) -> OverlayReport | None:
        """Write the default overlay, which wraps docker anew."""
        return None if kind == OverlayKind.PATCHED else overlay.rewrap(request, progress=progress)

    def _choose(self, request: Request, *, progress: Progress) -> DockerChosen:
        progress.step("reading nixpkgs")
        source = sources.resolve(request.source, target=TARGET, sparse=self.needs(request.only), progress=progress)
        progress.step("rewriting")
        chosen = _rewritten(request, source)
        if MODULE not in request.only:
            return chosen
        number = len(chosen.steps) + 1
        return replace(chosen, added=module.mail(module.prepare(source), source, number=number, author=request.author))


def _rewritten(request: Request, source: Source) -> DockerChosen:
    """Return the series; if it is refused because overrides reach the components already, that is what is raised."""
    name = str(request.source.file or TARGET)
    program.parse_text(source.content, name=name)
    file = docker_file(source.content, name=name)
    design, demotion = _designs(request.designs)
    steps = builder.steps(file, source, design=design, demotion=demotion, only=request.only)
    try:
        return _chosen(request, source, file, steps)
    except LayoutError:
        raise
    except RefusalError:
        overrides.require_closed(cases.case({BEFORE: source.content}, name=name, source=source))
        raise


def _designs(asked: Mapping[str, str]) -> tuple[Design | None, Demotion]:
    """Return the lift's design and the demotion that are asked for; raise UsageError for what docker does not have."""
    name = asked.get(LIFT)
    if name not in {None, *DESIGNS}:
        raise UsageError(f"--design: '{name}' is not a design for docker", hint=f"it has {', '.join(DESIGNS)}")
    return design_of([Step(name=LIFT, design=name)] if name is not None else ()), Demotion(
        asked.get(DEMOTE, Demotion.SUFFIX)
    )


def _chosen(request: Request, source: Source, file: DockerFile, made: Sequence[Step]) -> DockerChosen:
    return DockerChosen(
        request=request,
        source=source,
        package=PACKAGE,
        file=TARGET,
        bindings=COMPONENTS,
        steps=tuple(made),
        messages=tuple(plan().of(step) for step in made),
        contents=tuple(text.encode() for text in rewrite(file, made)),
        unchanged=file,
    )


def _judged(proposal: Proposal, case: DockerCase, warnings: tuple[str, ...]) -> Draft[DockerCase]:
    """Return a draft that is not ours to write."""
    return Draft(
        proposal=proposal,
        messages=(),
        case=case,
        claims=claims.of(case),
        overlay={},
        warnings=(*warnings, *case.left_out),
    )
