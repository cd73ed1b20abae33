"""Choose the packages to build first: the rebuilt ones that most files mention."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.packages import PACKAGE
from toolkit.judge.differences import (
    BuildPlan,
    Difference,
    DifferenceFact,
    Judgement,
    Kind,
    Rebuilt,
    Weight,
)
from toolkit.judge.mapping import Map
from toolkit.judge.record import Record

MOST = 10
"""The maximum number of packages to build first."""

_LABELS = {
    "0": (0, 0),
    "1": (1, 1),
    "1-10": (1, 10),
    "11-100": (11, 100),
    "101-500": (101, 500),
    "501-1000": (501, 1000),
    "501+": (501, inf),
    "1001-2500": (1001, 2500),
    "2501-5000": (2501, 5000),
    "5001+": (5001, inf),
}
"""The rebuild labels of nixpkgs' ci/eval/compare/utils.nix, with their ranges of
rebuilds.
"""

_MOST_NAMED = 400
"""The maximum number of packages whose mentions are counted."""


SETS = {
    "cross": ("x86_64-linux", "pkgsCross.aarch64-multiplatform."),
    "static": ("x86_64-linux", "pkgsStatic."),
}
"""The real system and the attribute prefix of the systems `cross` and `static`, which
are package sets.
"""


class PackageBuild(Struct, frozen=True, kw_only=True):
    """The result of building a package, on the system of the build plan.

    `failure` is the reason with the log's last line, or "" for success. `no_regression`
    is true if the package cannot be built without the change either.
    """

    attribute: str
    failure: str = ""
    no_regression: bool = False


class NextSteps(Struct, frozen=True, kw_only=True):
    """The results of builds, and the packages that a binary cache has.

    `cached` is None if no binary cache was asked.
    """

    builds: tuple[PackageBuild, ...] = ()
    cached: tuple[str, ...] | None = None

    @property
    def failed(self) -> tuple[PackageBuild, ...]:
        """The packages that can be built only without the change."""
        return tuple(
            built for built in self.builds if built.failure and not built.no_regression
        )


def planned(judgement: Judgement, record: Record) -> Judgement:
    """Return the judge's result, extended by the packages to build.

    The plan is for the main system if a package has to be built there.
    """
    built = _built(judgement)
    if not built:
        return judgement
    system = record.native if record.native in built else next(iter(built))
    names = built[system]
    uses = Counter[str]()
    if len(names) > MOST:
        uses = _uses(record.maps[1], names[:_MOST_NAMED])
    # With equal counts, packages that the changed files define come first.
    first = sorted(names, key=lambda name: -uses[name])[:MOST]
    older = {
        difference.attribute
        for difference in judgement.weighing(Weight.CHANGE)
        if difference.kind is Kind.DERIVATION
    }
    packages = tuple(
        Rebuilt(
            attribute=name,
            named_by=uses[name],
            output=record.outputs.get((system, name), ""),
            is_new=name not in older,
        )
        for name in first
    )
    plan = BuildPlan(
        system=system,
        packages=packages,
        built={system: tuple(names) for system, names in built.items()},
    )
    return replace(judgement, plan=plan)


def labels(plan: BuildPlan | None, systems: Collection[str]) -> tuple[str, ...]:
    """Return the labels that nixpkgs' CI sets for the number of rebuilt packages.

    Only compared packages count: in the whole package set, there may be more.
    """
    built = plan.built if plan is not None else dict[str, tuple[str, ...]]()
    names: list[str] = []
    for kernel in ("linux", "darwin"):
        of_kernel = [system for system in systems if system.endswith(f"-{kernel}")]
        packages = {name for system in of_kernel for name in built.get(system, ())}
        if of_kernel:
            names += [
                f"10.rebuild-{kernel}: {label}"
                for label, (least, most) in _LABELS.items()
                if least <= len(packages) <= most
            ]
    return tuple(names)


def _built(judgement: Judgement) -> Mapping[str, list[str]]:
    """Return the packages to build by system, including new ones."""
    names: dict[str, dict[str, None]] = {system: {} for system in judgement.systems}
    for difference in judgement.weighing(Weight.CHANGE):
        if is_built(difference):
            names.setdefault(difference.system, {})[difference.attribute] = None
    return {system: [*packages] for system, packages in names.items() if packages}


def is_built(difference: Difference) -> bool:
    """Return whether a difference means that a package has to be built."""
    cause = difference.cause
    if difference.kind is Kind.DERIVATION:
        return not (isinstance(difference.before, dict) or cause.setting)
    return (
        cause.fact is DifferenceFact.NEW
        and difference.kind is Kind.ADDED
        and difference.after == PACKAGE
    ) or (
        cause.fact is DifferenceFact.EVALUATES_NOW
        and not cause.name
        and difference.kind is Kind.EVALUATION
    )


def _uses(maps: Map, names: Collection[str]) -> Counter[str]:
    """Return the number of files that mention each attribute by its last name."""
    lasts = {name: name.rpartition(".")[2] for name in names}
    words = "|".join(sorted(map(re.escape, {*lasts.values()}), key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w'-])(?:{words})(?![\w'-])")
    files = Counter[str]()
    for file in maps.naming(sorted({*lasts.values()})):
        files.update({*pattern.findall(maps.text(file))})
    return Counter({name: files[last] for name, last in lasts.items()})
