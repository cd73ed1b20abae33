"""The text of a pull request: reason, change and proofs, then nixpkgs' template.

The texts are data in patches/lift.toml or a similar file; each statement in them has a
passed proof in the report. The evidence and the reason of each step are in report.md.
The template is copied from the user's nixpkgs, byte for byte, because nixpkgs closed a
pull request with an edited template (#561027).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from toolkit import __version__, patches
from toolkit.model import Message, Oid, Proof, Report, Status, Step, TreeCommit
from toolkit.report.markdown import code, unwrapped
from toolkit.report.message import SUBJECT_WIDTH

T = TypeVar("T")

_PASTE = (
    "<!-- Add nixpkgs' template, .github/PULL_REQUEST_TEMPLATE.md, below this "
    "line. -->\n"
)
_BY_HAND = "Reviewed and tested by hand: <!-- what? -->"


class StepText(Message, frozen=True, kw_only=True):
    """The texts for a step of a proposal with one `design` (`*` for any design).

    `why` is the paragraph with the reason, by default the message's body. `short` is
    the reason in a text about several steps, by default the same as `why`. `title` is
    the title of a pull request that makes this step together with others. `usage` is a
    block of code that works after the step, `price` is the cost of the step, and
    `motive` names the places in which people requested the change.
    """

    name: str
    design: str = "*"
    why: str = ""
    short: str = ""
    title: str = ""
    usage: str = ""
    price: str = ""
    motive: str = ""

    @property
    def paragraph(self) -> str:
        """The paragraph about the reason and the change, in Markdown."""
        return self.why or " ".join(self.body.split())


class Related(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An open pull request with the same goal as a step, and text about it."""

    number: int
    about: str
    step: str


