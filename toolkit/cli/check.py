"""`unlet check`: judge any change of nixpkgs, or prove a proposal again."""

import re
from collections.abc import Sequence
from pathlib import Path
from shlex import join

import click
from msgspec import Struct
from msgspec.structs import replace

from toolkit import files, process
from toolkit.cli import options, output
from toolkit.cli.options import GlobalOptions
from toolkit.cli.proofs import exit_code, show
from toolkit.cli.proving import depth, depth_options, nix_options, systems
from toolkit.cli.targets import OTHER
from toolkit.errors import UsageError
from toolkit.judge import SYSTEMS, ChunkBuilds, JudgeRequest
from toolkit.judge.differences import Expectation, Judgement
from toolkit.judge.differences import exit_code as judged_code
from toolkit.model import Proof, Report, Server, SourceRequest
from toolkit.nix.program import quoted
from toolkit.proposal import outputs, registry
from toolkit.proposal.checking import Review, check, review
from toolkit.proposal.requests import BuildRequest, CheckRequest
from toolkit.report import judgement as judgements
from toolkit.report import next_steps
from toolkit.report.comment import to_comment
from toolkit.report.next_steps import BuildPlace
from toolkit.sources.changes import ChangeRequest, PullRef

_PULL = re.compile(
    r"#?(?P<number>[1-9]\d{0,17})|https?://github\.com/(?P<repository>[\w.-]+/[\w.-]+)"
    r"/pull/(?P<addressed>[1-9]\d{0,17})(?:[/?#].*)?"
)
"""The forms in which the user names a pull request: `1`, `#1`, or the URL of one of its
pages.
"""

_PROVING = ("--file", "--proof", "--tier")
"""The options that concern only the proofs about a package."""

SOURCES = ("--nixpkgs", "--rev", "--file", "--pin")


class PullName(Struct, frozen=True, kw_only=True):
    """A pull request as the user names it.

    `repository` is `OWNER/NAME` if the user gave a URL.
    """

    number: int
    repository: str | None = None


def _pull(text: str) -> PullName:
    """Return the pull request that a text names, or raise click.BadParameter."""
    if (match := _PULL.fullmatch(text)) is None:
        raise click.BadParameter(
            f"'{text}' is neither a number nor the address of a pull request on "
            "github.com"
        )
    number = int(match["number"] or match["addressed"])
    return PullName(number=number, repository=match["repository"])


