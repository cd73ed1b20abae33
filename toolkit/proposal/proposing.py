"""Write proposals and overlays: stage the chosen commits, prove them, write the files."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from toolkit import files, prove
from toolkit.errors import RefusalError, ToolkitError, only, tried
from toolkit.model import INTERRUPTED, OverlayReport, Progress, Proof, Proposal, Report, SourceRequest
from toolkit.nix import program
from toolkit.nix.program import nix_path
from toolkit.proposal import overlays, writing
from toolkit.proposal.leaf import Chosen, Draft
from toolkit.proposal.registry import leaf_of
from toolkit.proposal.requests import Request, command
from toolkit.prove import Case, Stage, Subject
from toolkit.report import pull_request

UNPROVEN = "nothing is proven of it yet"
"""The warning in the report of an overlay that is written before its proofs have run."""

C = TypeVar("C", bound="Case[Stage]")


class Attempt(Struct, frozen=True, kw_only=True):
    """The result for one target: the report of the proposal in `out`, or the error that prevents it."""

    target: str
    out: Path
    result: Report | ToolkitError


def propose(requests: Sequence[Request], *, progress: Progress) -> Iterator[Attempt]:
    """Write the proposals of requests for one source, each completely or not at all, and yield each result.

    Several proposals get directories of their packages' names below the given one. Raise ToolkitError for an unusable
    source or directory. A failed proof is no error: the report has it.
    """
    out, force = requests[0].out, requests[0].force
    if len(requests) == 1:
        files.ensure_free(out, force=force)
    elif not out.is_dir():
        files.ensure_free(out)
    chosen = leaf_of(requests[0].target, requests[0].recipe).choose(requests, progress=progress)
    for request, each in zip(requests, chosen, strict=True):
        if isinstance(each, ToolkitError):
            yield Attempt(target=request.target, out=out, result=each)
            continue
        place = out if len(requests) == 1 else out / each.package
        place.parent.mkdir(exist_ok=True)
        written = tried(partial(write_down, each, place, is_alone=len(requests) == 1, progress=progress))
        yield Attempt(target=request.target, out=place, result=written)


def choose(request: Request, *, progress: Progress) -> Chosen[Case[Stage]]:
    """Return the commits of one target, as `Leaf.choose` does; raise ToolkitError if there are none."""
    (outcome,) = leaf_of(request.target, request.recipe).choose([request], progress=progress)
    return only(outcome)


def write_down(
    chosen: Chosen[C], out: Path, *, at: Path | None = None, is_alone: bool = True, progress: Progress
) -> Report:
    """Write the proposal to `out`, completely or not at all, and return its report.

    `at` is its final directory, if that differs. Raise ToolkitError if something cannot be laid out or written. After
    an interrupt, raise KeyboardInterrupt unless it `is_alone`, so that no other target follows. A failed proof is no
    error: the report has it.
    """
    request = chosen.request
    with files.whole_directory(out, force=request.force) as building:
        begun = draft(chosen, building / "overlay")
        case = chosen.deepened(begun.case, near=request.source.nixpkgs, progress=progress)
        warnings = chosen.warnings(case, overlay="overlay/")
        prepared = replace(begun, case=case, claims=chosen.claims(case), warnings=warnings)
        writing.write_patches(building, prepared.proposal, chosen.added)
        prepared.write_overlay(building / "overlay")
        proven = prove.run(prepared.claims, case, progress=progress)
        if not is_alone and any(proof.reason == INTERRUPTED for proof in proven):
            raise KeyboardInterrupt
        chosen.require_useful(case)
        proposal = writing.backed(prepared, proven)
        if proposal is not prepared.proposal:
            writing.write_patches(building, proposal, chosen.added)
        result = Report(
            proposal=proposal,
            proofs=writing.in_place(proven, building, at or out),
            warnings=(*proposal.source.warnings, *warnings, *writing.nameless(proposal, request.source)),
            tools={"nix": str(program.version())},
            request=request.source,
            files=writing.names(building, *writing.REPORTS),
        )
        writing.write_reports(building, result, request.source, facts(chosen, result))
        return result


def draft(chosen: Chosen[C], at: Path) -> Draft[C]:
    """Return the chosen commits as git writes them, with the case that proves them; the overlay will be in `at`."""
    begun = Proposal(
        source=chosen.source,
        package=chosen.package,
        target=chosen.file,
        bindings=chosen.bindings,
        steps=chosen.steps,
        commits=(),
        recipe=chosen.request.recipe,
        settings=dict(chosen.request.settings),
        author=chosen.request.author,
    )
    proposal = writing.make(begun, chosen.messages, chosen.contents)
    case = chosen.case(proposal, overlay=at)
    return Draft(
        proposal=proposal,
        messages=chosen.messages,
        case=case,
        claims=chosen.claims(case),
        overlay=chosen.overlay(proposal, case),
        warnings=chosen.warnings(case, overlay="overlay/"),
    )


def facts(chosen: Chosen[C], report: Report) -> pull_request.DraftFacts:
    """Return the facts for the pull request's text, with the template of the source's own nixpkgs."""
    added = chosen.added.commit if chosen.added is not None else None
    return pull_request.DraftFacts(
        report=report, texts=chosen.texts(), template=writing.template(chosen.source), added=added
    )


def judge(chosen: Chosen[C], *, progress: Progress) -> tuple[Proof, ...]:
    """Draft the chosen commits, and return their proofs up to the tier; keep nothing."""
    with files.temporary() as directory:
        prepared = draft(chosen, directory)
        prepared.write_overlay(directory)
        return prove.run(prepared.claims, prepared.case, progress=progress)


def overlay(request: Request, kind: str | None = None, *, progress: Progress) -> OverlayReport:
    """Write the overlay to `request.out`, completely or not at all, and return its report.

    A new overlay is written before its proofs, with UNPROVEN in its report. Raise ToolkitError as `propose` does,
    RefusalError if the package needs more than its own directory. A failed proof is no error: the report has it.
    """
    files.ensure_free(request.out, force=request.force)
    if (written := leaf_of(request.target, request.recipe).overlay(request, kind, progress=progress)) is not None:
        return written
    chosen = choose(replace(request, own=True), progress=progress)

    def make_in(building: Path, *, proven: bool) -> tuple[str, Sequence[Proof], Sequence[str]]:
        prepared = draft(chosen, building)
        if not prepared.overlay:
            fact = "nixpkgs calls it with arguments, or its file reads other directories"
            raise RefusalError(
                f"{chosen.package}: {fact}, so an overlay cannot call it",
                hint=f"{command('propose', request)} writes a patch for your nixpkgs",
            )
        prepared.write_overlay(building)
        head = building / "default.nix"
        head.write_text(head.read_text().replace(overlays.USE, f"(import {nix_path(request.out.absolute())}) ];"))
        design = kind or chosen.steps[-1].design
        if not proven:
            return design, (), (UNPROVEN,)
        case = chosen.deepened(prepared.case, near=None, progress=progress)
        proofs = prove.run(prove.about(chosen.claims(case), Subject.OVERLAY), case, progress=progress)
        chosen.require_useful(case)
        return design, proofs, chosen.warnings(case, overlay="")

    def write(*, proven: bool, force: bool) -> OverlayReport:
        return writing.write_overlay(
            request.out,
            chosen.source,
            partial(make_in, proven=proven),
            target=chosen.package,
            bindings=chosen.bindings,
            force=force,
        )

    # An older one stays until the new one is proven.
    if request.force and request.out.exists():
        return write(proven=True, force=True)
    write(proven=False, force=False)
    progress.step(f"{request.out} is written, and not proven yet")
    try:
        return write(proven=True, force=True)
    except ToolkitError:
        files.remove(request.out)
        raise


def bring(package: str, root: Path, out: Path, *, progress: Progress) -> bool:
    """Write the unproven overlay with all commits of a package, and return whether one is possible."""
    request = Request(target=package, source=SourceRequest(nixpkgs=str(root)))
    try:
        made = draft(choose(request, progress=progress), out)
    except ToolkitError:
        return False
    made.write_overlay(out)
    return bool(made.overlay)
