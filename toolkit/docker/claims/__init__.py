"""The proofs of docker: one module a subject, in it a function from a Case to a Finding for each claim.

A proof that cannot run says why; none passes because it looked at nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit import prove
from toolkit.docker.claims import building, compatibility, derivations, overlaying, overriding, updating
from toolkit.prove import Claim
from toolkit.prove import claims as general

if TYPE_CHECKING:
    from collections.abc import Collection

    from toolkit.docker.claims.case import DockerCase
    from toolkit.model import Progress, Proof
    from toolkit.prove import Finding


def _runs(case: DockerCase) -> Finding:
    # What it takes to run a daemon is not imported where nobody asks for one.
    from toolkit.docker.claims.running import runs  # noqa: PLC0415

    return runs(case)


CLAIMS: tuple[Claim[DockerCase], ...] = (
    *general.CLAIMS,
    Claim("no-rebuild", "the first commit rebuilds nothing", derivations.no_rebuild),
    Claim(
        "exact-change",
        "only moby's PATH changes, and with it what contains moby",
        derivations.exact_change,
    ),
    Claim("overridable", "each component can be overridden now, but not before", overriding.overridable),
    Claim("compatible", "overrides that people use give the same results as before", compatibility.compatible),
    Claim("capture-safe", "unrelated packages of the same names are not picked up", compatibility.capture_safe),
    Claim("builds", "moby's install phase makes the intended PATH", building.builds),
    Claim("update.sh", "update.sh reads and rewrites the same lines as before", updating.unchanged),
    Claim("overlay", "the overlay gives the same derivations as the series", overlaying.equals_series),
    Claim("runs", "a rootless dockerd started by the wrapper answers on port 80", _runs, alone=True, on_request=True),
)


def of(case: DockerCase) -> tuple[Claim[DockerCase], ...]:
    """Return the claims about a case: the series, the commits on request, the deeper tiers that it asks for."""
    claims = CLAIMS
    if case.extras:
        from toolkit.docker.claims import additions  # noqa: PLC0415 - for --with alone

        claims = (*claims, *additions.claims(case))
    if case.deep is not None:
        from toolkit.docker.claims import deep  # noqa: PLC0415 - for the deeper tiers alone

        claims = (*claims, *deep.claims(case, case.deep))
    return claims


def run(
    case: DockerCase,
    names: Collection[str] = (),
    *,
    also: Collection[str] = (),
    progress: Progress,
) -> tuple[Proof, ...]:
    """Prove the claims about a case, as `toolkit.prove.run` does."""
    return prove.run(of(case), case, names, also=also, progress=progress)
