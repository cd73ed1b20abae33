"""Write proposals and overlays: draft the commits, prove them, write the files."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from toolkit import files, inside
from toolkit.errors import RefusalError, ToolkitError, only, tried
from toolkit.git import mailing, reading
from toolkit.git.calls import PLACEHOLDER
from toolkit.model import (
    Attempt,
    Commit,
    FileChange,
    OverlayReport,
    Progress,
    Proof,
    Report,
    SourceRequest,
    Status,
    TreeCommit,
)
from toolkit.nix import program
from toolkit.proposal import overlays, prove
from toolkit.proposal.leaf import Series
from toolkit.proposal.leaves import leaf_for, leaf_of
from toolkit.proposal.prove import Subject
from toolkit.proposal.requests import Request, command
from toolkit.report import pull_request, report
from toolkit.sources import TEMPLATE, recorded
from toolkit.writable import WritableRoot

UNPROVEN = "its proofs have not finished yet"
"""The warning in the report of an overlay whose proofs have not finished yet."""

S = TypeVar("S", bound="Series[Any]")


def propose(requests: Sequence[Request], *, progress: Progress) -> Iterator[Attempt]:
    """Write the proposals of requests for one source, and yield each result.

    Each is written completely or not at all. Several proposals get directories with
    their packages' names below the given one. Raise ToolkitError if the source or the
    directory cannot be used. A failed proof is not an error: the report has it.
    """
    out, force = requests[0].out, requests[0].force
    if len(requests) == 1:
        files.ensure_free(out, force=force)
    elif not out.is_dir():
        files.ensure_free(out)
    chosen = leaf_of(requests[0].target, requests[0].recipe).choose(
        requests, progress=progress
    )
    is_several = len(requests) > 1
    attempts: list[Attempt] = []
    for request, each in zip(requests, chosen, strict=True):
        if isinstance(each, ToolkitError):
            yield Attempt(target=request.target, out=out, result=each)
            continue
        place = out / each.package if is_several else out
        place.parent.mkdir(exist_ok=True)
        write = partial(
            write_down, each, place, unfinished=is_several, progress=progress
        )
        attempts.append(Attempt(target=request.target, out=place, result=tried(write)))
        yield attempts[-1]
    for attempt in attempts:
        if isinstance(attempt.result, Report):
            files.finish(attempt.out)


def choose(request: Request, *, progress: Progress) -> Series[Any]:
    """Return the commits of one target, as `Leaf.choose` does.

    Raise ToolkitError if it has none.
    """
    (outcome,) = leaf_of(request.target, request.recipe).choose(
        [request], progress=progress
    )
    return only(outcome)


def write_down(
    chosen: Series[Any],
    out: Path,
    *,
    at: Path | None = None,
    unfinished: bool = False,
    progress: Progress,
) -> Report:
    """Write the proposal to `out`, completely or not at all, and return its report.

    `at` is its final directory, if that differs. If it is `unfinished`, the next run
    may replace it. Raise ToolkitError if something cannot be written. A failed proof is
    not an error: the report has it.
    """
    leaf = leaf_for(chosen)
    force = chosen.request.force
    with files.whole_directory(out, force=force, unfinished=unfinished) as building:
        series = leaf.deepened(drafted(chosen, building / "overlay"), progress=progress)
        write_patches(building, series)
        proven = prove.run(leaf.claims(series), series, progress=progress)
        leaf.require_useful(series)
        series = backed(series, proven)
        write_patches(building, series)
        series = replace(series, warnings=(*series.warnings, *nameless(series)))
        result = reported(series, in_place(proven, building, at or out))
        result = replace(result, files=names(building, *REPORTS))
        write_reports(building, series, facts(series, result))
        return result


def drafted(chosen: S, at: Path) -> S:
    """Return the commits as git writes them; write their overlay, if any, to `at`."""
    overlay = leaf_for(chosen).overlay_files(chosen)
    for name, file in overlay.items():
        reading.write_file(WritableRoot(at.parent), f"{at.name}/{name}", file)
    return replace(mailed(chosen), overlay=at if overlay else None)


def facts(series: Series[Any], report: Report) -> pull_request.DraftFacts:
    """Return the facts for the pull request's text, with nixpkgs' own template."""
    added = series.added.commit if series.added is not None else None
    root = series.source.root
    template = inside.find(root, TEMPLATE) if root is not None else None
    texts = leaf_for(series).texts(series)
    return pull_request.DraftFacts(
        report=report, texts=texts, template=template or b"", added=added
    )


def own_proofs(chosen: Series[Any], *, progress: Progress) -> tuple[Proof, ...]:
    """Draft the chosen commits, and return their proofs up to the tier.

    Keep no files.
    """
    with files.temporary() as directory:
        series = drafted(chosen, directory)
        return prove.run(leaf_for(series).claims(series), series, progress=progress)


def overlay(
    request: Request,
    kind: str | None = None,
    *,
    progress: Progress,
    announce: Callable[[str], None] | None = None,
) -> OverlayReport:
    """Write the overlay to `request.out`, completely or not at all; return its report.

    Write a new overlay before its proofs, with UNPROVEN in its report; `announce`
    receives that fact. Raise ToolkitError as `propose` does, and RefusalError if the
    package needs more than its own directory.
    """
    files.ensure_free(request.out, force=request.force)
    leaf = leaf_of(request.target, request.recipe)
    if (written := leaf.overlay(request, kind, progress=progress)) is not None:
        return written
    chosen = choose(replace(request, own=True), progress=progress)
    write = partial(_write_overlay, request, chosen, kind, progress=progress)
    # An older one stays until the new one is proven.
    if request.force and request.out.exists():
        return write(proven=True)
    write(proven=False)
    (announce or progress.step)(f"{request.out} is written; its proofs still run")
    try:
        return write(proven=True)
    except ToolkitError:
        WritableRoot(request.out.resolve().parent).delete(request.out.resolve().name)
        raise


def _write_overlay(
    request: Request,
    chosen: Series[Any],
    kind: str | None,
    *,
    proven: bool,
    progress: Progress,
) -> OverlayReport:
    """Write the overlay of chosen commits; prove it first if it is to be `proven`."""
    leaf, proofs = leaf_for(chosen), tuple[Proof, ...]()
    place = files.whole_directory(request.out, force=proven, unfinished=not proven)
    with place as building:
        series = drafted(chosen, building)
        if series.overlay is None:
            raise _uncallable(request, chosen.package)
        head = building / "default.nix"
        use = f"(import {program.nix_path(request.out.absolute())}) ];"
        head.write_text(head.read_text().replace(overlays.USE, use))
        if proven:
            series = leaf.deepened(series, progress=progress)
            claims = [
                claim
                for claim in leaf.claims(series)
                if Subject.OVERLAY in claim.applies_to
            ]
            proofs = prove.run(claims, series, progress=progress)
            leaf.require_useful(series)
        else:
            series = replace(series, warnings=(UNPROVEN,))
        kind = kind or chosen.steps[-1].design
        return write_overlay(building, series, kind, proofs, out=request.out)


def _uncallable(request: Request, package: str) -> RefusalError:
    """Return the refusal for a package that no overlay can call."""
    fact = "nixpkgs passes arguments to it, or its file reads other directories"
    return RefusalError(
        f"{package}: {fact}, so an overlay cannot call it",
        hint=f"{command('propose', request)} writes a patch for your nixpkgs instead",
    )


def bring(package: str, root: Path, out: Path, *, progress: Progress) -> bool:
    """Write a package's overlay without proofs; return whether that is possible."""
    request = Request(target=package, source=SourceRequest(nixpkgs=str(root)))
    try:
        return drafted(choose(request, progress=progress), out).overlay is not None
    except ToolkitError:
        return False


