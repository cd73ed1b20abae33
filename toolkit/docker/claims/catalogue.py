"""The claims about docker, in the order in which they are proven."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import prove
from toolkit.docker.case import OVERRIDES
from toolkit.docker.claims import (
    building,
    derivations,
    nixos_module,
    overrides,
    package_set,
    realising,
    updating,
)
from toolkit.docker.claims.asking import STAND_INS
from toolkit.docker.claims.evaluation import evaluate
from toolkit.docker.steps import MODULE
from toolkit.errors import CommandError, NotRunError
from toolkit.model import Tier
from toolkit.nix import program
from toolkit.prove import ANY, Claim, Subject, outputs
from toolkit.prove import form as general

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.docker.case import DockerCase
    from toolkit.docker.claims.asking import Setting
    from toolkit.prove import Finding


_WRITTEN = ANY - {Subject.OVERLAY}
_OF_OVERRIDES = frozenset([OVERRIDES])

CLAIMS: tuple[Claim[DockerCase], ...] = (
    *general.CLAIMS,
    Claim("no-rebuild", "the first commit rebuilds nothing", derivations.no_rebuild, applies_to=_WRITTEN),
    Claim(
        "exact-change",
        "only moby's PATH changes, and with it what contains moby",
        derivations.exact_change,
        applies_to=_WRITTEN,
    ),
    Claim(
        "overridable",
        "each component can be overridden now, but not before",
        overrides.overridable,
        needs=_OF_OVERRIDES,
    ),
    Claim(
        "compatible",
        "overrides that people use give the same results as before",
        overrides.compatible,
        needs=_OF_OVERRIDES,
    ),
    Claim(
        "capture-safe",
        "unrelated packages of the same names are not picked up",
        overrides.capture_safe,
        applies_to=_WRITTEN,
        needs=_OF_OVERRIDES,
    ),
    Claim("builds", "moby's install phase makes the intended PATH", building.builds),
    Claim(
        "update.sh",
        "update.sh reads and rewrites the same lines as before",
        updating.unchanged,
        applies_to=_WRITTEN,
    ),
    Claim("overlay", "the overlay gives the same derivations as the series", derivations.equals_series),
)


def _of_the_set(
    name: str, sentence: str, check: Callable[[DockerCase, Setting], Finding], needs: frozenset[str] = frozenset()
) -> Claim[DockerCase]:
    """Return what is claimed of stand-ins as a claim about the real package set.

    It has not run if a release needs more than it may have, unless another one fails.
    """

    def in_the_set(case: DockerCase) -> Finding:
        setting = package_set.setting(case)
        found = check(case, setting)
        if found.failures or not (limited := evaluate(case, setting).limited):
            return found
        lines = tuple(f"{release} on {system}: {reason}" for system, release, reason in limited)
        return replace(found, not_run=f"because {lines[0]}; the others are as claimed", gaps=(*found.gaps, *lines[1:]))

    return Claim(f"tree-{name}", f"{sentence}, in the real package set", in_the_set, Tier.TREE, needs=needs, wide=True)


_OF_THE_SET = (
    _of_the_set("no-rebuild", "the first commit rebuilds nothing", derivations.no_rebuild),
    _of_the_set("exact-change", "only moby changes, and with it what contains moby", derivations.exact_change),
    _of_the_set(
        "overridable", "each component can be overridden now, but not before", overrides.overridable, _OF_OVERRIDES
    ),
    _of_the_set(
        "compatible", "overrides that people use give the same results as before", overrides.compatible, _OF_OVERRIDES
    ),
)
_OF_THE_TREE: Claim[DockerCase] = Claim(
    "tree-set",
    "the package set and docker-client use the docker that was evaluated",
    package_set.has_what_was_evaluated,
    Tier.TREE,
)
_OF_NIXOS: Claim[DockerCase] = Claim(
    f"tree-{MODULE}", "the test of NixOS' module evaluates in the real package set", realising.tested, Tier.TREE
)
_OF_THE_MODULE: Claim[DockerCase] = Claim(
    MODULE,
    "the option changes nothing while it is off, and adds the security wrapper when it is on",
    nixos_module.adds_option,
)


def of(case: DockerCase) -> tuple[Claim[DockerCase], ...]:
    """Return the claims about a case: the series, the commit for NixOS' module, the deeper tiers that it asks for."""
    in_the_set = (_OF_NIXOS,) if case.deeper is not None and case.deep.whole else ()
    added = (_OF_THE_MODULE, *in_the_set) if case.added is not None else ()
    if not case.stages[1:]:
        return added
    deeper = _deeper(case) if case.deeper is not None else ()
    own = CLAIMS if case.patches else (replace(each, check=partial(_with_stand_ins, each.check)) for each in CLAIMS)
    return (*own, *added, *deeper)


def _with_stand_ins(check: Callable[[DockerCase], Finding], case: DockerCase) -> Finding:
    """Check somebody's change, which may use more of a package than its stand-in has: that is no fault of its own."""
    try:
        return check(case)
    except CommandError as error:
        if not program.lacks_something(error):
            raise
        fact = f"the change cannot be evaluated with {STAND_INS.place}: {program.reason(error)}"
        raise NotRunError(f"{fact}; {STAND_INS.otherwise}") from error


def _deeper(case: DockerCase) -> tuple[Claim[DockerCase], ...]:
    """Return the claims of the deeper tiers, in the order in which they are proven."""
    deep, depth = case.deep, case.deep.depth
    of_the_set = prove.narrowed(_OF_THE_SET, depth.systems)
    if not deep.whole:
        return tuple(replace(claim, offered=True) for claim in of_the_set)
    # What is built of the specimen says nothing about the platforms of nixpkgs.
    built = "specimen-built" if deep.trees[case.before.name].is_specimen else "built"
    builds = (
        Claim(
            f"{built}-{system}",
            f"Nix builds docker of the real package set for {system}, by the series and by the overlay alike",
            partial(realising.builds, system=system),
            Tier.BUILD,
        )
        for system in depth.systems or (outputs.here(),)
    )
    found = (*of_the_set, _OF_THE_TREE, *builds)
    return tuple(claim for claim in found if depth.tier.includes(claim.tier))
