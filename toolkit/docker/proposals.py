"""docker's own part of a proposal: its steps, stages and claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from msgspec.structs import replace

from toolkit import confined, inside, sources
from toolkit.docker import (
    COMPONENTS,
    PACKAGE,
    PREFIX_ENTRY,
    TARGET,
    PathPlace,
    builder,
    evaluating,
    meaning,
    module,
)
from toolkit.docker import case as cases
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED, DockerCase
from toolkit.docker.claims import catalogue
from toolkit.docker.overlay_kinds import overlay_files, rewrap
from toolkit.docker.rewrite.layout import DockerFile, docker_file
from toolkit.docker.series import refuse, rewrite
from toolkit.docker.steps import (
    DEMOTE,
    DESIGNS,
    LIFT,
    MODULE,
    Demotion,
    OverlayKind,
    plan,
    steps,
)
from toolkit.errors import LayoutError, RefusalError, ToolkitError, tried
from toolkit.git.reading import TreeFile
from toolkit.lift.locating import SYSTEMS
from toolkit.lift.plan import Design
from toolkit.model import (
    Commit,
    OverlayReport,
    Patch,
    Progress,
    Proposal,
    Source,
    Step,
    Tier,
)
from toolkit.nix import program
from toolkit.proposal.choosing import design_of
from toolkit.proposal.inspection import PackageInspection, Part
from toolkit.proposal.leaf import Leaf
from toolkit.proposal.prove import Claim
from toolkit.proposal.requests import CheckRequest, Request
from toolkit.proposal.requests import command as command_of
from toolkit.report.pull_request import Texts
from toolkit.sources import changes
from toolkit.text import few
from toolkit.track.readings import EVALUATION

DROP_WARNING = (
    "rootless docker does not start without rootlesskit on PATH, and docker before "
    "28 also needs rootlesskit-docker-proxy from the same package"
)


class DockerProposals(Leaf[DockerCase]):
    """Proposals for docker."""

    def choose(
        self, requests: Sequence[Request], *, progress: Progress
    ) -> Iterator[DockerCase | ToolkitError]:
        """Yield the series of the single request."""
        for request in requests:
            yield tried(partial(self._choose, request, progress=progress))

    def again(
        self,
        request: Request,
        proposal: Proposal,
        behind: Sequence[Patch],
        *,
        progress: Progress,
    ) -> DockerCase:
        """Return the commits of the mails, applied to the source's nixpkgs."""
        case = cases.of_proposal(proposal, name=str(TARGET), request=request)
        added, overlay = (
            module.read_back(behind, case.source),
            inside.place(request.out, "overlay"),
        )
        return cases.deepened(
            replace(case, added=added, overlay=overlay), progress=progress
        )

    def foreign(self, request: CheckRequest, *, progress: Progress) -> DockerCase:
        """Find out which of the steps somebody else's change makes.

        Its evaluation is sealed.
        """
        return cases.deepened(_foreign(request, progress=progress), progress=progress)

    def changed(self, series: DockerCase, content: bytes) -> DockerCase:
        """Return the series without the module's commit.

        Raise NixSyntaxError or RefusalError for a file of another kind.
        """
        commits = (*series.commits[:-1], replace(series.commits[-1], after=content))
        name, proposal = series.before.file.tree.name, replace(series, commits=commits)
        return cases.of_proposal(proposal, name=name, request=series.request)

    def claims(self, series: DockerCase) -> tuple[Claim[DockerCase], ...]:
        """Return the claims about docker."""
        return catalogue.claims(series)

    def overlay_files(self, series: DockerCase) -> Mapping[str, TreeFile]:
        """Return docker's patched directory as an overlay.

        Return nothing if docker stays the same.
        """
        return overlay_files(series) if series.commits else {}

    def texts(self, series: DockerCase) -> Texts:
        """Return patches/docker.toml."""
        del series
        return plan()

    def deepened(self, series: DockerCase, *, progress: Progress) -> DockerCase:
        """Return the series with its nixpkgs."""
        return cases.deepened(series, progress=progress)

    def require_useful(self, series: DockerCase) -> None:
        """Raise LayoutError if overrides already reach the components."""
        _require_closed(series.before.file, series.steps)

    def require_upstream(self, series: DockerCase) -> None:
        """Raise ToolkitError if the builder accepts no function.

        Such a nixpkgs is too old for a contribution.
        """
        for step in series.steps:
            if (
                step.name == LIFT
                and step.design == Design.HIDDEN
                and step.reason is not None
            ):
                command = command_of(
                    "overlay", series.request, "--kind", OverlayKind.PATCHED
                )
                raise ToolkitError(
                    f"{series.target}: nixpkgs would not accept this pull request: "
                    f"{step.reason}",
                    hint=f"{command} makes an overlay from this docker",
                )

    def unconcerned(self, series: DockerCase) -> str | None:
        """Return why no claim is about this change.

        It moves no component and leaves the wrapper unchanged.
        """
        return (
            None
            if series.demotion is not None or _lifts(series)
            else "neither commit changes anything"
        )

    def needs(
        self, only: Sequence[str] = (), behind: Sequence[Patch] = ()
    ) -> tuple[str, ...]:
        """Return the paths that patches/docker.toml lists."""
        return (
            *plan().sparse,
            *(plan().module.needs if MODULE in only or behind else ()),
        )

    def inspect(self, root: Path, name: str) -> PackageInspection:
        """Return the meaning of docker's file.

        The syntax decides if it can, else a sealed evaluation.
        """
        (reading,) = evaluating.read([inside.read(root, TARGET)])
        return PackageInspection(
            package=name,
            file=TARGET,
            version=reading.newest,
            parts=tuple(
                Part(
                    name=each.name,
                    bound=each.bound,
                    line=each.line,
                    reached=each.overridable,
                    methods=each.methods,
                )
                for each in reading.components
            ),
            system=SYSTEMS[0] if reading.overridable_by == EVALUATION else None,
            reason=reading.reason,
        )

    def overlay(
        self, request: Request, kind: str | None, *, progress: Progress
    ) -> OverlayReport | None:
        """Write the default overlay, which wraps docker again."""
        return (
            None if kind == OverlayKind.PATCHED else rewrap(request, progress=progress)
        )

    def _choose(self, request: Request, *, progress: Progress) -> DockerCase:
        progress.step("reading nixpkgs")
        source = sources.resolve(
            request.source,
            target=TARGET,
            sparse=self.needs(request.only),
            progress=progress,
        )
        progress.step("rewriting")
        case = _rewritten(request, source)
        dropped = [DROP_WARNING] if case.demotion is Demotion.DROP else []
        lacking = (
            f"these files are not beside the package's file: {', '.join(case.missing)}"
            "; put them into the overlay's docker/"
        )
        case = replace(case, warnings=(*dropped, *[lacking] * bool(case.missing)))
        if MODULE not in request.only:
            return case
        return replace(
            case,
            added=module.mail(
                module.prepare(source), source, number=len(case.steps) + 1
            ),
        )


