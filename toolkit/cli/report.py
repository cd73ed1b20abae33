"""A report in lines for people: its proofs, the written files, the next steps."""

from __future__ import annotations

from shlex import join, quote
from typing import TYPE_CHECKING

from toolkit.cli import output
from toolkit.docker.choices import DEMOTE, LIFT, Demotion
from toolkit.docker.plan import PACKAGE
from toolkit.model import INTERRUPTED, Status
from toolkit.report import comparison
from toolkit.report.comment import grouped
from toolkit.report.report import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolkit.cli.options import Settings
    from toolkit.model import OverlayReport, Proof, Report

_EVIDENCE_LINES = 8


def show(report: Report, *, settings: Settings, out: Path | None = None) -> None:
    """Print a report: the same document as report.json, or for people its proofs and what to do next.

    `out` is the directory that was written, None if nothing was.
    """
    if settings.json:
        output.write(to_json(report))
    elif output.drawn(settings):
        from toolkit.cli import terminal  # noqa: PLC0415 - rich takes longer to import than most work takes

        terminal.draw(report, settings=settings, out=out)
    else:
        output.write_lines(plain(report, settings=settings, out=out))


def exit_code(report: Report | OverlayReport) -> int:
    """Return 130 after an interrupt, 1 if a proof failed, 3 if one that was asked for could not be run, else 0."""
    if any(proof.reason == INTERRUPTED for proof in report.proofs):
        return 130
    if report.failed:
        return 1
    return 3 if report.missed else 0


def plain(report: Report, *, settings: Settings, out: Path | None) -> Iterator[str]:
    """Yield the lines of a report."""
    if not settings.quiet:
        yield from heading(report)
    proofs = shown(report, settings)
    # With --quiet the line below tells all that there is of a proof which was not run.
    listed = [proof for proof in proofs if not settings.quiet or proof.status is Status.FAILED]
    rows = [(str(proof.status), proof.name, proof.covers, f"{proof.seconds:.2f} s") for proof in listed]
    yield from output.table(rows)
    for proof in proofs:
        yield from details(proof)
    if report.comparison and not settings.quiet:
        yield from output.table(comparison.table(report.comparison))
    yield from (f"warning: {warning}" for warning in report.warnings)
    if not settings.quiet:
        yield from footer(report, out)


def shown(report: Report, settings: Settings) -> tuple[Proof, ...]:
    """Return the proofs to show: all, with --quiet those which did not pass."""
    return tuple(proof for proof in report.proofs if not settings.quiet or proof.status is not Status.PASSED)


def heading(report: Report) -> Iterator[str]:
    """Yield what was worked on."""
    proposal, source = report.proposal, report.proposal.source
    fetched = f", {output.size(source.fetched)} fetched" if source.fetched else ""
    yield f"source    {source.origin}{fetched}"
    if proposal.patches:
        yield f"designs   {', '.join(f'{step.name}: {step.design}' for step in proposal.steps)}"
        yield from (f"          {step.design}: {step.reason}" for step in proposal.steps if step.reason is not None)
    else:
        yield f"patch     {', '.join(commit.subject for commit in proposal.commits)}"


def details(proof: Proof) -> Iterator[str]:
    """Yield why a proof did not pass, with the evidence of a failure; the commands are in the report."""
    if proof.status is Status.PASSED:
        return
    if proof.status is Status.NOT_RUN:
        yield f"{proof.name}: not run, {proof.reason}"
    else:
        first, *others = grouped([proof.reason or "", *proof.evidence])
        yield f"{proof.name}: failed: {first}"
        yield from (f"  {line}" for line in others[:_EVIDENCE_LINES])
        if (more := len(others) - _EVIDENCE_LINES) > 0:
            yield f"  … and {more} more lines, which --json shows"


def footer(report: Report, out: Path | None) -> Iterator[str]:
    """Yield what was written and what to do next, or that nothing should be done with it."""
    if out is not None and report.files:
        yield f"wrote {len(report.files)} files to {out}"
        yield from (f"  {name}" for name in report.files)
    if report.failed:
        yield f"{len(report.failed)} of {len(report.proofs)} proofs failed"
    elif out is not None:
        yield from output.table(next_steps(report, out))


def next_steps(report: Report, out: Path) -> list[tuple[str, str]]:
    """Return what each kind of user does next, as pairs of who and what.

    The specimen's docker is made up: there the steps are those that lead to a real one.
    """
    asked = report.request.nixpkgs if report.request is not None else None
    if asked == "specimen":
        return [
            ("to contribute", "unlet pr --repo ~/src/nixpkgs (this was the specimen: an example)"),
            ("to use it", "unlet overlay --nixpkgs '<nixpkgs>'"),
            ("to follow upstream", "unlet track"),
        ]
    if report.proposal.package != PACKAGE:
        return [
            ("to contribute", _contributing(report, out)),
            ("to use it", f"nixpkgs.overlays = [ (import {nix_path(out / 'overlay')}) ];"),
        ][: 2 if "overlay/default.nix" in report.files else 1]
    overlay = f"nixpkgs.overlays = [ (import {nix_path(out / 'overlay')}) ];"
    return [
        ("to contribute", _contributing(report, out)),
        ("to use it", f"{overlay} and a security wrapper named rootlesskit"),
        ("to prove it again", f"unlet check {quote(str(out))}"),
    ]


def _contributing(report: Report, out: Path) -> str:
    """Return what makes a branch of the proposal: `unlet pr` in the clone that it comes from, else git."""
    proposal, request = report.proposal, report.request
    commit = proposal.source.commit
    ours = proposal.package == PACKAGE
    if (
        ours
        and request is not None
        and request.nixpkgs is not None
        and commit is not None
        and proposal.source.remote is None
    ):
        words = ["unlet", "pr", "--repo", request.nixpkgs, *(("--base", request.rev) if request.rev else ())]
        for step in proposal.steps:
            if step.name == LIFT and step.reason is None:
                words += ["--strategy", step.design]
            if step.name == DEMOTE and step.design != Demotion.SUFFIX:
                words += ["--rootlesskit", step.design]
        if len(proposal.steps) == 1:
            words += ["--only", proposal.steps[0].name]
        return join(words)
    base = commit.short if commit is not None else "BASE"
    series = quote(str(out.absolute() / "series"))
    by_hand = f"git am {series}/*.patch (in nixpkgs at {base})"
    return f"{by_hand}, or unlet pr --repo DIR in a clone" if ours else by_hand


def nix_path(path: Path) -> str:
    """Return a path as a Nix expression, relative to the directory it is written in where `path` is relative."""
    text = path.as_posix()
    base = "/" if path.is_absolute() else "./"
    bare = text.removeprefix("/")
    if bare.isascii() and all(character.isalnum() or character in "._-+/" for character in bare):
        return base + bare
    escaped = bare.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return f'({base}. + "/{escaped}")'