REPORTS = ("report.json", "report.md", "pull-request.md")


def mailed(series: S) -> S:
    """Return a series with git's mails and the one diff."""
    if not series.commits:
        return series
    mails = mailing.series(
        series.commits, series.target, committed=series.source.committed
    )
    return replace(series, patches=mails.patches, upstream_diff=mails.upstream_diff)


def backed(series: S, proofs: Sequence[Proof]) -> S:
    """Return a series with only the sentences that these proofs support."""
    passed = {proof.name for proof in proofs if proof.status is Status.PASSED}
    commits = tuple(commit.backed(passed) for commit in series.commits)
    return (
        series
        if commits == series.commits
        else mailed(replace(series, commits=commits))
    )


def tree_commits(series: Series[Any], made: Sequence[Commit]) -> tuple[TreeCommit, ...]:
    """Return the commits of a series for a clone, and the commit of other files."""
    own = (
        TreeCommit(
            subject=commit.subject,
            body=commit.whole,
            files=(
                FileChange(
                    path=series.target, before=commit.before, after=commit.after
                ),
            ),
        )
        for commit in made
    )
    added = series.added.commit if series.added is not None else None
    return (*own, added) if added is not None else (*own,)


def reported(series: Series[Any], proofs: Sequence[Proof]) -> Report:
    """Return the report of a series with these proofs."""
    return Report(
        proposal=series,
        proofs=tuple(proofs),
        warnings=(*series.source.warnings, *series.warnings),
        tools={"nix": str(program.version())},
        request=series.request.source,
    )


