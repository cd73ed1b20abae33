"""A draft of the pull request: what a reviewer needs first, all evidence folded away, then nixpkgs' template.

The texts are data, patches/pull-request.toml or a file like it, and what they claim is what a proof of the report has
shown. The template is that of the nixpkgs which the change is for, byte for byte: a draft with an edited one was closed
(nixpkgs #561027).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import __version__
from toolkit.model import Status
from toolkit.report.markdown import (
    code,
    counted,
    details,
    evidence,
    fence,
    listed,
    plain,
    plain_cell,
    raw,
    staged,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.model import Column, Oid, Proof, Report, Step

LIMIT = 65536
"""The size below which GitHub takes the text of a pull request. It counts characters, we count bytes."""

# How many lines of a list are shown, if more would be too much.
_SHOWN = (200, 60, 20, 6, 2, 0)
_MATRIX = LIMIT // 3
# A cell has room for so many failures, and for the beginnings of their reasons.
_FAILED, _REASON = 3, 80

_NO_REBUILD = ("tree-no-rebuild", "no-rebuild")
_REBUILDS = ("reverse-dependencies", "tree-exact-change", "exact-change")
_HOW_TO_COUNT = "`unlet propose --tier tree --reverse-dependencies` lists what depends on the package."
_PASTE = "<!-- Add nixpkgs' template, .github/PULL_REQUEST_TEMPLATE.md, below this line. -->\n"
_BOX = re.compile(r"^ *- \[ \] (.+)$", re.MULTILINE)


class StepText(Struct, frozen=True, kw_only=True):
    """A step by one design: the paragraph that says what and why, and a block of code that works from then on.

    `title` is that of a pull request which makes this step with others; `price` is what it costs. `differs` is a
    sentence for an open pull request with the same goal.
    """

    why: str
    differs: str = ""
    title: str = ""
    usage: str = ""
    price: str = ""


class Rejected(Struct, frozen=True, kw_only=True):
    """A design that was not taken, and the reason; `unless` names the design in whose text it does not stand."""

    reason: str
    unless: str = ""


class Earlier(Struct, frozen=True, kw_only=True):
    """An earlier attempt: a pull request's number and a sentence's end.

    One that is `open` may still be merged; `{differs}` in its text is how this one differs.
    """

    number: int
    about: str
    open: bool = False


class Box(Struct, frozen=True, kw_only=True):
    """A box of the template: the words by which it is found, the proof that ticks it, and how people come to tick it.

    `needs` is the commit on request without which even the proof does not tick it.
    """

    match: str
    todo: str
    proof: str = ""
    needs: str = ""


class Texts(Struct, frozen=True, kw_only=True):
    """All texts, in Markdown.

    `steps` are by the name of the step, then of the design, `*` for any other. `proven` are sentences by their proofs,
    `extras` are what commits on request are for, by their names. `compared` are the attributes whose derivations a
    reviewer compares.
    """

    steps: dict[str, dict[str, StepText]]
    compared: tuple[str, ...]
    disclosure: str
    proven: dict[str, str] = field(default_factory=dict[str, str])
    extras: dict[str, str] = field(default_factory=dict[str, str])
    rejected: tuple[Rejected, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    box: tuple[Box, ...] = ()

    def of(self, step: Step) -> StepText:
        """Return the text of a step by its design."""
        designs = self.steps[step.name]
        return designs[step.design] if step.design in designs else designs["*"]


class DraftFacts(Struct, frozen=True, kw_only=True):
    """All that a draft is made from.

    `extras` are the subjects of the commits after the series, by their names. `commits` are the ids of all of them,
    `base` that of the commit below. `template` is nixpkgs' own, empty if it is not at hand. `matrix` is finished
    Markdown about other branches. `shown` is how many lines of a list are shown.
    """

    report: Report
    texts: Texts
    template: bytes = b""
    extras: dict[str, str]
    matrix: str | None = None
    trailers: tuple[str, ...] = ()
    commits: tuple[Oid, ...] = ()
    base: Oid | None = None
    shown: int = _SHOWN[0]

    def passed(self, *names: str) -> Proof | None:
        """Return the first proof of these names that passed."""
        found = {proof.name: proof for proof in self.report.proofs if proof.status is Status.PASSED}
        return next((found[name] for name in names if name in found), None)

    @property
    def first(self) -> str:
        """The first commit, for git in a clone that has the branch."""
        if self.commits:
            return self.commits[0].short
        return f"HEAD~{self._count - 1}" if self._count > 1 else "HEAD"

    @property
    def below(self) -> str:
        """The commit below the first one, likewise."""
        base = self.base or self.report.proposal.source.commit
        if base is not None:
            return base.short
        return f"{self.commits[0].short}~1" if self.commits else f"HEAD~{self._count}"

    @property
    def _count(self) -> int:
        return len(self.report.proposal.commits) + len(self.extras)


def draft(facts: DraftFacts) -> bytes:
    """Return pull-request.md, always smaller than LIMIT: lists are cut until it is."""
    content = b""
    for shown in _SHOWN:
        sections = _sections(replace(facts, shown=shown))
        content = ("\n\n".join(sections) + "\n\n").encode(errors="backslashreplace")
        content += facts.template or _PASTE.encode()
        if len(content) < LIMIT:
            break
    return content


def title(report: Report, texts: Texts) -> str:
    """Return the title of the pull request."""
    if len(report.proposal.commits) == 1 or not report.proposal.steps:
        return report.proposal.commits[0].subject
    return texts.of(report.proposal.steps[-1]).title


def _sections(facts: DraftFacts) -> Iterator[str]:
    texts, steps = facts.texts, facts.report.proposal.steps
    said = [texts.of(step) for step in steps]
    differs = " ".join(text.differs for text in said if text.differs)
    for each in texts.earlier:
        if each.open:
            yield f"Related: #{each.number} {each.about.replace('{differs}', differs)}"
    yield "\n".join(_commits(facts, said)) if len(said) + len(facts.extras) > 1 else said[0].why
    yield from (text.usage for text in said if text.usage)
    passed = [(facts.passed(name), sentence) for name, sentence in texts.proven.items()]
    proven = [sentence.replace("{found}", plain(proof.found)) for proof, sentence in passed if proof is not None]
    if proven:
        yield f"Proven by evaluation: {'; '.join(proven)}."
    yield from (text.price for text in said if text.price)
    yield " ".join(_reading(facts))
    taken = {step.design for step in steps}
    if rejected := [each.reason for each in texts.rejected if each.unless not in taken]:
        yield "\n".join(["Designs not taken:", *(f"- {reason}" for reason in rejected)])
    if credit := [each for each in texts.earlier if not each.open]:
        yield "Earlier: " + "; ".join(f"#{each.number} {each.about}" for each in credit) + "."
    yield details("Proofs, rebuilds, commands, and how this was made", "\n\n".join(_folded(facts)))


def _commits(facts: DraftFacts, said: Sequence[StepText]) -> Iterator[str]:
    """Yield a line for each commit: its subject, and why it is there."""
    for number, (commit, text) in enumerate(zip(facts.report.proposal.commits, said, strict=True), start=1):
        claim = " (rebuilds nothing)" if number == 1 and facts.passed(*_NO_REBUILD) is not None else ""
        yield f"{number}. {code(commit.subject)}{claim}: {text.why}"
    for number, (name, subject) in enumerate(facts.extras.items(), start=len(said) + 1):
        proof = f", proof {code(name)} passed" if facts.passed(name) is not None else ""
        why = facts.texts.extras.get(name)
        yield f"{number}. {code(subject)}{proof}{f': {why}' if why is not None else ''}"


def _reading(facts: DraftFacts) -> Iterator[str]:
    """Yield what a reviewer checks first."""
    if (proof := facts.passed(*_NO_REBUILD)) is not None:
        attributes = " ".join(f"-A {name}" for name in facts.texts.compared)
        commit = " with commit 1" if len(facts.report.proposal.commits) > 1 else ""
        yield f"No drvPath changes{commit} ({plain(proof.covers)}). To compare them yourself, run"
        yield f"`nix-instantiate {attributes}` on {facts.below} and {facts.first}."
    yield "Best viewed with whitespace hidden (`git show -w --color-moved`)."


def _folded(facts: DraftFacts) -> Iterator[str]:
    proofs = facts.report.proofs
    source = facts.report.proposal.source
    where = f"nixpkgs at {source.commit}" if source.commit is not None else "a file whose commit is not known"
    yield f"`unlet` {__version__} ran these proofs on {where}: {counted(proofs)}."
    if others := [proof for proof in proofs if proof.status is not Status.PASSED]:
        yield "\n".join(listed(others, facts.shown, _not_passed))
    rows = listed(proofs, facts.shown, _row)
    # What says that there are more is no row.
    more = ["", rows.pop()] if len(rows) > min(len(proofs), facts.shown) else []
    yield "\n".join(["| proof | claim | result | covers |", "|---|---|---|---|", *rows, *more])
    if (proof := facts.passed("overridable")) is not None and len(proof.evidence) > 1:
        yield "The overrides that have an effect on the build, before and after:"
        yield evidence([staged(line) for line in proof.evidence[1:]], facts.shown)
    if facts.passed(*_NO_REBUILD) is not None:
        which = "commit 1" if len(facts.report.proposal.commits) > 1 else "the commit"
        yield f"In a clone that has the branch, this compares the derivations before and after {which}:"
        yield fence(tuple(_script(facts)), "sh")
    if len(facts.report.proposal.commits) > 1:
        yield from _rebuilt(facts)
    if facts.report.comparison:
        yield "\n".join(_compared(facts.report.comparison[: max(facts.shown, 1)]))
    if facts.matrix is not None:
        fits = len(facts.matrix.encode(errors="backslashreplace")) < _MATRIX
        yield f"**Other branches**\n\n{facts.matrix.strip() if fits else 'Too many to be listed here.'}"
    yield facts.texts.disclosure.replace("{unlet}", __version__)
    if facts.trailers:
        trailers = listed(facts.trailers, facts.shown, lambda trailer: f"- {code(trailer)}")
        yield "\n".join(["The commits carry these trailers:", "", *trailers])


def _row(proof: Proof) -> str:
    cells = (proof.name, proof.claim, str(proof.status), staged(proof.covers))
    return f"| {' | '.join(map(plain_cell, cells))} |"


def _not_passed(proof: Proof) -> str:
    reason = plain(proof.reason or "")
    if proof.status is Status.FAILED:
        return f"- **{code(proof.name)} failed**: {reason}"
    return f"- {code(proof.name)} was not run, {reason}"


def _rebuilt(facts: DraftFacts) -> Iterator[str]:
    """Yield what the last commit rebuilds, as far as it was looked at."""
    if (proof := facts.passed(*_REBUILDS)) is None:
        yield f"What the last commit rebuilds was not proven. {_HOW_TO_COUNT}"
        return
    yield f"The last commit rebuilds ({plain(staged(proof.covers))}):"
    # A derivation by itself tells a reviewer nothing.
    yield evidence([staged(line) for line in proof.evidence if "/nix/store/" not in line], facts.shown)
    if proof.name != _REBUILDS[0]:
        yield _HOW_TO_COUNT


def _script(facts: DraftFacts) -> Iterator[str]:
    """Yield a function that prints the derivations at a commit, and its two calls: a failure is never equality."""
    packages = " ".join(f"-A {name}" for name in facts.texts.compared)
    yield "drvs() ("
    yield '  tree=$(mktemp -d) && git worktree add --quiet --detach "$tree" "$1" || exit'
    yield "  trap 'git worktree remove --force \"$tree\"' EXIT"
    yield "  for system in x86_64-linux aarch64-linux aarch64-darwin; do"
    yield '    NIXPKGS_ALLOW_INSECURE=1 NIXPKGS_ALLOW_UNFREE=1 nix-instantiate "$tree" --argstr system $system \\'
    yield f"      {packages} || exit"
    yield "  done"
    yield ")"
    yield f"base=$(drvs {facts.below}) && first=$(drvs {facts.first}) &&"
    yield '  diff <(echo "$base") <(echo "$first") && echo "$base" && echo "equal on both sides"'


def _compared(columns: tuple[Column, ...]) -> Iterator[str]:
    yield "| design | proofs | diff |"
    yield "|---|---|---|"
    for column in columns:
        failed = [proof for proof in column.proofs if proof.status is Status.FAILED]
        passed = sum(proof.status is Status.PASSED for proof in column.proofs)
        said = [f"{passed} passed", *listed(failed, _FAILED, _failed)]
        moved = f", {column.moved} of them moved" if column.moved else ""
        yield f"| {plain_cell(column.name)} | {', '.join(said)} | +{column.added} -{column.removed}{moved} |"


def _failed(proof: Proof) -> str:
    return f"**failed: {plain_cell(proof.name)}** ({plain_cell(raw(proof.reason or '', width=_REASON))})"


def boxes(facts: DraftFacts) -> bytes:
    """Return boxes.md: a line for each box of the template.

    The proofs on stand-in packages build nothing real, hence tick none.
    """
    lines = [
        "# The boxes of the template",
        "",
        "A box with `[x]` is backed by a proof. Tick the others once you have done what they ask for.",
        "",
    ]
    for each in facts.texts.earlier:
        if each.open:
            lines += [
                f"Before you open this one: #{each.number} had the same goal and was open. Comment there first.",
                "",
            ]
    for text in _BOX.findall(facts.template.decode(errors="replace")):
        box = next((box for box in facts.texts.box if box.match in text), None)
        proof = facts.passed(box.proof) if box is not None and box.proof else None
        if proof is not None and box is not None and (not box.needs or box.needs in facts.extras):
            lines.append(f"- [x] {text}\n  Proof `{proof.name}` in report.json passed.")
        else:
            lines.append(f"- [ ] {text}\n  {box.todo if box is not None else 'Yours to decide.'}")
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")
