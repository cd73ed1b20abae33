"""Print a report as lines: its proofs, the written files, and the next steps."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from shlex import join, quote

from toolkit.cli import output, targets
from toolkit.cli.options import GlobalOptions
from toolkit.errors import ToolkitError
from toolkit.model import Attempt, Proof, Proven, Report, Status
from toolkit.nix.program import nix_path
from toolkit.proposal import registry
from toolkit.report.lines import Line, Tone
from toolkit.report.report import to_json

_EXAMPLE = 100
"""The maximum number of characters to show of a failed proof's reason."""

_OVERRIDABLE = "overridable"

_TONES = {
    Status.PASSED: Tone.PROVEN,
    Status.NOT_RUN: Tone.NOT_RUN,
    Status.FAILED: Tone.FAILED,
}
_OTHERS = (Status.FAILED, Status.NOT_RUN)


def show(report: Report, *, settings: GlobalOptions, out: Path | None = None) -> None:
    """Print a report: with --json as report.json, else its proofs and next steps.

    `out` is the directory that was written, or None.
    """
    if settings.json:
        output.write(to_json(report))
    else:
        steps = next_steps(report, out) if out is not None else []
        output.write_toned(
            lines(report, _heading(report, settings), steps, settings=settings, out=out)
        )


def exit_code(report: Proven) -> int:
    """Return 1 if a proof failed, 3 if a requested proof did not run, else 0."""
    if report.failed:
        return 1
    return 3 if report.missed else 0


def lines(
    report: Proven,
    heading: Iterable[str],
    steps: Sequence[tuple[str, str]],
    *,
    settings: GlobalOptions,
    out: Path | None,
) -> Iterator[Line]:
    """Yield the lines of a report: verdict, heading, proofs, files and next steps.

    `steps` are pairs of a purpose and a command.
    """
    if not settings.quiet:
        if report.proofs:
            yield total(report.proofs)
        yield from (Line(text=text) for text in heading)
    yield from proven(report.proofs, settings)
    yield from (
        Line(text=f"warning: {warning}", tone=Tone.NOT_RUN)
        for warning in report.warnings
    )
    if settings.quiet:
        return
    if out is not None and report.files:
        first = dict.fromkeys(
            f"{name.partition('/')[0]}{'/' if '/' in name else ''}"
            for name in report.files
        )
        yield Line(
            text=f"wrote    {out}: "
            f"{', '.join(name for name in first if name != 'report.json')}"
        )
    if not report.failed:
        yield from (Line(text=text) for text in output.table(steps))


def proven(proofs: Sequence[Proof], settings: GlobalOptions) -> Iterator[Line]:
    """Yield a line for each proof: its claim, or the reason why it did not run.

    A failed proof also has a line with its reason. With --quiet, omit the proofs that
    passed.
    """
    rows = [
        proof
        for proof in proofs
        if not (settings.quiet and proof.status is Status.PASSED)
    ]
    width = max((len(proof.name) for proof in rows), default=0)
    for proof in rows:
        words = (
            proof.claim
            if proof.status is not Status.NOT_RUN
            else (proof.reason or "").removeprefix("because ")
        )
        shown = proof.status is Status.PASSED and (settings.verbose or proof.asked)
        covers = f" ({proof.covers}; {proof.seconds:.2f} s)" if shown else ""
        text = f"{proof.status:<8} {proof.name:<{width}}  {words}{covers}"
        yield Line(text=text, tone=_TONES[proof.status], head=len(proof.status))
        if (
            proof.status is Status.PASSED
            and proof.name == _OVERRIDABLE
            and not settings.quiet
        ):
            yield Line(text=f"  {proof.found}")
        if proof.status is Status.FAILED:
            yield Line(text=f"  {_failure(proof)}")
    for gap in dict.fromkeys(gap for proof in proofs for gap in proof.gaps):
        yield Line(text=gap, tone=Tone.NOT_RUN)


def _failure(proof: Proof) -> str:
    """Return the reason why a proof failed, and the number of further facts."""
    reason = proof.reason or ""
    example = reason if len(reason) <= _EXAMPLE else f"{reason[: _EXAMPLE - 1]}…"
    return (
        f"{example} (and {len(proof.evidence)} more; --json has all)"
        if proof.evidence
        else example
    )


