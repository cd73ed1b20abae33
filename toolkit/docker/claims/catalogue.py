"""The claims about docker, in their order."""

from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from toolkit.docker.case import DockerCase
from toolkit.docker.claims import (
    building,
    demoting,
    nixos_module,
    overrides,
    updating,
)
from toolkit.docker.steps import MODULE
from toolkit.errors import NotRunError, ToolkitError
from toolkit.model import Tier
from toolkit.proposal import form, judged, outputs
from toolkit.proposal.claims import JUDGE, JUDGED
from toolkit.proposal.form import WRITTEN
from toolkit.proposal.prove import Claim, Finding, narrowed

CLAIMS: tuple[Claim[DockerCase], ...] = (
    *form.CLAIMS,
    Claim(
        "no-rebuild",
        "the first commit rebuilds nothing",
        lambda case: case.judge().kept(judged.NO_REBUILD),
        applies_to=WRITTEN,
        queue=JUDGE,
        wide=True,
    ),
    Claim(
        "exact-change",
        "only moby's PATH changes, and packages with moby",
        demoting.exact_change,
        applies_to=WRITTEN,
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
        "common overrides give the same results as before",
        overrides.compatible,
        wide=True,
    ),
    Claim(
        "capture-safe",
        "the packages use no unrelated package of the same name",
        overrides.capture_safe,
        applies_to=WRITTEN,
    ),
    Claim("builds", "moby's install phase sets the intended PATH", building.builds),
    Claim(
        "update.sh",
        "update.sh reads and rewrites the same lines as before",
        updating.unchanged,
        applies_to=WRITTEN,
    ),
    *(replace(claim, applies_to=WRITTEN) for claim in JUDGED),
    Claim(
        "overlay",
        "the overlay gives the same derivations as the series",
        demoting.equals_series,
    ),
)


_OF_NIXOS: Claim[DockerCase] = Claim(
    f"{MODULE}-test",
    "the module's NixOS test evaluates",
    nixos_module.tested,
)
_OF_THE_MODULE: Claim[DockerCase] = Claim(
    MODULE,
    "the option changes nothing while it is off, and adds the security wrapper when "
    "it is on",
    nixos_module.adds_option,
)

_OF_TEXT = frozenset([*(claim.name for claim in form.CLAIMS), "update.sh"])


def claims(case: DockerCase) -> tuple[Claim[DockerCase], ...]:
    """Return the claims about a case.

    They are about the commits, the NixOS module's commit and, on request, builds.
    """
    depth = case.request.depth
    chosen: list[Claim[DockerCase]] = []
    if case.stages[1:]:
        chosen += narrowed(map(_evaluated, CLAIMS), depth.systems)
    builds = _builds(case) if chosen and depth.tier is Tier.BUILD else ()
    if case.added is not None:
        chosen.append(_OF_THE_MODULE)
        if case.whole is not None:
            chosen.append(_OF_NIXOS)
    return (*chosen, *builds)


def _evaluated(claim: Claim[DockerCase]) -> Claim[DockerCase]:
    """Return a claim that does not run if the file does not evaluate.

    The reason names the nixpkgs that was evaluated.
    """
    if claim.name in _OF_TEXT:
        return claim

    def check(case: DockerCase) -> Finding:
        if not case.releases:
            return Finding(
                covers="nothing", failures=("the file defines no docker release",)
            )
        if case.bounded and not case.patches:
            # What a stranger's file does to Nix is told once, before it is asked about
            # everything.
            case.require_evaluated()
        if claim.name == "builds":
            # What is built is the stand-in tree.
            return claim.check(case)
        try:
            found = claim.check(case)
        except NotRunError:
            raise
        except ToolkitError:
            case.require_evaluated()
            raise
        if found.failures or found.gaps or found.not_run is not None:
            case.require_evaluated()
        return (
            found
            if found.not_run is not None
            else replace(found, covers=f"{found.covers}, in {case.place}")
        )

    return replace(claim, check=check)


def _builds(case: DockerCase) -> Iterator[Claim[DockerCase]]:
    """Yield the claims about real builds."""
    # What is built of the specimen says nothing about the platforms of nixpkgs.
    built = "specimen-built" if case.tree.is_specimen else "built"
    for system in case.request.depth.systems or (outputs.here(),):
        yield Claim(
            f"{built}-{system}",
            f"Nix builds docker of the real nixpkgs for {system}",
            partial(building.realised, system=system),
            Tier.BUILD,
        )
