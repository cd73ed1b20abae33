"""The proofs: one module per subject, in it a function from a Case to a Finding for each claim.

A proof that cannot run says why; none passes because it looked at nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit import process
from toolkit.docker.claims import applying, building, compatibility, evaluation, overlaying, syntax, updating
from toolkit.docker.claims.case import Case, Claim, prove
from toolkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.docker.claims.case import Finding
    from toolkit.model import Progress, Proof


def _runs(case: Case) -> Finding:
    # What it takes to run a daemon is not imported where nobody asks for one.
    from toolkit.docker.claims.running import runs  # noqa: PLC0415

    return runs(case)


CLAIMS: tuple[Claim, ...] = (
    Claim("parse", "Nix parses the file before and after each commit", syntax.parses),
    Claim("format", "nixfmt has nothing to change in the result", syntax.formatted),
    Claim("applies", "the diff and the series apply to a clean checkout", applying.applies),
    Claim("no-rebuild", "the first commit rebuilds nothing", evaluation.no_rebuild),
    Claim(
        "exact-change",
        "the second commit changes moby's PATH, what contains moby, nothing else",
        evaluation.exact_change,
    ),
    Claim("overridable", "each component can be overridden after, and could not before", evaluation.overridable),
    Claim("compatible", "the overrides that people use give what they gave", compatibility.compatible),
    Claim("capture-safe", "packages with the components' names do no harm", compatibility.capture_safe),
    Claim("builds", "moby's install phase makes a wrapper with the PATH that was meant", building.builds),
    Claim("update.sh", "update.sh reads and would rewrite the same", updating.unchanged),
    Claim("overlay", "the overlay gives the derivations of the series", overlaying.equals_series),
    Claim("runs", "a rootless dockerd started by the wrapper answers on port 80", _runs),
)

ON_REQUEST = frozenset({"runs"})
"""The proofs that run only where they are asked for, the last of CLAIMS; alone, since they load the machine."""


def run(
    case: Case, names: Sequence[str], *, also: Sequence[str] = (), asked: Sequence[str] = (), progress: Progress
) -> tuple[Proof, ...]:
    """Run the proofs of these names, for none all but those ON_REQUEST, and `also`; in the order of CLAIMS.

    Those that are `asked` for are marked as such, and so are those of the tiers below the isolated one.

    They run side by side, but for those of the deeper tiers, each of which takes all the memory that it may. Raise
    UsageError for a name that no proof has. An interrupt ends all programs that still run.
    """
    beside, below = on_request(case), deeper(case)
    known = [claim.name for claim in (*CLAIMS, *beside, *below)]
    for name in (*names, *also):
        if name not in known:
            raise UsageError(f"proof: '{name}' is unknown", hint=f"there are {', '.join(known)}")
    wanted = {*(names or (name for name in known if name not in ON_REQUEST)), *also}
    claims = [claim for claim in (*CLAIMS, *beside) if claim.name in wanted - ON_REQUEST]
    proofs: list[Proof] = []
    with ThreadPoolExecutor(max_workers=len(CLAIMS)) as pool, process.ending_together():
        running = [pool.submit(copy_context().run, prove, claim, case) for claim in claims]
        for claim, future in zip(claims, running, strict=True):
            progress.step(f"proving {claim.name}")
            proofs.append(future.result())
            progress.proof(proofs[-1])
    alone = [claim for claim in CLAIMS if claim.name in ON_REQUEST]
    for claim in (*alone, *below):
        if claim.name in wanted:
            progress.step(f"proving {claim.name}")
            proofs.append(prove(claim, case))
            progress.proof(proofs[-1])
    wanted_by_name = {*asked, *(claim.name for claim in below)}
    return tuple(replace(proof, asked=proof.name in wanted_by_name) for proof in proofs)


def on_request(case: Case) -> tuple[Claim, ...]:
    """Return the claims about the commits that the case has on request."""
    if not case.extras:
        return ()
    from toolkit.docker.claims import additions  # noqa: PLC0415 - for --with alone

    return additions.claims(case)


def deeper(case: Case) -> tuple[Claim, ...]:
    """Return the claims of the tiers below the isolated one that the case asks for."""
    if case.deep is None:
        return ()
    from toolkit.docker.claims import deep  # noqa: PLC0415 - for the deeper tiers alone

    if not case.extras:
        return deep.claims(case.deep)
    from toolkit.docker.claims import additions  # noqa: PLC0415 - as above

    return (*deep.claims(case.deep), *additions.deeper(case))
