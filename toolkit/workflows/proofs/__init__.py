"""The proofs: one module per subject, in it a function from a Case to a Finding for each claim.

A proof that cannot run says why; none passes because it looked at nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING

from toolkit.errors import UsageError
from toolkit.external import process
from toolkit.workflows.proofs import applying, building, evaluation, overlaying, syntax, updating
from toolkit.workflows.proofs.case import Case, Claim, prove

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.model import Progress, Proof

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
    Claim("builds", "moby's install phase makes a wrapper with the PATH that was meant", building.builds),
    Claim("update.sh", "update.sh reads and would rewrite the same", updating.unchanged),
    Claim("overlay", "the overlay gives the derivations of the series", overlaying.equals_series),
)


def run(case: Case, names: Sequence[str], *, progress: Progress) -> tuple[Proof, ...]:
    """Run the proofs of these names, or all for none, side by side; return them in the order of CLAIMS.

    Raise UsageError for a name that no proof has. An interrupt ends all programs that still run.
    """
    known = [claim.name for claim in CLAIMS]
    for name in names:
        if name not in known:
            raise UsageError(f"proof: '{name}' is unknown", hint=f"there are {', '.join(known)}")
    claims = [claim for claim in CLAIMS if not names or claim.name in names]
    proofs: list[Proof] = []
    with ThreadPoolExecutor(max_workers=len(claims)) as pool, process.ending_together():
        running = [pool.submit(copy_context().run, prove, claim, case) for claim in claims]
        for claim, future in zip(claims, running, strict=True):
            progress.step(f"proving {claim.name}")
            proofs.append(future.result())
            progress.proof(proofs[-1])
    return tuple(proofs)
