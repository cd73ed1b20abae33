"""Write an overlay for a nixpkgs, and prove it there: the one that wraps docker anew, or the patched file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import files, prove
from toolkit.docker import PREFIX_ENTRY, TARGET, choosing, staging
from toolkit.docker.claims import overrides, rewrapping
from toolkit.docker.claims import registry as proofs
from toolkit.docker.plan import Demotion, OverlayKind
from toolkit.docker.propose import draft
from toolkit.docker.readings import Place
from toolkit.docker.rewrite import wrapper
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.rewrite.series import rewrite
from toolkit.errors import RefusalError
from toolkit.model import Tier
from toolkit.nix import program
from toolkit.proposal.writing import write_overlay
from toolkit.shipped import shipped_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.docker.claims.case import DockerCase
    from toolkit.docker.requests import OverlayRequest
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.model import OverlayReport, Progress, Proof, Source

SHIPPED = (rewrapping.OVERLAY, "privileged-ports.nix")
"""The files of overlays/ that the kind `rewrap` consists of, the module among them."""

PATCHED_CLAIMS = ("parse", "overridable", "compatible", "builds", "overlay")
"""The claims about a series that are about its overlay as well."""


def overlay(request: OverlayRequest, *, progress: Progress) -> OverlayReport:
    """Write the overlay to `request.out`, whole or not at all, and return its report.

    Raise ToolkitError for a source, a file or an output directory that cannot be used, RefusalError for a docker
    that the overlay would leave as it is. A proof that fails is no error: it is in the report.
    """
    files.ensure_free(request.out, force=request.force)
    # A missing Nix is named before anything is fetched.
    program.version()
    progress.step("reading nixpkgs")
    found = staging.nixpkgs(request.source, progress=progress)
    name = str(request.source.file or TARGET)
    file = docker_file(found.content, name=name)
    make = _rewrap if request.kind is OverlayKind.REWRAP else _patched

    def make_in(building: Path) -> tuple[str, Sequence[Proof], Sequence[str]]:
        proven, warnings = make(file, found, request, at=building, progress=progress)
        return request.kind, proven, warnings

    return write_overlay(request.out, found, make_in, force=request.force)


def rewrap_case(file: DockerFile, found: Source, at: Path) -> DockerCase:
    """Return what the claims about rewrap.nix work on; the overlay's directory is `at`.

    Raise RefusalError where the overlay would leave this docker as it is.
    """
    name = file.tree.name
    where = wrapper.placement(file).where
    if where is Place.NO_WRAPPER:
        raise RefusalError(f"{name}: makes no dockerd-rootless that could be rewrapped")
    if where is Place.UNKNOWN:
        raise RefusalError(f"{name}: cannot determine whether {PREFIX_ENTRY} is in the PATH prefix")
    if where is not Place.PREFIX:
        hint = "a security wrapper named rootlesskit is enough with this nixpkgs"
        raise RefusalError(f"{name}: {PREFIX_ENTRY} is no longer in the PATH prefix ({where})", hint=hint)
    return replace(staging.unchanged(file, found), overlay=at)


def _rewrap(
    file: DockerFile, found: Source, request: OverlayRequest, *, at: Path, progress: Progress
) -> tuple[tuple[Proof, ...], tuple[str, ...]]:
    case = rewrap_case(file, found, at)
    for name in SHIPPED:
        (at / name).write_bytes(shipped_path(f"overlays/{name}").read_bytes())
    (at / "default.nix").write_text(f"import ./{rewrapping.OVERLAY}\n")
    case = staging.deepen(case, request.depth, offline=request.source.offline, progress=progress)
    return prove.run(rewrapping.claims(request.depth), case, progress=progress), ()


def _patched(
    file: DockerFile, found: Source, request: OverlayRequest, *, at: Path, progress: Progress
) -> tuple[tuple[Proof, ...], tuple[str, ...]]:
    steps = choosing.steps(file, found, strategy=None, demotion=Demotion.SUFFIX)
    prepared = draft(rewrite(file, steps), file, found, steps, at=at)
    prepared.write_overlay(at)
    case = staging.deepen(prepared.case, request.depth, offline=request.source.offline, progress=progress)
    claims = [each for each in proofs.of(case) if each.name in PATCHED_CLAIMS or each.tier is not Tier.ISOLATED]
    proven = prove.run(claims, case, progress=progress)
    overrides.require_closed(case)
    if not case.missing:
        return proven, ()
    names = ", ".join(case.missing)
    return proven, (f"not found beside the file: {names}; the overlay needs them in docker/",)
