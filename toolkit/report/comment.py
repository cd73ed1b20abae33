"""Format the result of `unlet check` as a comment on a pull request, in Markdown."""

from collections.abc import Iterator, Sequence

from toolkit import __version__
from toolkit.judge.differences import Judgement, Weight
from toolkit.model import Proof, Status
from toolkit.report import next_steps
from toolkit.report.causes import CauseRow, cause_rows
from toolkit.report.gaps import gap_texts, limit_texts, ranked
from toolkit.report.judgement import commit_texts, verdict, where
from toolkit.report.markdown import code, plain
from toolkit.report.sentences import sentence
from toolkit.text import counted, few

LINES = 25
"""The maximum number of lines of a comment."""

_FEW = 3
_ROWS = 12
_GAPS = 3
_FOLD = ("<details><summary>not compared</summary>", "", "", "</details>")
_FEWEST_FOLDED = 2
_KEPT = 8
"""The number of lines that the list of commits leaves for the other lists."""


def to_comment(
    judgement: Judgement,
    *,
    command: str,
    claims: Sequence[Proof] = (),
    notes: Sequence[str] = (),
) -> bytes:
    """Return the comment, in Markdown, of at most LINES lines.

    `command` is the command line that judges the same change again.
    """
    head = [
        (
            f"**{plain(verdict(judgement))}** for "
            f"{code(judgement.subject)}{where(judgement, ' on ')}"
        ),
        "",
    ]
    body = _differences(judgement)
    commits = [f"- {plain(text)}" for text in commit_texts(judgement)]
    body += commits[: LINES - len(head) - len(body) - _KEPT]
    body += [*_notes(judgement), *_unknown(judgement), *_claims(claims)]
    body += [f"- {plain(note)}" for note in notes[:_GAPS]]
    foot = [*[""] * bool(body), *_foot(judgement, command)]
    body = body[: LINES - len(head) - len(foot)]
    fold = _fold(judgement, LINES - len(head) - len(body) - len(foot) - 1)
    if fold and body:
        fold.insert(0, "")
    elif fold:
        fold.append("")
    text = "\n".join([*head, *body, *fold, *foot])
    return f"{text}\n".encode(errors="backslashreplace")


def _differences(judgement: Judgement) -> list[str]:
    """Return list items for the rebuilds and for the causes of differences.

    Differences that are only notes are left out. At most _ROWS causes are listed.
    """
    rows = [
        row
        for row in cause_rows(judgement.differences)
        if row.first.weight is not Weight.NOTE
    ]
    items: list[str] = []
    if built := next_steps.rebuilds(judgement):
        labels = plain(next_steps.label_text(judgement))
        items.append(f"- rebuilds {plain(built)}: {labels}")
    items += [_item(row, judgement) for row in rows[:_ROWS]]
    if more := rows[_ROWS:]:
        items.append(f"- and {len(more)} more")
    return items


def _notes(judgement: Judgement) -> Iterator[str]:
    """Yield a list item for the maintainers, and one for the first notes."""
    if any(judgement.maintainers.values()):
        yield f"- {plain(_people(judgement))}"
    minor = [
        f"{row.who}: {sentence(row.first)}"
        for row in cause_rows(judgement.differences)
        if row.first.weight is Weight.NOTE
    ]
    if minor:
        yield f"- notes: {plain('; '.join(minor[:_FEW]))}"


def _unknown(judgement: Judgement) -> Iterator[str]:
    """Yield list items for facts that are unknown, and for limits that were hit."""
    for text in [*gap_texts(judgement.unknown)][:_GAPS]:
        yield f"- unknown: {plain(text)}"
    for text in [*limit_texts(judgement.unanswered)][:_GAPS]:
        yield f"- unanswered: {plain(text)}"


def _claims(claims: Sequence[Proof]) -> Iterator[str]:
    """Yield a list item that names failed proofs, or else counts the passed ones."""
    failed = [proof.name for proof in claims if proof.status is Status.FAILED]
    if failed:
        yield f"- failed claims: {', '.join(map(code, failed))}"
    elif claims:
        passed = sum(proof.status is Status.PASSED for proof in claims)
        yield f"- {passed} of {len(claims)} claims passed"


def _foot(judgement: Judgement, command: str) -> tuple[str, str]:
    """Return two sentences: how unlet compared the packages, and its version."""
    rest = "the rest of the set was not compared"
    if judgement.everything:
        systems = ", ".join(judgement.everything)
        rest = f"every package of the set was compared on {systems}"
    if count := len(judgement.not_covered):
        were = "was" if count == 1 else "were"
        rest += f"; {counted(count, 'thing')} {were} not compared"
    return (
        f"{_looked_at(judgement)}; nothing was built, and {rest}.",
        (
            f"A tool made this, unlet {__version__}; nobody has read it yet: "
            f"{code(command)}"
        ),
    )


def _fold(judgement: Judgement, room: int) -> list[str]:
    """Return a Markdown list of the facts that were not compared, folded by <details>.

    Return an empty list if there are fewer than two, or if `room` has too few lines.
    """
    gaps = [f"- {plain(text)}" for text in gap_texts(ranked(judgement.not_covered))]
    most = room - len(_FOLD)
    if len(gaps) < _FEWEST_FOLDED or most < _FEWEST_FOLDED:
        return []
    if len(gaps) > most:
        gaps = [*gaps[: most - 1], f"- and {len(gaps) - most + 1} more"]
    begin, end = _FOLD[:2], _FOLD[2:]
    return [*begin, *gaps, *end]


def _people(judgement: Judgement) -> str:
    """Return the names of the maintainers of packages with regressions.

    If no package has a regression, return the number of maintainers of all packages.
    """
    worse = {each.attribute for each in judgement.weighing(Weight.REGRESSION)}
    people = {
        name for attribute in worse for name in judgement.maintainers.get(attribute, ())
    }
    if people:
        return (
            "maintainers of the packages with regressions: "
            f"{few(sorted(people), _ROWS)}"
        )
    return next_steps.maintainers(judgement)


def _looked_at(judgement: Judgement) -> str:
    """Return a sentence that describes how `unlet check` compared both versions."""
    if not judgement.asked:
        return "Nix only parsed both versions: nothing was evaluated"
    kinds = "derivations, downloads, meta, passthru, arguments and overrides"
    if len(judgement.equal) == judgement.files:
        return (
            "Nix parses both versions to the same code; one system was evaluated, "
            f"too: {kinds}"
        )
    return f"Compared by evaluation: {kinds}"


def _item(row: CauseRow, judgement: Judgement) -> str:
    text = row.text(judgement)
    shown = (
        f"{code(row.who)}{plain(text.removeprefix(row.who))}"
        if text.startswith(row.who)
        else plain(text)
    )
    return f"- **{row.first.weight}** {shown}"