class CheckOptions(Struct, frozen=True, kw_only=True):
    """The values of the options that only `unlet check` has."""

    what: str | None
    target: str | None
    patch: Path | None
    pull: PullName | None
    uncommitted: bool
    git_dir: Path | None
    bindings: tuple[str, ...]

    @property
    def by_option(self) -> bool:
        """Whether an option names the change, instead of the argument CHANGE."""
        return self.patch is not None or self.pull is not None or self.uncommitted


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
        ("--comment", "--why"),
        ("--sealed", "--build"),
        ("--offline", "--substituters"),
        ("--git-dir", *options.SERVER),
    ),
)
@click.argument("what", metavar="[CHANGE]", required=False)
@click.argument("target", metavar="[TARGET]", required=False)
@click.option(
    "--patch",
    type=options.PATH,
    metavar="FILE",
    help="Check this patch of the nixpkgs of --nixpkgs.",
)
@click.option(
    "--pull",
    type=_pull,
    metavar="N",
    help="Check this pull request: its number or address.",
)
@click.option(
    "--uncommitted",
    is_flag=True,
    help="Check uncommitted changes, not ./proposal.",
)
@click.option(
    "--git-dir",
    type=options.PATH,
    metavar="DIR",
    help="Read CHANGE or the pull request from this clone.",
)
@options.several(
    "--binding",
    "bindings",
    help="Prove that overrides reach this part; repeatable.",
)
@options.own_value(
    "--expect",
    type=click.Choice([each.value for each in Expectation]),
    help="Exit with 1 if anything differs (same), or if anything is "
    "built or downloaded differently (no-rebuild).",
)
@options.depth_value(
    "--nixos",
    is_flag=True,
    help="Also evaluate all NixOS tests that read the change; each "
    "takes about 30 seconds.",
)
@options.depth_value(
    "--references",
    type=click.Choice(["few", "all"]),
    default="few",
    help="few (default): of the packages that reference a changed "
    "one, compare the first 144 to 180; all: compare all of them.",
)
@options.depth_value(
    "--all",
    "everything",
    is_flag=True,
    help="Compare every package of nixpkgs, by default on one system. "
    "This takes minutes and gigabytes.",
)
@options.depth_value(
    "--on",
    type=click.Choice(["here", "nix"]),
    help="nix (default with --all, if Nix has a sandbox): evaluate inside Nix's "
    "sandboxed builds. Nix can distribute these to its builders, and keeps the "
    "results. here: evaluate in processes on this machine.",
)
@options.own_value(
    "--build",
    "builds",
    deep=True,
    is_flag=True,
    help="Build up to ten of the packages that the change rebuilds, with your rights.",
)
@options.own_value(
    "--substituters",
    deep=True,
    metavar="URLS",
    help="Ask these binary caches for the packages that the change rebuilds.",
)
@options.own_value(
    "--why",
    metavar="ATTR",
    help="Explain in full why ATTR is built differently.",
)
@options.own_value(
    "--comment",
    is_flag=True,
    help="Print a comment in Markdown, at most 25 lines.",
)
@options.source
@options.server
@options.depth_value(
    "--proof",
    "proofs",
    multiple=True,
    metavar="NAME",
    help="Run only the proof NAME, such as no-rebuild; may be repeated.",
)
@depth_options
@options.common
@options.gathered(CheckOptions)
def command(given: CheckOptions) -> int:
    """Show how a change affects packages, or run the proofs of a proposal again.

    CHANGE is a commit or branch (with all its commits since the main branch), a range
    A..B, or a directory that 'unlet propose' wrote. Without CHANGE, check proves
    ./proposal if it exists; else it checks your uncommitted changes. If you also name a
    package as TARGET, check proves what 'unlet propose TARGET' claims; with --proof,
    --tier or --file, it runs only proofs. Exit code 1: a regression, or not what
    --expect allows. 3: check could not judge something.
    """
    patch, pull, git_dir, by_option = (
        given.patch,
        given.pull,
        given.git_dir,
        given.by_option,
    )
    if pull is None:
        options.refuse_without("--pull", *options.SERVER)
    if by_option and given.target is not None:
        raise click.UsageError(
            "--patch, --pull and --uncommitted take no CHANGE, only a TARGET"
        )
    if not by_option and given.what is not None:
        _refuse_pull(given.what)
    directory = None if by_option else _proposal(given.what, git_dir)
    asks_server = pull is not None and git_dir is None
    request = CheckRequest(
        target=(given.what if by_option else given.target) or "",
        directory=directory,
        change=ChangeRequest(
            patch=patch,
            pull=PullRef(number=pull.number) if pull is not None else None,
            rev=given.what if directory is None and not by_option else None,
            clone=git_dir or Path(),
            source=_source(directory, patch, asks_server=asks_server),
        ),
        server=_server(pull) if pull is not None and asks_server else None,
        bindings=given.bindings,
        proofs=options.asked("proofs") or (),
    )
    if directory is not None or any(map(options.given, _PROVING)):
        return _prove(request)
    return _review(request, given)


def _refuse_pull(what: str) -> None:
    """Raise UsageError for a CHANGE that looks like a pull request.

    Digits alone are accepted, because they may be the beginning of a commit id.
    """
    if not what.isdigit() and _PULL.fullmatch(what) is not None:
        raise UsageError(
            f"unlet check: '{what}' is a pull request, not a commit",
            hint=join(["unlet", "check", "--pull", what]),
        )


def _server(pull: PullName) -> Server:
    """Return the GitHub server of a pull request; --repo has priority over its URL."""
    server = options.server_request()
    return replace(server, repository=server.repository or pull.repository)