def _rewritten(request: Request, source: Source) -> DockerCase:
    """Return the series.

    If it is refused because overrides already reach the components, raise that error.
    """
    name = str(request.source.file or TARGET)
    program.parse_text(source.content, name=name)
    file = docker_file(source.content, name=name)
    demotion = Demotion(request.designs.get(DEMOTE, Demotion.SUFFIX))
    chosen = builder.steps(
        file,
        source,
        design=design_of(request, DESIGNS),
        demotion=demotion,
        only=request.only,
    )
    try:
        texts = rewrite(file, chosen)
    except LayoutError:
        raise
    except RefusalError:
        _require_closed(file, chosen)
        raise
    messages, contents = (
        [plan().step(step) for step in chosen],
        [text.encode() for text in texts],
    )
    proposal = Proposal(
        source=source,
        package=PACKAGE,
        target=TARGET,
        bindings=COMPONENTS,
        steps=chosen,
        commits=tuple(
            text.commit(before, after)
            for text, (before, after) in zip(
                messages, pairwise((source.content, *contents)), strict=True
            )
        ),
    )
    return cases.of_proposal(proposal, name=name, request=request)


def _require_closed(file: DockerFile, steps: Sequence[Step]) -> None:
    """Raise LayoutError if some component of the unchanged file can be overridden.

    Nix decides if the syntax does not. If Nix cannot decide either, raise nothing; the
    proofs report it.
    """
    (reading,) = evaluating.read([file.text.encode()])
    if any(each.methods for each in reading.components):
        refuse(reading, {step.name for step in steps}, name=file.tree.name)


