"""`unlet propose`: from a nixpkgs to a proven patch series, diff and overlay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli import options, output
from toolkit.cli.depth import depth, depth_options
from toolkit.cli.lifting import DOCKER, lifting, lifting_options
from toolkit.docker.choices import DEMOTE, LIFT, Demotion, Extra, Strategy
from toolkit.docker.propose import propose
from toolkit.docker.requests import ProposeRequest
from toolkit.package.propose import propose as lift

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.model import Report


@options.command(
    "propose",
    examples=(
        "unlet propose --nixpkgs specimen",
        "unlet propose --nixpkgs ~/src/nixpkgs --with nixos-test",
        "unlet propose forgejo --nixpkgs ~/src/nixpkgs",
    ),
)
@click.argument("target", default=DOCKER, shell_complete=options.complete_package)
@lifting_options
@options.source
@click.option(
    "--strategy",
    type=click.Choice([strategy.value for strategy in Strategy]),
    help="How the components leave dockerGen's let; by default as the builder allows.",
)
@click.option(
    "--rootlesskit",
    type=click.Choice([demotion.value for demotion in Demotion]),
    default=Demotion.SUFFIX.value,
    show_default=True,
    help="Where rootlesskit goes in the wrapper's PATH: after everything else, or nowhere. With 'drop', docker before "
    "28 does not start.",
)
@click.option("--only", type=click.Choice([LIFT, DEMOTE]), help="Make a series of this commit alone.")
@options.written("proposal")
@click.option(
    "--with",
    "extras",
    multiple=True,
    type=click.Choice([extra.value for extra in Extra]),
    help="Add a commit to the series: a NixOS test of the ports that rootless docker publishes, an option for those "
    "below 1024 in its NixOS module, an item in the release notes. May be repeated.",
)
@click.option("--compare", is_flag=True, help="Prove the other strategies as well, and compare them.")
@depth_options
@options.common
def command(
    *,
    target: str,
    bindings: tuple[str, ...],
    design: str | None,
    follow: str | None,
    nixpkgs: str | None,
    rev: str | None,
    file: Path | None,
    pin: str | None,
    offline: bool,
    strategy: str | None,
    rootlesskit: str,
    only: str | None,
    out: Path,
    force: bool,
    extras: tuple[str, ...],
    compare: bool,
) -> int:
    """Write a patch series, one diff and an overlay for a nixpkgs, and prove them.

    TARGET is docker, an attribute path of nixpkgs, or the path of a package's file in it. Without a source, the nixpkgs
    is the checkout that you are in, else the default pin of patches/, from its remote.
    """
    settings = options.settings()
    if target != DOCKER:
        options.refuse_together("TARGET", {"--file": file})
        source = options.source_request(nixpkgs=nixpkgs, rev=rev, file=None, pin=pin, offline=offline)
        asked = lifting(target, source, bindings=bindings, design=design, follow=follow, out=out, force=force)
        with output.working(settings) as progress:
            report = lift(asked, progress=progress)
        return _finish(report, out)
    options.refuse_without(
        "a TARGET other than docker", {"--binding": bindings or None, "--design": design, "--follow": follow}
    )
    request = ProposeRequest(
        source=options.source_request(nixpkgs=nixpkgs, rev=rev, file=file, pin=pin, offline=offline),
        strategy=Strategy(strategy) if strategy is not None else None,
        demotion=Demotion(rootlesskit),
        only=only,
        out=out,
        force=force,
        extras=tuple(extra for extra in Extra if extra in extras),
        depth=depth(),
        compare=compare,
    )
    with output.working(settings) as progress:
        report = propose(request, progress=progress)
    return _finish(report, out)


def _finish(report: Report, out: Path) -> int:
    from toolkit.cli.report import exit_code, show  # noqa: PLC0415 - what it needs is imported while Nix is at work

    show(report, settings=options.settings(), out=out)
    return exit_code(report)
