"""Why each hunk of a branch is there and which proofs cover it: as lines for people, and as a JSON document."""

from __future__ import annotations

import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import __version__, documents
from toolkit.model import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.contribution import ExplainedHunk, Explanation, Reason
    from toolkit.model import Proof

SCHEMA = 1

WIDTH = 100
"""The most columns of a line; only a word that is longer by itself makes a line longer."""

EXCERPT = 6
"""How many of the lines that a hunk changes are shown."""

UNKNOWN = "no reason known: unlet did not make this change"


class Tone(StrEnum):
    """What a line is, for whoever gives it a colour; a line about proofs has the tone of the worst of them."""

    COMMIT = "commit"
    PLACE = "place"
    ADDED = "added"
    REMOVED = "removed"
    REASON = "reason"
    PLAIN = "plain"
    PROVEN = "proven"
    UNKNOWN = "unknown"
    PASSED = "passed"
    NOT_RUN = "not run"
    FAILED = "failed"


class Line(Struct, frozen=True, kw_only=True):
    """A line for people, without a line feed; its first `head` characters have the tone, all for None."""

    text: str
    tone: Tone
    head: int | None = None


class _Cover(Struct, frozen=True):
    """A proof that covers a reason. `reason` explains why it failed or was not run, None if nobody asked for it."""

    name: str
    status: Status
    reason: str | None = None


def is_known(hunk: ExplainedHunk) -> bool:
    """Return whether there is a reason, and a proof for it, for all that a hunk changes."""
    return bool(hunk.reasons) and all(reason.proofs for reason in hunk.reasons)


def unknown(explanation: Explanation) -> int:
    """Count the hunks that are not known."""
    return sum(not is_known(hunk) for commit in explanation.commits for hunk in commit.hunks)


def to_json(explanation: Explanation) -> bytes:
    """Return the document. `unlet` is the version that gave it, `unknown` counts the hunks that are not `known`.

    `commit` is a git object id, null for a commit that is in no repository yet. A reason without proofs names which
    lines no reason is known for. A field may be added; one that goes or changes its meaning needs a new SCHEMA.
    """
    return documents.write(
        {
            "schema": SCHEMA,
            "unlet": __version__,
            "clone": explanation.clone,
            "branch": explanation.branch,
            "unknown": unknown(explanation),
            "commits": [
                {
                    "commit": commit.oid,
                    "subject": commit.subject,
                    "hunks": [_hunk(hunk, explanation.proofs) for hunk in commit.hunks],
                }
                for commit in explanation.commits
            ],
        }
    )


def lines(explanation: Explanation) -> Iterator[Line]:
    """Yield each commit and its hunks, each with some of its lines, its reasons, and the proofs that cover these."""
    for commit in explanation.commits:
        oid = f"{commit.oid.short}  " if commit.oid is not None else ""
        yield from _wrapped(f"{oid}{commit.subject}", Tone.COMMIT)
        for hunk in commit.hunks:
            yield from _wrapped(f"{hunk.path} {hunk.header}", Tone.PLACE, indent=2)
            yield from _excerpt(hunk)
            for reason in hunk.reasons:
                yield from _reason(reason, explanation.proofs)
            if not hunk.reasons:
                yield from _wrapped(UNKNOWN, Tone.UNKNOWN, indent=4)
    if count := unknown(explanation):
        hunks = "1 hunk has" if count == 1 else f"{count} hunks have"
        yield Line(text=f"{hunks} lines without a known reason", tone=Tone.UNKNOWN)


def _excerpt(hunk: ExplainedHunk) -> Iterator[Line]:
    changed = [line for line in hunk.lines if line.startswith(("+", "-")) and line[1:].strip()]
    shown = changed[:EXCERPT]
    margin = min((len(line[1:]) - len(line[1:].lstrip()) for line in shown), default=0)
    for line in shown:
        text = f"    {line[0]} {line[1 + margin :].expandtabs().rstrip()}"
        cut = text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
        yield Line(text=cut, tone=Tone.ADDED if line[0] == "+" else Tone.REMOVED)
    if (more := len(changed) - EXCERPT) > 0:
        yield Line(text=f"      … {more} more line{'s' if more > 1 else ''}", tone=Tone.PLACE)


def _reason(reason: Reason, proofs: Mapping[str, Proof]) -> Iterator[Line]:
    if not reason.proofs:
        yield from _wrapped(reason.text, Tone.UNKNOWN, indent=4)
        return
    yield from _wrapped(reason.text, Tone.REASON, indent=4)
    covers = [_cover(name, proofs) for name in reason.proofs]
    said = ", ".join(f"{cover.name} ({_status(cover)})" for cover in covers)
    statuses = {cover.status for cover in covers}
    worst = next(status for status in (Status.FAILED, Status.NOT_RUN, Status.PASSED) if status in statuses)
    yield from _wrapped(f"covered by {said}", Tone(worst.value), indent=6)


def _status(cover: _Cover) -> str:
    if cover.reason is None or cover.status is Status.PASSED:
        return str(cover.status)
    return f"{cover.status}{', ' if cover.status is Status.NOT_RUN else ': '}{' '.join(cover.reason.split())}"


def _wrapped(text: str, tone: Tone, *, indent: int = 0) -> Iterator[Line]:
    margin = " " * indent
    for line in textwrap.wrap(
        text,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=f"{margin}  ",
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield Line(text=line, tone=tone)


def _hunk(hunk: ExplainedHunk, proofs: Mapping[str, Proof]) -> dict[str, object]:
    return {
        "path": hunk.path,
        "header": hunk.header,
        "lines": hunk.lines,
        "known": is_known(hunk),
        "reasons": [
            {"text": reason.text, "proofs": [_cover(name, proofs) for name in reason.proofs]} for reason in hunk.reasons
        ],
    }


def _cover(name: str, proofs: Mapping[str, Proof]) -> _Cover:
    proof = proofs.get(name)
    return _Cover(name, proof.status, proof.reason) if proof is not None else _Cover(name, Status.NOT_RUN)
