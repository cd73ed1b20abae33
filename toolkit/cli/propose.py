"""`unlet propose`: write a proven patch series, diff and overlay for a nixpkgs."""

from collections.abc import Sequence
from pathlib import Path
from shlex import join

import click

from toolkit import patches
from toolkit.cli import options, output
from toolkit.cli.options import GlobalOptions
from toolkit.cli.proofs import attempted, exit_code, show
from toolkit.cli.proving import (
    depth_options,
    limit_option,
    proposal_options,
    proposed,
)
from toolkit.cli.targets import series_options
from toolkit.errors import ToolkitError, only
from toolkit.model import Attempt
from toolkit.proposal import recipes, registry
from toolkit.proposal.proposing import propose
from toolkit.report.report import outcome

_WORST = (1, 3, 2, 0)


def _pins() -> tuple[str, list[tuple[str, str]]]:
    *_, last = pins = patches.upstream().pins
    return "Known commits", [
        (pin.name, f"{pin.commit}{' (default)' if pin is last else ''}") for pin in pins
    ]


@options.command(
    "propose",
    examples=(
        "unlet propose --nixpkgs specimen",
        "unlet propose forgejo --nixpkgs ~/src/nixpkgs",
        "unlet propose forgejo authentik gitea --out lifts",
    ),
    listed=(
        lambda: (
            "Recipes",
            [(name, recipe.about) for name, recipe in sorted(recipes.known().items())],
        ),
        _pins,
    ),
)
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@proposal_options
@limit_option
@series_options
@options.source
@options.written("proposal")
@depth_options
@options.common
def command(*, targets: tuple[str, ...], out: Path, force: bool) -> int:
    """Write patches and an overlay that make packages overridable, and prove them.

    TARGET is {targets}, a package's attribute path, or the path of its
    file: overrides then reach the packages in its let. If you name several packages,
    each gets a directory of its own below --out. Outside a checkout and without
    --nixpkgs, unlet fetches the default commit that 'propose --help-all' lists.
    """
    settings = options.settings()
    targets = tuple(dict.fromkeys(targets)) or (registry.usual(),)
    if len(targets) > 1:
        for name in registry.named():
            if name in targets:
                raise click.UsageError(f"several TARGETs and {name} exclude each other")
        options.refuse_together("several TARGETs", "--binding")
    source = options.source_request()
    requests = [proposed(target, source, out=out, force=force) for target in targets]
    with output.working(settings) as progress:
        attempts = list(propose(requests, progress=progress))
    if len(attempts) > 1:
        return _finish_all(attempts, settings)
    report = only(attempts[0].result)
    show(report, settings=settings, out=out)
    return exit_code(report)


def _finish_all(attempts: Sequence[Attempt], settings: GlobalOptions) -> int:
    results = {attempt.target: attempt.result for attempt in attempts}
    codes = {
        target: result.exit_code
        if isinstance(result, ToolkitError)
        else exit_code(result)
        for target, result in results.items()
    }
    if settings.json:
        output.write_json(
            {
                "proposals": [
                    _document(attempt, codes[attempt.target]) for attempt in attempts
                ]
            }
        )
    else:
        shown = [
            attempt
            for attempt in attempts
            if codes[attempt.target] or not settings.quiet
        ]
        output.write_toned(attempted(shown))
        if not settings.quiet and not all(
            isinstance(result, ToolkitError) for result in results.values()
        ):
            named = options.source_request().nixpkgs
            clone = (
                named if named is not None and Path(named, ".git").exists() else "DIR"
            )
            output.write_lines(
                [f"to contribute  {join(['unlet', 'pr', 'NAME', '--repo', clone])}"]
            )
    return min(codes.values(), key=_WORST.index)


def _document(attempt: Attempt, code: int) -> dict[str, object]:
    value: dict[str, object] = {"target": attempt.target, "exit_code": code}
    out = {} if isinstance(attempt.result, ToolkitError) else {"out": attempt.out}
    return value | out | outcome(attempt.result)
