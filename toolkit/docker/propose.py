"""From a nixpkgs to a proven patch series, diff and overlay of docker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import files, parallel, patches, process
from toolkit.docker import TARGET, choosing, extras, preparing, staging
from toolkit.docker.claims import overriding
from toolkit.docker.claims import registry as claims
from toolkit.docker.preparing import prepare_texts, rewrite
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.staging import deepen
from toolkit.errors import LayoutError, RefusalError, ToolkitError
from toolkit.nix import evaluator, program
from toolkit.propose import Order, template, write
from toolkit.report import pull_request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.docker.claims.case import Added, DockerCase
    from toolkit.docker.requests import ProposeRequest
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import Column, Progress, Proof, Proposal, Report, Source, Step, TreeCommit
    from toolkit.propose import Draft


def propose(request: ProposeRequest, *, progress: Progress) -> Report:
    """Write the proposal to `request.out`, whole or not at all, and return its report.

    Raise ToolkitError for a source, a file or an output directory that cannot be used. A proof that fails is
    no error: it is in the report.
    """
    files.ensure_free(request.out, force=request.force)
    progress.step("reading nixpkgs")
    found = staging.nixpkgs(request.source, extras=request.extras, progress=progress)
    progress.step("rewriting")
    name = str(request.source.file) if request.source.file is not None else str(TARGET)
    with ThreadPoolExecutor(max_workers=2) as beside, process.ending_together():
        accepted = beside.submit(copy_context().run, program.parse_text, found.content, name=name)
        # Where it fails, the proof that needs them says why.
        beside.submit(copy_context().run, evaluator.tools)
        try:
            file = docker_file(found.content, name=name)
            steps = choosing.steps(file, found, strategy=request.strategy, demotion=request.demotion, only=request.only)
            texts = _rewritten(file, found, steps)
        finally:
            # What Nix has to say against a file goes before what the rewrite has.
            parallel.results([accepted])
    return _write(request, found, file, steps, texts, progress)


def _rewritten(file: DockerFile, found: Source, steps: Sequence[Step]) -> tuple[str, ...]:
    """Rewrite the file; if that is refused because overrides reach the components already, say so instead."""
    try:
        return rewrite(file, steps)
    except LayoutError:
        raise
    except RefusalError:
        overriding.require_closed(staging.unchanged(file, found), name=file.tree.name)
        raise


def _write(  # noqa: PLR0913, PLR0917 - all that the first half has found
    request: ProposeRequest,
    found: Source,
    file: DockerFile,
    steps: Sequence[Step],
    texts: Sequence[str],
    progress: Progress,
) -> Report:
    added = _extras(request, found)

    def draft(at: Path) -> Draft[DockerCase]:
        made = prepare_texts(texts, file, found, steps, at=at)
        case = replace(made.case, extras=added)
        near = request.source.nixpkgs
        case = deepen(case, request.depth, offline=request.source.offline, progress=progress, near=near)
        if file.todo() is None:
            # Upstream's own word that there is something to do: without it, look before all else is proven.
            overriding.require_closed(case, name=name)
        return replace(made, case=case, claims=claims.of(case))

    def compare(proposal: Proposal, proven: Sequence[Proof]) -> tuple[Column, ...]:
        if not request.compare:
            return ()
        done = steps[0].design
        others = preparing.other_columns(file, found, steps, done=done, progress=progress)
        return (preparing.column(done, proposal, proven), *others)

    def text(report: Report) -> bytes:
        commits = [each.commit for each in added if each.commit is not None]
        return pull_request.draft(facts(report, found, commits))

    name = file.tree.name
    order = Order(
        out=request.out,
        force=request.force,
        request=request.source,
        draft=draft,
        text=text,
        compare=compare,
        extras=tuple(each.patch for each in added),
        settle=lambda case: overriding.require_closed(case, name=name),
    )
    return write(order, progress=progress)


def _extras(request: ProposeRequest, source: Source) -> tuple[Added, ...]:
    """Make the commits that are wanted besides, before anything is written."""
    commits = extras.prepare(request.extras, source, request.demotion)
    return extras.mails(commits, first=3, committed=source.committed)


def texts() -> pull_request.Texts:
    """Return the texts of pull-request.md; raise ToolkitError if they are missing or wrong."""
    path = patches.shipped() / "pull-request.toml"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ToolkitError(f"{path}: cannot be read: {error.strerror or error}") from error
    return pull_request.read(content, name=str(path))


def facts(report: Report, source: Source, extras: Sequence[TreeCommit]) -> pull_request.DraftFacts:
    """Return what the draft of a pull request is made from, with the template of the source's own nixpkgs."""
    return pull_request.DraftFacts(
        report=report,
        texts=texts(),
        template=template(source),
        extras={commit.extra: commit.subject for commit in extras if commit.extra is not None},
    )
