"""The judge's result: for people, for a comment on a pull request, and as JSON."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from msgspec import Struct, structs

from toolkit import __version__, documents
from toolkit.judge.decision import Decision, decide, to_read
from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    DifferencePlace,
    Gap,
    Judgement,
    Kind,
    Reason,
    Weight,
)
from toolkit.judge.rebuilding import NextSteps
from toolkit.model import Proof, Status
from toolkit.report import next_steps
from toolkit.report.lines import Line, Tone
from toolkit.report.markdown import code, plain
from toolkit.report.next_steps import BuildPlace
from toolkit.report.reasons import brief, changed_lines, whole
from toolkit.report.sentences import sentence
from toolkit.text import counted, few

SCHEMA = 2
LINES = 25
"""The most lines of a comment."""

_VERDICTS = {
    Decision.SAME: "same: ",
    Decision.SAFE: "safe as far as looked at: ",
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
_SHORT = 60
_AROUND = 12
"""So much of what two long values share stands before their difference."""

_VALUED = frozenset({Kind.DERIVATION, Kind.FIXED_OUTPUT, Kind.OPTION})
"""The kinds of differences of which lists and sets are shown."""

_FEW = 3
_ROWS = 12
_GAPS = 3
_FOLD = ("<details><summary>not compared</summary>", "", "", "</details>")
_FEWEST_FOLDED = 2
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
    """Return differences with a sentence for each."""
    return [
        {**structs.asdict(difference), "what": sentence(difference)}
        for difference in differences
    ]


class _Row(Struct, frozen=True, kw_only=True):
    """One cause of differences of some attributes on some systems."""

    first: Difference
    attributes: tuple[str, ...]
    systems: tuple[str, ...]

    def text(self, judgement: Judgement) -> str:
        """Return what differs, where, and the reason."""
        where = (
            f" ({', '.join(self.systems)})"
            if len(self.systems) < len(judgement.looked_at)
            else ""
        )
        reason = _reason(self.first)
        if (
            reason
            and len(self.attributes) > 1
            and self.first.weight is Weight.REGRESSION
        ):
            return (
                f"{reason}: {len(self.attributes)} attributes no longer "
                f"evaluate{where} ({self.who})"
            )
        why = f": {reason}" if reason else _values(self.first)
        if self.first.why:
            why = f": {brief(self.first.why)}"
        return f"{self.who}: {sentence(self.first)}{where}{why}"

    @property
    def who(self) -> str:
        """The attributes, as many as a line has room for."""
        return few(self.attributes)


def _reason(difference: Difference) -> str | None:
    """Return why something does not evaluate, if that is what differs."""
    is_known = difference.kind is Kind.EVALUATION and None in (
        difference.before,
        difference.after,
    )
    found = (difference.after or difference.before) if is_known else difference.after
    is_reason = is_known or (
        difference.kind is Kind.EVALUATION and difference.weight is Weight.REGRESSION
    )
    return found if is_reason and isinstance(found, str) else None


def _of_value(difference: Difference) -> Difference:
    """Return a package of passthru that is built differently as an attribute of its own."""
    cause = difference.cause
    is_built = cause.fact is DifferenceFact.BUILT_DIFFERENTLY
    if not is_built or cause.place is not DifferencePlace.PASSTHRU or cause.within:
        return difference
    return structs.replace(
        difference,
        attribute=f"{difference.attribute}.{cause.name}",
        cause=Cause(fact=cause.fact, setting=cause.setting),
    )


def _rows(differences: Sequence[Difference]) -> list[_Row]:
    """Return differences of one cause as one, in their order."""
    together: defaultdict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for each in map(_of_value, differences):
        reason = _reason(each) if each.weight is Weight.REGRESSION else None
        cause = reason or f"{sentence(each)} {brief(each.why)}"
        together[each.weight.value, each.kind.value, cause].append(each)
    return [
        _Row(
            first=those[0],
            attributes=tuple(dict.fromkeys(each.attribute for each in those)),
            systems=tuple(dict.fromkeys(each.system for each in those)),
        )
        for those in together.values()
    ]


def verdict(judgement: Judgement) -> str:
    """Return the verdict in one line, the differences, and the number of attributes."""
    rows = {weight: len(_rows(judgement.weighing(weight))) for weight in Weight}
    counts = [counted(count, weight.value) for weight, count in rows.items() if count]
    files = counted(judgement.files, "file")
    looked = f"(looked at {counted(judgement.asked, 'attribute')} of {files})"
    decision = decide(judgement)
    count = len(_rows(to_read(judgement)))
    words = _VERDICTS[decision].format(these=f"these {count}" if count > 1 else "this")
    text = f"{words}{', '.join(counts)}".removesuffix(": ")
    if judgement.asked or text != "same":
        return f"{text} {looked}"
    return (
        f"same: nothing to evaluate ({files})"
        if not judgement.equal
        else f"same: Nix reads the same in {files}"
    )


def lines(
    judgement: Judgement, *, quiet: bool = False, verbose: bool = False, why: str = ""
) -> Iterator[Line]:
    """Yield lines for people: the verdict, the differences, the commits, everything unknown or not covered."""
    yield Line(text=verdict(judgement), tone=_VERDICT_TONES[decide(judgement)])
    if quiet:
        return
    if why:
        yield from _explained(judgement, why)
        return
    yield Line(text=f"change  {judgement.subject}")
    yield Line(text=f"base    {judgement.base}{_where(judgement, '; on ')}")
    for row in _rows(judgement.differences):
        first = row.first
        text = f"{first.weight:<10} {first.kind:<12}  {row.text(judgement)}"
        yield Line(text=text, tone=_TONES[first.weight], head=len(first.weight))
        for line in changed_lines(first.why):
            yield Line(text=f"{'':<25}  {line}")
    yield from (Line(text=text) for text in _commits(judgement))
    for text in _gaps(judgement.unknown):
        yield Line(text=f"unknown {text}", tone=Tone.NOT_RUN, head=7)
    yield from (
        Line(text=f"not answered: {text}", tone=Tone.NOT_RUN)
        for text in _unanswered(judgement.unanswered)
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
    """Yield what was not compared, and why: in one line, or each reason in its own."""
    rest = ["the rest of the set: --all"]
    if judgement.everything:
        others = [
            system for system in judgement.systems if system not in judgement.everything
        ]
        rest = [f"the rest of the set on {', '.join(others)}: --system"] * bool(others)
    gaps = [*_gaps(_ranked(judgement.not_covered))]
    if verbose:
        yield from (*gaps, *rest)
    elif gaps or rest:
        more = [f"and {counted(len(gaps) - 1, 'more thing')}: --verbose"]
        yield "; ".join((*gaps[:1], *(more if len(gaps) > 1 else ()), *rest))


def _ranked(gaps: Sequence[Gap]) -> list[Gap]:
    """Return gaps, those by a limit first, and then those of the most attributes."""
    counts = Counter(gap.reason for gap in gaps)
    return sorted(gaps, key=lambda gap: (gap.limit is None, -counts[gap.reason]))


def _fold(judgement: Judgement, room: int) -> list[str]:
    """Return what was not compared as a folded list of so many lines; one gap has none."""
    gaps = [f"- {plain(text)}" for text in _gaps(_ranked(judgement.not_covered))]
    most = room - len(_FOLD)
    if len(gaps) < _FEWEST_FOLDED or most < _FEWEST_FOLDED:
        return []
    if len(gaps) > most:
        gaps = [*gaps[: most - 1], f"- and {len(gaps) - most + 1} more"]
    begin, end = _FOLD[:2], _FOLD[2:]
    return [*begin, *gaps, *end]


def _explained(judgement: Judgement, attribute: str) -> Iterator[Line]:
    """Yield all reasons why an attribute is built differently, and its .drv paths."""
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


def _where(judgement: Judgement, word: str) -> str:
    return f"{word}{', '.join(judgement.looked_at)}" if judgement.looked_at else ""


def _gaps(gaps: Sequence[Gap]) -> Iterator[str]:
    """Yield a text for each reason, with the attributes and the systems that it is the reason for."""
    together: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for gap in gaps:
        together[gap.system or "", gap.reason][gap.attribute or gap.what] = None
    for (reason, names), systems in _on_systems(together):
        where = f" on {', '.join(systems)}" if any(systems) else ""
        yield f"{few(names)}{where}: {reason}"


def _unanswered(gaps: Sequence[Gap]) -> Iterator[str]:
    """Yield a text for each limit: the references that met it, and the attributes on their systems."""
    references: dict[str, dict[str, None]] = {}
    together: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for gap in gaps:
        limit = gap.limit or ""
        names = (
            references.setdefault(limit, {})
            if gap.reference
            else together[gap.system or "", limit]
        )
        names[str(gap.attribute)] = None
    for limit, names in references.items():
        yield f"{counted(len(names), 'reference')} ({few([*names])}): {limit}"
    for (limit, attributes), systems in _on_systems(together):
        yield (
            f"{counted(len(attributes), 'attribute')} on {', '.join(systems)} "
            f"({few(attributes)}): {limit}"
        )


def _on_systems(
    together: Mapping[tuple[str, str], Collection[str]],
) -> Iterable[tuple[tuple[str, tuple[str, ...]], list[str]]]:
    """Return the systems on which the same names have the same reason, from the names of a system and reason."""
    systems: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (system, reason), names in together.items():
        systems[reason, tuple(names)].append(system)
    return systems.items()


def _commits(judgement: Judgement) -> Iterator[str]:
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


def _values(difference: Difference) -> str:
    """Return a value before and after if they are short.

    A set or a list is in words already.
    """
    values = (difference.before, difference.after)
    if None in values or any(
        isinstance(each, str) and each.startswith("/nix/store/") for each in values
    ):
        return ""
    is_short = all(isinstance(each, str | int | float) for each in values)
    if not is_short and difference.kind not in _VALUED:
        return ""
    texts = [_value(each) for each in values]
    shared = len(os.path.commonprefix(texts)) - _AROUND  # noqa: RUF071 - of texts
    if shared > 0 and max(map(len, texts)) > _SHORT:
        texts = [f"…{text[shared:]}" for text in texts]
    before, after = (
        text if len(text) <= _SHORT else f"{text[:_SHORT]}…" for text in texts
    )
    return f": {before} → {after}"


def _value(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "nothing"
    if isinstance(value, dict) and value:
        members = cast("dict[str, Any]", value)
        return "; ".join(f"{name}: {_value(each)}" for name, each in members.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def to_comment(
    judgement: Judgement,
    *,
    command: str,
    claims: Sequence[Proof] = (),
    notes: Sequence[str] = (),
) -> bytes:
    """Return the comment, in Markdown, of at most LINES lines.

    `command` judges the same again.
    """
    head = [
        (
            f"**{plain(verdict(judgement))}** for "
            f"{code(judgement.subject)}{_where(judgement, ' on ')}"
        ),
        "",
    ]
    rows = [
        row
        for row in _rows(judgement.differences)
        if row.first.weight is not Weight.NOTE
    ]
    minor = [
        row for row in _rows(judgement.differences) if row.first.weight is Weight.NOTE
    ]
    body = (
        [f"- rebuilds {plain(built)}: {plain(next_steps.label_text(judgement))}"]
        if (built := next_steps.rebuilds(judgement))
        else []
    )
    body += [_item(row, judgement) for row in rows[:_ROWS]]
    if more := rows[_ROWS:]:
        body.append(f"- and {len(more)} more")
    body += [f"- {plain(text)}" for text in _commits(judgement)][
        : LINES - len(head) - len(body) - 8
    ]
    if any(judgement.maintainers.values()):
        body.append(f"- {plain(_people(judgement))}")
    if minor:
        body.append(
            "- notes: "
            f"{plain('; '.join(f'{row.who}: {sentence(row.first)}' for row in minor[:_FEW]))}"
        )
    body += [
        f"- unknown: {plain(text)}" for text in [*_gaps(judgement.unknown)][:_GAPS]
    ]
    body += [
        f"- not answered: {plain(text)}"
        for text in [*_unanswered(judgement.unanswered)][:_GAPS]
    ]
    if failed := [proof.name for proof in claims if proof.status is Status.FAILED]:
        body.append(f"- failed claims: {', '.join(map(code, failed))}")
    elif claims:
        body.append(
            f"- {sum(proof.status is Status.PASSED for proof in claims)} of "
            f"{len(claims)} claims passed"
        )
    body += [f"- {plain(note)}" for note in notes[:_GAPS]]
    count = len(judgement.not_covered)
    gaps = (
        f"; {counted(count, 'thing')} {'was' if count == 1 else 'were'} not compared"
        if count
        else ""
    )
    rest = "the rest of the set was not compared"
    if judgement.everything:
        rest = (
            "every package of the set was compared on "
            f"{', '.join(judgement.everything)}"
        )
    foot = [
        *[""] * bool(body),
        f"{_looked_at(judgement)}; nothing was built, and {rest}{gaps}.",
        (
            f"Made by a tool, unlet {__version__}, and not yet read by a person: "
            f"{code(command)}"
        ),
    ]
    body = body[: LINES - len(head) - len(foot)]
    fold = _fold(judgement, LINES - len(head) - len(body) - len(foot) - 1)
    if fold and body:
        fold.insert(0, "")
    elif fold:
        fold.append("")
    text = "\n".join([*head, *body, *fold, *foot])
    return f"{text}\n".encode(errors="backslashreplace")


def _people(judgement: Judgement) -> str:
    """Return the maintainers of what regresses by name, else the number of all."""
    worse = {each.attribute for each in judgement.weighing(Weight.REGRESSION)}
    people = {
        name
        for attribute, names in judgement.maintainers.items()
        if attribute in worse
        for name in names
    }
    if people:
        return f"maintainers of what regresses: {few(sorted(people), _ROWS)}"
    return next_steps.maintainers(judgement)


def _looked_at(judgement: Judgement) -> str:
    """Return how it was compared."""
    if not judgement.asked:
        return "Compared by what Nix parses: nothing was evaluated"
    kinds = "derivations, fixed outputs, meta, passthru, arguments and overrides"
    if len(judgement.equal) == judgement.files:
        return (
            "Nix parses the same in both versions; compared by evaluation on one "
            f"system: {kinds}"
        )
    return f"Compared by evaluation: {kinds}"


def _item(row: _Row, judgement: Judgement) -> str:
    text = row.text(judgement)
    shown = (
        f"{code(row.who)}{plain(text.removeprefix(row.who))}"
        if text.startswith(row.who)
        else plain(text)
    )
    return f"- **{row.first.weight}** {shown}"
