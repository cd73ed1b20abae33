"""`unlet check`: judge any change of nixpkgs, or prove a proposal again."""

from pathlib import Path
from shlex import join

import click
from msgspec.structs import replace

from toolkit.cli import options, output
from toolkit.cli.proofs import exit_code, show
from toolkit.cli.proving import depth, depth_options, systems
from toolkit.cli.targets import OTHER
from toolkit.judge import SYSTEMS, JudgeRequest
from toolkit.judge.differences import Expectation
from toolkit.judge.differences import exit_code as judged_code
from toolkit.model import Report, SourceRequest
from toolkit.proposal import registry
from toolkit.proposal.checking import check, review
from toolkit.proposal.requests import CheckRequest
from toolkit.report import judgement as judgements
from toolkit.sources.changes import ChangeRequest, PullRef

_PROVING = ("--file", "--proof", "--tier")
"""Options for the proofs of a target alone."""

SOURCES = ("--nixpkgs", "--rev", "--file", "--pin")


@options.command(
    "check",
    examples=(
        "unlet check --expect same",
        "unlet check master..my-branch --git-dir ~/src/nixpkgs",
        "unlet check --pull 549926 --comment",
        "unlet check --patch theirs.diff forgejo --nixpkgs ~/src/nixpkgs",
    ),
    apart=(
        ("--patch", "--pull", "--git-dir"),
        ("--uncommitted", "--patch", "--pull"),
        ("--git-dir", *options.SERVER),
    ),
)
@click.argument("what", metavar="[CHANGE]", required=False)
@click.argument("target", metavar="[TARGET]", required=False)
@click.option(
    "--patch",
    type=options.PATH,
    metavar="FILE",
    help="Judge this patch for the nixpkgs of --nixpkgs.",
)
@click.option(
    "--pull", type=click.IntRange(min=1), metavar="N", help="Judge this pull request."
)
@click.option(
    "--uncommitted", is_flag=True, help="Judge uncommitted changes, not ./proposal."
)
@click.option(
    "--git-dir",
    type=options.PATH,
    metavar="DIR",
    help="The clone that has CHANGE or the pull request.",
)
@options.several(
    "--binding",
    "bindings",
    help="A part of TARGET that overrides must reach; may be repeated.",
)
@options.own_value(
    "--expect",
    type=click.Choice([each.value for each in Expectation]),
    help="Exit with 1 if anything differs (same), or is built or fetched differently "
    "(no-rebuild).",
)
@options.depth_value(
    "--nixos", is_flag=True, help="Evaluate NixOS tests too: 30 seconds each."
)
@options.depth_value(
    "--references",
    type=click.Choice(["few", "all"]),
    default="few",
    help="Compare all packages that name one of the change, or the first 144 to 180 "
    "(by default).",
)
@options.depth_value(
    "--all",
    "everything",
    is_flag=True,
    help="Compare every package of nixpkgs, on one system by default; takes minutes "
    "and gigabytes.",
)
@options.own_value(
    "--comment", is_flag=True, help="Print Markdown for a comment, at most 25 lines."
)
@options.source
@options.server
@options.depth_value(
    "--proof",
    "proofs",
    multiple=True,
    metavar="NAME",
    help="Run only this proof; may be repeated.",
)
@depth_options
@options.common
def command(
    *,
    what: str | None,
    target: str | None,
    patch: Path | None,
    pull: int | None,
    uncommitted: bool,
    git_dir: Path | None,
    bindings: tuple[str, ...],
) -> int:
    """Show what a change does to every package that it touches, or prove a proposal again.

    CHANGE is a branch or commit (with all commits since the main branch), a range A..B
    (also commit by commit), or a directory that 'unlet propose' wrote. By default,
    check proves ./proposal if it exists, else it judges your uncommitted changes. With
    TARGET, check also proves that package's claims; with --proof, --tier or --file it
    proves nothing else. Exit code 1: a regression, or not as expected. 3: something
    could not be judged.
    """
    by_option = patch is not None or pull is not None or uncommitted
    if pull is None:
        options.refuse_without("--pull", *options.SERVER)
    if by_option and target is not None:
        raise click.UsageError(
            "--patch, --pull and --uncommitted take no CHANGE, only a TARGET"
        )
    directory = None if by_option else _proposal(what, git_dir)
    asks_server = pull is not None and git_dir is None
    request = CheckRequest(
        target=(what if by_option else target) or "",
        directory=directory,
        change=ChangeRequest(
            patch=patch,
            pull=PullRef(number=pull) if pull is not None else None,
            rev=what if directory is None and not by_option else None,
            clone=git_dir or Path(),
            source=_source(directory, patch, asks_server=asks_server),
        ),
        server=options.server_request() if asks_server else None,
        bindings=bindings,
        proofs=options.asked("proofs") or (),
    )
    if directory is not None or any(map(options.given, _PROVING)):
        return _prove(request)
    return _review(request, again=_again(what, patch, pull, uncommitted=uncommitted))


