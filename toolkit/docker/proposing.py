"""The second half of `propose`: write what was rewritten, prove it, and report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit import files
from toolkit.docker import claims as proofs
from toolkit.docker import comparing
from toolkit.docker import plan as plans
from toolkit.docker.choices import Demotion
from toolkit.docker.claims import overriding
from toolkit.docker.claims.case import DEMOTED, LIFTED
from toolkit.docker.deepening import deepen
from toolkit.docker.preparing import backed, prepare_texts
from toolkit.model import Report
from toolkit.report import markdown, pull_request, report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from packaging.version import Version

    from toolkit.docker.claims.case import Added
    from toolkit.docker.plan import Plan
    from toolkit.docker.requests import ProposeRequest
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.docker.staging import Siblings
    from toolkit.model import Column, Progress, Proposal, Source

DROP_WARNING = (
    "without rootlesskit on PATH rootless docker does not start, and docker before 28 needs "
    "rootlesskit-docker-proxy from the same package even where a security wrapper is"
)


def write(  # noqa: PLR0913 - all that the first half has found
    request: ProposeRequest,
    plan: Plan,
    found: Source,
    file: DockerFile,
    texts: tuple[str, str],
    *,
    nix_version: Version,
    progress: Progress,
) -> Report:
    """Write the proposal of `texts`, what `file` is after each commit, to `request.out`, and return its report.

    Raise ToolkitError for what cannot be laid out or written.
    """
    added = _extras(request, found, plan)
    with files.whole_directory(request.out, force=request.force) as building:
        at = building / "overlay"
        prepared = prepare_texts(texts, file, found, plan, request.strategy, request.demotion, at=at)
        _write_patches(building, prepared.proposal, added)
        prepared.write_overlay()
        case = deepen(
            replace(prepared.case, extras=added), request.depth, offline=request.source.offline, progress=progress
        )
        if file.todo() is None:
            # Upstream's own word that there is something to do: without it, look before all else is proven.
            overriding.require_closed(case, name=file.tree.name)
        proven = proofs.run(case, (), progress=progress)
        overriding.require_closed(case, name=file.tree.name)
        proposal = backed(prepared.proposal, plan, proven)
        if proposal is not prepared.proposal:
            _write_patches(building, proposal, added)
        comparison: tuple[Column, ...] = ()
        if request.compare:
            comparison = (
                comparing.column(request.strategy, prepared.proposal, proven),
                *comparing.others(file, found, plan, request.strategy, request.demotion, progress=progress),
            )
        result = Report(
            proposal=proposal,
            proofs=proven,
            warnings=_warnings(request, found, prepared.siblings),
            tools={"nix": str(nix_version)},
            request=request.source,
            comparison=comparison,
        )
        return _write_report(building, request.out, result, prepared.releases, added)


def _write_patches(directory: Path, proposal: Proposal, added: Sequence[Added]) -> None:
    """Write the mails, and the one diff, in which those that were added have no part."""
    (directory / "series").mkdir(exist_ok=True)
    for patch in (*proposal.patches, *(extra.patch for extra in added)):
        (directory / "series" / patch.name).write_bytes(patch.content)
    (directory / "upstream.diff").write_bytes(proposal.upstream_diff)


def _extras(request: ProposeRequest, source: Source, plan: Plan) -> tuple[Added, ...]:
    """Make the commits that are wanted besides, before anything is written."""
    if not request.extras:
        return ()
    from toolkit.docker import extras  # noqa: PLC0415 - for --with alone

    commits = extras.prepare(request.extras, source, plan, request.demotion)
    return extras.mails(commits, first=len((LIFTED, DEMOTED)) + 1, committed=source.committed)


def _write_report(
    directory: Path, out: Path, result: Report, releases: Sequence[str], added: Sequence[Added]
) -> Report:
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
    texts = pull_request.read(plans.pull_request())
    extras = [each.commit for each in added if each.commit is not None]
    (directory / "pull-request.md").write_bytes(pull_request.draft(result, texts, releases=releases, extras=extras))
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
