"""`unlet reach`: show which overrides of the user's overlays take effect."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from toolkit.cli import options, output
from toolkit.reach import fixing
from toolkit.reach.effects import SCHEMA, Outcome, Override, Reach
from toolkit.reach.reaching import ReachRequest, reach
from toolkit.report import mending
from toolkit.report.lines import Line, Tone

_TONES: dict[str, Tone] = {
    Outcome.REACHES: Tone.PROVEN,
    Outcome.NEW: Tone.PROVEN,
    Outcome.IN_PART: Tone.NOT_RUN,
    Outcome.UNKNOWN: Tone.NOT_RUN,
}
"""The tones of the outcomes that are not failures."""

_PLURALS: dict[str, str] = {
    Outcome.REACHES: "reach",
    Outcome.FAILS: "do not evaluate",
}
"""The plural forms of the outcomes that need a different verb."""


@options.command(
    "reach",
    examples=(
        "unlet reach overlay.nix --nixpkgs '<nixpkgs>'",
        "unlet reach /etc/nixos/configuration.nix --only ffmpeg",
    ),
)
@click.argument("paths", metavar="[PATH…]", nargs=-1, type=options.PATH)
@options.source_value(
    "--nixpkgs",
    metavar="WHERE",
    help="The nixpkgs, as for propose; by default the one in "
    "your flake.lock, else <nixpkgs>. With --sealed, it must "
    "already be on this machine.",
)
@options.revision
@options.offline
@click.option(
    "--only",
    multiple=True,
    metavar="ATTR",
    help="Look only at overrides of ATTR and of attributes below it; may be repeated.",
)
@click.option(
    "--system",
    "systems",
    multiple=True,
    metavar="SYSTEM",
    help="Evaluate for this system; may be repeated. By default, the "
    "system of your configuration, else of this machine.",
)
@click.option(
    "--sealed",
    is_flag=True,
    help="For a stranger's overlay: let it read only itself and "
    "nixpkgs, and download nothing. Without --sealed, Nix "
    "evaluates overlays with your rights.",
)
@click.option(
    "--fix",
    "fixes",
    is_flag=True,
    help="Rewrite each override that fails into a form that works, if "
    "Nix confirms it for the whole file. If stdout is a pipe, "
    "only print the diff.",
)
@click.option(
    "--diff",
    is_flag=True,
    help="With --fix, print the diff and write nothing.",
)
@click.option(
    "--build",
    "is_built",
    is_flag=True,
    help="With --fix, replace fake hashes by real ones: Nix builds "
    "these downloads, and may use the network.",
)
@options.bounds(
    timeout="The time limit of each override; by default 120, or 60 with --sealed.",
    memory="The memory limit of Nix; by default 4096, or 2048 with --sealed.",
)
@options.common
def command(
    *,
    paths: tuple[Path, ...],
    only: tuple[str, ...],
    systems: tuple[str, ...],
    sealed: bool,
    fixes: bool,
    diff: bool,
    is_built: bool,
) -> int:
    """Show for each override in your overlays whether it reaches the build.

    An override reaches if the build uses only its new value. Nix evaluates packages
    with and without each override, and builds nothing.

    PATH is an overlay, a directory of overlays, a flake, a NixOS configuration, a
    shell.nix, or - for standard input; by default, your overlays and config.nix in
    ~/.config/nixpkgs.
    """
    settings = options.settings()
    options.allow()
    request = ReachRequest(
        paths=paths,
        source=options.source_request(),
        systems=systems,
        only=only,
        sealed=sealed,
    )
    for name, is_given in (("--diff", diff), ("--build", is_built)):
        if is_given and not fixes:
            raise click.UsageError(f"{name} needs --fix")
    if is_built and sealed:
        raise click.UsageError("--build fetches, and --sealed forbids that")
    if fixes:
        return _fixed(request, settings, diff=diff, is_built=is_built)
    with output.working(settings) as progress:
        found = reach(request, progress=progress)
    if settings.json:
        output.write_json(_document(found))
    else:
        output.write_toned(
            _lines(found, is_quiet=settings.quiet, is_verbose=settings.verbose)
        )
    return found.exit_code


def _fixed(
    request: ReachRequest,
    settings: options.GlobalOptions,
    *,
    diff: bool,
    is_built: bool,
) -> int:
    """Print the changes to the user's files, and write them if stdout is a terminal.

    Also print which overrides stay unchanged, and why. Return the exit code.
    """
    with output.working(settings) as progress:
        found = fixing.fixes(request, progress=progress, is_built=is_built)
    lines = [*mending.diff(found.mended)]
    is_written = not diff and sys.stdout.isatty()
    if not settings.json:
        output.write_lines(lines)
    if is_written:
        fixing.write(found)
    if settings.json:
        fix = {
            "written": is_written,
            "diff": "".join(f"{line}\n" for line in lines),
            "refused": found.refused,
            "needed": found.needed,
            "unhashed": found.unhashed,
        }
        output.write_json({**_document(found.after), "fix": fix})
    output.say(
        *mending.sentences(found.mended, found.refused, is_written=is_written),
        *mending.overlay_sentences(
            [*found.overlays.values()],
            found.needed,
            found.untracked,
            is_written=is_written,
        ),
        *(
            mending.unhashed_sentence(fake.place, fake.reason)
            for fake in found.unhashed
        ),
    )
    return found.after.exit_code


def _document(found: Reach) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "nixpkgs": found.nixpkgs,
        "overrides": found.overrides,
        "totals": found.totals,
        "warnings": found.warnings,
    }


def _lines(found: Reach, *, is_quiet: bool, is_verbose: bool) -> Iterator[Line]:
    shown = [
        each
        for each in found.overrides
        if not is_quiet or each.status not in {Outcome.REACHES, Outcome.NEW}
    ]
    several = len({each.system for each in shown}) > 1
    rows = output.table(
        [
            (each.attribute, each.status, each.system if several else "", _place(each))
            for each in shown
        ]
    )
    for row, override in zip(rows, shown, strict=True):
        yield Line(text=row, tone=_TONES.get(override.status, Tone.FAILED))
        yield from (Line(text=f"    {line}") for line in _more(override))
        if is_verbose and override.derivations is not None:
            yield Line(text=f"    derivations: {' '.join(override.derivations)}")
    for warning in found.warnings:
        yield Line(text=f"warning: {warning}", tone=Tone.NOT_RUN, head=len("warning:"))
    if not is_quiet:
        counted = ", ".join(
            f"{count} {_PLURALS.get(status, status) if count > 1 else status}"
            for status, count in found.totals.items()
            if count
        )
        yield Line(text="")
        count = len(found.overrides)
        plural, colon = "" if count == 1 else "s", ": " if counted else ""
        yield Line(text=f"{count} override{plural}{colon}{counted}")


def _place(override: Override) -> str:
    file, here = Path(override.file or ""), Path.cwd()
    place = str(
        file.relative_to(here) if file.is_relative_to(here) else override.file or ""
    )
    return f"{place}:{override.line}" if override.line is not None else place


def _more(override: Override) -> Iterator[str]:
    for left in override.left:
        yield f"{' → '.join(left.way) or left.name}: {left.why}"
    if override.reason is not None:
        yield override.reason
    for label, text in (("instead:", override.instead), ("closest:", override.closest)):
        for number, line in enumerate((text or "").splitlines()):
            yield f"{'' if number else label:8} {line}"
