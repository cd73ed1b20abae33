"""From the name of any package to a proven patch series, diff and overlay that lift what its file binds in a let."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit import files, nix, patches, sources
from toolkit import propose as proposals
from toolkit.errors import RefusalError, ToolkitError, UsageError
from toolkit.lift.naming import PACKAGES, Names
from toolkit.lift.plan import PARAMETER, Design
from toolkit.lift.rewriting import Lifted, lift
from toolkit.lift.survey import files_of
from toolkit.model import Step
from toolkit.package import patched, texts
from toolkit.package.case import Asking, LiftCase
from toolkit.package.claims import CLAIMS
from toolkit.package.target import find_target
from toolkit.propose import Draft, Order, write
from toolkit.prove import Stage
from toolkit.prove.lifted import Question
from toolkit.report import pull_request
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.model import Progress, Report, Source, SourceRequest
    from toolkit.package.target import Target
    from toolkit.patches import Message, Proposed
    from toolkit.prove import Claim
    from toolkit.sources.trees import NixpkgsTree

LIFT = "lift"
TEXTUAL = ("parse", "format", "applies")
EVALUATED = ("no-rebuild", "readers", "overlay")
"""The claims about a proposal with commits of its own; the second about one that rebuilds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftRequest:
    """One call of `propose` for any package. `out` appears whole or not at all; `force` lets it replace what is there.

    `design` is chosen by what follows if it is None: what takes attributes over has to move.
    """

    target: str
    source: SourceRequest
    bindings: tuple[str, ...] = ()
    design: Design | None = None
    follow: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    out: Path = Path("proposal")
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A package of a source, with the tree around it, the text of its file, and a proposal that has its own commits."""

    request: LiftRequest
    source: Source
    tree: NixpkgsTree
    target: Target
    text: str
    proposed: Proposed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A package with the commits that Nix says are right."""

    found: Opened
    chosen: Chosen

    @property
    def content(self) -> bytes:
        """The new content of the package's file."""
        return self.chosen.commits[-1].content


def propose(request: LiftRequest, *, progress: Progress) -> Report:
    """Write the proposal to `request.out`, whole or not at all, and return its report.

    Raise ToolkitError for a source, a package, a file or an output directory that cannot be used. A proof that fails is
    no error: it is in the report.
    """
    files.ensure_free(request.out, force=request.force)
    work = begin(request, progress=progress)
    return write_down(work, request.out, progress=progress)


def write_down(work: Work, out: Path, *, progress: Progress) -> Report:
    """Write the proposal to `out`, whole or not at all, and return its report; the proofs run meanwhile."""
    order = Order(
        out=out,
        force=work.found.request.force,
        request=work.found.request.source,
        draft=lambda at: draft(work, at),
        text=lambda report: pull_request.draft(facts(work, report)),
    )
    return write(order, progress=progress)


def facts(work: Work, report: Report) -> pull_request.DraftFacts:
    """Return what the text of the pull request is made from."""
    found = work.found
    return texts.facts(report, found.source, found.target.package, work.chosen.lifted.doors, found.proposed)


def begin(request: LiftRequest, *, progress: Progress) -> Work:
    """Find the package, rewrite its file and lay out the changed tree; raise ToolkitError as `propose` does."""
    if request.follow and request.design not in {None, Design.MOVE}:
        raise UsageError(
            "--follow: goes with --design move only", hint="a definition that stays sees no final attributes"
        )
    progress.step("reading nixpkgs")
    root = trees.as_they_are(request.source, progress=progress)
    proposed = patches.proposal(request.target)
    if proposed is not None and (request.bindings or request.design or request.follow):
        raise UsageError(f"{request.target}: is a proposal with commits of its own, and lifts no bindings")
    target = find_target(root, proposed.package if proposed is not None else request.target)
    source = sources.resolve(request.source, target=target.file, sparse=(), progress=progress)
    progress.step("rewriting")
    nix.parse_text(source.content, name=str(target.file))
    tree = trees.whole(source, offline=request.source.offline, progress=progress)
    try:
        text = source.content.decode()
    except UnicodeDecodeError as error:
        raise ToolkitError(f"{target.file}: is not UTF-8") from error
    found = Opened(request=request, source=source, tree=tree, target=target, text=text, proposed=proposed)
    if proposed is not None:
        return Work(found=found, chosen=_rewritten(found, proposed, progress=progress))
    return Work(found=found, chosen=_choose(found, progress=progress))


