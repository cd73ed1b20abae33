"""Prove a proposal on disk again, or judge a change and prove the claims about it."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import inside, sources
from toolkit.asking.packages import seconds
from toolkit.errors import ToolkitError, tried
from toolkit.git import patching, reading
from toolkit.judge import SYSTEMS, judge
from toolkit.judge.differences import Judgement
from toolkit.judge.rebuilding import NextSteps
from toolkit.model import (
    Commit,
    Depth,
    Oid,
    Patch,
    Progress,
    Proposal,
    Report,
    Server,
    Source,
    SourceRequest,
)
from toolkit.nix import limits, program
from toolkit.nix.limits import Allowance
from toolkit.proposal import proposing, prove, review_builds
from toolkit.proposal.leaf import Series
from toolkit.proposal.leaves import leaf_for, leaf_of
from toolkit.proposal.registry import named, usual
from toolkit.proposal.requests import CheckRequest, Request
from toolkit.report import report
from toolkit.report.report import WrittenReport
from toolkit.sources import changes, recorded
from toolkit.sources.changes import Change, ChangeRequest, FileEdit
from toolkit.sources.trees import NotWholeError


def check(request: CheckRequest, *, progress: Progress) -> Report:
    """Run the requested proofs, by default all, and return their report.

    Write nothing. Raise ToolkitError if the directory contains no proposal, or if the
    source or the change cannot be used.
    """
    program.version()
    if request.directory is not None:
        return judged(
            _recorded(request, request.directory, progress=progress),
            request,
            progress=progress,
        )
    request = replace(
        request, change=completed(request.change, request.server, progress=progress)
    )
    return judged(
        leaf_of(request.target).foreign(request, progress=progress),
        request,
        progress=progress,
    )


def completed(
    change: ChangeRequest, server: Server | None, *, progress: Progress
) -> ChangeRequest:
    """Return a change with the commits of its pull request, from the server."""
    if change.pull is None or server is None:
        return change
    from toolkit.forge.github import connect  # noqa: PLC0415

    progress.step(f"asking for #{change.pull.number}")
    github = connect(server)
    found = github.pull(change.pull.number)
    base = github.merge_base(found.base.ref, found.head.sha)
    pull = replace(
        change.pull, title=found.title, base=Oid(base), head=Oid(found.head.sha)
    )
    return replace(change, pull=pull, remote=change.remote or found.base.remote)


def judged(series: Series[Any], request: CheckRequest, *, progress: Progress) -> Report:
    """Run the requested proofs of a series, by default all, and return their report."""
    proofs = prove.run(
        leaf_for(series).claims(series), series, request.proofs, progress=progress
    )
    return replace(proposing.reported(series, proofs), request=request.change.source)


def _recorded(
    request: CheckRequest, directory: Path, *, progress: Progress
) -> Series[Any]:
    progress.step("reading the proposal")
    written, document = _document(directory)
    leaf, target = (
        leaf_of(document.target, document.recipe),
        PurePosixPath(document.file),
    )
    series, behind = _mails(directory, document)
    diff = _read(directory, "upstream.diff")
    needed = leaf.needs(behind=behind)
    at_hand = _source_again(request.change.source, written, document, needed, progress)
    source = (
        at_hand[0] if at_hand is not None else _taken_back(document, directory, diff)
    )
    contents = [source.content]
    for patch in series:
        with patching.called(f"{directory}/series/{patch.name}"):
            contents.append(patching.apply(contents[-1], target, patch.content))
    proposal = Proposal(
        source=source,
        package=document.target,
        target=target,
        bindings=document.bindings,
        steps=document.steps,
        commits=tuple(
            Commit(subject=commit.subject, body="", before=before, after=after)
            for commit, (before, after) in zip(
                document.commits, pairwise(contents), strict=True
            )
        ),
        patches=series,
        upstream_diff=diff,
        recipe=document.recipe,
    )
    asked = Request(
        target=document.target,
        source=SourceRequest(
            nixpkgs=at_hand[1] if at_hand is not None else None, offline=True
        ),
        bindings=document.bindings,
        designs={step.name: step.design for step in document.steps},
        recipe=document.recipe,
        depth=request.depth,
        out=directory,
    )
    found: Series[Any] = leaf.again(asked, proposal, behind, progress=progress)
    return found


def _document(directory: Path) -> tuple[bytes, WrittenReport]:
    """Return the report of a proposal.

    Raise ToolkitError if it names a path outside nixpkgs.
    """
    place = directory / "report.json"
    written = _read(directory, "report.json")
    document = report.from_json(written, name=str(place))
    own = named().get(document.target) if document.recipe is None else None
    if own is not None and own.file != PurePosixPath(document.file):
        raise ToolkitError(
            f"{place}: field 'file' must be '{own.file}', but is '{document.file}'"
        )
    for part, value in (("file", document.file), ("target", document.target)):
        if {"", ".", "..", "/"} & {
            *PurePosixPath(value).parts,
            value,
        } or value.startswith("/"):
            raise ToolkitError(
                f"{place}: field '{part}' is '{value}', which is not a path in a "
                "nixpkgs"
            )
    return written, document


def _mails(
    directory: Path, document: WrittenReport
) -> tuple[tuple[Patch, ...], tuple[Patch, ...]]:
    """Return the mails of a proposal's own commits, and those that follow them."""
    paths = (
        each.path
        for each in inside.listed(directory, "series")
        if each.path.endswith(".patch")
    )
    mails = tuple(
        Patch(name=PurePosixPath(path).name, content=_read(directory, path))
        for path in paths
    )
    series, behind = mails[: len(document.commits)], mails[len(document.commits) :]
    for what, commits in (("report.json", document.commits), ("series", series)):
        if len(commits) != (wanted := len(document.steps)):
            raise ToolkitError(
                f"{directory / what}: has {len(commits)} commits, but report.json "
                f"lists {wanted}"
            )
    return series, behind


