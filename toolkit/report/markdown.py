"""The report for people: report.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.model import Status
from toolkit.report import comparison
from toolkit.report.report import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.model import Proof, Report
    from toolkit.report.report import ReportDocument


def to_markdown(report: Report) -> bytes:
    """Return report.md: what was proposed on which source, each proof, and how to repeat it."""
    lines = [*_lines(document(report))]
    if report.comparison:
        lines += ["", "## Designs compared", "", *comparison.markdown(report.comparison)]
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")


def cell(text: str) -> str:
    """Return `text` for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|") or " "


def fence(lines: tuple[str, ...], language: str = "") -> str:
    """Return the lines as a code block, whatever back-quotes they hold."""
    ticks = "```"
    while any(ticks in line for line in lines):
        ticks += "`"
    return "\n".join([f"{ticks}{language}", *lines, ticks])


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
