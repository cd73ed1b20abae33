"""The report of a proposal: report.json, which can be read back, and report.md for people; that of an overlay as JSON.

ReportDocument and the classes that it consists of are the schema of report.json. A field may be added without a new
SCHEMA; one that changes its meaning or goes needs a new number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit import __version__, documents
from toolkit.errors import without_passwords
from toolkit.git.reading import blob_id
from toolkit.model import Oid, Proof, Status, Step
from toolkit.report.markdown import cell, fence, table_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.model import Column, OverlayReport, Proven, Report

SCHEMA = 2
OVERLAY_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDocument:
    """Where the target file came from.

    `commit` and `blob` are git object ids, `blob` that of the file before the change. `nixpkgs`, `rev`,
    `file` and `pin` are what the user asked for.
    """

    origin: str
    blob: Oid
    commit: Oid | None = None
    committed: int | None = None
    fetched: int = 0
    nixpkgs: str | None = None
    rev: str | None = None
    file: str | None = None
    pin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitDocument:
    """One commit: its subject, and the ids of the target file's content before and after it."""

    subject: str
    before: Oid
    after: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDocument:
    """One design of a comparison: the lines of its diff, and proof name → status."""

    name: str
    added: int
    removed: int
    moved: int
    proofs: dict[str, Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDocument:
    """The whole report.

    `unlet` is the version that made it; `result` is `passed`, `failed`, or `incomplete` if no proof failed but one was
    not run. `target` is the attribute path in nixpkgs, `file` the path of its file, `bindings` are the names that leave
    the let, `steps` the designs of the commits. `files` is what was written, relative to the report's directory.
    """

    schema: int
    unlet: str
    result: str
    target: str
    file: str
    bindings: tuple[str, ...]
    steps: tuple[Step, ...]
    source: SourceDocument
    commits: tuple[CommitDocument, ...]
    proofs: tuple[Proof, ...]
    warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    tools: dict[str, str]
    comparison: tuple[ColumnDocument, ...] = ()


def document(report: Report) -> ReportDocument:
    """Return the document of a report."""
    proposal, source, request = report.proposal, report.proposal.source, report.request
    return ReportDocument(
        schema=SCHEMA,
        unlet=__version__,
        result=_result(report),
        target=proposal.package,
        file=str(proposal.target),
        bindings=proposal.bindings,
        steps=proposal.steps,
        source=SourceDocument(
            origin=source.origin,
            blob=blob_id(source.content),
            commit=source.commit,
            committed=source.committed,
            fetched=source.fetched,
            nixpkgs=without_passwords(request.nixpkgs) if request is not None and request.nixpkgs is not None else None,
            rev=request.rev if request is not None else None,
            file=str(request.file) if request is not None and request.file is not None else None,
            pin=request.pin if request is not None else None,
        ),
        commits=tuple(
            CommitDocument(subject=commit.subject, before=blob_id(commit.before), after=blob_id(commit.after))
            for commit in proposal.commits
        ),
        proofs=_rounded(report.proofs),
        warnings=report.warnings,
        files=report.files,
        tools=dict(report.tools),
        comparison=tuple(
            ColumnDocument(
                name=column.name,
                added=column.added,
                removed=column.removed,
                moved=column.moved,
                proofs={proof.name: proof.status for proof in column.proofs},
            )
            for column in report.comparison
        ),
    )


def to_json(report: Report) -> bytes:
    """Return report.json: UTF-8, sorted keys, seconds to the millisecond."""
    return documents.write(document(report))


def from_json(content: bytes, *, name: str = "report.json") -> ReportDocument:
    """Read a document that `to_json` wrote. `name` is the file's name in messages.

    Raise ToolkitError for what is no JSON, has another schema, or has a field that is not as it should be.
    """
    return documents.read_versioned(content, ReportDocument, schema=SCHEMA, document=name)


def overlay_to_json(report: OverlayReport) -> bytes:
    """Return report.json of an overlay, with a `result` as that of a proposal."""
    source = report.source
    return documents.write(
        {
            "schema": OVERLAY_SCHEMA,
            "unlet": __version__,
            "kind": report.kind,
            "result": _result(report),
            "source": {"origin": source.origin, "blob": blob_id(source.content), "commit": source.commit},
            "proofs": _rounded(report.proofs),
            "files": report.files,
            "warnings": report.warnings,
            "tools": report.tools,
        }
    )


def _result(report: Proven) -> str:
    if report.failed:
        return "failed"
    if not report.proofs or any(proof.status is Status.NOT_RUN for proof in report.proofs):
        return "incomplete"
    return "passed"


def _rounded(proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    return tuple(replace(proof, seconds=round(proof.seconds, 3)) for proof in proofs)


def comparison(columns: Sequence[Column]) -> list[list[str]]:
    """Return the rows of a table that sets designs side by side: by their proofs, and by the size of the diff."""
    names = list(dict.fromkeys(proof.name for column in columns for proof in column.proofs))
    return [
        ["", *(column.name for column in columns)],
        *([name, *(_status(column, name) for column in columns)] for name in names),
        ["lines added", *(str(column.added) for column in columns)],
        ["lines removed", *(str(column.removed) for column in columns)],
        ["of these moved", *(str(column.moved) for column in columns)],
        ["left to read", *(str(column.added + column.removed - 2 * column.moved) for column in columns)],
    ]


def _status(column: Column, name: str) -> str:
    status = next((proof.status for proof in column.proofs if proof.name == name), Status.NOT_RUN)
    return str(status)


def to_markdown(report: Report) -> bytes:
    """Return report.md: what was proposed on which source, each proof, and how to repeat it."""
    lines = [*_lines(document(report))]
    if report.comparison:
        lines += ["", "## Designs compared", "", *table_lines(comparison(report.comparison))]
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")


def _lines(report: ReportDocument) -> Iterator[str]:
    source = report.source
    yield "# Report"
    yield ""
    yield from (f"- {commit.subject}" for commit in report.commits)
    yield ""
    counts = ", ".join(f"{sum(proof.status is status for proof in report.proofs)} {status}" for status in Status)
    yield f"**{report.result.capitalize()}**: {len(report.proofs)} proofs, {counts}."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| package | `{report.target}` |"
    yield f"| file | `{report.file}` |"
    yield f"| from | {cell(source.origin)} |"
    if source.commit is not None:
        yield f"| commit | `{source.commit}` |"
    yield f"| blob | `{source.blob}` |"
    yield from (
        f"| {step.name} | {step.design}{f': {step.reason}' if step.reason is not None else ''} |"
        for step in report.steps
    )
    yield f"| made by | unlet {report.unlet} |"
    for tool, version in sorted(report.tools.items()):
        yield f"| {cell(tool)} | {cell(version)} |"
    for warning in report.warnings:
        yield ""
        yield f"> **Warning:** {' '.join(warning.split())}"
    yield ""
    yield "## Proofs"
    yield ""
    yield "| status | proof | covers | seconds |"
    yield "|---|---|---|---:|"
    for proof in report.proofs:
        yield f"| {_mark(proof)} | {cell(proof.name)} | {cell(proof.covers)} | {proof.seconds:.2f} |"
    shown: dict[tuple[str, ...], str] = {}
    for proof in report.proofs:
        yield from _proof(proof, shown.setdefault(proof.commands, proof.name))
    if report.files:
        yield ""
        yield "## Files"
        yield ""
        yield from (f"- `{name}`" for name in report.files)


def _proof(proof: Proof, shown_at: str) -> Iterator[str]:
    """Yield the section of a proof; commands that stand in the section `shown_at` are not repeated."""
    yield ""
    yield f"### {proof.name}: {proof.status}"
    yield ""
    yield proof.claim
    if proof.reason is not None:
        yield ""
        yield f"{'Failed:' if proof.status is Status.FAILED else 'Not run,'} {proof.reason}"
    if proof.evidence:
        yield ""
        yield fence(proof.evidence)
    if proof.commands and shown_at != proof.name:
        yield ""
        yield f"To repeat it, run the commands of {shown_at}."
    elif proof.commands:
        yield ""
        yield "To repeat it:"
        yield ""
        yield fence(proof.commands, "sh")


def _mark(proof: Proof) -> str:
    return f"**{proof.status}**" if proof.status is Status.FAILED else str(proof.status)