def total(proofs: Sequence[Proof]) -> Line:
    """Return a line with the number of proofs that passed, failed or did not run."""
    counts = Counter(proof.status for proof in proofs)
    words = [f"{counts[Status.PASSED]} of {len(proofs)} proofs passed"]
    others = [status for status in _OTHERS if counts[status]]
    words += [f"{counts[status]} {status}" for status in others]
    tone = _TONES[others[0]] if others else Tone.PROVEN
    return Line(text=", ".join(words), tone=tone)


def attempted(attempts: Sequence[Attempt]) -> Iterator[Line]:
    """Yield a line for each package, its failed proofs, and the hint of an error."""
    width = max((len(attempt.target) for attempt in attempts), default=0)
    for attempt in attempts:
        name = f"{attempt.target:<{width}}"
        if isinstance(attempt.result, ToolkitError):
            yield Line(
                text=f"{name}  refused: {attempt.result.message}", tone=Tone.FAILED
            )
            if attempt.result.hint is not None:
                yield Line(text=f"{'':<{width}}  hint: {attempt.result.hint}")
            continue
        said = total(attempt.result.proofs)
        yield Line(text=f"{name}  wrote {attempt.out}: {said.text}", tone=said.tone)
        for proof in attempt.result.failed:
            yield Line(
                text=f"{'':<{width}}  {proof.name}: {proof.reason}", tone=Tone.FAILED
            )


def _heading(report: Report, settings: GlobalOptions) -> Iterator[str]:
    """Yield the heading of a report: the source, the commits and the designs."""
    proposal, source = report.proposal, report.proposal.source
    yield f"source   {source.origin}"
    head = "commits" if proposal.patches else "patch"
    for commit in proposal.commits:
        yield f"{head:<8} {commit.subject}"
        head = ""
    if settings.verbose:
        yield from (
            f"design   {step.name}: {step.design}, {step.reason or 'asked for'}"
            for step in proposal.steps
        )


def next_steps(report: Report, out: Path) -> list[tuple[str, str]]:
    """Return the next steps as pairs of a purpose and a command.

    For the specimen, unlet's example tree, the commands use a real nixpkgs instead.
    """
    nixpkgs = report.request.nixpkgs if report.request is not None else None
    package = report.proposal.package
    if nixpkgs == "specimen":
        return [*_for_real(package)]
    overlay = (
        "to use it",
        f"nixpkgs.overlays = [ (import {nix_path(out / 'overlay')}) ];",
    )
    return [
        ("to contribute", _contributing(report, out)),
        *(
            [overlay]
            if package in registry.named() or "overlay/default.nix" in report.files
            else []
        ),
        ("to prove it again", f"unlet check {quote(str(out))}"),
    ]


def _for_real(package: str) -> Iterator[tuple[str, str]]:
    """Yield the commands that repeat the specimen's proposal for a real nixpkgs."""
    is_named = package in registry.named()
    words = targets.argument(package) if is_named else ["PACKAGE"]
    name = "".join(f"{word} " for word in words)
    note = "the specimen is an example" if is_named else "see unlet find"
    yield "to contribute", f"unlet pr {name}--repo ~/src/nixpkgs ({note})"
    yield "to use it", f"unlet overlay {name}--nixpkgs '<nixpkgs>'"
    if is_named:
        yield "to follow upstream", join(["unlet", "track", *words])


def _contributing(report: Report, out: Path) -> str:
    """Return the command that applies a proposal to a clone as a branch."""
    proposal, request = report.proposal, report.request
    commit, named = proposal.source.commit, registry.named().get(proposal.package)
    if named is None or proposal.recipe is not None:
        series = quote(str(out.absolute() / "series"))
        return f"git am {series}/*.patch{f' (on {commit.short})' if commit else ''}"
    clone = ["DIR"]
    is_local = commit is not None and proposal.source.remote is None
    if is_local and request is not None and request.nixpkgs is not None:
        clone = [request.nixpkgs, *(("--base", request.rev) if request.rev else ())]
    words = [*targets.argument(proposal.package), "--repo", *clone]
    return join(["unlet", "pr", *words, *targets.step_words(report, named)])
