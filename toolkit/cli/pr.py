"""`unlet pr`: a branch for the pull request in the contributor's own clone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from toolkit.cli import options, output
from toolkit.cli.proving import DOCKER, LIFTING, OTHER, depth, depth_options, lifting, lifting_options, strategy_option
from toolkit.cli.report import exit_code, plain, proven, show, total
from toolkit.docker.plan import DEMOTE, LIFT, Demotion, Extra, Strategy
from toolkit.docker.requests import BranchRequest, UpdateRequest
from toolkit.model import SourceRequest
from toolkit.pr import BranchOrder
from toolkit.pr.branches import branch_name
from toolkit.pr.branches import create as create_for
from toolkit.report import contribution

if TYPE_CHECKING:
    from toolkit.cli.options import GlobalOptions
    from toolkit.contribution import PullRequest, Removed

BRANCH = "docker-overridable-components"
MASTER = "master"


@options.command(
    "pr",
    examples=(
        "unlet pr --repo ~/src/nixpkgs",
        "unlet pr --repo ~/src/nixpkgs --remove",
        "unlet pr --commit",
        "unlet pr forgejo --repo ~/src/nixpkgs",
    ),
)
@click.argument("target", default=DOCKER)
@lifting_options
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=Path(),
    help="Your clone of nixpkgs, or a directory in it; by default the current directory.",
)
@click.option("--base", metavar="NAME", help="The branch to contribute to; by default master.")
@click.option("--branch", metavar="NAME", help=f"The name of the branch; by default {BRANCH}.")
@click.option(
    "--worktree",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to check out the branch; by default next to the clone.",
)
@click.option("--commit", is_flag=True, help="Commit on the branch that you have checked out; make no worktree.")
@click.option("--fetch", is_flag=True, help="Fetch the base first, and the objects that a partial clone lacks.")
@click.option("--onto", multiple=True, metavar="NAME", help="Also try the series on this branch; may be repeated.")
@click.option("--update", is_flag=True, help="Move the branch to the current base.")
@click.option("--explain", is_flag=True, help="Explain each hunk of the branch.")
@click.option("--remove", is_flag=True, help="Remove the branch and its worktree.")
@strategy_option
@click.option(
    "--rootlesskit",
    type=click.Choice([demotion.value for demotion in Demotion]),
    help="Where rootlesskit goes in the wrapper's PATH; by default suffix.",
)
@click.option("--only", type=click.Choice([LIFT, DEMOTE]), help="Make a series of this commit alone.")
@click.option(
    "--with",
    "extras",
    multiple=True,
    type=click.Choice([extra.value for extra in Extra]),
    help="Add a commit; may be repeated.",
)
@click.option("--compare", is_flag=True, help="Prove the other strategies as well, and compare them in the text.")
@click.option(
    "--trailer", "trailers", multiple=True, metavar="'KEY: VALUE'", help="Add this trailer to each commit message."
)
@click.option(
    "--sign/--no-sign", default=None, help="Sign the commits, or do not; by default as commit.gpgSign is set."
)
@click.option(
    "--force",
    is_flag=True,
    help="Make the branch even if a proof fails; with --remove, remove it even if edits are lost.",
)
@depth_options
@options.common
def command(
    *,
    target: str,
    repo: Path,
    base: str | None,
    branch: str | None,
    worktree: Path | None,
    commit: bool,
    fetch: bool,
    onto: tuple[str, ...],
    update: bool,
    explain: bool,
    remove: bool,
    strategy: str | None,
    rootlesskit: str | None,
    only: str | None,
    extras: tuple[str, ...],
    compare: bool,
    trailers: tuple[str, ...],
    sign: bool | None,
    force: bool,
) -> int:
    """Prepare a pull request in your clone of nixpkgs: a branch and its text.

    The branch gets its own worktree; nothing else in the clone changes. With --commit, the commits go on the branch
    that you have checked out, and your uncommitted changes stay. Nothing is sent.

    TARGET is docker, an attribute path of nixpkgs, or the path of a package's file in it.
    """
    settings = options.settings()
    mode = _mode(update=update, explain=explain, remove=remove)
    own = ("--strategy", "--rootlesskit", "--only", "--with", "--compare")
    if target == DOCKER:
        options.refuse_without(OTHER, *LIFTING)
    else:
        options.refuse_together(OTHER, *own, "--onto")
        branch = branch or (branch_name(target) if not commit else None)
    if mode is not None:
        options.refuse_together(f"--{mode}", "--worktree", "--commit")
        if mode != "update":
            making = ("--base", "--fetch", "--onto", *own, "--trailer", "--sign", *LIFTING)
            options.refuse_together(f"--{mode}", *making)
    if commit:
        options.refuse_together("--commit", "--base", "--branch", "--worktree")
    if mode == "remove":
        from toolkit.pr import contributions  # noqa: PLC0415 - each mode imports its own

        show_removed(contributions.remove(repo, branch, force=force), settings=settings)
        return 0
    if mode == "explain":
        return _explain(repo, branch, settings=settings)
    order = BranchOrder(
        repo=repo,
        base=base or MASTER,
        branch=branch or (BRANCH if target == DOCKER else ""),
        worktree=worktree,
        in_place=commit,
        fetch=fetch,
        onto=onto,
        trailers=trailers,
        signed=sign,
        force=force,
    )
    if target != DOCKER and mode is None:
        asked = lifting(target, SourceRequest(), out=Path(), force=False)
        with output.working(settings) as progress:
            made = create_for(order, asked, progress=progress)
        show_made(made, settings=settings)
        return exit_code(made.report)
    from toolkit.docker.pr import branches  # noqa: PLC0415 - each mode imports its own

    request = BranchRequest(
        **asdict(order),
        strategy=Strategy(strategy) if strategy is not None else None,
        demotion=Demotion(rootlesskit) if rootlesskit is not None else Demotion.SUFFIX,
        only=only,
        extras=tuple(extra for extra in Extra if extra in extras),
        depth=depth(),
        compare=compare,
    )
    with output.working(settings) as progress:
        if mode is None:
            done = branches.create(request, progress=progress)
        else:
            moving = UpdateRequest(
                repo=repo,
                branch=branch,
                base=base,
                fetch=fetch,
                onto=onto,
                strategy=request.strategy,
                demotion=request.demotion if rootlesskit is not None else None,
                only=only,
                extras=request.extras or None,
                trailers=trailers or None,
                signed=sign,
                depth=request.depth,
                compare=compare,
                force=force,
            )
            done = branches.update(moving, progress=progress)
    show_made(done, settings=settings)
    return 1 if done.failed else exit_code(done.report)


def _mode(**given: bool) -> str | None:
    """Return the one that was given; raise click.UsageError for two."""
    modes = [name for name, is_given in given.items() if is_given]
    if len(modes) > 1:
        raise click.UsageError(f"--{modes[0]} and --{modes[1]} exclude each other")
    return modes[0] if modes else None


def _explain(repo: Path, branch: str | None, *, settings: GlobalOptions) -> int:
    from toolkit.docker.pr.branches import explain  # noqa: PLC0415 - each mode imports its own
    from toolkit.report import explanation  # noqa: PLC0415 - each mode imports its own

    with output.working(settings) as progress:
        found = explain(repo, branch, progress=progress)
    if settings.json:
        output.write(explanation.to_json(found))
    else:
        output.write_toned(explanation.lines(found), settings)
    return 0


def show_made(done: PullRequest, *, settings: GlobalOptions) -> None:
    """Print what was done: the proofs, the branch, what comes next."""
    if settings.json:
        output.write(contribution.to_json(done))
        return
    show(done.report, settings=settings)
    if done.own_proofs and not settings.quiet:
        output.write_toned([total(done.own_proofs), plain("with your own commits on top:")], settings)
    output.write_toned(proven(done.own_proofs, settings), settings)
    table, notes = contribution.branches(done)
    output.write_lines([*([] if settings.quiet else output.table(table)), *notes])
    output.write_lines(f"warning: {warning}" for warning in done.warnings)
    if not settings.quiet:
        output.write_lines(contribution.lines(done))


def show_removed(removed: Removed, *, settings: GlobalOptions) -> None:
    """Print what was removed."""
    if settings.json:
        output.write(contribution.removed_to_json(removed))
    elif not settings.quiet:
        was = f" (was {removed.commit.short})" if removed.commit is not None else ""
        at = f" and its worktree {removed.worktree}" if removed.worktree is not None else ""
        output.write_lines([f"removed branch {removed.branch}{was}{at} from {removed.clone}"])
