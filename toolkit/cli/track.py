"""`unlet track`: show whether upstream has fixed a package, and advise on overlays."""

from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import Struct

from toolkit import documents, files
from toolkit.cli import options, output, targets
from toolkit.cli.targets import OTHER
from toolkit.errors import ToolkitError, reason_of
from toolkit.nix import limits
from toolkit.proposal import registry
from toolkit.track import table
from toolkit.track.answer import TrackAnswer
from toolkit.track.refs import TrackRequest, track
from toolkit.track.verdict import Used, read_overlay

_STDOUT = Path("-")

EXIT_CODES = """\
Exit codes: 0 nothing changed since the last run, 1 something changed, \
10 you can act (remove
the overlay, update nixpkgs, or write the overlay again), \
11 unknown for at least one ref; 2, 3, 4 and 130 as for every command.
"""


class TrackOptions(Struct, frozen=True, kw_only=True):
    """The values of the options that only `unlet track` has."""

    target: str | None
    bindings: tuple[str, ...]
    refs: tuple[str, ...]
    git_dir: Path | None
    nixpkgs: str | None
    overlay: Path | None
    kind: str | None
    state: Path | None
    markdown: Path | None
    html: Path | None
    timeout: float
    max_memory: int | None


@options.command(
    "track",
    examples=(
        "unlet track --nixpkgs ./flake.lock",
        "unlet track forgejo --git-dir ~/src/nixpkgs",
        "unlet track --html status.html",
    ),
    apart=(("--git-dir", *options.SERVER[1:]), ("--overlay", "--kind")),
    epilog=EXIT_CODES,
)
@click.argument("target", required=False)
@options.several(
    "--binding",
    "bindings",
    help="Look only at this part: its name in the file's let; may be "
    "repeated. By default, at all packages in that let.",
)
@options.source_option(
    "--ref",
    "refs",
    metavar="REF",
    multiple=True,
    help="A branch, channel, tag or commit to look at; may be repeated.",
)
@options.source_option(
    "--git-dir",
    type=options.PATH,
    metavar="DIR",
    help="Read this clone of nixpkgs instead of GitHub.",
)
@options.source_option(
    "--nixpkgs",
    metavar="WHERE",
    help="Also look at your own nixpkgs: a flake.lock, npins' "
    "sources.json, a directory, a channel, or <nixpkgs>.",
)
@click.option(
    "--overlay",
    type=options.PATH,
    metavar="DIR",
    help="Show whether you still need this overlay, which unlet wrote.",
)
@targets.used_kind_option
@options.output_option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save the result in this file, and show what changed since the last run.",
)
@options.output_option(
    "--markdown",
    type=options.PATH,
    metavar="FILE",
    help="Also write the result as Markdown; - is stdout.",
)
@options.output_option(
    "--html",
    type=options.PATH,
    metavar="FILE",
    help="Also write the result as an HTML page; - is stdout.",
)
@options.server
@options.source_option(
    "--timeout",
    deep=True,
    type=options.SECONDS,
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="The time limit of each request to a server. A value above "
    "50 also raises the limit of the evaluations.",
)
@options.source_option(
    "--max-memory",
    deep=True,
    type=options.MIB,
    metavar="MIB",
    help="The memory limit of all evaluations together, by default 2048.",
)
@options.common
@options.gathered(TrackOptions)
def command(given: TrackOptions) -> int:
    """Show which branches and channels have a fix, and whether to keep your overlay.

    A package is fixed if overrides reach all of its parts. TARGET is the package's
    attribute path; by default that of --overlay, else {usual}. With --git-dir, Nix
    evaluates each branch of your clone. Without it, unlet reads GitHub, and evaluates
    only {names}.
    """
    settings = options.settings()
    used = _used(given)
    pages = {given.markdown, given.html}
    if given.markdown == _STDOUT == given.html:
        raise click.UsageError("--markdown - and --html - exclude each other")
    if settings.json and _STDOUT in pages:
        raise click.UsageError("--json excludes Markdown and HTML on stdout")
    for path in (given.markdown, given.html):
        if path is not None and path != _STDOUT:
            files.place_of(path)
    request = TrackRequest(
        target=used.package,
        bindings=given.bindings,
        refs=given.refs,
        git_dir=given.git_dir,
        nixpkgs=given.nixpkgs,
        used=used,
        state=given.state,
        server=options.server_request(),
        timeout=given.timeout,
    )
    # A short time limit for the server does not shorten the evaluations.
    nix = given.timeout if given.timeout > limits.TOGETHER_SECONDS else None
    limited = limits.allowing(nix, given.max_memory)
    with output.working(settings) as progress, limited:
        answer = track(request, progress=progress)
    if pages != {None}:
        _write(answer, given.markdown, given.html)
    if settings.json:
        output.write(documents.write(answer))
    elif _STDOUT not in pages:
        output.write_lines(_quiet(answer) if settings.quiet else _lines(answer))
    return answer.exit_code


def _used(given: TrackOptions) -> Used:
    """Return the overlay that the user has, which must be for the tracked package."""
    target, overlay, kind = given.target, given.overlay, given.kind
    package = target or registry.usual()
    if package in registry.named() and overlay is None:
        options.refuse_without(OTHER, "--binding")
    if kind is not None and package not in registry.named():
        raise click.UsageError(
            f"--kind: '{target}' has no kinds of overlays; only {registry.names()} has"
        )
    if overlay is None:
        return Used(package=package, kind=kind)
    used = read_overlay(overlay)
    if target not in {None, used.package}:
        raise click.UsageError(f"{target}: the overlay {overlay} is for {used.package}")
    return used


def _write(answer: TrackAnswer, markdown: Path | None, html: Path | None) -> None:
    """Write the answer as Markdown and HTML, if the user gave a path for the format."""
    from toolkit.track.page import to_html, to_markdown  # noqa: PLC0415 - only --markdown and --html need the import

    for path, form in ((markdown, to_markdown), (html, to_html)):
        if path == _STDOUT:
            output.write(form(answer))
        elif path is not None:
            try:
                files.replace(path, form(answer))
            except OSError as error:
                raise ToolkitError(
                    f"{path}: cannot be written: {reason_of(error)}"
                ) from error


def _quiet(answer: TrackAnswer) -> Iterator[str]:
    """Yield a line for each change since the last run, and the verdict if needed."""
    yield from map(table.change, answer.changes)
    yield from (f"warning: {warning}" for warning in answer.warnings)
    if answer.exit_code > 1 or answer.changes:
        yield answer.verdict.text


def _lines(answer: TrackAnswer) -> Iterator[str]:
    yield f"source    {answer.source}"
    yield f"checked   {answer.checked:%Y-%m-%dT%H:%M:%SZ}"
    yield ""
    yield from output.table(table.refs(answer))
    if words := table.glossary(answer):
        yield ""
        yield from output.table(words)
    if notes := list(table.notes(answer)):
        yield ""
        yield from notes
    yield from (f"warning: {warning}" for warning in answer.warnings)
    yield ""
    if answer.changes:
        yield "since last time:"
        yield from (f"  {table.change(change)}" for change in answer.changes)
    elif not answer.first:
        yield "nothing has changed since the last run"
    yield answer.verdict.text
    yield from (
        f"  {step.text}{f' {step.command}' if step.command else ''}"
        for step in answer.verdict.next
    )
