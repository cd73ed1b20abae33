"""Write a proven proposal to disk from a rewrite's contents, for any package.

The directory appears completely or not at all.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from toolkit import files
from toolkit.git import mailing
from toolkit.git.calls import PLACEHOLDER
from toolkit.model import Commit, FileChange, OverlayReport, Proof, Report, Status, TreeCommit
from toolkit.nix import program
from toolkit.proposal.leaf import Series
from toolkit.report import pull_request, report
from toolkit.report.pull_request import DraftFacts
from toolkit.sources import recorded

T = TypeVar("T", bound="Series[Any]")

REPORTS = ("report.json", "report.md", "pull-request.md")


def mailed(series: T) -> T:
    """Return a series with git's mails and the one diff."""
    if not series.commits:
        return series
    mails = mailing.series(series.commits, series.target, committed=series.source.committed, author=series.author)
    return replace(series, patches=mails.patches, upstream_diff=mails.upstream_diff)


def backed(series: T, proofs: Sequence[Proof]) -> T:
    """Return a series with only those sentences in its messages that these proofs support."""
    passed = {proof.name for proof in proofs if proof.status is Status.PASSED}
    commits = tuple(commit.backed(passed) for commit in series.commits)
    return series if commits == series.commits else mailed(replace(series, commits=commits))


def tree_commits(series: Series[Any], made: Sequence[Commit]) -> tuple[TreeCommit, ...]:
    """Return the commits `made` of a series as a clone gets them, followed by the commit of other files."""
    own = (
        TreeCommit(
            subject=commit.subject,
            body=commit.whole,
            files=(FileChange(path=series.target, before=commit.before, after=commit.after),),
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
    """Yield a warning if the mails have no author; the specimen's are sent to nobody."""
    is_sent = series.request.source.nixpkgs != "specimen"
    if is_sent and any(PLACEHOLDER.encode() in patch.content for patch in series.patches):
        commands = "git config --global user.name 'YOUR NAME', and user.email"
        yield f"series: its author is a placeholder, since git has none; {commands}, or --author"


def write_reports(directory: Path, series: Series[Any], facts: DraftFacts) -> None:
    """Write the reports beside a proposal, and record its source by the request."""
    document = report.to_json(facts.report)
    (directory / "report.json").write_bytes(document)
    recorded.record(document, series.source, series.request.source)
    (directory / "report.md").write_bytes(report.to_markdown(facts.report, background=pull_request.background(facts)))
    (directory / "pull-request.md").write_bytes(pull_request.draft(facts))


def write_overlay(
    out: Path, make_in: Callable[[Path], tuple[Series[Any], str, Sequence[Proof]]], *, force: bool
) -> OverlayReport:
    """Write a package's overlay to `out`, completely or not at all, and return its report.

    `make_in` fills a directory, and returns what the overlay is made of, its kind and its proofs.
    """
    with files.whole_directory(out, force=force) as building:
        series, kind, proven = make_in(building)
        result = OverlayReport(
            target=series.package,
            bindings=series.bindings,
            kind=kind,
            source=series.source,
            proofs=in_place(proven, building, out),
            files=names(building, files.REPORT),
            warnings=(*series.source.warnings, *series.warnings),
            tools={"nix": str(program.version())},
        )
        (building / files.REPORT).write_bytes(report.overlay_to_json(result))
    return result


def in_place(proofs: Sequence[Proof], building: Path, out: Path) -> tuple[Proof, ...]:
    """Return proofs whose commands name the final directory instead of the temporary one."""
    here, there = str(building), str(out.resolve())
    return tuple(
        replace(proof, commands=tuple(command.replace(here, there) for command in proof.commands)) for proof in proofs
    )


def names(building: Path, *reports: str) -> tuple[str, ...]:
    """Return the names of the written files, including reports that will follow."""
    paths = (path for path in building.rglob("*") if path.is_file())
    return tuple(sorted({*reports, *(str(path.relative_to(building)) for path in paths)}))


def write_patches(directory: Path, series: Series[Any]) -> None:
    """Write the mails, and the one diff, which omits the added commit."""
    (directory / "series").mkdir(exist_ok=True)
    for patch in (*series.patches, *([series.added.patch] if series.added is not None else [])):
        (directory / "series" / patch.name).write_bytes(patch.content)
    (directory / "upstream.diff").write_bytes(series.upstream_diff)
