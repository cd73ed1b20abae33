"""`unlet find`: find packages that other packages define in a let."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import click
from msgspec.structs import asdict

from toolkit.cli import options, output
from toolkit.lift.bindings import Reachability
from toolkit.lift.kinds import BindingKind
from toolkit.lift.survey import BoundPackage, Survey, survey
from toolkit.nix import limits
from toolkit.proposal import inspection, recipes
from toolkit.proposal.inspection import PackageInspection
from toolkit.proposal.leaves import leaf_of
from toolkit.proposal.recipes import RecipeTrial
from toolkit.sources import trees

SCHEMA = 3
"""The version of the JSON document.

A new field keeps the number; a removed field, or one with a new meaning, changes it.
"""
_WIDEST = 30
_UNREAD = 20


@options.command(
    "find",
    examples=(
        "unlet find --nixpkgs ~/src/nixpkgs",
        "unlet find forgejo --nixpkgs ~/src/nixpkgs",
    ),
    apart=[("--recipe", "--all", "--graph")],
)
@click.argument("packages", metavar="[NAME…]", nargs=-1)
@options.nixpkgs
@options.revision
@click.option(
    "--all",
    "all_kinds",
    is_flag=True,
    help="Also list helpers, environments and variants of packages.",
)
@click.option(
    "--graph",
    "picture",
    is_flag=False,
    flag_value="mermaid",
    type=click.Choice(["mermaid"]),
    help="Draw the parts of one NAME as a Mermaid flowchart.",
)
@click.option(
    "--recipe",
    metavar="RECIPE",
    help="Show what this recipe would change in each NAME, or in all packages.",
)
@options.offline
@options.bounds(
    timeout="The time limit of each NAME, by default 50. Without NAME, the limit of "
    "each process that reads files.",
    memory="The memory limit of Nix for each NAME, by default 2048.",
)
@options.common
def command(
    *,
    packages: tuple[str, ...],
    all_kinds: bool,
    picture: str | None,
    recipe: str | None,
) -> int:
    """Find packages that another package's file defines in a let.

    Overrides often cannot reach such parts of a package. NAME is the package's
    attribute path, or the path of its file: Nix then tries to override each part.
    Without NAME, find lists the parts in all files of the tree; it only reads the
    files, so treat the list as a hint.
    """
    settings = options.settings()
    options.allow()
    if packages:
        options.refuse_together("NAME", "--all")
    if picture is not None and (len(packages) != 1 or settings.json):
        raise click.UsageError(
            "--graph and --json exclude each other"
            if settings.json
            else "--graph takes one NAME"
        )
    request = options.source_request()
    if request.nixpkgs is None and request.rev is None:
        raise click.UsageError(
            "the current directory is not in a checkout of nixpkgs; choose one with "
            "--nixpkgs"
        )
    with output.working(settings) as progress:
        root = trees.as_they_are(request, progress=progress)
        if packages and recipe is None:
            inspections: list[PackageInspection] = []
            for name in packages:
                progress.step(f"evaluating {name}")
                inspections.append(leaf_of(name).inspect(root, name))
            return _show_packages(inspections, picture)
        progress.step(f"reading {root}")
        if recipe is not None:
            trials = list(recipes.trials(recipe, root, packages))
            return _show_trials(trials, whole=not packages)
        tree = survey(root)
    _show_tree(tree, all_kinds=all_kinds)
    return 0


def _show_tree(tree: Survey, *, all_kinds: bool) -> None:
    """Print the packages defined in lets, or with `all_kinds` all definitions."""
    shown = [
        finding
        for finding in tree.findings
        if all_kinds or finding.binding.kind is BindingKind.PACKAGE
    ]
    if options.settings().json:
        output.write_json(_document(tree, shown))
    else:
        output.write_lines(_lines(tree, shown))


def _show_packages(found: Sequence[PackageInspection], picture: str | None) -> int:
    if picture is not None:
        output.write(inspection.graph(found[0]))
    elif options.settings().json:
        output.write_json(
            {"schema": SCHEMA, "packages": [asdict(each) for each in found]}
        )
    else:
        output.write_lines(line for each in found for line in inspection.lines(each))
    return 0


def _show_trials(trials: Sequence[RecipeTrial], *, whole: bool) -> int:
    """Print the effect of a recipe on each package.

    For a whole tree, also print the number of packages, which CI can check.
    """
    if options.settings().json:
        output.write_json({"schema": SCHEMA, "trials": trials})
        return 0
    rows = [
        (
            each.package,
            f"refused: {each.refused}"
            if each.refused is not None
            else f"+{each.added} -{each.removed}",
        )
        for each in trials
    ]
    output.write_lines(output.table(rows, widest=_WIDEST))
    if whole:
        output.write_lines([f"left: {len(trials)} package{'s' * (len(trials) != 1)}"])
    return 0


def _document(found: Survey, shown: Sequence[BoundPackage]) -> dict[str, object]:
    bindings = [
        {
            "file": each.file,
            "package": each.package,
            "binding": fields.pop("name"),
            **fields,
        }
        for each in shown
        for fields in [{**asdict(each.binding), "reason": each.binding.reason}]
    ]
    lists = {"files": found.files, "unread": found.unread, "late": found.late}
    return {"schema": SCHEMA, **lists, "bindings": bindings, "totals": _totals(shown)}


def _totals(shown: Sequence[BoundPackage]) -> dict[str, int]:
    states = Counter(finding.binding.state for finding in shown)
    return {
        "bindings": len(shown),
        "files": len({finding.file for finding in shown}),
        **{state.value: states[state] for state in Reachability},
        "sharing": sum(bool(finding.binding.shares) for finding in shown),
    }


def _heading(finding: BoundPackage) -> str:
    binding = finding.binding
    kind = "" if binding.kind is BindingKind.PACKAGE else f" ({binding.kind})"
    return (
        f"{binding.state}{kind}, {'without a' if binding.reason is None else 'with a'}"
        " reason to lift:"
    )


def _lines(found: Survey, shown: Sequence[BoundPackage]) -> Iterator[str]:
    rows = output.table(
        [
            (
                finding.package,
                finding.binding.name,
                finding.binding.builder,
                f"shares {', '.join(finding.binding.shares)}"
                if finding.binding.shares
                else "",
                f"{finding.file}:{finding.binding.line}",
            )
            for finding in shown
        ],
        widest=_WIDEST,
    )
    for heading, group in groupby(shown, _heading):
        yield heading
        yield from (f"  {next(rows)}" for _ in group)
        yield ""
    totals = _totals(shown)
    states = ", ".join(f"{totals[state]} {state}" for state in Reachability)
    yield (
        f"{totals['bindings']} part{'s' * (len(shown) != 1)} in {totals['files']} of "
        f"{found.files} files: {states}"
    )
    if totals["sharing"]:
        yield f"{totals['sharing']} share src or version with the package around them"
    if private := sum(finding.binding.reason is None for finding in shown):
        yield (
            f"{private} have no reason to lift; 'propose --binding NAME' lifts them "
            "nevertheless"
        )
    late = {*found.late}
    unread = [path for path in found.unread if path not in late]
    for path in unread[:_UNREAD]:
        yield f"{path}: unlet cannot read it"
    if len(unread) > _UNREAD:
        yield f"unlet could not read {len(unread) - _UNREAD} more files, or not in time"
    if late:
        yield f"{len(late)} of the files: {limits.no_time()}"
