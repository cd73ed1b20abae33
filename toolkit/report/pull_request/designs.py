"""The design that the series has, and why it has not one of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.model import Status
from toolkit.report.pull_request.wording import listed, plain_cell, raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.model import Column, Proof
    from toolkit.report.pull_request.facts import Facts

# A cell has room for so many failures, and for the beginnings of their reasons.
_FAILED, _REASON = 3, 80

_COMPARING = "unlet propose --compare"


def section(facts: Facts) -> Iterator[str]:
    """Yield what was done, and the table of all designs: with their proofs where they were compared."""
    strategy = facts.report.proposal.design("lift")
    if strategy is not None:
        yield facts.texts.designs[strategy].taken
    yield "\n".join(_table(facts))
    if not facts.report.comparison:
        yield f"<!-- `{_COMPARING}` puts each design through the same proofs, and adds them to the table. -->"


def _table(facts: Facts) -> Iterator[str]:
    columns = {column.name: column for column in facts.report.comparison}
    designs = facts.texts.designs

    def row(name: str) -> str:
        design = designs.get(name)
        what = design.what if design is not None else plain_cell(name)
        found = [_proofs(columns.get(name)), _diff(columns.get(name))] if columns else []
        if name == facts.report.proposal.design("lift"):
            reason = "**taken**"
        else:
            reason = design.rejected if design is not None else ""
        return f"| {' | '.join([what, *found, reason])} |"

    yield f"| design |{' proofs | diff |' if columns else ''} why not |"
    yield f"|---|{'---|---|' if columns else ''}---|"
    names = list(dict.fromkeys([*designs, *columns]))
    *rows, last = listed(names, max(facts.shown, len(designs)), row)
    yield from rows
    # What says that there are more is no row.
    yield last if last.startswith("|") else f"\n{last}"


def _proofs(column: Column | None) -> str:
    if column is None:
        return ""
    failed = [proof for proof in column.proofs if proof.status is Status.FAILED]
    counts = [
        f"{count} {status}"
        for status in (Status.PASSED, Status.NOT_RUN)
        if (count := sum(proof.status is status for proof in column.proofs))
    ]
    return ", ".join([*counts, *listed(failed, _FAILED, _failed)])


def _failed(proof: Proof) -> str:
    return f"**failed: {plain_cell(proof.name)}** ({plain_cell(raw(proof.reason or '', width=_REASON))})"


def _diff(column: Column | None) -> str:
    if column is None:
        return ""
    moved = f", {column.moved} of them moved" if column.moved else ""
    return f"+{column.added} -{column.removed}{moved}"
