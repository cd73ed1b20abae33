"""From a nixpkgs to a proven patch series, diff and overlay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.emit import markdown, overlay, pull_request, report
from toolkit.external import files, git, nix, patches, sources
from toolkit.model import Commit, Demotion, Proposal, Report
from toolkit.rewrite import series
from toolkit.workflows import proofs, staging
from toolkit.workflows.proofs.case import BEFORE, DEMOTED, LIFTED, Case
from toolkit.workflows.reading import docker_file

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.external.patches import Plan
    from toolkit.model import Progress, ProposeRequest, Source
    from toolkit.rewrite.layout import DockerFile
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
    nix_version = nix.version()
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
    file = docker_file(found.content, name=name)
    releases = [release.attr for release in file.releases()]
    proposal = _proposal(request, found, plan, file)
    contents = {BEFORE: found.content, LIFTED: proposal.commits[0].after, DEMOTED: proposal.commits[1].after}
    beside = staging.siblings(found, file)
    laid_out = staging.lay_out(contents, name=name, beside=beside, source=found, components=plan.components)
    stages = laid_out.stages
    with files.whole_directory(request.out, force=request.force) as building:
        _write_patches(building, proposal)
        _write_overlay(building, proposal, releases, beside)
        case = Case(
            source=found,
            target=plan.target,
            components=plan.components,
            entry=plan.prefix_entry,
            demotion=request.demotion,
            before=stages[BEFORE],
            lifted=stages[LIFTED],
            demoted=stages[DEMOTED],
            patches=proposal.patches,
            upstream_diff=proposal.upstream_diff,
            question=laid_out.question,
            own_library=laid_out.own_library,
            overlay=building / "overlay",
            missing=beside.missing,
        )
        result = Report(
            proposal=proposal,
            proofs=proofs.run(case, (), progress=progress),
            warnings=_warnings(request, found, beside),
            tools={"nix": str(nix_version)},
            request=request.source,
        )
        return _write_report(building, request.out, result, releases)


def _proposal(request: ProposeRequest, found: Source, plan: Plan, file: DockerFile) -> Proposal:
    """Rewrite the file and let git write the commits down."""
    lifted, demoted = series.rewrite(
        file,
        components=plan.components,
        entry=plan.prefix_entry,
        strategy=request.strategy,
        demotion=request.demotion,
    )
    first, second = plan.lift[request.strategy], plan.demote[request.demotion]
    commits = (
        Commit(subject=first.subject, body=first.body, before=found.content, after=lifted.encode()),
        Commit(subject=second.subject, body=second.body, before=lifted.encode(), after=demoted.encode()),
    )
    made = git.series(commits, plan.target, committed=found.committed)
    return Proposal(
        source=found,
        target=plan.target,
        strategy=request.strategy,
        demotion=request.demotion,
        commits=commits,
        patches=made.patches,
        upstream_diff=made.upstream_diff,
    )


def _write_patches(directory: Path, proposal: Proposal) -> None:
    (directory / "series").mkdir()
    for patch in proposal.patches:
        (directory / "series" / patch.name).write_bytes(patch.content)
    (directory / "upstream.diff").write_bytes(proposal.upstream_diff)


def _write_overlay(directory: Path, proposal: Proposal, releases: list[str], beside: Siblings) -> None:
    for file in overlay.files(proposal, releases=releases, siblings=beside.present):
        path = directory / "overlay" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        if file.executable:
            path.chmod(0o755)


def _write_report(directory: Path, out: Path, result: Report, releases: list[str]) -> Report:
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