def _prove(request: CheckRequest) -> int:
    """Prove a proposal again, or the claims about a target alone, print the report, and return the exit code."""
    is_written = request.directory is not None
    proven = (
        "the output of propose" if is_written else next(filter(options.given, _PROVING))
    )
    options.refuse_together(proven, "--expect", "--nixos", "--all", "--comment")
    subject = "" if is_written else request.target
    subject = subject or registry.usual()
    if subject not in registry.named():
        options.refuse_together(OTHER, "--file")
    else:
        options.refuse_without("TARGET", "--binding")
    with output.working(options.settings()) as progress:
        report = check(
            replace(request, target=subject, depth=depth()), progress=progress
        )
    show(report, settings=options.settings())
    return exit_code(report)


def _source(
    directory: Path | None, patch: Path | None, *, asks_server: bool
) -> SourceRequest:
    """Return the nixpkgs that the options name, for a patch or a proposal."""
    source = options.source_request()
    if patch is None and directory is None:
        options.refuse_without("--patch or DIR", *SOURCES)
    elif patch is None and not any(map(options.given, SOURCES)):
        # The checkout that one stands in is not the nixpkgs of any proposal.
        return SourceRequest(offline=source.offline)
    if asks_server and source.offline:
        raise click.UsageError(
            "--pull asks GitHub, which --offline excludes; --git-dir reads a clone"
        )
    return source


def _review(request: CheckRequest, *, again: str) -> int:
    """Judge a change, print the judgement and the claims, and return the exit code.

    `again` judges the same.
    """
    settings, comment, expected = (
        options.settings(),
        options.asked("comment"),
        options.asked("expect"),
    )
    if comment and settings.json:
        raise click.UsageError("--comment and --json exclude each other")
    if request.target in {"", *registry.named()}:
        options.refuse_without("TARGET", "--binding")
    judging = JudgeRequest(
        systems=systems() or SYSTEMS,
        nixos=bool(options.asked("nixos")),
        everything=(systems() or SYSTEMS[:1]) if options.asked("everything") else (),
        bounded=True,
        every_reference=options.asked("references") == "all",
    )
    options.refuse_without("--tier build", "--build-args")
    options.allow()
    with output.working(settings) as progress:
        found = review(replace(request, judging=judging), progress=progress)
    if isinstance(found, Report):
        if comment:
            raise click.UsageError("--comment requires a change of a whole nixpkgs")
        show(found, settings=settings)
        return exit_code(found)
    claims = found.report.proofs if found.report is not None else ()
    if settings.json:
        output.write(
            judgements.to_json(found.judgement, claims=claims, notes=found.notes)
        )
    elif comment:
        output.write(
            judgements.to_comment(
                found.judgement, command=again, claims=claims, notes=found.notes
            )
        )
    else:
        told = judgements.lines(
            found.judgement, quiet=settings.quiet, verbose=settings.verbose
        )
        output.write_toned(told)
        if not settings.quiet:
            output.write_lines(found.notes)
        if found.report is not None:
            show(found.report, settings=settings)
    of_claims = (
        exit_code(found.report)
        if found.report is not None
        else 3
        if found.not_run
        else 0
    )
    codes = {
        judged_code(
            found.judgement, Expectation(expected) if expected is not None else None
        ),
        of_claims,
    }
    return 1 if 1 in codes else max(codes)


def _proposal(what: str | None, git_dir: Path | None) -> Path | None:
    """Return the directory of a proposal, None if a clone is meant: by --git-dir, or since it is where one stands."""
    directory = Path(what if what is not None else "proposal")
    if git_dir is not None:
        return None
    # No name of a commit begins like these.
    is_path = directory.is_dir() or str(what).startswith(("/", "./", "../", "~/"))
    is_clone = any(
        (above / ".git").exists() for above in (Path.cwd(), *Path.cwd().parents)
    )
    return None if is_clone and not is_path else directory


def _again(
    what: str | None, patch: Path | None, pull: int | None, *, uncommitted: bool
) -> str:
    """Return the command that judges the same again, for somebody on another machine."""
    words = (
        ["--patch", patch.name]
        if patch is not None
        else ["--pull", str(pull)]
        if pull is not None
        else []
    )
    words += ["--uncommitted"] if uncommitted else []
    return join(["unlet", "check", *words, *([what] if what is not None else [])])
