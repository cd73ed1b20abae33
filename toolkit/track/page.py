"""Format the result of `track` as an HTML page and as Markdown.

The page needs no other files. Text from nixpkgs is escaped in both formats: it has no
markup, mentions nobody, and reverses no writing direction.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from toolkit.report.markdown import guarded
from toolkit.text import harmless
from toolkit.track import table
from toolkit.track.answer import TrackAnswer
from toolkit.track.readings import State

_MARKS = {
    State.FIXED: "good",
    State.HALF_FIXED: "half",
    State.NOT_FIXED: "bad",
    State.NOT_APPLICABLE: "none",
    State.ABSENT: "none",
    State.UNKNOWN: "unknown",
}
"""The CSS class of the dot beside each state."""


def to_html(answer: TrackAnswer) -> bytes:
    """Return an HTML page about the result, without external files."""
    return _rendered("page.html.jinja", answer, harmless)


def to_markdown(answer: TrackAnswer) -> bytes:
    """Return Markdown about the result, for an issue or the summary of a CI job."""
    text = _rendered("answer.md.jinja", answer, _plain).decode()
    return re.sub(r"\n{3,}", "\n\n", text).encode()


def _rendered(template: str, answer: TrackAnswer, show: Callable[[str], str]) -> bytes:
    notes = [
        *table.notes(answer),
        *(f"warning: {warning}" for warning in answer.warnings),
    ]
    form = _environment(show).get_template(template)
    return form.render(answer=answer, view=table, notes=notes, marks=_MARKS).encode(
        errors="backslashreplace"
    )


@cache
def _environment(show: Callable[[str], str]) -> Environment:
    def finalize(value: object) -> object:
        return (
            show(value)
            if isinstance(value, str) and not isinstance(value, Markup)
            else value
        )

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        cell=_cell,
        code=_code,
        change=table.change,
    )
    return environment


def _plain(text: str) -> Markup:
    """Return `text` escaped so that it has no Markdown and no links."""
    flat = " ".join(harmless(text).split())
    return Markup(guarded(flat, _escaped))  # noqa: S704 - the result is Markdown, not HTML


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>~&])", r"\\\1", text)


def _cell(value: object) -> Markup:
    text = _plain(str(value)) or " "
    return Markup(text.replace("|", "\\|"))  # noqa: S704 - the result is Markdown, not HTML


def _code(text: str) -> Markup:
    """Return a command as a Markdown code span, even if it contains back-quotes."""
    shown = " ".join(harmless(text).split())
    ticks = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return Markup(f"{ticks}{pad}{shown}{pad}{ticks}")  # noqa: S704 - the result is Markdown, not HTML
