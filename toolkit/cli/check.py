"""`unlet check`: the proofs again, on a proposal or on somebody else's patch."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import options, output
from toolkit.cli.depth import depth, depth_options, is_sealed
from toolkit.cli.report import exit_code, show
from toolkit.docker.check import check
from toolkit.docker.requests import CheckRequest


@options.command(
    "check",
    examples=(
        "unlet check proposal --run",
        "unlet check --patch theirs.diff --nixpkgs ~/src/nixpkgs",
    ),
)
@click.argument("directory", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
@click.option(
    "--patch",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Prove this patch instead, sealed; the options below name the docker file that it is for.",
)
@options.source
@click.option("--proof", "proofs", multiple=True, metavar="NAME", help="Run only this proof; may be repeated.")
@click.option(
    "--run",
    is_flag=True,
    help="Also start rootless daemons with the wrappers, and request ports 80 and 8080 of containers on loopback. "
    "Takes half a minute and needs sudo.",
)
@click.option("--compare", is_flag=True, help="Prove the other designs as well, and compare them.")
@depth_options
@options.common
def command(
    *,
    directory: Path | None,
    patch: Path | None,
    nixpkgs: str | None,
    rev: str | None,
    file: Path | None,
    pin: str | None,
    offline: bool,
    proofs: tuple[str, ...],
    compare: bool,
    run: bool,
) -> int:
    """Prove a proposal again, or prove someone else's patch of the same file.

    DIR is the output of 'unlet propose', by default ./proposal. The exit code is 3 if a requested proof cannot run.
    """
    settings = options.settings()
    source = options.source_request(nixpkgs=nixpkgs, rev=rev, file=file, pin=pin, offline=offline)
    if patch is not None:
        options.refuse_together("--patch", {"DIR": directory})
    else:
        options.refuse_without("--patch", {"--nixpkgs": nixpkgs, "--rev": rev, "--file": file, "--pin": pin})
        directory = directory if directory is not None else Path("proposal")
    if is_sealed():
        options.refuse_together("--sealed", {"--run": run or None})
    request = CheckRequest(
        directory=directory, patch=patch, source=source, proofs=proofs, depth=depth(), compare=compare, run=run
    )
    with output.working(settings) as progress:
        report = check(request, progress=progress)
    show(report, settings=settings)
    ran = next((proof for proof in report.proofs if proof.name == "runs"), None)
    if ran is not None and not settings.json and not settings.quiet:
        # The table is what was asked for, whether the proof passed or not.
        output.write_lines(line for line in ran.evidence if line.startswith("|"))
    return exit_code(report)
