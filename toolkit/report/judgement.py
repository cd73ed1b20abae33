"""Format the result of `unlet check` about a change, for people and as JSON."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from toolkit import __version__, documents
from toolkit.judge.decision import Decision, decide, to_read
from toolkit.judge.differences import (
    Difference,
    Judgement,
    Kind,
    Reason,
    Weight,
)
from toolkit.judge.rebuilding import NextSteps
from toolkit.model import Proof
from toolkit.report import next_steps
from toolkit.report.causes import cause_rows
from toolkit.report.gaps import gap_texts, limit_texts, ranked
from toolkit.report.lines import Line, Tone
from toolkit.report.next_steps import BuildPlace
from toolkit.report.reasons import changed_lines, whole
from toolkit.report.sentences import sentence
from toolkit.text import counted

SCHEMA = 2

_VERDICTS = {
    Decision.SAME: "same: ",
    Decision.SAFE: "no regression in what was compared: ",
    Decision.LOOK: "look at {these}: ",
    Decision.UNKNOWN: "unknown: ",
    Decision.REGRESSION: "",
}
_VERDICT_TONES = {
    Decision.SAME: Tone.PROVEN,
    Decision.SAFE: Tone.PROVEN,
    Decision.LOOK: Tone.NOT_RUN,
    Decision.UNKNOWN: Tone.NOT_RUN,
    Decision.REGRESSION: Tone.FAILED,
}
_TONES = {
    Weight.REGRESSION: Tone.FAILED,
    Weight.CHANGE: Tone.NOT_RUN,
    Weight.NOTE: Tone.PLAIN,
}
_FEW = 3
_NO_STEPS, _NO_PLACE = NextSteps(), BuildPlace()


def to_json(
    judgement: Judgement,
    *,
    claims: Sequence[Proof] = (),
    notes: Sequence[str] = (),
    steps: NextSteps = _NO_STEPS,
    place: BuildPlace = _NO_PLACE,
) -> bytes:
    """Return the document of `unlet check --json` about a change."""
    return documents.write(
        {
            "schema": SCHEMA,
            "unlet": __version__,
            "subject": judgement.subject,
            "base": judgement.base,
            "verdict": decide(judgement),
            "systems": judgement.systems,
            "files": judgement.files,
            "asked": judgement.asked,
            "same": judgement.same,
            "differ": judgement.differ,
            "changes": _told(judgement.differences),
            "unknown": judgement.unknown,
            "unanswered": judgement.unanswered,
            "not_covered": judgement.not_covered,
            "equal": judgement.equal,
            "everything": judgement.everything,
            "commits": [
                {
                    **structs.asdict(step),
                    "differences": _told(step.differences),
                }
                for step in judgement.steps
            ],
            "rebuilds": judgement.rebuilds,
            "compared": judgement.compared,
            "maintainers": judgement.maintainers,
            "next": next_steps.to_value(judgement, steps, place),
            "claims": claims,
            "notes": (*judgement.warnings, *notes),
            "seconds": judgement.seconds,
        }
    )


def _told(differences: Iterable[Difference]) -> list[dict[str, object]]:
    """Return differences as JSON objects with a sentence in the field `what`."""
    return [
        {**structs.asdict(difference), "what": sentence(difference)}
        for difference in differences
    ]


def verdict(judgement: Judgement) -> str:
    """Return the verdict on a change as one line for people."""
    rows = {weight: len(cause_rows(judgement.weighing(weight))) for weight in Weight}
    counts = [counted(count, weight.value) for weight, count in rows.items() if count]
    files = counted(judgement.files, "file")
    looked = f"(looked at {counted(judgement.asked, 'attribute')} of {files})"
    decision = decide(judgement)
    count = len(cause_rows(to_read(judgement)))
    words = _VERDICTS[decision].format(these=f"these {count}" if count > 1 else "this")
    text = f"{words}{', '.join(counts)}".removesuffix(": ")
    if judgement.asked or text != "same":
        return f"{text} {looked}"
    return (
        f"same: the change contains no Nix to evaluate ({files})"
        if not judgement.equal
        else f"same: Nix parses the files to the same code ({files})"
    )


def lines(
    judgement: Judgement, *, quiet: bool = False, verbose: bool = False, why: str = ""
) -> Iterator[Line]:
    """Yield the result of `unlet check` as lines for people.

    The lines show the verdict, the differences, the commits, and everything that is
    unknown or was not compared. With `quiet`, only the verdict is shown. With `why`,
    the lines explain one attribute.
    """
    yield Line(text=verdict(judgement), tone=_VERDICT_TONES[decide(judgement)])
    if quiet:
        return
    if why:
        yield from _explained(judgement, why)
        return
    yield Line(text=f"change  {judgement.subject}")
    yield Line(text=f"base    {judgement.base}{where(judgement, '; on ')}")
    for row in cause_rows(judgement.differences):
        first = row.first
        text = f"{first.weight:<10} {first.kind:<12}  {row.text(judgement)}"
        yield Line(text=text, tone=_TONES[first.weight], head=len(first.weight))
        for line in changed_lines(first.why):
            yield Line(text=f"{'':<25}  {line}")
    yield from (Line(text=text) for text in commit_texts(judgement))
    for text in gap_texts(judgement.unknown):
        yield Line(text=f"unknown {text}", tone=Tone.NOT_RUN, head=7)
    yield from (
        Line(text=f"unanswered: {text}", tone=Tone.NOT_RUN)
        for text in limit_texts(judgement.unanswered)
    )
    yield from (
        Line(text=f"not compared  {text}")
        for text in _not_compared(judgement, verbose=verbose)
    )
    yield from (
        Line(text=f"warning: {warning}", tone=Tone.NOT_RUN)
        for warning in judgement.warnings
    )


def _not_compared(judgement: Judgement, *, verbose: bool) -> Iterator[str]:
    """Yield lines about the attributes that were not compared, with the reasons.

    Without `verbose`, yield a single line with the first reason.
    """
    rest = ["the rest of the set: --all"]
    if judgement.everything:
        others = [
            system for system in judgement.systems if system not in judgement.everything
        ]
        rest = [f"the rest of the set on {', '.join(others)}: --system"] * bool(others)
    gaps = [*gap_texts(ranked(judgement.not_covered))]
    if verbose:
        yield from (*gaps, *rest)
    elif gaps or rest:
        more = [f"and {counted(len(gaps) - 1, 'more thing')}: --verbose"]
        yield "; ".join((*gaps[:1], *(more if len(gaps) > 1 else ()), *rest))


def _explained(judgement: Judgement, attribute: str) -> Iterator[Line]:
    """Yield lines with the reasons why an attribute is built differently.

    The last lines are the paths of its .drv files.
    """
    together: defaultdict[tuple[Reason, ...], list[Difference]] = defaultdict(list)
    for difference in judgement.differences:
        is_own = difference.attribute == attribute and not difference.cause.setting
        if is_own and difference.kind is Kind.DERIVATION:
            together[difference.why].append(difference)
    if not together:
        yield Line(text=f"why  {attribute}: no system has another build of it")
    for reasons, differences in together.items():
        systems = ", ".join(difference.system for difference in differences)
        yield Line(text=f"why  {attribute} on {systems}:")
        for line in whole(reasons):
            yield Line(text=f"  {line}")
        for difference in differences:
            for sign, path in (("−", difference.before), ("+", difference.after)):  # noqa: RUF001 - a minus
                yield Line(text=f"  {sign} {path} ({difference.system})")


def where(judgement: Judgement, word: str) -> str:
    """Return `word` and the compared systems, or "" if no system was compared."""
    return f"{word}{', '.join(judgement.looked_at)}" if judgement.looked_at else ""


def commit_texts(judgement: Judgement) -> Iterator[str]:
    """Yield a line for each commit, with the packages that it rebuilds or breaks."""
    for step in judgement.steps:
        name = f"{step.commit.short} " if step.commit is not None else ""
        serious = [each for each in step.differences if each.weight is not Weight.NOTE]
        built = {each.attribute for each in serious if each.kind == "derivation"}
        broken = {
            each.attribute for each in serious if each.weight is Weight.REGRESSION
        }
        facts = [f"rebuilds {len(built)}" if built else "rebuilds nothing"]
        facts += [f"breaks {', '.join(sorted(broken)[:_FEW])}"] if broken else []
        facts += ["differs"] if serious and not built and not broken else []
        facts += ["unknown"] if step.unknown else []
        yield f"commit  {name}{step.subject}: {', '.join(facts)}"
