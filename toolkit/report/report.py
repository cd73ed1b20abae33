"""The report as a document: report.json, which can be read back, and the values that it consists of.

Document and the classes below it are the schema. A field may be added without a new SCHEMA; one that
changes its meaning or goes needs a new number.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.errors import ToolkitError, without_passwords
from toolkit.git.blobs import blob_id
from toolkit.model import Proof, Status, Step
from toolkit.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.model import Report

SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDocument:
    """Where the target file came from.

    `commit` and `blob` are git object ids, `blob` that of the file before the change. `nixpkgs`, `rev`,
    `file` and `pin` are what the user asked for.
    """

    origin: str
    blob: str
    commit: str | None = None
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
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDocument:
    """One design of a comparison: the lines of its diff, and proof name → status."""

    name: str
    added: int
    removed: int
    moved: int
    proofs: Mapping[str, Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
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
    tools: Mapping[str, str]
    comparison: tuple[ColumnDocument, ...] = ()


def document(report: Report) -> Document:
    """Return the document of a report."""
    proposal, source, request = report.proposal, report.proposal.source, report.request
    return Document(
        schema=SCHEMA,
        unlet=__version__,
        result=_result(report),
        target=proposal.package,
        file=str(proposal.target),
        bindings=proposal.bindings,
        steps=proposal.steps,
        source=SourceDocument(
            origin=source.origin,
            blob=str(blob_id(source.content)),
            commit=str(source.commit) if source.commit is not None else None,
            committed=source.committed,
            fetched=source.fetched,
            nixpkgs=without_passwords(request.nixpkgs) if request is not None and request.nixpkgs is not None else None,
            rev=request.rev if request is not None else None,
            file=str(request.file) if request is not None and request.file is not None else None,
            pin=request.pin if request is not None else None,
        ),
        commits=tuple(
            CommitDocument(subject=commit.subject, before=str(blob_id(commit.before)), after=str(blob_id(commit.after)))
            for commit in proposal.commits
        ),
        proofs=report.proofs,
        warnings=report.warnings,
        files=report.files,
        tools=report.tools,
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


def from_json(content: bytes, *, name: str = "report.json") -> Document:
    """Read a document that `to_json` wrote. `name` is the file's name in messages.

    Raise ToolkitError for what is no JSON, has another schema, or has a field that is not as it should be.
    """
    try:
        value: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ToolkitError(f"{name}: not JSON: {error}") from error
    record = Record(value, document=name)
    schema = record.integer("schema")
    if schema != SCHEMA:
        raise record.error("schema", f"is {schema}; this unlet ({__version__}) reads {SCHEMA}")
    return Document(
        schema=schema,
        unlet=record.text("unlet"),
        result=record.text("result"),
        target=record.text("target"),
        file=record.text("file"),
        bindings=record.texts("bindings"),
        steps=tuple(read_step(step) for step in record.records("steps")),
        source=_source(record.record("source")),
        commits=tuple(
            CommitDocument(
                subject=commit.text("subject"), before=str(commit.oid("before")), after=str(commit.oid("after"))
            )
            for commit in record.records("commits")
        ),
        proofs=tuple(_proof(proof) for proof in record.records("proofs")),
        warnings=record.texts("warnings"),
        files=record.texts("files"),
        tools={tool: tools.text(tool) for tools in [record.record("tools")] for tool in tools.names()},
        comparison=tuple(_column(column) for column in record.records("comparison")) if "comparison" in record else (),
    )


def read_step(record: Record) -> Step:
    """Read a step of a proposal."""
    return Step(name=record.text("name"), design=record.text("design"), reason=record.optional("reason", record.text))


def _source(record: Record) -> SourceDocument:
    commit = record.optional("commit", record.oid)
    return SourceDocument(
        origin=record.text("origin"),
        blob=str(record.oid("blob")),
        commit=str(commit) if commit is not None else None,
        committed=record.optional("committed", record.integer),
        fetched=record.integer("fetched"),
        nixpkgs=record.optional("nixpkgs", record.text),
        rev=record.optional("rev", record.text),
        file=record.optional("file", record.text),
        pin=record.optional("pin", record.text),
    )


def _column(record: Record) -> ColumnDocument:
    statuses = record.record("proofs")
    return ColumnDocument(
        name=record.text("name"),
        added=record.integer("added"),
        removed=record.integer("removed"),
        moved=record.integer("moved"),
        proofs={name: statuses.choice(name, Status) for name in statuses.names()},
    )


def _proof(record: Record) -> Proof:
    return Proof(
        name=record.text("name"),
        claim=record.text("claim"),
        status=record.choice("status", Status),
        covers=record.text("covers"),
        evidence=record.texts("evidence"),
        reason=record.optional("reason", record.text),
        commands=record.texts("commands"),
        seconds=record.number("seconds"),
        asked=record.boolean("asked") if "asked" in record else False,
    )


def _result(report: Report) -> str:
    if report.failed:
        return "failed"
    if not report.proofs or any(proof.status is Status.NOT_RUN for proof in report.proofs):
        return "incomplete"
    return "passed"
