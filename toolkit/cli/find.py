"""`unlet find`: packages that other packages bind in a let, out of reach of any override."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from toolkit.cli import options, output
from toolkit.lift.bindings import BindingKind, Reachability
from toolkit.lift.survey import survey
from toolkit.nix import limits
from toolkit.proposal import recipes
from toolkit.proposal.doors import Trying, doors_of
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.lift.survey import BoundPackage, Survey
    from toolkit.proposal.recipes import Trial

SCHEMA = 1
_WIDEST = 30
_UNREAD = 20
Proven = dict[tuple[PurePosixPath, str], Trying]


@options.command(
    "find",
    examples=(
        "unlet find --nixpkgs ~/src/nixpkgs",
        "unlet find --nixpkgs ~/src/nixpkgs forgejo",
    ),
)
@click.argument("packages", metavar="[PACKAGE…]", nargs=-1, shell_complete=options.complete_package)
@options.source_value(
    "--nixpkgs",
    metavar="WHERE",
    help="A directory or git clone, <nixpkgs>, a flake.lock, npins' sources.json, a git URL, or 'specimen'. By default "
    "the checkout that contains the current directory.",
)
@options.source_value("--rev", metavar="REV", help="A commit, branch or tag; by default the files as they are.")
@click.option("--all", "all_kinds", is_flag=True, help="Show helpers, environments and variations of packages as well.")
@click.option(
    "--prove", "ask_nix", is_flag=True, help="Also ask Nix what an override of each attribute does; takes a PACKAGE."
)
@click.option("--recipe", metavar="NAME", help="Show what this recipe would do to each PACKAGE instead, or to all.")
@options.source_value("--offline", is_flag=True, help="Use only the cache and this machine, not the network.")
@options.bounds(
    timeout="The time that each process may take to read the files, by default 50; with --prove what Nix may take for "
    "a PACKAGE on a system, by default 60.",
    memory="The memory that an evaluation may use with --prove, by default 2048.",
)
@options.common
def command(*, packages: tuple[str, ...], all_kinds: bool, ask_nix: bool, recipe: str | None) -> int:
    """Find packages that other packages bind in a let, out of reach of any override.

    A PACKAGE is an attribute path, or a path in the tree; by default the whole tree is searched. The files are only
    read, not evaluated, so take the result as advice.
    """
    settings = options.settings()
    options.allow()
    if ask_nix and not packages:
        raise click.UsageError("--prove takes a PACKAGE; Nix would need hours for all")
    if recipe is not None:
        options.refuse_together("--recipe", "--all", "--prove")
    request = options.source_request()
    if request.nixpkgs is None and request.rev is None:
        raise click.UsageError("the current directory is not in a checkout of nixpkgs; name one with --nixpkgs")
    with output.working(settings) as progress:
        root = trees.as_they_are(request, progress=progress)
        progress.step(f"reading {root}")
        if recipe is not None:
            return _show_trials(list(recipes.trials(recipe, root, packages)))
        found = survey(root, packages)
        shown = [finding for finding in found.findings if all_kinds or finding.binding.kind is BindingKind.PACKAGE]
        proven: Proven = {}
        if ask_nix:
            progress.step("asking Nix")
            proven = doors_of(root, shown)
    if settings.json:
        output.write_json(_document(found, shown, proven))
    else:
        output.write_lines(_lines(found, shown, proven))
    return 0


def _show_trials(trials: Sequence[Trial]) -> int:
    if options.settings().json:
        output.write_json({"schema": SCHEMA, "trials": trials})
        return 0
    rows = [
        (each.package, f"refused: {each.refused}" if each.refused is not None else f"+{each.added} -{each.removed}")
        for each in trials
    ]
    output.write_lines(output.table(rows, widest=_WIDEST))
    return 0


def _document(found: Survey, shown: Sequence[BoundPackage], proven: Proven) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "files": found.files,
        "unread": found.unread,
        "late": found.late,
        "bindings": [
            {"file": finding.file, "package": finding.package, **_fields(finding, proven)} for finding in shown
        ],
        "totals": _totals(shown),
    }


def _fields(finding: BoundPackage, proven: Proven) -> dict[str, object]:
    fields = asdict(finding.binding)
    door = proven.get((finding.file, finding.binding.name))
    told = {"door": door.effect} if door is not None else {}
    limited = {"reason": door.reason} if door is not None and door.reason is not None else {}
    return {"binding": fields.pop("name"), **fields, **told, **limited}


def _totals(shown: Sequence[BoundPackage]) -> dict[str, int]:
    states = Counter(finding.binding.state for finding in shown)
    return {
        "bindings": len(shown),
        "files": len({finding.file for finding in shown}),
        **{state.value: states[state] for state in Reachability},
        "sharing": sum(bool(finding.binding.shares) for finding in shown),
    }


def _lines(found: Survey, shown: Sequence[BoundPackage], proven: Proven) -> Iterator[str]:
    keys = [((finding.file, finding.binding.name), finding) for finding in shown]
    yield from output.table(
        [
            (
                finding.package,
                finding.binding.name,
                finding.binding.builder,
                finding.binding.state,
                f"shares {', '.join(finding.binding.shares)}" if finding.binding.shares else "",
                *([f"override: {proven[key].effect}"] if key in proven else []),
                f"{finding.file}:{finding.binding.line}",
            )
            for key, finding in keys
        ],
        widest=_WIDEST,
    )
    totals = _totals(shown)
    states = ", ".join(f"{totals[state]} {state}" for state in Reachability)
    if shown:
        yield ""
    yield f"{totals['bindings']} bindings in {totals['files']} of {found.files} files: {states}"
    if totals["sharing"]:
        yield f"src or version shared with the package around them: {totals['sharing']}"
    late = {*found.late}
    unread = [path for path in found.unread if path not in late]
    for path in unread[:_UNREAD]:
        yield f"{path}: cannot be read"
    if len(unread) > _UNREAD:
        yield f"and {len(unread) - _UNREAD} more files cannot be read, or not in due time"
    if late:
        yield f"{len(late)} of the files: {limits.no_time()}"
    limited = ((finding.package, proven[key].reason) for key, finding in keys if key in proven)
    yield from (f"{package}: {reason}" for package, reason in dict.fromkeys(limited) if reason is not None)