def _foreign(request: CheckRequest, *, progress: Progress) -> DockerCase:
    """Find out which of the two steps somebody else's change makes."""
    change = changes.read_file(
        request.change, TARGET, sparse=plan().sparse, progress=progress
    )
    found, patched = change.source, change.after
    # A stranger's file takes bounded time and memory to parse.
    (parsed,) = confined.each(meaning.read, [patched])
    if isinstance(parsed, confined.Unread):
        raise ToolkitError(f"{TARGET}: {parsed.reason}")
    name = str(TARGET)
    program.parse_text(patched, name=name)
    before, after = (
        docker_file(content, name=name) for content in (found.content, patched)
    )
    places = [meaning.place_of(meaning.reading(file)) for file in (before, after)]
    if PathPlace.UNKNOWN in places:
        places = [
            meaning.place_of(reading)
            for reading in evaluating.read([found.content, patched])
        ]
    demotion = _demotion(*places)
    contents = {BEFORE: found.content, LIFTED if demotion is None else DEMOTED: patched}
    case = cases.case(contents, name=name, source=found, request=request.proposed())
    names = set[str]()
    if demotion is None or _lifts(case):
        names.add(LIFT)
    if demotion is not None:
        names.add(DEMOTE)
    stages = (case.before, replace(case.after, steps=frozenset(names)))
    commit = Commit(
        subject=change.subject, body="", before=found.content, after=patched
    )
    return replace(
        case,
        demotion=demotion,
        stages=stages,
        steps=steps(None, demotion),
        commits=(commit,),
        upstream_diff=change.diff,
        warnings=tuple(_warnings(request, change, demotion, places)),
    )


def _warnings(
    request: CheckRequest,
    change: changes.ChangedFile,
    demotion: Demotion | None,
    places: Sequence[PathPlace],
) -> Iterator[str]:
    """Yield warnings about the patch for readers of the judgement."""
    if demotion is Demotion.DROP:
        yield DROP_WARNING
    if PathPlace.UNKNOWN in places:
        yield (
            f"unlet cannot tell whether the patch moves {PREFIX_ENTRY} in the "
            "wrapper's PATH"
        )
    if change.others:
        shown = few([*map(str, change.others)])
        yield f"the proofs do not cover other files of the patch: {shown}"
    if request.depth.tier is Tier.BUILD:
        tier = request.depth.tier
        yield f"--tier {tier} ran the patch with your rights"


def _lifts(case: DockerCase) -> bool:
    """Return whether a patch moves a component, or makes one overridable."""
    before, after = (
        [(each.bound, each.methods) for each in reading.components]
        for reading in evaluating.read([case.before.content, case.after.content])
    )
    return before != after


def _demotion(before: PathPlace, after: PathPlace) -> Demotion | None:
    """Return what a patch does to rootlesskit in the wrapper's PATH.

    Return None if it does nothing, or that is unknown.
    """
    if before is after or PathPlace.UNKNOWN in {before, after}:
        return None
    return (
        Demotion.SUFFIX
        if after in {PathPlace.SUFFIX, PathPlace.BOTH}
        else Demotion.DROP
    )
