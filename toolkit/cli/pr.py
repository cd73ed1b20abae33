"""`unlet pr`: prepare a branch for a pull request in the contributor's own clone."""

from collections.abc import Iterator
from pathlib import Path
from shlex import join, quote

import click
from msgspec.structs import replace

from toolkit.cli import options, output
from toolkit.cli.options import GlobalOptions
from toolkit.cli.proofs import attempted, exit_code, proven, show, total
from toolkit.cli.proving import (
    depth_options,
    limit_option,
    proposal_options,
    proposed,
)
from toolkit.cli.targets import STEPS, argument, series_options
from toolkit.contribution import PullRequest
from toolkit.model import SourceRequest
from toolkit.pr import BranchOrder
from toolkit.pr.branches import alone, branch_name, create, update
from toolkit.proposal import registry
from toolkit.proposal.requests import Request
from toolkit.report import contributed
from toolkit.report.lines import Line

MASTER = "master"

_BATCH = ("--maintainer", "--limit")
_LIFTED = ("--binding", "--as", "--design", "--follow")
_MAKING = ("--base", "--fetch", "--trailer", *_LIFTED, *STEPS, "--only")


@options.command(
    "pr",
    examples=(
        "unlet pr --repo ~/src/nixpkgs",
        "unlet pr --repo ~/src/nixpkgs --remove",
        "unlet pr forgejo --repo ~/src/nixpkgs",
        "unlet pr --recipe fetcher hello jq --repo ~/src/nixpkgs",
    ),
    apart=(
        ("--update", "--remove", "--worktree", *_BATCH),
        ("--remove", "--worktree", *_BATCH, *_MAKING),
    ),
)
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@proposal_options
@options.own_value(
    "--maintainer",
    metavar="HANDLE",
    help="With --recipe, change the packages of this maintainer.",
)
@limit_option
@click.option(
    "--repo",
    type=options.PATH,
    metavar="DIR",
    default=Path(),
    help="Your clone of nixpkgs; by default the current directory.",
)
@options.own_value(
    "--base",
    deep=True,
    metavar="NAME",
    help="The branch of nixpkgs to contribute to; by default master.",
)
@click.option(
    "--branch",
    metavar="NAME",
    help="The name of the branch; by default derived from TARGET.",
)
@options.own_value(
    "--worktree",
    deep=True,
    type=options.PATH,
    metavar="DIR",
    help="Check out the branch in this directory; by default next to the clone.",
)
@options.own_value(
    "--fetch",
    is_flag=True,
    help="First fetch the base branch, and files missing in a partial clone.",
)
@options.own_value(
    "--update",
    is_flag=True,
    help="Move the branch to the newest commit of its base, and prove it again.",
)
@options.own_value("--remove", is_flag=True, help="Remove the branch and its worktree.")
@series_options
@options.own_value(
    "--trailer",
    "trailers",
    deep=True,
    multiple=True,
    metavar="'KEY: VALUE'",
    help="Add this trailer to each commit message.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Create the branch even if a proof fails; with --remove, discard your edits.",
)
@depth_options
@options.common
def command(
    *, targets: tuple[str, ...], repo: Path, branch: str | None, force: bool
) -> int:
    """Prepare a pull request in your clone of nixpkgs: a branch and its text.

    unlet creates the branch in a new worktree, and sends nothing. TARGET is {targets},
    a package's attribute path, or the path of its file. With --recipe,
    name several TARGETs or a directory: each package gets its own commit, and
    unlet lists the packages that it refuses.
    """
    settings = options.settings()
    targets = tuple(dict.fromkeys(targets))
    recipe, maintainer = options.asked("recipe"), options.asked("maintainer") or ""
    _require_batch(targets, recipe, maintainer)
    target = maintainer or next(iter(targets), registry.usual())
    mode = next((name for name in ("update", "remove") if options.asked(name)), None)
    more = max(len(targets) - 1, 0)
    is_named = target != registry.usual() or recipe is not None
    if mode is not None and not branch and is_named:
        branch = branch_name(target, recipe, more=more)
    if mode == "remove":
        return _remove(repo, branch, force=force, settings=settings)
    request = proposed(target, SourceRequest(), out=Path(), force=force)
    if mode is None and not request.only and recipe is None:
        request = replace(request, only=alone(target)[:1])
    order = BranchOrder(
        repo=repo,
        base=options.asked("base") or "",
        branch=branch or "",
        worktree=options.asked("worktree"),
        fetch=bool(options.asked("fetch")),
        trailers=options.asked("trailers") or (),
        force=force,
        packages=targets if mode is None else (),
        maintainer=maintainer,
    )
    with output.working(settings) as progress:
        if mode == "update":
            done = update(order, request, progress=progress)
        else:
            named = branch or branch_name(target, recipe, request.only, more=more)
            order = replace(order, base=order.base or MASTER, branch=named)
            done = create(order, request, progress=progress)
    show_made(done, settings=settings)
    is_shown = not (settings.json or settings.quiet)
    if mode is None and recipe is None and done.made is not None and is_shown:
        output.write_lines(_others(target, request, repo))
    return 1 if done.failed else max(map(exit_code, done.reports), default=3)


def _others(target: str, request: Request, repo: Path) -> Iterator[str]:
    """Yield commands that make further branches for the steps of a proposal.

    Some steps of a proposal need a branch of their own.
    """
    here = join(["unlet", "pr", *argument(target), "--repo", str(repo)])
    for name in alone(target):
        if name not in request.only:
            option = f"--only {quote(name)}"
            yield f"other     {here} {option} creates a branch of its own"


def _require_batch(
    targets: tuple[str, ...], recipe: str | None, maintainer: str
) -> None:
    """Raise click.UsageError if the options for a batch contradict each other.

    Several packages, --maintainer and --limit require a recipe; --maintainer excludes
    named packages.
    """
    if recipe is None and len(targets) > 1:
        raise click.UsageError("several TARGETs require --recipe")
    if recipe is None:
        options.refuse_without("--recipe", *_BATCH)
    if maintainer and targets:
        raise click.UsageError("--maintainer and TARGET exclude each other")


def _remove(
    repo: Path, branch: str | None, *, force: bool, settings: GlobalOptions
) -> int:
    """Remove a branch, and report the removal in one line."""
    from toolkit.pr.contributions import remove  # noqa: PLC0415 - each mode imports its own

    removed = remove(repo, branch, force=force)
    if settings.json:
        output.write(contributed.to_json(removed))
    elif not settings.quiet:
        output.write_lines([contributed.removed(removed)])
    return 0


def show_made(done: PullRequest, *, settings: GlobalOptions) -> None:
    """Print the proofs, the branch that was made, and the next steps."""
    if settings.json:
        output.write(contributed.to_json(done))
        return
    if len(done.attempts) == 1:
        show(done.reports[0], settings=settings)
    else:
        output.write_toned(attempted(done.attempts))
    if done.own_proofs and not settings.quiet:
        output.write_toned(
            [total(done.own_proofs), Line(text="with all commits of the branch:")]
        )
    output.write_toned(proven(done.own_proofs, settings))
    output.write_lines(f"warning: {warning}" for warning in done.warnings)
    if not settings.quiet:
        output.write_lines(contributed.lines(done))
