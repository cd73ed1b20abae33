"""Options and words for packages with their own rewrites (patches/targets.toml)."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click

from toolkit.cli import options
from toolkit.lift.plan import ASKED
from toolkit.model import OverlayReport, Report
from toolkit.nix.program import nix_path
from toolkit.proposal import registry
from toolkit.proposal.registry import NamedTarget
from toolkit.proposal.requests import LIFT

OTHER = f"a TARGET other than {registry.names()}"

LIFTING = ("--binding", "--as", "--follow")
"""The options that only packages without their own rewrites have."""


def _targets() -> Iterable[NamedTarget]:
    return registry.named().values()


STEPS = tuple(
    dict.fromkeys(f"--{name}" for each in _targets() for name in each.options)
)

OWN = ("--file", *STEPS, "--only", "--kind")
"""The options that only packages with their own rewrites have."""


def _choice(*values: Iterable[str]) -> click.Choice[str]:
    return click.Choice([*dict.fromkeys(chain(*values))])


def _step_option(name: str) -> Callable[[Any], Any]:
    own = [each.options[name] for each in _targets() if name in each.options]
    return options.remembered(
        f"--{name}",
        group=options.NAMED,
        deep=True,
        type=_choice(*(option.values for option in own)),
        help=" ".join(option.help for option in own),
    )


design_choice = _choice(map(str, ASKED), *(each.designs for each in _targets()))

series_options = options.together(
    *(_step_option(name.removeprefix("--")) for name in STEPS),
    options.remembered(
        "--only",
        group=options.NAMED,
        multiple=True,
        metavar="STEP",
        type=_choice(*(each.branches for each in _targets())),
        help=" ".join(each.only for each in _targets()),
    ),
)
"""A decorator that adds the options for the steps of a proposal; `designs` returns
their values.

Only packages with their own rewrites have such steps.
"""


def _kinds(named: NamedTarget) -> str:
    """Return the help text for the kinds of overlays of a package."""
    first, *others = (f"{name}{{}}: {text}" for name, text in named.kinds.items())
    words = [first.format(" (the default)"), *(each.format("") for each in others)]
    return f"{'; '.join(words)}."


kind_option = options.grouped(
    "--kind",
    group=options.NAMED,
    metavar="KIND",
    type=_choice(*(each.kinds for each in _targets())),
    help=" ".join(_kinds(each) for each in _targets() if each.kinds),
)
"""A decorator that adds the option for the kind of overlay to write."""

used_kind_option = options.grouped(
    "--kind",
    group=options.NAMED,
    metavar="KIND",
    type=_choice(*(each.tracking.overlays for each in _targets())),
    help="Your overlay's kind, if unlet did not write it: "
    f"{'; '.join(each.tracking.kinds for each in _targets() if each.tracking.kinds)}.",
)
"""A decorator that adds the option for the kind of an overlay that unlet did not write.
"""


def require_fit(target: str) -> None:
    """Raise click.UsageError for an option or a step that a package does not have."""
    named = _named(target)
    if named is None:
        options.refuse_together(OTHER, *OWN)
        return
    options.refuse_without(OTHER, *LIFTING)
    others = (name for name in STEPS if name.removeprefix("--") not in named.options)
    options.refuse_together(target, *others)
    for step in options.asked("only") or ():
        if step not in named.branches:
            known = ", ".join(named.branches)
            raise click.UsageError(
                f"--only: {target} has no step '{step}'; use {known}"
            )


def designs(target: str) -> dict[str, str]:
    """Return the design that the user chose for each step of a package's proposal."""
    named = _named(target)
    own = named.options if named is not None else {}
    names = {LIFT: "design"} | {option.step: name for name, option in own.items()}
    values = {step: options.asked(name) for step, name in names.items()}
    return {step: design for step, design in values.items() if design is not None}


def _named(target: str) -> NamedTarget | None:
    # With a recipe, a package's own rewrites do not apply.
    is_recipe = options.asked("recipe") is not None
    return None if is_recipe else registry.named().get(target)


def argument(target: str) -> list[str]:
    """Return the TARGET argument of a command line; empty for the default package."""
    return [] if target == registry.usual() else [target]


def step_words(report: Report, named: NamedTarget) -> list[str]:
    """Return the command-line options that repeat the steps of a report."""
    proposal, words = report.proposal, list[str]()
    for step in proposal.steps:
        if step.name == LIFT and step.reason is None:
            words += ["--design", step.design]
        for name, option in named.options.items():
            if step.name == option.step and step.design != option.values[0]:
                words += [f"--{name}", step.design]
    steps = [step.name for step in proposal.steps]
    mails = sum(name.startswith("series/") for name in report.files)
    is_alone = len(steps) == 1
    if named.behind is not None and mails > len(proposal.commits):
        steps.append(named.behind)
        is_alone = True
    if is_alone:
        words += [word for step in steps for word in ("--only", step)]
    return words


def notes(report: OverlayReport, out: Path) -> Iterator[tuple[str, str]]:
    """Yield hints for users of a written overlay, as pairs of purpose and Nix code."""
    named = registry.named().get(report.target)
    for note in named.notes if named is not None else ():
        if note.kind in {None, report.kind}:
            file = nix_path(out / note.file)
            yield note.purpose, note.code.replace("{file}", file)
