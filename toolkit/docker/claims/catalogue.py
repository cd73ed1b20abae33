"""The claims about docker, in their order."""

from collections.abc import Callable, Iterator
from functools import partial

from msgspec.structs import replace

from toolkit.docker.case import DockerCase
from toolkit.docker.claims import building, derivations, nixos_module, overrides, realising, updating
from toolkit.docker.claims.evaluation import evaluate
from toolkit.docker.steps import MODULE
from toolkit.errors import CommandError, NotRunError
from toolkit.model import Tier
from toolkit.nix import program
from toolkit.proposal import form as general
from toolkit.proposal import judged, outputs
from toolkit.proposal.judged import Aspect, Judging
from toolkit.proposal.prove import ANY, Claim, Finding, Subject, narrowed

_OF_DERIVATIONS = frozenset(["no-rebuild", "exact-change"])
_WRITTEN = ANY - {Subject.OVERLAY}


def _judged(case: DockerCase, *, check: Callable[[Judging], Finding]) -> Finding:
    """Ask the judge about the first commit, as about that of any package."""
    stage = case.require_apart()
    patch = f"series/{case.patches[0].name}" if case.patches else "upstream.diff"
    return check(case.ground.judging(stage.name, patch))


def _kept(aspect: Aspect, judging: Judging) -> Finding:
    return judging.kept(aspect)


def _of_lift(name: str, sentence: str, check: Callable[[Judging], Finding]) -> Claim[DockerCase]:
    return Claim(name, sentence, partial(_judged, check=check), applies_to=_WRITTEN, alone=True)


CLAIMS: tuple[Claim[DockerCase], ...] = (
    *general.CLAIMS,
    Claim("no-rebuild", "the first commit rebuilds nothing", derivations.no_rebuild, applies_to=_WRITTEN, wide=True),
    Claim(
        "exact-change",
        "only moby's PATH changes, and with it what contains moby",
        derivations.exact_change,
        applies_to=_WRITTEN,
        wide=True,
    ),
    Claim(
        "overridable",
        "a replacement of each component arrives in the build",
        overrides.overridable,
        wide=True,
    ),
    Claim(
        "compatible",
        "overrides that people use give the same results as before",
        overrides.compatible,
        wide=True,
    ),
    Claim(
        "capture-safe",
        "unrelated packages of the same names are not picked up",
        overrides.capture_safe,
        applies_to=_WRITTEN,
    ),
    Claim("builds", "moby's install phase makes the intended PATH", building.builds),
    Claim(
        "update.sh", "update.sh reads and rewrites the same lines as before", updating.unchanged, applies_to=_WRITTEN
    ),
    _of_lift("passthru", "passthru, tests included, evaluates to the same as before", partial(_kept, judged.PASSTHRU)),
    _of_lift("meta", "meta stays the same, and is written in the same file", partial(_kept, judged.META)),
    _of_lift("overrides", "the override functions take and give the same as before", partial(_kept, judged.OVERRIDES)),
    _of_lift("readers", "all that reads or overrides docker stays the same", Judging.readers),
    Claim("overlay", "the overlay gives the same derivations as the series", derivations.equals_series),
)


_OF_NIXOS: Claim[DockerCase] = Claim(
    f"{MODULE}-test", "the test of NixOS' module evaluates in the package set", realising.tested
)
_OF_THE_MODULE: Claim[DockerCase] = Claim(
    MODULE,
    "the option changes nothing while it is off, and adds the security wrapper when it is on",
    nixos_module.adds_option,
)


def of(case: DockerCase) -> tuple[Claim[DockerCase], ...]:
    """Return the claims about a case: the series, the NixOS module's commit, and builds on request."""
    depth = case.ground.depth
    added: tuple[Claim[DockerCase], ...] = ()
    if case.added is not None:
        added = (_OF_THE_MODULE, *((_OF_NIXOS,) if case.ground.whole is not None else ()))
    if not case.stages[1:]:
        return added
    own = CLAIMS if case.patches else (replace(each, check=partial(_as_it_is, each.check)) for each in CLAIMS)
    return (*narrowed(map(_asked, own), depth.systems), *added, *(_builds(case) if depth.tier is Tier.BUILD else ()))


def _asked(claim: Claim[DockerCase]) -> Claim[DockerCase]:
    """Return a claim with the nixpkgs that was asked in what it covers.

    One about several systems has not run if a release needs more than it may have, unless another one fails.
    """
    if not claim.wide and claim.name not in {"capture-safe", "overlay"}:
        return claim

    def check(case: DockerCase) -> Finding:
        found = claim.check(case)
        if found.not_run is not None:
            return found
        found = replace(found, covers=f"{found.covers}, in {case.ground.place}")
        if claim.name not in _OF_DERIVATIONS or found.failures or not (limited := evaluate(case).limited):
            return found
        lines = tuple(f"{release} on {system}: {reason}" for system, release, reason in limited)
        return replace(found, not_run=f"because {lines[0]}; the others are as claimed", gaps=(*found.gaps, *lines[1:]))

    return replace(claim, check=check)


def _as_it_is(check: Callable[[DockerCase], Finding], case: DockerCase) -> Finding:
    """Check somebody's change, which may use more of a package than its stand-in has: that is no fault of its own."""
    try:
        return check(case)
    except CommandError as error:
        if not case.bounded or not program.lacks_something(error):
            raise
        fact = f"the change cannot be evaluated in {case.ground.place}: {program.reason(error)}"
        raise NotRunError(f"{fact}; {case.ground.otherwise}") from error


def _builds(case: DockerCase) -> Iterator[Claim[DockerCase]]:
    """Yield the claims about real builds."""
    # What is built of the specimen says nothing about the platforms of nixpkgs.
    built = "specimen-built" if case.ground.tree.is_specimen else "built"
    for system in case.ground.depth.systems or (outputs.here(),):
        yield Claim(
            f"{built}-{system}",
            f"Nix builds docker of the real package set for {system}",
            partial(realising.builds, system=system),
            Tier.BUILD,
        )
