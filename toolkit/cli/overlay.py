"""`unlet overlay`: an overlay for the user's own nixpkgs, proven there."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from toolkit.cli import options, output
from toolkit.cli.proofs import exit_code, lines
from toolkit.cli.proving import DOCKER, depth_options, proposal_options, proposed
from toolkit.docker.steps import OverlayKind
from toolkit.model import OverlayReport
from toolkit.nix.program import nix_path
from toolkit.proposal import requests
from toolkit.proposal.proposing import overlay
from toolkit.proposal.requests import Request
from toolkit.report.report import overlay_to_json

_WRAPPER = (
    'security.wrappers.rootlesskit = { owner = "root"; group = "root"; '
    'capabilities = "cap_net_bind_service+ep"; source = "${pkgs.rootlesskit}/bin/rootlesskit"; };'
)


@options.command(
    "overlay",
    examples=(
        "unlet overlay --nixpkgs '<nixpkgs>'",
        "unlet overlay forgejo --nixpkgs '<nixpkgs>'",
    ),
)
@click.argument("target", default=DOCKER)
@proposal_options
@options.source
@options.docker_option(
    "--kind",
    metavar="KIND",
    type=click.Choice([kind.value for kind in OverlayKind]),
    help="rewrap (the default): a new wrapper around the cached docker; patched: "
    "compile docker from the patched file.",
)
@options.written("overlay")
@depth_options
@options.common
def command(*, target: str, kind: str | None, out: Path, force: bool) -> int:
    """Write an overlay for your nixpkgs, and prove it there.

    With docker (the default), rootless docker can then publish ports below 1024. Any
    other TARGET is an attribute path, or the path of a package's file: you can then
    override its let-bound packages. Outside a checkout and without --nixpkgs, git
    fetches the default commit.
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
    if target == DOCKER:
        yield "with the wrapper", _WRAPPER
    if report.kind is OverlayKind.REWRAP:
        module = nix_path(out / "privileged-ports.nix")
        yield (
            "or by the module",
            f'imports = [ {module} ];  # with privilegedPorts.route = "rewrap"',
        )
    yield "elsewhere", f"import <nixpkgs> {{ overlays = {overlays}; }}"
    if Path("flake.nix").is_file():
        yield "in a flake", shlex.join(["git", "add", str(out)])
    if target != DOCKER:
        yield "for upstream", requests.command("propose", request)
