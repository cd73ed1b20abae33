"""From the contents that a rewrite gives to a proven proposal on disk, whatever package it is about.

A directory with a proposal appears whole or not at all.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from toolkit import files, inside
from toolkit.git import mailing
from toolkit.git.calls import PLACEHOLDER
from toolkit.model import (
    Commit,
    FileChange,
    OverlayReport,
    Proof,
    Proposal,
    Report,
    Source,
    SourceRequest,
    Status,
    TreeCommit,
)
from toolkit.nix import program
from toolkit.patches import Message
from toolkit.proposal.leaf import Added, Chosen, Draft
from toolkit.prove import Case, Stage
from toolkit.report import pull_request, report
from toolkit.report.pull_request import DraftFacts
from toolkit.sources import TEMPLATE, recorded

C = TypeVar("C", bound="Case[Stage]")

REPORTS = ("report.json", "report.md", "pull-request.md")


def backed(draft: Draft[C], proofs: Sequence[Proof]) -> Proposal:
    """Return the proposal of a draft with messages that say only what these proofs have proven."""
    passed = {proof.name for proof in proofs if proof.status is Status.PASSED}
    commits = tuple(
        replace(commit, body=message.backed(passed))
        for commit, message in zip(draft.proposal.commits, draft.messages, strict=True)
    )
    return draft.proposal if commits == draft.proposal.commits else _written(draft.proposal, commits)


def make(proposal: Proposal, messages: Sequence[Message], contents: Sequence[bytes]) -> Proposal:
    """Return a proposal with the commits that lead to `contents`, the target file after each, as git writes it down."""
    return _written(proposal, commits(proposal.source, messages, contents))


def commits(source: Source, messages: Sequence[Message], contents: Sequence[bytes]) -> tuple[Commit, ...]:
    """Return the commits that lead to `contents`, the target file after each."""
    states = pairwise((source.content, *contents))
    return tuple(
        Commit(subject=message.subject, body=message.whole, before=before, after=after)
        for message, (before, after) in zip(messages, states, strict=True)
    )


def tree_commits(chosen: Chosen[C], made: Sequence[Commit]) -> tuple[TreeCommit, ...]:
    """Return commits of what was chosen as a clone gets them, followed by the one of other files."""
    own = (
        TreeCommit(
            subject=commit.subject,
            body=commit.body,
            files=(FileChange(path=chosen.file, before=commit.before, after=commit.after),),
        )
        for commit in made
    )
    added = chosen.added.commit if chosen.added is not None else None
    return (*own, added) if added is not None else (*own,)


def _written(proposal: Proposal, commits: tuple[Commit, ...]) -> Proposal:
    if not commits:
        return proposal
    mails = mailing.series(commits, proposal.target, committed=proposal.source.committed, author=proposal.author)
    return replace(proposal, commits=commits, patches=mails.patches, upstream_diff=mails.upstream_diff)


def nameless(proposal: Proposal, request: SourceRequest) -> Iterator[str]:
    """Yield a line if nobody has said whose the mails are; those of the specimen are sent to nobody."""
    if request.nixpkgs != "specimen" and any(PLACEHOLDER.encode() in patch.content for patch in proposal.patches):
        commands = "git config --global user.name 'YOUR NAME', and user.email"
        yield f"series: its author is a placeholder, since git has none; {commands}, or --author"


def template(source: Source) -> bytes:
    """Return nixpkgs' template for pull requests, nothing if it is not at hand."""
    return (inside.find(source.root, TEMPLATE) or b"") if source.root is not None else b""


def write_reports(directory: Path, result: Report, request: SourceRequest, facts: DraftFacts) -> None:
    """Write the reports beside a proposal, and remember its source by the request; `facts` are the text's."""
    document = report.to_json(result)
    (directory / "report.json").write_bytes(document)
    recorded.record(document, result.proposal.source, request)
    (directory / "report.md").write_bytes(report.to_markdown(result, background=pull_request.background(facts)))
    (directory / "pull-request.md").write_bytes(pull_request.draft(facts))


def write_overlay(  # noqa: PLR0913 - what an overlay is of, and where it goes
    out: Path,
    source: Source,
    make_in: Callable[[Path], tuple[str, Sequence[Proof], Sequence[str]]],
    *,
    target: str,
    bindings: Sequence[str] = (),
    force: bool,
) -> OverlayReport:
    """Write an overlay of the package `target` to `out`, whole or not at all, and return its report.

    `make_in` fills a directory, and returns the kind of the overlay, what was proven of it, and warnings.
    """
    with files.whole_directory(out, force=force) as building:
        kind, proven, warnings = make_in(building)
        result = OverlayReport(
            target=target,
            bindings=tuple(bindings),
            kind=kind,
            source=source,
            proofs=in_place(proven, building, out),
            files=names(building, files.REPORT),
            warnings=(*source.warnings, *warnings),
            tools={"nix": str(program.version())},
        )
        (building / files.REPORT).write_bytes(report.overlay_to_json(result))
    return result


def in_place(proofs: Sequence[Proof], building: Path, out: Path) -> tuple[Proof, ...]:
    """Return proofs whose commands name the directory that the building one becomes."""
    here, there = str(building), str(out.resolve())
    return tuple(
        replace(proof, commands=tuple(command.replace(here, there) for command in proof.commands)) for proof in proofs
    )


def names(building: Path, *reports: str) -> tuple[str, ...]:
    """Return the names of what is written, reports that are still to come among them."""
    paths = (path for path in building.rglob("*") if path.is_file())
    return tuple(sorted({*reports, *(str(path.relative_to(building)) for path in paths)}))


def write_patches(directory: Path, proposal: Proposal, added: Added | None) -> None:
    """Write the mails, and the one diff, in which the one that was added has no part."""
    (directory / "series").mkdir(exist_ok=True)
    for patch in (*proposal.patches, *([added.patch] if added is not None else [])):
        (directory / "series" / patch.name).write_bytes(patch.content)
    (directory / "upstream.diff").write_bytes(proposal.upstream_diff)
