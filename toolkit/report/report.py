"""The report as a document: report.json, which can be read back, and the values that it consists of.

Document and the classes below it are the schema. A field may be added without a new SCHEMA; one that
changes its meaning or goes needs a new number.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from toolkit import __version__, documents
from toolkit.errors import without_passwords
from toolkit.git.blobs import blob_id
from toolkit.model import Oid, Proof, Status, Step

if TYPE_CHECKING:
    from toolkit.model import Report

SCHEMA = 2


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
        proofs=report.proofs,
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
    value = asdict(document(report))
    for proof in value["proofs"]:
        proof["seconds"] = round(proof["seconds"], 3)
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def from_json(content: bytes, *, name: str = "report.json") -> ReportDocument:
    """Read a document that `to_json` wrote. `name` is the file's name in messages.

    Raise ToolkitError for what is no JSON, has another schema, or has a field that is not as it should be.
    """
    return documents.read_versioned(content, ReportDocument, schema=SCHEMA, document=name)


def _result(report: Report) -> str:
    if report.failed:
        return "failed"
    if not report.proofs or any(proof.status is Status.NOT_RUN for proof in report.proofs):
        return "incomplete"
    return "passed"
