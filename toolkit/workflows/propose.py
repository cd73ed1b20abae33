"""From a nixpkgs to a proven patch series, diff and overlay."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolkit.emit import markdown, pull_request, report
from toolkit.external import files, git, nix, patches, process, sources
from toolkit.model import Demotion, Extra, Report
from toolkit.workflows import comparing, proofs
from toolkit.workflows.deepening import deepen
from toolkit.workflows.preparing import prepare
from toolkit.workflows.reading import docker_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.external.patches import Plan
    from toolkit.model import Column, Progress, Proposal, ProposeRequest, Source
    from toolkit.workflows.staging import Siblings

DROP_WARNING = (
    "without rootlesskit on PATH rootless docker does not start, and docker before 28 needs "
    "rootlesskit-docker-proxy from the same package even where a security wrapper is"
)


def propose(request: ProposeRequest, *, progress: Progress) -> Report:
    """Write the proposal to `request.out`, whole or not at all, and return its report.

    Raise ToolkitError for a source, a file or an output directory that cannot be used. A proof that fails is
    no error: it is in the report.
    """
    files.ensure_free(request.out, force=request.force)
    plan = patches.plan()
    progress.step("reading nixpkgs")
    found = sources.resolve(
        request.source,
        target=plan.target,
        pins={pin.name: pin for pin in patches.pins()},
        default_pin=plan.default_pin,
        remote=plan.remote,
        sparse=plan.sparse,
        progress=progress,
    )
    progress.step("rewriting")
    name = str(request.source.file) if request.source.file is not None else str(plan.target)
    with ThreadPoolExecutor(max_workers=1) as beside, process.ending_together():
        version = beside.submit(copy_context().run, nix.version)
        nix.parse_text(found.content, name=name)
        nix_version = version.result()
    file = docker_file(found.content, name=name)
    with files.whole_directory(request.out, force=request.force) as building:
        prepared = prepare(file, found, plan, request.strategy, request.demotion, at=building / "overlay")
        _write_patches(building, prepared.proposal)
        if Extra.NIXOS_TEST in request.extras:
            _write_test(building, plan, found)
        prepared.write_overlay()
        case = deepen(prepared.case, request.depth, offline=request.source.offline, progress=progress)
        proven = proofs.run(case, (), progress=progress)
        comparison: tuple[Column, ...] = ()
        if request.compare:
            comparison = (
                comparing.column(request.strategy, prepared.proposal, proven),
                *comparing.others(file, found, plan, request.strategy, request.demotion, progress=progress),
            )
        result = Report(
            proposal=prepared.proposal,
            proofs=proven,
            warnings=_warnings(request, found, prepared.siblings),
            tools={"nix": str(nix_version)},
            request=request.source,
            comparison=comparison,
        )
        return _write_report(building, request.out, result, prepared.releases)


def _write_patches(directory: Path, proposal: Proposal) -> None:
    (directory / "series").mkdir()
    for patch in proposal.patches:
        (directory / "series" / patch.name).write_bytes(patch.content)
    (directory / "upstream.diff").write_bytes(proposal.upstream_diff)


def _write_test(directory: Path, plan: Plan, source: Source) -> None:
    """Add the NixOS test to the series, as a commit that the others do not know of."""
    message = f"{plan.nixos_test.subject}\n\n{plan.nixos_test.body}\n"
    path = PurePosixPath("nixos/tests") / patches.TEST
    content = patches.nixos_test().read_bytes()
    patch = git.addition(path, content, message, number=3, committed=source.committed)
    (directory / "series" / patch.name).write_bytes(patch.content)


def _write_report(directory: Path, out: Path, result: Report, releases: Sequence[str]) -> Report:
    """Write what is about the proposal as a whole, which will be at `out`; return the report as it was written."""
    here, there = str(directory), str(out.resolve())
    proven = tuple(
        replace(proof, commands=tuple(command.replace(here, there) for command in proof.commands))
        for proof in result.proofs
    )
    written = {"report.json", "report.md", "pull-request.md"}
    written |= {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    result = replace(result, proofs=proven, files=tuple(sorted(written)))
    (directory / "report.json").write_bytes(report.to_json(result))
    (directory / "report.md").write_bytes(markdown.to_markdown(result))
    (directory / "pull-request.md").write_bytes(pull_request.draft(result, releases=releases))
    return result


def _warnings(request: ProposeRequest, found: Source, beside: Siblings) -> tuple[str, ...]:
    warnings = [*found.warnings]
    if request.demotion is Demotion.DROP:
        warnings.append(DROP_WARNING)
    if beside.missing:
        warnings.append(
            f"not found beside the file: {', '.join(beside.missing)}; the overlay needs them in overlay/docker/"
        )
    return tuple(warnings)