def draft(work: Work, at: Path) -> Draft[LiftCase]:
    """Return the proposal as git writes it down; its overlay will be in the directory `at`."""
    source, target, chosen = work.found.source, work.found.target, work.chosen
    doors = chosen.lifted.doors
    beside = patched.files(work.found.tree.root, target, work.content)
    messages = tuple(commit.message for commit in chosen.commits)
    proposal = proposals.make(
        source,
        package=target.package,
        target=target.file,
        bindings=tuple(doors),
        steps=[commit.step for commit in chosen.commits],
        messages=messages,
        contents=[commit.content for commit in chosen.commits],
    )
    before, *after = (root / target.file for root in chosen.roots)
    case = LiftCase(
        source=source,
        target=target.file,
        stages=(
            Stage(name="before", content=source.content, path=before),
            *(
                Stage(name=commit.step.name, content=commit.content, path=path, steps=frozenset({commit.step.name}))
                for commit, path in zip(chosen.commits, after, strict=True)
            ),
        ),
        patches=proposal.patches,
        upstream_diff=proposal.upstream_diff,
        package=target.package,
        lifted=chosen.lifted,
        asking=chosen.asking,
        readers=tuple(".".join(reader.package) for reader in chosen.asking.questions[1:]),
        overlay=at if beside else None,
    )
    return Draft(proposal=proposal, messages=messages, case=case, claims=chosen.claims, overlay=beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftCommit:
    """A commit: its step, its message, and the content of the package's file after it."""

    step: Step
    message: Message
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Commits with what is lifted by them and claimed of them; `roots` are the trees before and after each."""

    commits: tuple[LiftCommit, ...]
    lifted: Lifted
    asking: Asking
    roots: tuple[Path, ...]
    claims: tuple[Claim[LiftCase], ...] = CLAIMS


def _rewritten(found: Opened, proposed: Proposed, *, progress: Progress) -> Chosen:
    """Return the commits of a proposal that has its own; raise ToolkitError for a rewrite that is not there."""
    commits: list[LiftCommit] = []
    text = found.text
    for commit in proposed.commits:
        text = patches.rewrite(commit)(text, name=str(found.target.file))
        step = Step(name=commit.name, design=commit.rewrite.rpartition(":")[2])
        commits.append(LiftCommit(step=step, message=commit, content=text.encode()))
    lifted = Lifted(text=text, doors={}, moved=(), parameter=PARAMETER, unfolded=False, shown=())
    names = TEXTUAL if any(commit.rebuilds for commit in proposed.commits) else (*TEXTUAL, *EVALUATED)
    chosen = _laid_out(found, commits, lifted, progress=progress)
    return replace(chosen, claims=tuple(claim for claim in CLAIMS if claim.name in names))


def _laid_out(found: Opened, commits: Sequence[LiftCommit], lifted: Lifted, *, progress: Progress) -> Chosen:
    """Lay out the tree after each commit, and say what is asked about the last."""
    tree, target = found.tree, found.target
    progress.step(f"laying out the changed {target.package}")
    roots = (tree.root, *(trees.changed(tree, {target.file: commit.content}).root for commit in commits))
    own = Question(package=tuple(target.package.split(".")), doors=lifted.doors, shown=lifted.shown)
    readers = readers_of(tree.root, target, lifted.doors)
    asking = Asking(
        trees=(roots[0], roots[-1]),
        questions=(own, *(Question(package=tuple(name.split(".")), doors={}) for name in readers)),
        systems=found.request.systems or target.systems,
    )
    return Chosen(commits=tuple(commits), lifted=lifted, asking=asking, roots=roots)


def _choose(found: Opened, *, progress: Progress) -> Chosen:
    """Return the first design that can be right as far as Nix says.

    Raise RefusalError with the reason against the first, where none can.
    """
    request, target = found.request, found.target
    designs = (Design.MOVE,) if request.follow else (Design.STAY, Design.LAYER)
    reasons: list[str] = []
    for design in (request.design,) if request.design is not None else designs:
        try:
            lifted = lift(
                found.text, name=str(target.file), bindings=request.bindings, design=design, follow=request.follow
            )
        except RefusalError:
            if not reasons:
                raise
            break
        step = Step(name=LIFT, design=design.value, reason=reasons[0] if reasons else None)
        made = LiftCommit(step=step, message=texts.message(target.package, lifted.doors), content=lifted.text.encode())
        chosen = _laid_out(found, [made], lifted, progress=progress)
        progress.step(f"asking Nix about {target.package}")
        said = chosen.asking.judged()
        if said is None or said.outcome == "lifted" or (not reasons and said.outcome == "failed"):
            return chosen
        reasons.append(said.why)
    raise RefusalError(f"{target.file}: {reasons[0]}")


def readers_of(root: Path, target: Target, doors: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the packages whose files name an override of the package, or one of the attributes that it now has."""
    own = target.package.rpartition(".")[2]
    attributes = "|".join([r"override\w*", "passthru", *(re.escape(path[-1]) for path in doors.values())])
    reads = re.compile(rf"(?<![\w.-]){re.escape(own)}\.(?:{attributes})\b".encode())
    names = Names.of(root)
    found = [
        PurePosixPath(path.relative_to(root))
        for path in map(Path, files_of(str(root / PACKAGES)))
        if reads.search(path.read_bytes()) and not path.is_relative_to(root / target.file.parent)
    ]
    return tuple(dict.fromkeys(names.package(path) for path in found if path.parts[1] == "by-name"))
