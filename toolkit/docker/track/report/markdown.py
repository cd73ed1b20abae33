"""The answer as Markdown, for an issue or a summary of a job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit.docker.track.report import table
from toolkit.report.markdown import cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.track.report.document import Answer


def to_markdown(answer: Answer) -> bytes:
    """Return the answer; nothing in it that comes from upstream is taken for Markdown or mentions anybody."""
    return ("\n".join(_lines(answer)) + "\n").encode(errors="backslashreplace")


def _lines(answer: Answer) -> Iterator[str]:
    yield "# docker in nixpkgs"
    yield ""
    yield f"**{_plain(answer.verdict.text)}**"
    if answer.changes:
        yield ""
        yield "## Since last time"
        yield ""
        yield from (f"- {_plain(table.change(change))}" for change in answer.changes)
    yield ""
    yield "## Branches and channels"
    yield ""
    yield from _table(table.REF_HEAD, table.refs(answer))
    if answer.pulls:
        yield ""
        yield "## Pull requests"
        yield ""
        yield from _table(table.PULL_HEAD, table.pulls(answer))
    if answer.history is not None:
        yield ""
        yield f"## History of {_plain(answer.history.ref)}"
        yield ""
        rows = [(e.date[:10], e.text, table.event_source(e)) for e in answer.history.events]
        yield from _table(("date", "what", "commit"), rows)
        yield from (f"\n{_plain(note)}" for note in answer.history.notes)
    notes = [*table.notes(answer), *(f"warning: {warning}" for warning in answer.warnings)]
    if notes:
        yield ""
        yield "## Notes"
        yield ""
        yield from (f"- {_plain(note)}" for note in notes)
    yield ""
    yield f"From {_plain(answer.source)}, checked {answer.checked}, by unlet {answer.unlet}."


def _table(head: table.Row, rows: Sequence[table.Row]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell(_plain(text)) for text in row)} |"


def _plain(text: str) -> str:
    """Return text in which nothing is Markdown; `@name` and `#1` become no mention and no link."""
    escaped = re.sub(r"([\\`*_\[\]<>~])", r"\\\1", " ".join(text.split()))
    return re.sub(r"([@#])(?=\w)", "\\1\N{WORD JOINER}", escaped)
