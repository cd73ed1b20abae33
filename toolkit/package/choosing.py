"""Which design lifts what a package's file binds in a let, as far as Nix says: for one package, or for many at once."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit import patches
from toolkit.errors import RefusalError
from toolkit.lift.naming import PACKAGES, Names
from toolkit.lift.plan import PARAMETER, Design
from toolkit.lift.rewriting import Lifted, lift
from toolkit.lift.survey import files_of
from toolkit.model import Step
from toolkit.package import texts
from toolkit.package.case import Asking, LiftCase, ask_about
from toolkit.package.claims import CLAIMS
from toolkit.prove.lifted import Question, why_not
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.model import Progress, Source, SourceRequest
    from toolkit.package.target import Target
    from toolkit.patches import Message, Proposed
    from toolkit.prove import Claim
    from toolkit.sources.trees import NixpkgsTree

LIFT = "lift"
TEXTUAL = ("parse", "format", "applies")
EVALUATED = ("no-rebuild", "readers", "overlay")
"""The claims about a proposal with commits of its own; the second about one that rebuilds nothing."""


class LiftRequest(Struct, frozen=True, kw_only=True):
    """What is asked for one package. `out` appears whole or not at all; `force` lets it replace what is there.

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


class Opened(Struct, frozen=True, kw_only=True):
    """A package of a source, with the text of its file, and a proposal that has its own commits."""

    request: LiftRequest
    source: Source
    target: Target
    text: str
    proposed: Proposed | None


class LiftCommit(Struct, frozen=True, kw_only=True):
    """A commit: its step, its message, and the content of the package's file after it."""

    step: Step
    message: Message
    content: bytes


class Chosen(Struct, frozen=True, kw_only=True):
    """Commits with what is lifted by them and claimed of them; `roots` are the trees before and after each."""

    commits: tuple[LiftCommit, ...]
    lifted: Lifted
    asking: Asking
    roots: tuple[Path, ...]
    claims: tuple[Claim[LiftCase], ...] = CLAIMS


def choose_together(tree: NixpkgsTree, found: Sequence[Opened], *, progress: Progress) -> Mapping[Target, Chosen]:
    """Return the lifts of packages that Nix says are right in one tree with all of them, on every system.

    A package that is not among them is to be chosen for alone: the change of another one may be why.
    """
    made: dict[PurePosixPath, tuple[Opened, LiftCommit, Lifted]] = {}
    for each in found:
        if each.proposed is None:
            with suppress(RefusalError):
                made.setdefault(each.target.file, (each, *_lift(each, _designs(each.request)[0])))
    if len(made) < 2:  # noqa: PLR2004 - one is alone
        return {}
    progress.step("laying out a nixpkgs with all changes")
    root = trees.changed(tree, {file: commit.content for file, (_, commit, _) in made.items()}).root
    readers = readers_of(tree.root, [(each.target, lifted.doors) for each, _, lifted in made.values()])
    chosen = {
        each.target: _chosen(
            each,
            [commit],
            lifted,
            (tree.root, root),
            others,
            beside=tuple(other.target.package for other, _, _ in made.values() if other is not each),
        )
        for (each, commit, lifted), others in zip(made.values(), readers, strict=True)
    }
    progress.step(f"asking Nix about {len(chosen)} packages")
    ask_about([each.asking for each in chosen.values()])
    return {target: each for target, each in chosen.items() if each.asking.holds()}


def choose(found: Opened, tree: NixpkgsTree, *, progress: Progress) -> Chosen:
    """Return the first design that can be right as far as Nix says, or the commits of a proposal that has its own.

    Raise RefusalError with the reason against the first design, where none can.
    """
    if found.proposed is not None:
        return _rewritten(found, found.proposed, tree, progress=progress)
    reasons: list[str] = []
    for design in _designs(found.request):
        try:
            made, lifted = _lift(found, design, reason=reasons[0] if reasons else None)
        except RefusalError:
            if not reasons:
                raise
            break
        chosen = _laid_out(found, [made], lifted, tree, progress=progress)
        progress.step(f"asking Nix about {found.target.package}")
        said = chosen.asking.judged()
        if said is None:
            raise _unevaluable(chosen.asking, found.target.package)
        if said.outcome == "lifted" or (not reasons and said.outcome == "failed"):
            return chosen
        reasons.append(said.why)
    raise RefusalError(f"{found.target.file}: {reasons[0]}")