def _source_again(
    given: SourceRequest,
    written: bytes,
    document: WrittenReport,
    needed: tuple[str, ...],
    progress: Progress,
) -> tuple[Source, str] | None:
    """Return the source of a report, and how the user names it.

    Return None if it is unknown here, or has changed. It is what the user names, what a
    run on this machine recorded, or a commit in the cache. Raise ToolkitError if the
    user names a source with another file.
    """
    was, target = document.source, PurePosixPath(document.file)
    if any((given.nixpkgs, given.rev, given.file)):
        found = sources.resolve(given, target=target, sparse=needed, progress=progress)
        if str(reading.blob_id(found.content)) != was.blob:
            raise ToolkitError(
                f"{found.origin}: its '{document.file}' is not the version for which "
                "report.json was written"
            )
        return found, given.nixpkgs or ""
    requests = [
        recorded.find(written),
        SourceRequest(nixpkgs="specimen") if was.nixpkgs == "specimen" else None,
        SourceRequest(rev=was.commit) if was.commit is not None else None,
    ]
    for request in filter(None, requests):
        try:
            found = sources.resolve(
                replace(request, offline=True),
                target=target,
                sparse=needed,
                progress=progress,
            )
        except ToolkitError:
            continue
        if str(reading.blob_id(found.content)) == was.blob:
            return found, request.nixpkgs or ""
    return None


def _taken_back(document: WrittenReport, directory: Path, diff: bytes) -> Source:
    """Return the file from which a proposal's overlay was made, alone."""
    was, target = document.source, PurePosixPath(document.file)
    place = f"overlay/{document.target}"
    after = _read(directory, f"{place}/{target.name}")
    before = tried(partial(patching.apply, after, target, diff, reverse=True))
    if isinstance(before, ToolkitError) or str(reading.blob_id(before)) != was.blob:
        raise ToolkitError(
            f"{directory}: upstream.diff and overlay/ do not match the file in "
            "report.json"
        )
    note = (
        "the source is not available, so unlet took the file from the proposal and "
        "evaluated it in the stand-in tree"
    )
    return Source(
        origin=was.origin,
        content=before,
        directory=inside.place(directory, place),
        warnings=(note,),
    )


def _read(directory: Path, path: str) -> bytes:
    try:
        return inside.read(directory, path)
    except ToolkitError as error:
        raise ToolkitError(
            error.message, hint="'unlet propose' writes a proposal"
        ) from None


class Review(Struct, frozen=True, kw_only=True):
    """The result of a review.

    `report` has the claims, and `notes` explain why some are missing. `not_run` is true
    if requested claims could not be judged. `steps` are those that followed the
    judgement.
    """

    judgement: Judgement
    steps: NextSteps = field(default_factory=NextSteps)
    report: Report | None = None
    notes: tuple[str, ...] = ()
    not_run: bool = False


def review(request: CheckRequest, *, progress: Progress) -> Review | Report:
    """Judge a change, then prove the claims about the named target, if any.

    Each attribute has the time that the judge has left for it. For a single file,
    return only the report of the claims. Raise ToolkitError if the change is
    unavailable.
    """
    target, chosen = request.target or usual(), request.judging.systems
    systems = (
        tuple(name for name in chosen if "-" in name)
        if chosen != SYSTEMS and target not in named()
        else ()
    )
    change = completed(request.change, request.server, progress=progress)
    asked = replace(request, change=change, target=target, depth=Depth(systems=systems))
    try:
        found = changes.read(change, progress=progress)
    except NotWholeError:
        return check(asked, progress=progress)
    reviewed = _reviewed(request, asked, found, progress=progress)
    steps = review_builds.follow(
        reviewed.judgement.plan, found, request.following, progress=progress
    )
    return replace(reviewed, steps=steps)


def _reviewed(
    request: CheckRequest, asked: CheckRequest, change: Change, *, progress: Progress
) -> Review:
    """Judge a change, then prove the requested claims in the remaining time."""
    target = asked.target
    with limits.sharing(Allowance(seconds(nixos=request.judging.nixos))):
        judgement = judge(change, request.judging, progress=progress)
        if not request.target:
            return Review(judgement=judgement)
        try:
            report, note = _claims(asked, change.whole.edits, progress)
        except ToolkitError as error:
            notes = (f"{target}: the proofs did not run, because {error.message}",)
            return Review(judgement=judgement, notes=notes, not_run=True)
        return Review(
            judgement=judgement,
            report=report,
            notes=(f"{target}: {note}",) if note is not None else (),
        )


def _claims(
    request: CheckRequest, edits: Sequence[FileEdit], progress: Progress
) -> tuple[Report | None, str | None]:
    """Return the claims about a target, or the reason why there are none.

    Raise ToolkitError if the claims cannot be judged.
    """
    if (target := named().get(request.target)) is None:
        return check(request, progress=progress), None
    leaf = leaf_of(request.target)
    own = [edit for edit in edits if edit.path == target.file]
    if not own:
        return None, "the change does not touch its file"
    if any(None in {edit.before, edit.after} for edit in own):
        return None, "the change moves, adds or deletes its file"
    series = leaf.foreign(request, progress=progress)
    note = leaf.unconcerned(series)
    return (
        (judged(series, request, progress=progress), None)
        if note is None
        else (None, note)
    )