def nameless(series: Series[Any]) -> Iterator[str]:
    """Yield a warning if the mails have no author.

    The specimen's mails need none, because nobody sends them.
    """
    is_sent = series.request.source.nixpkgs != "specimen"
    if is_sent and any(
        PLACEHOLDER.encode() in patch.content for patch in series.patches
    ):
        commands = "git config --global user.name 'YOUR NAME', and user.email"
        yield (
            "series: the author is a placeholder, because git knows no name; "
            f"{commands}"
        )


def write_reports(
    directory: Path, series: Series[Any], facts: pull_request.DraftFacts
) -> None:
    """Write the reports beside a proposal, and record its source for later runs."""
    document = report.to_json(facts.report)
    (directory / "report.json").write_bytes(document)
    recorded.record(document, series.source, series.request.source)
    (directory / "report.md").write_bytes(
        report.to_markdown(facts.report, background=pull_request.background(facts))
    )
    (directory / "pull-request.md").write_bytes(pull_request.draft(facts))


def write_overlay(
    building: Path,
    series: Series[Any],
    kind: str,
    proofs: Sequence[Proof],
    *,
    out: Path,
) -> OverlayReport:
    """Write the report of an overlay beside its files in `building`, and return it.

    `building` becomes the directory `out`.
    """
    result = OverlayReport(
        target=series.package,
        bindings=series.bindings,
        kind=kind,
        source=series.source,
        proofs=in_place(proofs, building, out),
        files=names(building, files.REPORT),
        warnings=(*series.source.warnings, *series.warnings),
        tools={"nix": str(program.version())},
    )
    (building / files.REPORT).write_bytes(report.overlay_to_json(result))
    return result


def in_place(proofs: Sequence[Proof], building: Path, out: Path) -> tuple[Proof, ...]:
    """Return proofs whose commands name the final directory, not the temporary one."""
    here, there = str(building), str(out.resolve())
    return tuple(
        replace(
            proof,
            commands=tuple(command.replace(here, there) for command in proof.commands),
        )
        for proof in proofs
    )


def names(building: Path, *reports: str) -> tuple[str, ...]:
    """Return the names of the written files, and of reports that will follow."""
    paths = (path for path in building.rglob("*") if path.is_file())
    return tuple(
        sorted({*reports, *(str(path.relative_to(building)) for path in paths)})
    )


def write_patches(directory: Path, series: Series[Any]) -> None:
    """Write the mails, and one diff, which omits the added commit."""
    (directory / "series").mkdir(exist_ok=True)
    for patch in (
        *series.patches,
        *([series.added.patch] if series.added is not None else []),
    ):
        (directory / "series" / patch.name).write_bytes(patch.content)
    (directory / "upstream.diff").write_bytes(series.upstream_diff)
