"""The answer as one page of HTML that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolkit.docker.track.report import picture, table
from toolkit.docker.track.report.document import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.track.report.document import Answer, History, Pull

_WIDE, _NARROW = 1040, 360

_KINDS = {
    State.FIXED.value: picture.GOOD,
    State.HALF_FIXED.value: picture.HALF,
    State.NOT_FIXED.value: picture.BAD,
    State.NOT_APPLICABLE.value: picture.NONE,
    table.UNTOLD: picture.UNTOLD,
}


def to_html(answer: Answer) -> bytes:
    """Return the page; what comes from upstream is text in it and nothing else."""
    return ("\n".join(_page(answer)) + "\n").encode(errors="xmlcharrefreplace")


@cache
def _style() -> str:
    return (files(__package__) / "page.css").read_text(encoding="utf-8")


def _page(answer: Answer) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    # Whatever may stand in a title, the browser loads and runs nothing.
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>docker in nixpkgs: {escape(answer.verdict.judgement.value)}</title>"
    yield f"<style>\n{_style()}</style>"
    yield "</head>"
    yield "<body>"
    yield "<h1>docker in nixpkgs</h1>"
    yield f'<p class="faint">{escape(answer.source)}, checked {escape(_when(answer.checked))}</p>'
    yield f'<p class="verdict {escape(answer.verdict.judgement.value)}">{escape(answer.verdict.text)}</p>'
    if answer.changes:
        yield "<h2>Since last time</h2>"
        yield from _list(table.change(change) for change in answer.changes)
    yield "<h2>Branches and channels</h2>"
    yield from _table(table.REF_HEAD, table.refs(answer), marked=1)
    if answer.history is not None:
        yield from _history(answer.history, until=answer.checked)
    if answer.pulls:
        yield "<h2>Pull requests</h2>"
        yield from _pulls(answer.pulls)
    notes = [*table.notes(answer), *(f"warning: {warning}" for warning in answer.warnings)]
    if notes:
        yield "<h2>Notes</h2>"
        yield from _list(notes)
    yield f'<p class="faint">made by unlet {escape(answer.unlet)} from <code>{escape(answer.target)}</code></p>'
    yield "</body>"
    yield "</html>"


def _history(history: History, *, until: str) -> Iterator[str]:
    yield f"<h2>History of {escape(history.ref)}, {len(history.versions)} versions</h2>"
    yield picture.timeline(history, until=until, width=_WIDE, name="wide")
    yield picture.timeline(history, until=until, width=_NARROW, name="narrow")
    rows = [(event.date[:10], event.text, f"{event.commit[:12]} {event.subject}") for event in reversed(history.events)]
    yield from _table(("date", "what", "commit"), rows, first="name when")
    yield from _list(history.notes)


def _pulls(pulls: Sequence[Pull]) -> Iterator[str]:
    yield "<table>"
    yield from _head(table.PULL_HEAD)
    yield "<tbody>"
    for pull in pulls:
        for each in (pull, *pull.backports):
            row = table.pull(each)
            title = f" {escape(each.title)}" if each.title is not None else ""
            name = escape(row[0])
            if each.url is not None and urlsplit(each.url).scheme == "https":
                name = f'<a href="{escape(each.url)}" rel="noreferrer">{name}</a>'
            cells = [f'<td class="name">{name}{title}</td>']
            cells += [_cell(label, text) for label, text in zip(table.PULL_HEAD[1:], row[1:], strict=True)]
            yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody>"
    yield "</table>"


def _table(
    head: table.Row, rows: Sequence[table.Row], *, marked: int | None = None, first: str = "name"
) -> Iterator[str]:
    yield "<table>"
    yield from _head(head)
    yield "<tbody>"
    for row in rows:
        cells = [f'<td class="{first}">{escape(row[0])}</td>']
        for index, (label, text) in enumerate(zip(head[1:], row[1:], strict=True), start=1):
            cells.append(_cell(label, text, kind=_KINDS.get(text) if index == marked else None))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody>"
    yield "</table>"


def _head(head: table.Row) -> Iterator[str]:
    yield f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr></thead>"


def _cell(label: str, text: str, *, kind: str | None = None) -> str:
    inner = escape(text)
    if kind is not None:
        inner = f'<span class="mark {kind}">{inner}</span>'
    return f'<td data-label="{escape(label)}">{inner}</td>'


def _list(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    items = [f"<li>{escape(line)}</li>" for line in lines]
    if items:
        yield f"<ul>{''.join(items)}</ul>"


def _when(date: str) -> str:
    return date.replace("T", " ").replace("Z", " UTC")
