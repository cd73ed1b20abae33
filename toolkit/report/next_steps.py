"""Format the last lines of `unlet check`: rebuilds, labels, maintainers and builds."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from shlex import join, quote

from msgspec import Struct

from toolkit.judge.differences import BuildPlan, Judgement
from toolkit.judge.rebuilding import MOST, SETS, NextSteps, PackageBuild, labels
from toolkit.report.lines import Line, Tone
from toolkit.text import counted, few


class BuildPlace(Struct, frozen=True, kw_only=True):
    """The commands and arguments that refer to a changed tree, for the next steps.

    `tree` are arguments of nix-build that select the changed tree; empty if no argument
    can select the tree. `review` is a command line of nixpkgs-review, empty if the
    program is not installed. `again` is the command line of unlet that judges the
    change. `here` is this computer's system, such as `x86_64-linux`.
    """

    tree: tuple[str, ...] = ()
    review: str = ""
    again: str = ""
    here: str = ""


def command(plan: BuildPlan, place: BuildPlace) -> str:
    """Return the command line that builds the first packages of a build plan."""
    if place.review:
        return place.review
    if not place.tree:
        return f"{place.again} --build"
    system, prefix = SETS.get(plan.system, (plan.system, ""))
    words = ["nix-build", "--keep-going", *place.tree]
    if system != place.here:
        words += ["--argstr", "system", system]
    selected = (f"-A {_path(prefix + each.attribute)}" for each in plan.packages)
    return " ".join([join(words), *selected])


def _path(attribute: str) -> str:
    """Return an attribute path as a shell word, with names quoted as Nix requires."""
    names = (
        name if re.fullmatch(r"[A-Za-z_][\w'-]*", name) else f'"{name}"'
        for name in attribute.split(".")
    )
    return quote(".".join(names))


def lines(judgement: Judgement, steps: NextSteps, place: BuildPlace) -> Iterator[Line]:
    """Yield the last lines of `unlet check`: rebuilds, labels and maintainers.

    After them come the results of builds, or else a command that builds packages.
    """
    if built := rebuilds(judgement):
        yield Line(text=f"rebuilds  {built}")
        yield Line(text=f"labels    {label_text(judgement)}")
    if any(judgement.maintainers.values()):
        yield Line(text=f"people    {maintainers(judgement)}")
    if (plan := judgement.plan) is None:
        return
    if len(plan.built[plan.system]) > MOST:
        most = ", ".join(
            f"{each.attribute} ({each.named_by})" for each in plan.packages
        )
        yield Line(text=f"most used, by this many files  {most}")
    if steps.cached is not None:
        yield Line(text=f"cached    {_cached(plan, steps.cached)}")
    for built_package in steps.builds:
        yield _built(built_package)
    if not steps.builds:
        yield Line(text=f"next      {command(plan, place)}")


def rebuilds(judgement: Judgement) -> str:
    """Return how many attributes are built differently on each system, as a text.

    Systems with the same numbers share one phrase.
    """
    compared = judgement.compared
    systems: defaultdict[str, list[str]] = defaultdict(list)
    for system, count in judgement.rebuilds.items():
        of_all = f" of {compared[system]} compared" if system in compared else ""
        systems[f"{count}{of_all}"].append(system)
    new = len(judgement.plan.built[judgement.plan.system]) if judgement.plan else 0
    if not systems and new:
        return f"{counted(new, 'new package')}"
    return "; ".join(
        f"{count} on {', '.join(names)}" for count, names in systems.items()
    )


def label_text(judgement: Judgement) -> str:
    """Return the labels that nixpkgs' CI would set on a pull request.

    If only a part of the package set was compared, the text has a hint.
    """
    names = ", ".join(labels(judgement.plan, judgement.looked_at))
    return (
        names
        if judgement.everything
        else f"{names} (at least; --all counts all of them)"
    )


def maintainers(judgement: Judgement) -> str:
    """Return the number of maintainers of the attributes that differ, as a text."""
    people = {name for names in judgement.maintainers.values() for name in names}
    count = len(judgement.maintainers)
    return (
        f"{counted(len(people), 'maintainer')} of {counted(count, 'attribute')}: --json"
    )


def _cached(plan: BuildPlan, cached: Sequence[str]) -> str:
    missing = [
        package.attribute
        for package in plan.packages
        if package.attribute not in cached
    ]
    rest = f"; not {few(missing)}" if missing else ""
    return f"{len(cached)} of {counted(len(plan.packages), 'package')}{rest}"


def _built(built: PackageBuild) -> Line:
    if not built.failure:
        return Line(text=f"built     {built.attribute}", tone=Tone.PROVEN, head=5)
    where = " before the change too" if built.no_regression else ""
    text = f"failed    {built.attribute}{where}: {built.failure}"
    return Line(text=text, tone=Tone.FAILED, head=6)


def to_value(
    judgement: Judgement, steps: NextSteps, place: BuildPlace
) -> dict[str, object]:
    """Return the next steps as an object of a JSON document."""
    plan = judgement.plan
    return {
        "labels": labels(plan, judgement.looked_at),
        "built": plan.built if plan is not None else {},
        "first": plan.packages if plan is not None else (),
        "command": command(plan, place) if plan is not None else None,
        "cached": steps.cached,
        "results": steps.builds,
    }