def _prove(request: CheckRequest) -> int:
    """Prove the claims about a proposal or a package, and return the exit code."""
    is_written = request.directory is not None
    proven = (
        "the output of propose" if is_written else next(filter(options.given, _PROVING))
    )
    options.refuse_together(
        proven,
        "--expect",
        "--nixos",
        "--all",
        "--why",
        "--comment",
        "--on",
        "--build",
        "--substituters",
    )
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
    """Return the nixpkgs that the user's options name for a patch or a proposal."""
    source = options.source_request()
    if patch is None and directory is None:
        options.refuse_without("--patch or DIR", *SOURCES)
    elif patch is None and not any(map(options.given, SOURCES)):
        # The checkout around the current directory is not the nixpkgs of a proposal.
        return SourceRequest(offline=source.offline)
    if asks_server and source.offline:
        raise click.UsageError(
            "--pull needs GitHub, which --offline forbids; --git-dir reads the pull "
            "request from a clone"
        )
    return source


def _review(request: CheckRequest, given: CheckOptions) -> int:
    """Judge a change of nixpkgs, print the result, and return the exit code."""
    settings, comment = options.settings(), options.asked("comment")
    if comment and settings.json:
        raise click.UsageError("--comment and --json exclude each other")
    if request.target in {"", *registry.named()}:
        options.refuse_without("TARGET", "--binding")
    judging = _judging()
    following = BuildRequest(
        builds=bool(options.asked("builds")),
        words=nix_options(),
        caches=tuple(str(options.asked("substituters") or "").split()),
    )
    if judging.builds is None and not following.builds:
        options.refuse_without("--build or --on nix", "--build-args")
    options.allow()
    request = replace(request, judging=judging, following=following)
    with output.working(settings) as progress:
        result = review(request, progress=progress)
    if isinstance(result, Report):
        if comment:
            raise click.UsageError("--comment requires a change of a whole nixpkgs")
        show(result, settings=settings)
        return exit_code(result)
    claims = result.report.proofs if result.report is not None else ()
    if comment:
        output.write(
            to_comment(
                result.judgement,
                command=_again(given),
                claims=claims,
                notes=result.notes,
            )
        )
    else:
        _show_review(result, claims, settings, _place(given, result.judgement))
    return _reviewed_code(result)


def _judging() -> JudgeRequest:
    """Return the options for the judge that the user has chosen."""
    named = systems()
    return JudgeRequest(
        systems=named or SYSTEMS,
        nixos=bool(options.asked("nixos")),
        everything=(named or SYSTEMS[:1]) if options.asked("everything") else (),
        bounded=True,
        every_reference=options.asked("references") == "all",
        why=str(options.asked("why") or ""),
        builds=_chunk_builds(),
    )


def _chunk_builds() -> ChunkBuilds | None:
    """Return the builds of Nix that evaluate; None if processes of this machine do.

    The whole set is evaluated in builds by default, if that is possible. It has to be
    possible if the user names builders: processes would ignore them silently.
    """
    place = options.asked("on")
    if place == "here" or (place is None and not options.asked("everything")):
        return None
    words = nix_options()
    are_for_chunks = bool(words) and not options.asked("builds")
    return ChunkBuilds(options=words, required=place == "nix" or are_for_chunks)


def _show_review(
    result: Review,
    claims: Sequence[Proof],
    settings: GlobalOptions,
    place: BuildPlace,
) -> None:
    """Print the judge's result, the proofs about a package, and the next steps."""
    if settings.json:
        document = judgements.to_json(
            result.judgement,
            claims=claims,
            notes=result.notes,
            steps=result.steps,
            place=place,
        )
        output.write(document)
        return
    lines = judgements.lines(
        result.judgement,
        quiet=settings.quiet,
        verbose=settings.verbose,
        why=str(options.asked("why") or ""),
    )
    output.write_toned(lines)
    if not settings.quiet:
        output.write_lines(result.notes)
    if result.report is not None:
        show(result.report, settings=settings)
    if not settings.quiet and not options.asked("why"):
        output.write_toned(next_steps.lines(result.judgement, result.steps, place))


