"""From a nixpkgs to a proven patch series, diff and overlay."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING

from toolkit import files, nix, process, sources
from toolkit.docker import plan as plans

if TYPE_CHECKING:
    from toolkit.docker.requests import ProposeRequest
    from toolkit.model import Progress, Report


def propose(request: ProposeRequest, *, progress: Progress) -> Report:
    """Write the proposal to `request.out`, whole or not at all, and return its report.

    Raise ToolkitError for a source, a file or an output directory that cannot be used. A proof that fails is
    no error: it is in the report.
    """
    files.ensure_free(request.out, force=request.force)
    plan = plans.plan()
    progress.step("reading nixpkgs")
    found = sources.resolve(
        request.source,
        target=plan.target,
        sparse=plan.needed(request.extras),
        progress=progress,
    )
    progress.step("rewriting")
    name = str(request.source.file) if request.source.file is not None else str(plan.target)
    with ThreadPoolExecutor(max_workers=3) as beside, process.ending_together():
        version = beside.submit(copy_context().run, nix.version)
        accepted = beside.submit(copy_context().run, nix.parse_text, found.content, name=name)
        # Where it fails, the proof that needs them says why.
        beside.submit(copy_context().run, nix.tools)
        try:
            # Imported while Nix is at work, which takes as long.
            from toolkit.docker.preparing import rewrite  # noqa: PLC0415
            from toolkit.docker.proposing import write  # noqa: PLC0415
            from toolkit.docker.reading import docker_file  # noqa: PLC0415

            file = docker_file(found.content, name=name)
            texts = rewrite(file, plan, request.strategy, request.demotion)
        finally:
            # What Nix has to say against a file goes before what the rewrite has.
            accepted.result()
            nix_version = version.result()
    return write(request, plan, found, file, texts, nix_version=nix_version, progress=progress)
