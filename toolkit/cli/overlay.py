"""`unlet overlay`: write an overlay for the user's own nixpkgs, and prove it there."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from toolkit.cli import options, output, targets
from toolkit.cli.proofs import exit_code, lines
from toolkit.cli.proving import depth_options, proposal_options, proposed
from toolkit.model import OverlayReport
from toolkit.nix.program import nix_path
from toolkit.proposal import registry, requests
from toolkit.proposal.proposing import overlay
from toolkit.proposal.requests import Request
from toolkit.report.report import overlay_to_json


@options.command(
    "overlay",
    examples=(
        "unlet overlay --nixpkgs '<nixpkgs>'",
        "unlet overlay forgejo --nixpkgs '<nixpkgs>'",
    ),
)
@click.argument("target", default=registry.usual())
@proposal_options
@options.source
@targets.kind_option
@options.written("overlay")
@depth_options
@options.common
def command(*, target: str, kind: str | None, out: Path, force: bool) -> int:
    """Write an overlay that makes a package of your nixpkgs overridable, and prove it.

    {gains} Any other TARGET is a package's attribute path, or the path of its file:
    overrides then reach the packages in its let. Outside a checkout and without
    --nixpkgs, unlet fetches the default commit that 'propose --help-all' lists.
    """
    settings = options.settings()
    request = proposed(target, options.source_request(), out=out, force=force)
    with output.working(settings) as progress:
        report = overlay(
            request,
            kind,
            progress=progress,
            announce=None if settings.quiet else output.say,
        )
    if settings.json:
        output.write(overlay_to_json(report))
    else:
        heading = (f"source   {report.source.origin}", f"kind     {report.kind}")
        steps = list(_next_steps(report, request))
        output.write_toned(lines(report, heading, steps, settings=settings, out=out))
    return exit_code(report)


def _next_steps(report: OverlayReport, request: Request) -> Iterator[tuple[str, str]]:
    target, out = request.target, request.out
    overlays = f"[ (import {nix_path(out)}) ]"
    yield "on NixOS", f"nixpkgs.overlays = {overlays};"
    yield from targets.notes(report, out)
    yield "elsewhere", f"import <nixpkgs> {{ overlays = {overlays}; }}"
    if Path("flake.nix").is_file():
        yield "in a flake", shlex.join(["git", "add", str(out)])
    if target not in registry.named():
        yield "for upstream", requests.command("propose", request)