class Texts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The texts of a proposal: its commits, and the Markdown of its pull request.

    `compared` are the attributes whose derivations a reviewer compares. `permits` are
    the environment variables that must be set for that, and `system` is a system that
    has the attributes, if few systems do.
    """

    steps: tuple[StepText, ...]
    compared: tuple[str, ...]
    permits: tuple[str, ...] = ()
    system: str = ""
    disclosure: str
    related: tuple[Related, ...] = ()

    def step(self, step: Step) -> StepText:
        """Return the text for a step of a proposal, according to its design."""
        return next(
            each
            for each in self.steps
            if each.name == step.name and each.design in {step.design, "*"}
        )


def read(path: Path, kind: type[T], *, names: Mapping[str, str] | None = None) -> T:
    """Return the texts in a TOML file, with each paragraph on one line.

    Raise ToolkitError if the file is unreadable or a field does not fit `kind`.
    """
    return patches.read_toml(path, kind, names=names, form=unwrapped)


class DraftFacts(Struct, frozen=True, kw_only=True):
    """The facts from which the text of a pull request is made.

    `added` is a commit after the series, if there is one. `commits` are the ids of all
    commits, and `base` is the id of their parent. `template` is nixpkgs' template for
    pull requests; it is empty if it is not on this computer.
    """

    report: Report
    texts: Texts
    template: bytes = b""
    added: TreeCommit | None = None
    commits: tuple[Oid, ...] = ()
    base: Oid | None = None

    def passed(self, name: str) -> Proof | None:
        """Return the proof of this name, or None if it did not pass."""
        passed = (
            proof for proof in self.report.proofs if proof.status is Status.PASSED
        )
        return next((proof for proof in passed if proof.name == name), None)

    @property
    def first(self) -> str:
        """The first commit, as a git revision in a clone with the branch."""
        if self.commits:
            return self.commits[0].short
        return f"HEAD~{self._count - 1}" if self._count > 1 else "HEAD"

    @property
    def below(self) -> str:
        """The parent of the first commit, as a git revision."""
        base = self.base or self.report.proposal.source.commit
        if base is not None:
            return base.short
        return f"{self.commits[0].short}~1" if self.commits else f"HEAD~{self._count}"

    @property
    def related(self) -> tuple[Related, ...]:
        """The open pull requests that make one of the steps of this proposal."""
        made = {step.name for step in self.report.proposal.steps}
        return tuple(each for each in self.texts.related if each.step in made)

    @property
    def _count(self) -> int:
        return len(self.report.proposal.commits) + (self.added is not None)


def draft(facts: DraftFacts, *others: DraftFacts) -> bytes:
    """Return pull-request.md: the text about the change, then nixpkgs' template.

    `others` are the facts about the further packages of a batch.
    """
    sections = _listed((facts, *others)) if others else _sections(facts)
    content = ("\n\n".join(sections) + "\n\n").encode(errors="backslashreplace")
    return content + (facts.template or _PASTE.encode())


def title(facts: DraftFacts, *others: DraftFacts) -> str:
    """Return the title of the pull request.

    `others` are the facts about the further packages of a batch.
    """
    proposal = facts.report.proposal
    subject = next(
        commit.subject
        for commit in (*proposal.commits, facts.added)
        if commit is not None
    )
    if others:
        names = [each.report.proposal.package for each in (facts, *others)]
        rest = subject.removeprefix(f"{proposal.package}: ")
        whole = f"{', '.join(names)}: {rest}"
        return (
            whole
            if len(whole) <= SUBJECT_WIDTH
            else f"{names[0]} and {len(others)} more: {rest}"
        )
    return (
        facts.texts.step(proposal.steps[-1]).title
        if len(proposal.commits) > 1
        else subject
    )


def _sections(facts: DraftFacts) -> Iterator[str]:
    texts = facts.texts
    said = [texts.step(step) for step in facts.report.proposal.steps]
    alone = len(said) == 1
    reasons = [
        *(text.paragraph for text in said),
        *([facts.added.why] if facts.added is not None else []),
    ]
    yield "\n".join(_commits(facts, said)) if len(reasons) > 1 else reasons[0]
    if alone and facts.passed("overridable") is not None:
        yield from (text.usage for text in said if text.usage)
    yield from (text.price for text in said if text.price)
    if facts.passed("no-rebuild") is not None:
        commit = " in commit 1" if len(facts.report.proposal.commits) > 1 else ""
        yield (
            f"No rebuilds{commit}: {_comparison([facts])} prints the same on "
            f"{facts.below} and {facts.first}."
        )
    yield from (f"Related: {text.motive}" for text in said if text.motive)
    yield from (
        f"Related: #{each.number} {each.about.strip()}" for each in facts.related
    )
    yield texts.disclosure.replace("{unlet}", __version__)
    yield _BY_HAND


def _listed(packages: Sequence[DraftFacts]) -> Iterator[str]:
    """Yield the paragraphs of a text about the same change in several packages."""
    steps = packages[0].report.proposal.steps
    reasons = dict.fromkeys(
        facts.texts.step(step).paragraph for facts in packages for step in steps
    )
    yield from reasons if len(reasons) == len(steps) else ()
    yield "\n".join(
        f"- {code(commit.subject)}"
        for facts in packages
        for commit in facts.report.proposal.commits
    )
    groups: dict[tuple[tuple[str, ...], str], list[DraftFacts]] = {}
    for facts in packages:
        if facts.passed("no-rebuild") is not None:
            groups.setdefault((facts.texts.permits, facts.texts.system), []).append(
                facts
            )
    for group in groups.values():
        yield (
            f"No rebuilds: {_comparison(group)} prints the same on "
            f"{group[0].below} and {group[0].commits[-1].short}."
        )
    yield packages[0].texts.disclosure.replace("{unlet}", __version__)
    yield _BY_HAND


def _comparison(packages: Sequence[DraftFacts]) -> str:
    """Return a command line that prints the derivations of packages.

    The environment variables and the system are those of the first package.
    """
    texts = packages[0].texts
    system = [f"--argstr system {texts.system}"] if texts.system else []
    attributes = (f"-A {name}" for each in packages for name in each.texts.compared)
    permits = (f"{name}=1" for name in texts.permits)
    return f"`{' '.join([*permits, 'nix-instantiate', *system, *attributes])}`"


def _commits(facts: DraftFacts, said: Sequence[StepText]) -> Iterator[str]:
    """Yield a list item for each commit: its subject, and its reason."""
    for number, (commit, text) in enumerate(
        zip(facts.report.proposal.commits, said, strict=True), start=1
    ):
        yield f"{number}. {code(commit.subject)}: {text.short or text.paragraph}"
    if facts.added is not None:
        yield f"{len(said) + 1}. {code(facts.added.subject)}: {facts.added.why}"


def background(facts: DraftFacts) -> Iterator[str]:
    """Yield the Markdown blocks of report.md that explain the reasons."""
    steps = facts.report.proposal.steps
    if steps:
        yield "## Why"
        yield from (facts.texts.step(step).paragraph for step in steps)
