"""The report of a proposal: report.json, which unlet can read again, and report.md.

A new field needs no new SCHEMA; a removed field or one with a new meaning does. The
report of an overlay is JSON only.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from toolkit import __version__, documents, landlock
from toolkit.errors import ToolkitError, without_passwords
from toolkit.git.reading import blob_id
from toolkit.model import (
    Oid,
    OverlayReport,
    Proof,
    Proven,
    Report,
    SourceRequest,
    Status,
    Step,
)
from toolkit.report.markdown import cell, fence
from toolkit.text import harmless

SCHEMA = 4
OVERLAY_SCHEMA = 1


class WrittenSource(Struct, frozen=True, kw_only=True):
    """The origin of the package's file, as report.json records it.

    `origin` describes the nixpkgs for people, `blob` is the git id of the file before
    the change, `commit` is the commit of nixpkgs, and `nixpkgs` the user's text.
    """

    origin: str
    blob: Oid
    commit: Oid | None = None
    nixpkgs: str | None = None


class WrittenCommit(Struct, frozen=True, kw_only=True):
    """A commit of the proposal, as report.json records it."""

    subject: str


class WrittenReport(Struct, frozen=True, kw_only=True):
    """The fields of report.json that unlet reads again.

    `unlet` is the version that wrote the file; `result` is `passed`, `failed`, or
    `incomplete` if no proof failed but a proof did not run. `target` is the attribute
    path in nixpkgs, `file` the path of the package's file, `bindings` are the names of
    the let-bound packages that leave the let, `steps` the designs of the commits.
    `recipe` is the value of --recipe.
    """

    unlet: str
    result: str
    target: str
    file: str
    bindings: tuple[str, ...]
    steps: tuple[Step, ...]
    source: WrittenSource
    commits: tuple[WrittenCommit, ...]
    recipe: str | None = None


def document(report: Report) -> dict[str, object]:
    """Return the content of report.json as a value."""
    proposal, source, request = (
        report.proposal,
        report.proposal.source,
        report.request or SourceRequest(),
    )
    return {
        "schema": SCHEMA,
        "unlet": __version__,
        "result": _result(report),
        "target": proposal.package,
        "file": proposal.target,
        "bindings": proposal.bindings,
        "steps": proposal.steps,
        "source": {
            "origin": source.origin,
            "blob": blob_id(source.content),
            "commit": source.commit,
            "committed": source.committed,
            "nixpkgs": _named(request),
            "rev": request.rev,
            "file": request.file,
        },
        "commits": [
            {
                "subject": commit.subject,
                "before": blob_id(commit.before),
                "after": blob_id(commit.after),
            }
            for commit in proposal.commits
        ],
        "proofs": _rounded(report.proofs),
        "warnings": report.warnings,
        "files": report.files,
        "recipe": proposal.recipe,
        "tools": report.tools,
        "walls": landlock.walls(),
    }


def _named(request: SourceRequest) -> str | None:
    return without_passwords(request.nixpkgs) if request.nixpkgs is not None else None


def outcome(result: Report | ToolkitError) -> dict[str, object]:
    """Return the JSON object about one of several packages: a report or an error."""
    if isinstance(result, ToolkitError):
        return {"error": {"message": result.message, "hint": result.hint}}
    return {"report": document(result)}


def to_json(report: Report) -> bytes:
    """Return report.json: UTF-8, sorted keys, and seconds rounded to milliseconds."""
    return documents.write(document(report))


def from_json(content: bytes, *, name: str = "report.json") -> WrittenReport:
    """Return the report that a document of `to_json` contains.

    `name` is the file's name in messages. Raise ToolkitError if the document is not
    JSON, has another schema, or has a wrong field.
    """
    return documents.read_versioned(
        content, WrittenReport, schema=SCHEMA, document=name
    )


def overlay_to_json(report: OverlayReport) -> bytes:
    """Return report.json of an overlay.

    Its `result` is `passed`, `failed` or `incomplete`, as for a proposal.
    """
    source = report.source
    return documents.write(
        {
            "schema": OVERLAY_SCHEMA,
            "unlet": __version__,
            "target": report.target,
            "bindings": report.bindings,
            "kind": report.kind,
            "result": _result(report),
            "source": {
                "origin": source.origin,
                "blob": blob_id(source.content),
                "commit": source.commit,
            },
            "proofs": _rounded(report.proofs),
            "files": report.files,
            "warnings": report.warnings,
            "tools": report.tools,
            "walls": landlock.walls(),
        }
    )


def _result(report: Proven) -> str:
    if report.failed:
        return "failed"
    if not report.proofs or any(
        proof.status is Status.NOT_RUN for proof in report.proofs
    ):
        return "incomplete"
    return "passed"


def _rounded(proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    return tuple(replace(proof, seconds=round(proof.seconds, 3)) for proof in proofs)


_CLONE = "$NIXPKGS"
_LOCAL = re.compile(r"(?<![\w.}:/])/(?!nix/store/|dev/null)[\w.]+/|--nixpkgs ")
"""The pieces of a command that are valid only on this computer."""


def to_markdown(report: Report, *, background: Iterable[str] = ()) -> bytes:
    """Return report.md: the proposal, its source, and its proofs with commands.

    `background` are further Markdown blocks for the end.
    """
    blocks = [*_blocks(report), *background]
    return (harmless("\n\n".join(blocks)) + "\n").encode(errors="backslashreplace")


def _blocks(report: Report) -> Iterator[str]:
    yield "# Report"
    yield "\n".join(f"- {commit.subject}" for commit in report.proposal.commits)
    counts = (
        f"{sum(proof.status is status for proof in report.proofs)} {status}"
        for status in Status
    )
    yield (
        f"**{_result(report).capitalize()}**: {len(report.proofs)} proofs, "
        f"{', '.join(counts)}."
    )
    yield "\n".join(["| | |", "|---|---|", *_facts(report)])
    yield from (
        f"> **Warning:** {' '.join(warning.split())}" for warning in report.warnings
    )
    yield "## Proofs"
    bold = {Status.FAILED: f"**{Status.FAILED}**"}
    rows = (
        f"| {bold.get(proof.status, proof.status)} | {cell(proof.name)} | "
        f"{cell(proof.covers)} | {proof.seconds:.2f} |"
        for proof in report.proofs
    )
    yield "\n".join(
        ["| status | proof | covers | seconds |", "|---|---|---|---:|", *rows]
    )
    words = _source_words(report)
    if _CLONE in words:
        yield (
            f"The commands run in the directory of this report; `{_CLONE}` is your "
            "clone of nixpkgs."
        )
    shown: dict[tuple[str, ...], str] = {}
    for proof in report.proofs:
        commands = proof.commands
        if any(map(_LOCAL.search, commands)):
            commands = (
                " ".join(["unlet check . --proof", shlex.quote(proof.name), *words]),
            )
        yield from _proof(
            replace(proof, commands=commands), shown.setdefault(commands, proof.name)
        )
    if report.files:
        yield "## Files"
        yield "\n".join(f"- `{name}`" for name in report.files)


def _facts(report: Report) -> Iterator[str]:
    proposal, source = report.proposal, report.proposal.source
    yield f"| package | `{proposal.package}` |"
    yield f"| file | `{proposal.target}` |"
    yield f"| from | {cell(source.origin)} |"
    if source.commit is not None:
        yield f"| commit | `{source.commit}` |"
    yield f"| blob | `{blob_id(source.content)}` |"
    for step in proposal.steps:
        yield (
            f"| {step.name} | "
            f"{step.design}{f': {step.reason}' if step.reason is not None else ''} |"
        )
    yield f"| made by | unlet {__version__} |"
    yield from (
        f"| {cell(tool)} | {cell(version)} |"
        for tool, version in sorted(report.tools.items())
    )


def _source_words(report: Report) -> list[str]:
    """Return the command-line options that name the same source on any computer."""
    request, commit = report.request or SourceRequest(), report.proposal.source.commit
    named = _named(request)
    if named is None and request.file is not None:
        return ["--file", shlex.quote(str(request.file))]
    is_everywhere = named == "specimen" or (
        named is not None and (named.startswith("<") or "://" in named)
    )
    words: list[str] = []
    if named is not None:
        place = shlex.quote(named) if is_everywhere else f'"{_CLONE}"'
        words += ["--nixpkgs", place]
    if commit is not None and named != "specimen":
        words += ["--rev", commit]
    return words


def _proof(proof: Proof, shown_at: str) -> Iterator[str]:
    """Yield the section of report.md about a proof.

    If the section `shown_at` already has the commands, refer to that section.
    """
    yield f"### {proof.name}: {proof.status}"
    yield proof.claim
    if proof.reason is not None:
        yield (
            f"{'Failed:' if proof.status is Status.FAILED else 'Not run,'} "
            f"{proof.reason}"
        )
    if proof.evidence:
        yield fence(proof.evidence)
    if proof.commands and shown_at != proof.name:
        yield f"To repeat the proofs, run the commands in {shown_at}."
    elif proof.commands:
        yield "To repeat it:"
        yield fence(proof.commands, "sh")
