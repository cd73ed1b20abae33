"""`unlet check`: the proofs again, on a proposal or on somebody else's change of the file."""

from __future__ import annotations

from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING

import click

from toolkit.cli import options, output
from toolkit.cli.proving import DOCKER, OTHER, depth, depth_options, is_sealed
from toolkit.cli.report import exit_code, show
from toolkit.model import SourceRequest
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest
from toolkit.report.report import to_comment

if TYPE_CHECKING:
    from toolkit.model import Report

SOURCES = ("--nixpkgs", "--rev", "--file", "--pin")


@options.command(
    "check",
    examples=(
        "unlet check proposal --run",
        "unlet check --patch theirs.diff --nixpkgs ~/src/nixpkgs",
        "unlet check --pull 549926 --comment",
        "unlet check my-branch --git-dir ~/src/nixpkgs",
        "unlet check --patch theirs.diff forgejo --binding frontend",
    ),
)
@click.argument("what", metavar="[DIR|REV|TARGET]", required=False)
@click.option(
    "--patch",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Prove this patch instead, sealed; --nixpkgs, --rev, --file or --pin name the docker file that it is for.",
)
@click.option(
    "--pull", type=click.IntRange(min=1), metavar="N", help="Prove what this pull request does to the file, sealed."
)
@click.option(
    "--git-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The clone of nixpkgs that has REV, or the head of the pull request; by default this directory, or GitHub.",
)
@click.option(
    "--binding",
    "bindings",
    multiple=True,
    metavar="NAME",
    help="Of a TARGET: what an override has to reach, by default all packages of its lets. May be repeated.",
)
@click.option("--comment", is_flag=True, help="Print the answer as Markdown for a comment, at most 25 lines.")
@options.source
@options.server
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
    what: str | None,
    patch: Path | None,
    pull: int | None,
    git_dir: Path | None,
    bindings: tuple[str, ...],
    comment: bool,
    proofs: tuple[str, ...],
    compare: bool,
    run: bool,
) -> int:
    """Prove a proposal again, or prove someone else's or your own change of the same file.

    DIR is the output of 'unlet propose', by default ./proposal; --nixpkgs names the tree that it was made from, if it
    was not made on this machine. REV is a commit of the clone that you are in: all that
    it changes since it left the main branch counts. Without either, in a clone that has no ./proposal, what is not
    committed counts. The exit code is 3 if a requested proof cannot run.
    """
    settings = options.settings()
    directory = None if patch is not None or pull is not None else _proposal(what, git_dir)
    source = _source(directory, patch, asks_server=pull is not None and git_dir is None)
    servers = ("--repo", "--api-url", "--raw-url", "--token-command")
    if pull is None:
        options.refuse_without("--pull", *servers)
    elif what is not None:
        raise click.UsageError("--pull and DIR exclude each other")
    if git_dir is not None:
        options.refuse_together("--git-dir", *servers)
    if comment and settings.json:
        raise click.UsageError("--comment and --json exclude each other")
    if is_sealed():
        options.refuse_together("--sealed", "--run")
    target = what if patch is not None and what is not None else DOCKER
    if target != DOCKER:
        options.refuse_together(OTHER, "--file", "--run", "--compare", "--tier")
    else:
        options.refuse_without("TARGET", "--binding")
    request = CheckRequest(
        target=target,
        directory=directory,
        patch=patch,
        pull=pull,
        rev=what if directory is None and patch is None else None,
        clone=git_dir,
        server=options.server_request(),
        source=source,
        bindings=bindings,
        proofs=proofs,
        also=("runs",) if run else (),
        depth=depth(target),
        compare=compare,
    )
    with output.working(settings) as progress:
        report = check(request, progress=progress)
    return _finish(report, comment=comment, command=_again(what, patch, pull))


def _source(directory: Path | None, patch: Path | None, *, asks_server: bool) -> SourceRequest:
    """Return the nixpkgs that the options name, for a patch or a proposal."""
    source = options.source_request()
    if patch is not None:
        options.refuse_together("--patch", "--pull", "--git-dir")
    elif directory is None:
        options.refuse_without("--patch or DIR", *SOURCES)
    elif not any(map(options.given, SOURCES)):
        # The checkout that one stands in is not the nixpkgs of any proposal.
        return SourceRequest(offline=source.offline)
    if asks_server and source.offline:
        raise click.UsageError("--pull asks GitHub, which --offline excludes; --git-dir reads a clone")
    return source


def _finish(report: Report, *, comment: bool, command: str) -> int:
    settings = options.settings()
    if comment:
        output.write(to_comment(report, command=command))
        return exit_code(report)
    show(report, settings=settings)
    ran = next((proof for proof in report.proofs if proof.name == "runs"), None)
    if ran is not None and not settings.json and not settings.quiet:
        # The table is what was asked for, whether the proof passed or not.
        output.write_lines(line for line in ran.evidence if line.startswith("|"))
    return exit_code(report)


def _proposal(what: str | None, git_dir: Path | None) -> Path | None:
    """Return the directory of a proposal, None if a clone is meant: by --git-dir, or since it is where one stands."""
    directory = Path(what if what is not None else "proposal")
    if git_dir is not None:
        return None
    is_clone = any((above / ".git").exists() for above in (Path.cwd(), *Path.cwd().parents))
    return None if is_clone and not directory.is_dir() else directory


def _again(what: str | None, patch: Path | None, pull: int | None) -> str:
    """Return the command that judges the same again, for somebody on another machine."""
    words = ["--patch", patch.name] if patch is not None else ["--pull", str(pull)] if pull is not None else []
    return join(["unlet", "check", *words, *([what] if what is not None else [])])
