"""The order of the sections, and the bound on the size of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.report.pull_request import boxes, designs, proving, rebuilds
from toolkit.report.pull_request.facts import Facts
from toolkit.report.pull_request.wording import code, listed, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.model import Oid, Report, TreeCommit
    from toolkit.report.pull_request.texts import Ending, Texts

LIMIT = 65536
"""The size below which GitHub takes the text of a pull request. It counts characters, we count bytes."""

# How many lines of a list are shown, where more would be too much.
_SHOWN = (200, 60, 20, 6, 2, 0)

_MATRIX = LIMIT // 3


def draft(  # noqa: PLR0913 - what a pull request is made of
    report: Report,
    texts: Texts,
    *,
    releases: Sequence[str],
    extras: Sequence[TreeCommit] = (),
    matrix: str | None = None,
    trailers: Sequence[str] = (),
    commits: Sequence[Oid] = (),
    base: Oid | None = None,
) -> bytes:
    """Return pull-request.md, always smaller than LIMIT: lists are cut until it is.

    `releases` are the attributes that the target file exports (`docker_NN`). `extras` are the commits after the first
    two, `commits` the ids of all of them, `base` the id of what is below them. `matrix` is finished Markdown about
    other branches.
    """
    content = b""
    for shown in _SHOWN:
        facts = Facts(
            report=report,
            texts=texts,
            releases=releases,
            extras=extras,
            matrix=matrix,
            trailers=trailers,
            commits=commits,
            base=base,
            shown=shown,
        )
        content = ("\n\n".join(_sections(facts)) + "\n").encode(errors="backslashreplace")
        if len(content) < LIMIT:
            break
    return content


def title(report: Report, texts: Texts) -> str:
    """Return the title of the pull request."""
    return _ending(report, texts).title


def _sections(facts: Facts) -> Iterator[str]:
    texts = facts.texts
    ending = _ending(facts.report, texts)
    yield texts.note.replace("{title}", ending.title)
    yield texts.why
    yield "\n".join(_commits(facts))
    yield f"## Usage\n\n{texts.usage}"
    if proven := [*_proven(facts)]:
        yield "\n".join(proven)
    yield "## Commit 1: what it rebuilds"
    yield from rebuilds.first(facts)
    yield "## Commit 1: why in this way"
    yield from designs.section(facts)
    yield f"## {ending.heading}\n\n{ending.text}"
    yield from rebuilds.second(facts)
    yield "## What was checked"
    yield from proving.section(facts)
    if facts.matrix is not None:
        fits = len(facts.matrix.encode(errors="backslashreplace")) < _MATRIX
        yield f"## Other branches\n\n{facts.matrix.strip() if fits else 'Too many to be listed here.'}"
    yield "\n".join(("## Earlier attempts", "", *(f"- #{each.number} {each.about}" for each in texts.earlier)))
    yield "\n".join(("## How this was made", "", *_disclosure(facts)))
    yield "\n".join(("## Things done", "", *boxes.section(facts)))
    yield "\n".join(f"[{name}]: {url}" for name, url in texts.links.items())


def _ending(report: Report, texts: Texts) -> Ending:
    return texts.endings[report.proposal.design("demote") or next(iter(texts.endings))]


def _commits(facts: Facts) -> Iterator[str]:
    """Yield the list of commits, each with what was proven of it."""
    both = zip(facts.report.proposal.commits, rebuilds.in_short(facts), strict=False)
    for number, (commit, found) in enumerate(both, start=1):
        yield f"{number}. {code(commit.subject)}{found}"

    def numbered(extra: tuple[int, TreeCommit]) -> str:
        number, commit = extra
        names = facts.texts.extras[commit.extra] if commit.extra is not None else ()
        proofs = [proof for name in names if (proof := facts.proof(name)) is not None]
        return f"{number}. {code(commit.subject)}" + "".join(f", {code(each.name)} {each.status}" for each in proofs)

    yield from listed([*enumerate(facts.extras, start=len(facts.report.proposal.commits) + 1)], facts.shown, numbered)


def _proven(facts: Facts) -> Iterator[str]:
    for name, sentence in facts.texts.usage_proven.items():
        if (proof := facts.passed(name)) is not None:
            yield f"- {sentence.replace('{covers}', plain(proof.covers))}"


def _disclosure(facts: Facts) -> Iterator[str]:
    yield facts.texts.disclosure.replace("{unlet}", __version__)
    if facts.trailers:
        yield ""
        yield facts.texts.disclosure_trailers
        yield ""
        yield from listed(facts.trailers, facts.shown, lambda trailer: f"- {code(trailer)}")
