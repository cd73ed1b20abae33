"""The table that sets designs side by side: a column each, a row for each proof and for the size of the diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.model import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.model import Column


def table(columns: Sequence[Column]) -> list[list[str]]:
    """Return the table's rows, the first of which is its head; every row has as many cells."""
    names = list(dict.fromkeys(proof.name for column in columns for proof in column.proofs))
    return [
        ["", *(column.name for column in columns)],
        *([name, *(_status(column, name) for column in columns)] for name in names),
        ["lines added", *(str(column.added) for column in columns)],
        ["lines removed", *(str(column.removed) for column in columns)],
        ["of these moved", *(str(column.moved) for column in columns)],
        ["left to read", *(str(column.added + column.removed - 2 * column.moved) for column in columns)],
    ]


def markdown(columns: Sequence[Column]) -> list[str]:
    """Return the table as lines of Markdown, none where there is nothing to compare."""
    if not columns:
        return []
    head, *rows = table(columns)
    return [_row(head), "|---" * len(head) + "|", *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _status(column: Column, name: str) -> str:
    status = next((proof.status for proof in column.proofs if proof.name == name), Status.NOT_RUN)
    return str(status)
