"""Prove again what a proposal says, or judge somebody else's patch of the same file."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import git
from toolkit.docker import (
    COMPONENTS,
    PACKAGE,
    PREFIX_ENTRY,
    TARGET,
    changing,
    evaluating,
    extras,
    meaning,
    preparing,
    staging,
)
from toolkit.docker.claims import evaluation, overriding
from toolkit.docker.claims import registry as proofs
from toolkit.docker.claims.case import BEFORE, DEMOTED, LIFTED, STAGES
from toolkit.docker.plan import DEMOTE, LIFT, Demotion, Strategy, demotion_of, steps
from toolkit.docker.preparing import DROP_WARNING
from toolkit.docker.readings import Place
from toolkit.docker.rewrite import layout
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.staging import deepen
from toolkit.errors import ToolkitError
from toolkit.model import Commit, Patch, Proposal, Report, Source, SourceRequest, Tier
from toolkit.nix import program
from toolkit.report import report

if TYPE_CHECKING:
    from toolkit.docker.claims.case import DockerCase
    from toolkit.docker.plan import Extra
    from toolkit.docker.requests import CheckRequest
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Column, Progress
    from toolkit.report.report import ReportDocument


# So many other files of a change are named.
_OTHERS = 8


def check(request: CheckRequest, *, progress: Progress) -> Report:
    """Run the proofs named in the request, or all, and return their report; nothing is written.

    Raise ToolkitError for a directory that holds no proposal, a source or a patch that cannot be used.
    """
    nix_version = program.version()
    if request.directory is not None:
        case, proposal, warnings = _proposed(request.directory, progress)
    else:
        case, proposal, warnings = _foreign(request, progress)
    # Somebody else's patch is evaluated with nobody's rights.
    near = str(case.source.root) if request.directory is not None else None
    case = deepen(case, request.depth, offline=request.source.offline, progress=progress, near=near)
    also = ("runs",) if request.run else ()
    proven = proofs.run(case, request.proofs, also=also, progress=progress)
    comparison: tuple[Column, ...] = ()
    if request.compare:
        design = proposal.design(LIFT) if proposal.patches else None
        name = design or proposal.commits[0].subject
        like = proposal.steps if design is not None else steps(Strategy.HIDDEN, Demotion.SUFFIX)
        comparison = (
            preparing.column(name, proposal, proven),
            *preparing.other_columns(case.before.file, case.source, like, done=design, progress=progress),
        )
    return Report(
        proposal=proposal,
        proofs=proven,
        warnings=warnings,
        tools={"nix": str(nix_version)},
        request=request.source,
        comparison=comparison,
    )


def _proposed(directory: Path, progress: Progress) -> tuple[DockerCase, Proposal, tuple[str, ...]]:
    """Read a proposal back from its directory."""
    progress.step("reading the proposal")
    document = report.from_json(_read(directory / "report.json"), name=str(directory / "report.json"))
    target = PurePosixPath(document.file)
    if target != TARGET:
        raise ToolkitError(f"{directory / 'report.json'}: field 'file' is '{target}' instead of '{TARGET}'")
    diff = _read(directory / "upstream.diff")
    mails = tuple(Patch(name=path.name, content=_read(path)) for path in sorted((directory / "series").glob("*.patch")))
    series = mails[: len(document.commits)]
    for what, found_there in (("report.json", document.commits), ("series", series)):
        if len(found_there) != (wanted := len(document.steps)):
            raise ToolkitError(f"{directory / what}: {len(found_there)} commits instead of {wanted}")
    behind = mails[len(document.commits) :]
    asked = tuple(extras.of_patch(mail) for mail in behind)
    found, warnings = _source_again(document, directory, diff, asked, progress)
    contents = [found.content]
    for patch in series:
        contents.append(git.apply(contents[-1], target, patch.content))
    case = staging.case(
        dict(zip((BEFORE, *(STAGES[step.name] for step in document.steps)), contents, strict=True)),
        name=str(target),
        source=found,
    )
    case = replace(
        case,
        demotion=demotion_of(document.steps),
        patches=series,
        upstream_diff=diff,
        overlay=(directory / "overlay").resolve(),
        extras=extras.read_back(behind, found),
    )
    commits = tuple(
        Commit(subject=commit.subject, body="", before=before, after=after)
        for commit, before, after in zip(document.commits, contents[:-1], contents[1:], strict=True)
    )
    changed = [
        patch.name
        for patch, commit, content in zip(series, document.commits, contents[1:], strict=True)
        if str(git.blob_id(content)) != commit.after
    ]
    if changed:
        warnings = (*warnings, f"changed since the report was written: {', '.join(changed)}")
    proposal = Proposal(
        source=found,
        package=document.target,
        target=target,
        bindings=document.bindings,
        steps=document.steps,
        commits=commits,
        patches=series,
        upstream_diff=diff,
    )
    return case, proposal, warnings


def _source_again(
    document: ReportDocument, directory: Path, diff: bytes, wanted: tuple[Extra, ...], progress: Progress
) -> tuple[Source, tuple[str, ...]]:
    """Get the source that the report names, from the cache or this machine; else take the diff back."""
    was = document.source
    request = SourceRequest(
        nixpkgs=was.nixpkgs,
        rev=was.commit if was.commit is not None and was.nixpkgs not in {None, "<nixpkgs>"} else was.rev,
        file=_path(was.file),
        pin=was.pin,
        offline=True,
    )
    try:
        found = staging.nixpkgs(request, extras=wanted, progress=progress)
    except ToolkitError:
        found = None
    if found is not None and str(git.blob_id(found.content)) == was.blob:
        return found, found.warnings
    patched = _read(directory / "overlay" / "docker" / "default.nix")
    before = git.apply(patched, PurePosixPath(document.file), diff, reverse=True)
    if str(git.blob_id(before)) != was.blob:
        raise ToolkitError(f"{directory}: upstream.diff and overlay/ do not belong to the file of report.json")
    note = "the source is not available: the file comes from the proposal, and was evaluated with unlet's own lib"
    return Source(origin=was.origin, content=before, directory=(directory / "overlay" / "docker").resolve()), (note,)


def _foreign(request: CheckRequest, progress: Progress) -> tuple[DockerCase, Proposal, tuple[str, ...]]:
    """Find out which of the two changes somebody's change of the file makes."""
    change = changing.of(request, progress)
    found, patched = change.source, change.content
    name = str(TARGET)
    before, after = (docker_file(content, name=name) for content in (found.content, patched))
    places = _places(before, after)
    demotion = _demotion(*places)
    contents = {BEFORE: found.content, LIFTED if demotion is None else DEMOTED: patched}
    case = staging.case(contents, name=name, source=found)
    made = {LIFT, DEMOTE} if demotion is not None else {LIFT}
    stages = (case.before, replace(case.after, steps=frozenset(made)))
    case = replace(case, demotion=demotion, stages=stages, upstream_diff=change.diff)
    if demotion is not None and not _lifts(case):
        case = replace(case, stages=(case.before, replace(case.after, steps=frozenset({DEMOTE}))))
    proposal = Proposal(
        source=found,
        package=PACKAGE,
        target=TARGET,
        bindings=COMPONENTS,
        steps=steps(None, demotion),
        commits=(Commit(subject=change.subject, body="", before=found.content, after=patched),),
        upstream_diff=change.diff,
    )
    warnings = [*found.warnings]
    if demotion is Demotion.DROP:
        warnings.append(DROP_WARNING)
    if Place.UNKNOWN in places:
        warnings.append(f"could not tell what the patch does to {PREFIX_ENTRY} in the wrapper's PATH")
    if change.others:
        shown = [*map(str, change.others[:_OTHERS]), *(["…"] if len(change.others) > _OTHERS else [])]
        warnings.append(f"not covered by the proofs, other files of the patch: {', '.join(shown)}")
    if request.run or request.depth.tier is not Tier.ISOLATED:
        option = "--run" if request.run else "--tier"
        warnings.append(f"the patch was run with your rights, as {option} asks for: only the tier isolated is sealed")
    return case, proposal, tuple(warnings)


def _lifts(case: DockerCase) -> bool:
    """Tell whether a patch which demotes does anything about the components too: moves them, or opens a door."""
    bound = ([layout.component(stage.file, name).bound for name in case.components] for stage in case.stages)
    if next(bound) != next(bound):
        return True
    try:
        before, after = (overriding.open_doors(evaluation.evaluate(case)[stage.name].values()) for stage in case.stages)
    except ToolkitError:
        return False
    return before != after


def _places(*files: DockerFile) -> list[Place]:
    """Return where rootlesskit is in each file; Nix is asked if the syntax does not show it."""
    places = [meaning.of(file).reading.rootlesskit for file in files]
    if Place.UNKNOWN in places:
        places = [reading.rootlesskit for reading in evaluating.read([file.text.encode() for file in files])]
    return places


def _demotion(before: Place, after: Place) -> Demotion | None:
    """Say what a patch does to the wrapper's PATH, None where it leaves it alone or that could not be told."""
    if before is after or Place.UNKNOWN in {before, after}:
        return None
    return Demotion.SUFFIX if after in {Place.SUFFIX, Place.BOTH} else Demotion.DROP


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ToolkitError(f"{path}: {reason}", hint="'unlet propose' writes a proposal") from None
