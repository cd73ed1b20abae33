"""A report as a comment under a pull request: short, the details folded, and the same failures in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.model import Status
from toolkit.report.markdown import code, fence, plain, raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from toolkit.model import Proof, Report

LINES = 25
"""A comment has no more."""

_FAILURES, _WARNINGS = 3, 2
_EACH = 2

# What the facts about derivations begin with: the system, and what is evaluated there.
_PLACE = re.compile(r"(\S+-(?:linux|darwin)(?: → \S+-(?:linux|darwin))? \S+): (.+)")
_STORE_PATHS = re.compile(r"(?:: )?/nix/store/\S+(?: → /nix/store/\S+)?")


def grouped(lines: Iterable[str]) -> list[str]:
    """Return lines with what is said of several systems or packages in one: the first of them, and how many more."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        found = _PLACE.fullmatch(line)
        fact = _STORE_PATHS.sub("", found[2]) if found is not None else ""
        # What says no more than a path is no fact of its own.
        groups.setdefault(fact or line, []).append((found[1] if found is not None and fact else "", line))
    return [
        places[0][1] if len(places) == 1 or not places[0][0] else f"{fact} ({places[0][0]} and {len(places) - 1} more)"
        for fact, places in groups.items()
    ]


def to_comment(report: Report, *, command: str) -> bytes:
    """Return the comment, in Markdown; `command` is the one that judges the same again."""
    lines = [*_lines(report, command)]
    folded = [*map(raw, _folded(report.proofs))][: LINES - len(lines) - len(_AROUND)]
    if folded:
        begin, end = _AROUND[:3], _AROUND[-1]
        lines += [*begin, fence(tuple(folded), "text"), end]
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")


_AROUND = ("", "<details><summary>Overrides and failures</summary>", "", "```text", "```", "</details>")


def _lines(report: Report, command: str) -> Iterator[str]:
    by_status = {status: [proof for proof in report.proofs if proof.status is status] for status in Status}
    failed, passed, left = (by_status[status] for status in (Status.FAILED, Status.PASSED, Status.NOT_RUN))
    verdict = f"{len(failed)} of {len(report.proofs)} proofs failed" if failed else f"{len(passed)} proofs passed"
    subject = ", ".join(commit.subject for commit in report.proposal.commits)
    yield f"**{verdict}** for {code(subject)} (unlet {__version__}, {code(command)})"
    yield ""
    for proof in failed[:_FAILURES]:
        yield f"- **failed** {code(proof.name)}: {plain(grouped([proof.reason or '', *proof.evidence])[0])}"
    if more := failed[_FAILURES:]:
        yield f"- **failed** as well: {_names(more)}"
    if found := next((proof.found for proof in passed if proof.name == "overridable"), None):
        yield f"- can be overridden {plain(found)}"
    if passed:
        yield f"- passed: {_names(passed)}"
    if left:
        yield f"- not run: {'; '.join(f'{code(proof.name)} {plain(proof.reason or str())}' for proof in left)}"
    yield from (f"- warning: {plain(warning)}" for warning in report.warnings[:_WARNINGS])


def _folded(proofs: Sequence[Proof]) -> Iterator[str]:
    """Yield which overrides reach each part, and what is wrong besides, of each proof as much."""
    overridable = next((proof for proof in proofs if proof.name == "overridable"), None)
    if overridable is not None:
        yield from (line for line in overridable.evidence if re.match(r"\w+: [\w-]+: ", line))
    for proof in proofs:
        if proof.status is Status.FAILED and proof is not overridable:
            facts = grouped([proof.reason or "", *proof.evidence])
            yield from (f"{proof.name}: {fact}" for fact in facts[1 : 1 + _EACH])


def _names(proofs: Sequence[Proof]) -> str:
    return ", ".join(code(proof.name) for proof in proofs)