def _unevaluable(asking: Asking, package: str) -> RefusalError:
    """Return the error for a package of which nothing can be proven."""
    why = why_not(asking.trees[0], asking.systems[0], asking.questions[0].package)
    hint = "if the package is for another system, name that by --system"
    return RefusalError(f"{package}: does not evaluate, unchanged, on {', '.join(asking.systems)}: {why}", hint=hint)


def _designs(request: LiftRequest) -> tuple[Design, ...]:
    if request.design is not None:
        return (request.design,)
    return (Design.MOVE,) if request.follow else (Design.STAY, Design.LAYER)


def _lift(found: Opened, design: Design, *, reason: str | None = None) -> tuple[LiftCommit, Lifted]:
    """Rewrite the package's file; `reason` is why not by the design before. Raise RefusalError if it cannot be."""
    request, target = found.request, found.target
    lifted = lift(found.text, name=str(target.file), bindings=request.bindings, design=design, follow=request.follow)
    step = Step(name=LIFT, design=design.value, reason=reason)
    message = texts.message(target.package, lifted.doors)
    return LiftCommit(step=step, message=message, content=lifted.text.encode()), lifted


def _rewritten(found: Opened, proposed: Proposed, tree: NixpkgsTree, *, progress: Progress) -> Chosen:
    """Return the commits of a proposal that has its own; raise ToolkitError for a rewrite that is not there."""
    commits: list[LiftCommit] = []
    text = found.text
    for commit in proposed.commits:
        text = patches.rewrite(commit)(text, name=str(found.target.file))
        step = Step(name=commit.name, design=commit.rewrite.rpartition(":")[2])
        commits.append(LiftCommit(step=step, message=commit, content=text.encode()))
    lifted = Lifted(text=text, doors={}, moved=(), parameter=PARAMETER, unfolded=False, shown=())
    names = TEXTUAL if any(commit.rebuilds for commit in proposed.commits) else (*TEXTUAL, *EVALUATED)
    chosen = _laid_out(found, commits, lifted, tree, progress=progress)
    return replace(chosen, claims=tuple(claim for claim in CLAIMS if claim.name in names))


def _laid_out(
    found: Opened, commits: Sequence[LiftCommit], lifted: Lifted, tree: NixpkgsTree, *, progress: Progress
) -> Chosen:
    """Lay out the tree after each commit."""
    progress.step(f"laying out the changed {found.target.package}")
    after = (trees.changed(tree, {found.target.file: commit.content}).root for commit in commits)
    (readers,) = readers_of(tree.root, [(found.target, lifted.doors)])
    return _chosen(found, commits, lifted, (tree.root, *after), readers)


def _chosen(  # noqa: PLR0913 - what it is made of
    found: Opened,
    commits: Sequence[LiftCommit],
    lifted: Lifted,
    roots: tuple[Path, ...],
    readers: Sequence[str],
    *,
    beside: tuple[str, ...] = (),
) -> Chosen:
    """Say what is asked about the last commit."""
    target = found.target
    own = Question(package=tuple(target.package.split(".")), doors=lifted.doors, shown=lifted.shown)
    asking = Asking(
        trees=(roots[0], roots[-1]),
        questions=(own, *(Question(package=tuple(name.split(".")), doors={}) for name in readers)),
        systems=found.request.systems or target.systems,
        beside=beside,
    )
    return Chosen(commits=tuple(commits), lifted=lifted, asking=asking, roots=roots)


def readers_of(root: Path, lifts: Sequence[tuple[Target, Mapping[str, tuple[str, ...]]]]) -> list[tuple[str, ...]]:
    """Return for each package those whose files name an override of it, or one of the attributes that it now has."""
    names = Names.of(root)
    found: list[list[str]] = [[] for _ in lifts]
    patterns: list[re.Pattern[bytes]] = []
    for target, doors in lifts:
        own = re.escape(target.package.rpartition(".")[2])
        attributes = "|".join([r"override\w*", "passthru", *(re.escape(path[-1]) for path in doors.values())])
        patterns.append(re.compile(rf"(?<![\w.-]){own}\.(?:{attributes})\b".encode()))
    for path in map(Path, files_of(str(root / PACKAGES / "by-name"))):
        content = path.read_bytes()
        for (target, _), pattern, readers in zip(lifts, patterns, found, strict=True):
            if pattern.search(content) and not path.is_relative_to(root / target.file.parent):
                readers.append(names.package(PurePosixPath(path.relative_to(root))))
    return [tuple(dict.fromkeys(readers)) for readers in found]