def _reviewed_code(result: Review) -> int:
    """Return the exit code of a review.

    The code is 1 for a regression, an unexpected difference, a failed proof or a failed
    build, and 3 if unlet could not judge a part of the change.
    """
    expected = options.asked("expect")
    judged = judged_code(
        result.judgement, Expectation(expected) if expected is not None else None
    )
    if result.steps.failed:
        return 1
    claims = 3 if result.not_run else 0
    if result.report is not None:
        claims = exit_code(result.report)
    return 1 if 1 in {judged, claims} else max(judged, claims)


def _proposal(what: str | None, git_dir: Path | None) -> Path | None:
    """Return the directory of a proposal, or None if the user means a clone.

    The user means a clone with --git-dir, or if the current directory is inside a
    clone.
    """
    directory = Path(what if what is not None else "proposal")
    if git_dir is not None:
        return None
    # No name of a commit begins like a path.
    is_path = directory.is_dir() or str(what).startswith(("/", "./", "../", "~/"))
    is_clone = any(
        (above / ".git").exists() for above in (Path.cwd(), *Path.cwd().parents)
    )
    if is_clone and not is_path:
        return None
    if what is not None and not is_path:
        raise UsageError(
            f"{what}: there is no such directory, and a commit needs a clone",
            hint="run it inside a clone of nixpkgs, or name one with --git-dir",
        )
    if directory.is_dir() and not (directory / files.REPORT).exists():
        _refuse_directory(directory)
    return directory


def _refuse_directory(directory: Path) -> None:
    """Raise UsageError for a directory that is not a proposal."""
    if (directory / ".git").exists():
        raise UsageError(
            f"{directory}: is a clone, not a proposal",
            hint=(
                f"'{join(['unlet', 'check', '--git-dir', str(directory)])}' "
                "checks its uncommitted changes"
            ),
        )
    raise UsageError(
        f"{directory}: is not a proposal: it lacks {files.REPORT}",
        hint=(
            "'unlet propose' writes a proposal; to check a change, name a commit "
            "or add --patch FILE"
        ),
    )


def _again(given: CheckOptions) -> str:
    """Return the command line that judges the same change on another computer."""
    words: list[str] = []
    if given.patch is not None:
        words += ["--patch", given.patch.name]
    elif given.pull is not None:
        words += ["--pull", str(given.pull.number)]
        if given.pull.repository is not None:
            words += ["--repo", given.pull.repository]
    if given.uncommitted:
        words.append("--uncommitted")
    if given.what is not None:
        words.append(given.what)
    return join(["unlet", "check", *words])


def _place(given: CheckOptions, judgement: Judgement) -> BuildPlace:
    """Return the arguments and commands that refer to the changed nixpkgs tree."""
    inside = (given.git_dir or Path()).absolute()
    around = (above for above in (inside, *inside.parents) if (above / ".git").exists())
    clone = next(around, inside)
    head, again, review = judgement.head, _again(given), ""
    if given.patch is not None:
        if (nixpkgs := options.asked("nixpkgs")) is not None:
            again = f"{again} {join(['--nixpkgs', nixpkgs])}"
        tree: tuple[str, ...] = ()
    elif head is None:
        tree, review = (str(clone),), "nixpkgs-review wip"
    elif given.pull is not None and given.git_dir is None:
        repository = given.pull.repository or options.asked("repo") or "NixOS/nixpkgs"
        tree = (f"https://github.com/{repository}/archive/{head}.tar.gz",)
        tree = tree if options.asked("api_url") is None else ()
    else:
        fetched = f'{{ url = {quoted(str(clone))}; rev = "{head}"; allRefs = true; }}'
        tree = ("-E", f"import (fetchGit {fetched}) {{ }}")
        review = f"nixpkgs-review rev {head}"
    if given.pull is not None:
        review = f"nixpkgs-review pr {given.pull.number}"
    return BuildPlace(
        tree=tree,
        review=review if process.find("nixpkgs-review") else "",
        again=again,
        here=outputs.here(),
    )
