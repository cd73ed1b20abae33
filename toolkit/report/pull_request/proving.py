"""All proofs in one table, with what did not pass in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.model import Status
from toolkit.report.pull_request.wording import code, details, listed, plain, plain_cell, staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.model import Proof
    from toolkit.report.pull_request.facts import Facts


def section(facts: Facts) -> Iterator[str]:
    """Yield on what the proofs ran and how many passed, each that did not, and the table of all."""
    proofs = facts.report.proofs
    source = facts.report.proposal.source
    where = f"nixpkgs at {source.commit}" if source.commit is not None else "a file of no known commit"
    counts = ", ".join(f"{sum(proof.status is status for proof in proofs)} {status}" for status in Status)
    yield (
        f"By `unlet` {__version__} on {where}. Of {len(proofs)} proofs {counts}. All packages but docker's own are "
        "stand-ins where a proof does not say that it is about the package set."
    )
    if others := [proof for proof in proofs if proof.status is not Status.PASSED]:
        yield "\n".join(listed(others, facts.shown, _not_passed))
    rows = listed(proofs, facts.shown, _row)
    # What says that there are more is no row.
    more = ["", rows.pop()] if len(rows) > min(len(proofs), facts.shown) else []
    yield details("All proofs", "\n".join(["| proof | claim | result | covers |", "|---|---|---|---|", *rows, *more]))


def _row(proof: Proof) -> str:
    cells = (proof.name, proof.claim, str(proof.status), staged(proof.covers))
    return f"| {' | '.join(map(plain_cell, cells))} |"


def _not_passed(proof: Proof) -> str:
    reason = plain(proof.reason or "")
    if proof.status is Status.FAILED:
        return f"- **{code(proof.name)} failed**: {reason}"
    return f"- {code(proof.name)} was not run, {reason}"
