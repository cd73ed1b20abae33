"""Write a proven proposal to disk from a rewrite's contents, for any package.

The directory appears completely or not at all.
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
    """Return a draft's proposal with only those sentences in its messages that these proofs support."""
    passed = {proof.name for proof in proofs if proof.status is Status.PASSED}
    commits = tuple(
        replace(commit, body=message.backed(passed))
        for commit, message in zip(draft.proposal.commits, draft.messages, strict=True)
    )
    return draft.proposal if commits == draft.proposal.commits else _written(draft.proposal, commits)


def make(proposal: Proposal, messages: Sequence[Message], contents: Sequence[bytes]) -> Proposal:
    """Return a proposal with the commits that lead to `contents`, the target file after each, in git's form."""
    return _written(proposal, commits(proposal.source, messages, contents))


def commits(source: Source, messages: Sequence[Message], contents: Sequence[bytes]) -> tuple[Commit, ...]:
    """Return the commits that lead to `contents`, the target file after each."""
    states = pairwise((source.content, *contents))
    return tuple(
        Commit(subject=message.subject, body=message.whole, before=before, after=after)
        for message, (before, after) in zip(messages, states, strict=True)
    )


def tree_commits(chosen: Chosen[C], made: Sequence[Commit]) -> tuple[TreeCommit, ...]:
    """Return the chosen commits as a clone gets them, followed by the commit of other files."""
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
    """Yield a warning if the mails have no author; the specimen's are sent to nobody."""
    if request.nixpkgs != "specimen" and any(PLACEHOLDER.encode() in patch.content for patch in proposal.patches):
        commands = "git config --global user.name 'YOUR NAME', and user.email"
        yield f"series: its author is a placeholder, since git has none; {commands}, or --author"


def template(source: Source) -> bytes:
    """Return nixpkgs' template for pull requests, empty if it is not on this machine."""
    return (inside.find(source.root, TEMPLATE) or b"") if source.root is not None else b""


def write_reports(directory: Path, result: Report, request: SourceRequest, facts: DraftFacts) -> None:
    """Write the reports beside a proposal, and record its source by the request; `facts` are those of the text."""
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
    """Write an overlay of the package `target` to `out`, completely or not at all, and return its report.

    `make_in` fills a directory, and returns the overlay's kind, its proofs, and warnings.
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
    """Return proofs whose commands name the final directory instead of the temporary one."""
    here, there = str(building), str(out.resolve())
    return tuple(
        replace(proof, commands=tuple(command.replace(here, there) for command in proof.commands)) for proof in proofs
    )


def names(building: Path, *reports: str) -> tuple[str, ...]:
    """Return the names of the written files, including reports that will follow."""
    paths = (path for path in building.rglob("*") if path.is_file())
    return tuple(sorted({*reports, *(str(path.relative_to(building)) for path in paths)}))


def write_patches(directory: Path, proposal: Proposal, added: Added | None) -> None:
    """Write the mails, and the one diff, which omits the added commit."""
    (directory / "series").mkdir(exist_ok=True)
    for patch in (*proposal.patches, *([added.patch] if added is not None else [])):
        (directory / "series" / patch.name).write_bytes(patch.content)
    (directory / "upstream.diff").write_bytes(proposal.upstream_diff)
