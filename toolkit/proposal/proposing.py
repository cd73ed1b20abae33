"""Write proposals and overlays: stage the chosen commits, prove them, write the files."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from toolkit import files, inside
from toolkit.errors import RefusalError, ToolkitError, only, tried
from toolkit.git import reading
from toolkit.model import INTERRUPTED, Attempt, OverlayReport, Progress, Proof, Report, SourceRequest
from toolkit.nix.program import nix_path
from toolkit.proposal import overlays, prove, writing
from toolkit.proposal.leaf import Series
from toolkit.proposal.prove import Subject
from toolkit.proposal.registry import leaf_for, leaf_of
from toolkit.proposal.requests import Request, command
from toolkit.report import pull_request
from toolkit.sources import TEMPLATE

UNPROVEN = "nothing is proven of it yet"
"""The warning in the report of an overlay that is written before its proofs have run."""

S = TypeVar("S", bound="Series[Any]")


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


def choose(request: Request, *, progress: Progress) -> Series[Any]:
    """Return the commits of one target, as `Leaf.choose` does; raise ToolkitError if there are none."""
    (outcome,) = leaf_of(request.target, request.recipe).choose([request], progress=progress)
    return only(outcome)


def write_down(
    chosen: Series[Any], out: Path, *, at: Path | None = None, is_alone: bool = True, progress: Progress
) -> Report:
    """Write the proposal to `out`, completely or not at all, and return its report.

    `at` is its final directory, if that differs. Raise ToolkitError if something cannot be laid out or written. After
    an interrupt, raise KeyboardInterrupt unless it `is_alone`, so that no other target follows. A failed proof is no
    error: the report has it.
    """
    leaf = leaf_for(chosen)
    with files.whole_directory(out, force=chosen.request.force) as building:
        series = leaf.deepened(drafted(chosen, building / "overlay"), progress=progress)
        writing.write_patches(building, series)
        proven = prove.run(leaf.claims(series), series, progress=progress)
        if not is_alone and any(proof.reason == INTERRUPTED for proof in proven):
            raise KeyboardInterrupt
        leaf.require_useful(series)
        series = writing.backed(series, proven)
        writing.write_patches(building, series)
        series = replace(series, warnings=(*series.warnings, *writing.nameless(series)))
        result = writing.reported(series, writing.in_place(proven, building, at or out))
        result = replace(result, files=writing.names(building, *writing.REPORTS))
        writing.write_reports(building, series, facts(series, result))
        return result


def drafted(chosen: S, at: Path) -> S:
    """Return the chosen commits as git writes them, and write their overlay to `at`, if one is possible."""
    overlay = leaf_for(chosen).overlay_files(chosen)
    for name, file in overlay.items():
        reading.write_file(at / name, file)
    return replace(writing.mailed(chosen), overlay=at if overlay else None)


def facts(series: Series[Any], report: Report) -> pull_request.DraftFacts:
    """Return the facts for the pull request's text, with the template of the source's own nixpkgs."""
    added = series.added.commit if series.added is not None else None
    root = series.source.root
    texts, template = leaf_for(series).texts(series), inside.find(root, TEMPLATE) if root is not None else None
    return pull_request.DraftFacts(report=report, texts=texts, template=template or b"", added=added)


def judge(chosen: Series[Any], *, progress: Progress) -> tuple[Proof, ...]:
    """Draft the chosen commits, and return their proofs up to the tier; keep nothing."""
    with files.temporary() as directory:
        series = drafted(chosen, directory)
        return prove.run(leaf_for(series).claims(series), series, progress=progress)


def overlay(
    request: Request, kind: str | None = None, *, progress: Progress, announce: Callable[[str], None] | None = None
) -> OverlayReport:
    """Write the overlay to `request.out`, completely or not at all, and return its report.

    A new overlay is written before its proofs, with UNPROVEN in its report; `announce` receives that fact. Raise
    ToolkitError as `propose` does, RefusalError if the package needs more than its own directory. A failed proof is no
    error: the report has it.
    """
    files.ensure_free(request.out, force=request.force)
    leaf = leaf_of(request.target, request.recipe)
    if (written := leaf.overlay(request, kind, progress=progress)) is not None:
        return written
    chosen = choose(replace(request, own=True), progress=progress)

    def make_in(building: Path, *, proven: bool) -> tuple[Series[Any], str, Sequence[Proof]]:
        series = drafted(chosen, building)
        if series.overlay is None:
            fact = "nixpkgs calls it with arguments, or its file reads other directories"
            raise RefusalError(
                f"{chosen.package}: {fact}, so an overlay cannot call it",
                hint=f"{command('propose', request)} writes a patch for your nixpkgs",
            )
        head = building / "default.nix"
        head.write_text(head.read_text().replace(overlays.USE, f"(import {nix_path(request.out.absolute())}) ];"))
        design = kind or chosen.steps[-1].design
        if not proven:
            return replace(series, warnings=(UNPROVEN,)), design, ()
        series = leaf.deepened(series, progress=progress)
        proofs = prove.run(prove.about(leaf.claims(series), Subject.OVERLAY), series, progress=progress)
        leaf.require_useful(series)
        return series, design, proofs

    def write(*, proven: bool, force: bool) -> OverlayReport:
        return writing.write_overlay(request.out, partial(make_in, proven=proven), force=force)

    # An older one stays until the new one is proven.
    if request.force and request.out.exists():
        return write(proven=True, force=True)
    write(proven=False, force=False)
    (announce or progress.step)(f"{request.out} is written, and not proven yet")
    try:
        return write(proven=True, force=True)
    except ToolkitError:
        files.remove(request.out)
        raise


def bring(package: str, root: Path, out: Path, *, progress: Progress) -> bool:
    """Write the unproven overlay with all commits of a package, and return whether one is possible."""
    request = Request(target=package, source=SourceRequest(nixpkgs=str(root)))
    try:
        return drafted(choose(request, progress=progress), out).overlay is not None
    except ToolkitError:
        return False
