"""Format the reasons why a derivation differs, in one line or in full."""

from collections.abc import Iterator, Sequence

from toolkit.judge.differences import Form, Reason
from toolkit.text import few

_SHORT = 60
_MEMBERS = 6
MOST_LINES = 10
"""The maximum number of changed lines that are shown of a build phase."""


def brief(reasons: Sequence[Reason]) -> str:
    """Return the reasons for a rebuild in one line, without changed lines of phases."""
    return "; ".join(_of_package(reason, _brief(reason)) for reason in reasons)


def whole(reasons: Sequence[Reason]) -> Iterator[str]:
    """Yield all reasons for a rebuild as lines, with changed lines of build phases."""
    for reason in reasons:
        if reason.form is Form.LINES:
            yield _of_package(reason, reason.name)
            yield from (f"  {line}" for line in _signed(reason))
        else:
            yield _of_package(reason, _brief(reason, most=None))


def changed_lines(reasons: Sequence[Reason]) -> Iterator[str]:
    """Yield the first changed lines of each build phase in the reasons.

    If there are more than MOST_LINES, a last line has the number of the others.
    """
    for reason in reasons:
        if reason.form is not Form.LINES:
            continue
        lines = _signed(reason)
        for line in lines[:MOST_LINES]:
            yield f"{_of_package(reason, reason.name)} {_cut(line, _SHORT)}"
        if len(lines) > MOST_LINES:
            more = len(lines) - MOST_LINES
            yield f"{_of_package(reason, reason.name)} and {more} more lines"


def _of_package(reason: Reason, text: str) -> str:
    return f"{reason.package}: {text}" if reason.package else text


def _brief(reason: Reason, *, most: int | None = _SHORT) -> str:
    names = _few(reason.added, most)
    forms = {
        Form.CONTENT: f"{reason.name}: {names} has different content",
        Form.INPUT: f"by its {'input' if len(reason.added) == 1 else 'inputs'} {names}",
        Form.LINES: f"{reason.name} {_counts(reason)}",
        Form.ORDER: f"{reason.name} has a different order",
        Form.SPACES: f"{reason.name} differs in white space",
    }
    if reason.form in forms:
        return forms[reason.form]
    old = _few(reason.removed, most)
    if reason.form is Form.VALUE and old and names:
        return f"{reason.name} {old} → {names}"
    signs = [f"− {old}"] if old else []  # noqa: RUF001 - a minus
    signs += [f"+ {names}"] if names else []
    return f"{reason.name} {' '.join(signs)}"


def _few(texts: Sequence[str], most: int | None) -> str:
    """Return texts on one line, each with at most `most` characters.

    If `most` is None, no text is shortened or left out.
    """
    if most is None:
        return ", ".join(texts)
    return few([_cut(text, most) for text in texts], _MEMBERS)


def _counts(reason: Reason) -> str:
    counts = [f"− {len(reason.removed)}"] if reason.removed else []  # noqa: RUF001 - a minus
    counts += [f"+ {len(reason.added)}"] if reason.added else []
    lines = len(reason.removed) + len(reason.added)
    return f"{' '.join(counts)} {'line' if lines == 1 else 'lines'}"


def _signed(reason: Reason) -> list[str]:
    return [
        *(f"− {line}" for line in reason.removed),  # noqa: RUF001 - a minus
        *(f"+ {line}" for line in reason.added),
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
