"""Write an overlay with a lifted package for the user's own nixpkgs, and prove it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import files, nix, prove
from toolkit.errors import RefusalError
from toolkit.model import OverlayReport
from toolkit.package.propose import begin, draft, only
from toolkit.report.report import overlay_to_json

if TYPE_CHECKING:
    from toolkit.model import Progress
    from toolkit.package.choosing import LiftRequest

CLAIMS = ("parse", "no-rebuild", "overridable", "capture-safe", "passthru", "overlay")
"""The claims about a series that are about its overlay as well."""


def overlay(request: LiftRequest, *, progress: Progress) -> OverlayReport:
    """Write the overlay to `request.out`, whole or not at all, and return its report.

    Raise ToolkitError as `propose` does, RefusalError for a package that its directory alone does not make.
    """
    files.ensure_free(request.out, force=request.force)
    (begun,) = begin([request], progress=progress)
    work = only(begun)
    with files.whole_directory(request.out, force=request.force) as building:
        made = draft(work, building)
        if made.case.overlay is None:
            fact = "nixpkgs calls it with arguments, or its file reads other directories"
            raise RefusalError(
                f"{work.found.target.package}: {fact}, so an overlay cannot call it",
                hint=f"unlet propose {request.target} writes a patch for your nixpkgs",
            )
        made.write_overlay(building)
        proven = prove.run(made.claims, made.case, CLAIMS, progress=progress)
        here, there = str(building), str(request.out.resolve())
        report = OverlayReport(
            kind=work.chosen.commits[-1].step.design,
            source=work.found.source,
            proofs=tuple(
                replace(proof, commands=tuple(command.replace(here, there) for command in proof.commands))
                for proof in proven
            ),
            files=tuple(sorted({files.REPORT, *made.overlay})),
            warnings=work.found.source.warnings,
            tools={"nix": str(nix.version())},
        )
        (building / files.REPORT).write_bytes(overlay_to_json(report))
    return report
