"""From the name of any package to a proven patch series, diff and overlay that lift what its file binds in a let."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit import files, nix, sources
from toolkit import propose as proposals
from toolkit.errors import RefusalError, ToolkitError, UsageError
from toolkit.lift.naming import PACKAGES, Names
from toolkit.lift.plan import Design
from toolkit.lift.rewriting import lift
from toolkit.lift.survey import files_of
from toolkit.model import Step
from toolkit.package import patched, texts
from toolkit.package.case import Asking, Case
from toolkit.package.claims import CLAIMS
from toolkit.package.target import find_target
from toolkit.propose import Draft, Order, write
from toolkit.prove import Stage
from toolkit.prove.lifted import Question
from toolkit.report import pull_request
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.lift.rewriting import Lifted
    from toolkit.model import Progress, Report, Source, SourceRequest
    from toolkit.package.target import Target
    from toolkit.sources.trees import Tree

LIFT = "lift"


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
class Work:
    """A package of a source, with the tree around it, lifted by the design that Nix says is right."""

    request: LiftRequest
    source: Source
    tree: Tree
    target: Target
    chosen: Chosen

    @property
    def content(self) -> bytes:
        """The new content of the package's file."""
        return self.chosen.lifted.text.encode()


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
        force=work.request.force,
        request=work.request.source,
        draft=lambda at: draft(work, at),
        text=lambda report: pull_request.draft(facts(work, report)),
    )
    return write(order, progress=progress)


def facts(work: Work, report: Report) -> pull_request.Facts:
    """Return what the text of the pull request is made from."""
    return texts.facts(report, work.source, work.target.package, work.chosen.lifted.doors)


def begin(request: LiftRequest, *, progress: Progress) -> Work:
    """Find the package, rewrite its file and lay out the changed tree; raise ToolkitError as `propose` does."""
    if request.follow and request.design not in {None, Design.MOVE}:
        raise UsageError(
            "--follow: goes with --design move only", hint="a definition that stays sees no final attributes"
        )
    progress.step("reading nixpkgs")
    root = trees.as_they_are(request.source, progress=progress)
    target = find_target(root, request.target)
    source = sources.resolve(request.source, target=target.file, sparse=(), progress=progress)
    progress.step("rewriting")
    nix.parse_text(source.content, name=str(target.file))
    tree = trees.whole(source, offline=request.source.offline, progress=progress)
    chosen = _choose(request, source, tree, target, progress=progress)
    return Work(request=request, source=source, tree=tree, target=target, chosen=chosen)


def draft(work: Work, at: Path) -> Draft[Case]:
    """Return the proposal as git writes it down; its overlay will be in the directory `at`."""
    source, target, chosen, asking = work.source, work.target, work.chosen, work.chosen.asking
    doors = chosen.lifted.doors
    beside = patched.files(work.tree.root, target, work.content)
    message = texts.message(target.package, doors)
    proposal = proposals.make(
        source,
        package=target.package,
        target=target.file,
        bindings=tuple(doors),
        steps=[Step(name=LIFT, design=chosen.design.value, reason=chosen.reason)],
        messages=[message],
        contents=[work.content],
    )
    before, after = (root / target.file for root in asking.trees)
    case = Case(
        source=source,
        target=target.file,
        stages=(
            Stage(name="before", content=source.content, path=before),
            Stage(name="lifted", content=work.content, path=after, steps=frozenset({LIFT})),
        ),
        patches=proposal.patches,
        upstream_diff=proposal.upstream_diff,
        package=target.package,
        lifted=chosen.lifted,
        asking=asking,
        readers=tuple(".".join(reader.package) for reader in asking.questions[1:]),
        overlay=at if beside else None,
    )
    return Draft(proposal=proposal, messages=(message,), case=case, claims=CLAIMS, overlay=beside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A design with what it makes of the file; `reason` says why the designs before it were not taken."""

    design: Design
    lifted: Lifted
    asking: Asking
    reason: str | None


def _choose(request: LiftRequest, source: Source, tree: Tree, target: Target, *, progress: Progress) -> Chosen:
    """Return the first design that can be right as far as Nix says.

    Raise RefusalError with the reason against the first, where none can.
    """
    try:
        text = source.content.decode()
    except UnicodeDecodeError as error:
        raise ToolkitError(f"{target.file}: is not UTF-8") from error
    designs = (Design.MOVE,) if request.follow else (Design.STAY, Design.LAYER)
    reasons: list[str] = []
    for design in (request.design,) if request.design is not None else designs:
        try:
            lifted = lift(text, name=str(target.file), bindings=request.bindings, design=design, follow=request.follow)
        except RefusalError:
            if not reasons:
                raise
            break
        progress.step(f"laying out the changed {target.package}")
        changed = trees.changed(tree, {target.file: lifted.text.encode()})
        own = Question(package=tuple(target.package.split(".")), doors=lifted.doors, shown=lifted.shown)
        readers = readers_of(tree.root, target, lifted.doors)
        asking = Asking(
            trees=(tree.root, changed.root),
            questions=(own, *(Question(package=tuple(name.split(".")), doors={}) for name in readers)),
            systems=request.systems or target.systems,
        )
        progress.step(f"asking Nix about {target.package}")
        said = asking.judged()
        if said is None or said.outcome == "lifted" or (not reasons and said.outcome == "failed"):
            return Chosen(design=design, lifted=lifted, asking=asking, reason=reasons[0] if reasons else None)
        reasons.append(said.why)
    raise RefusalError(f"{target.file}: {reasons[0]}")


def readers_of(root: Path, target: Target, doors: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the packages whose files name an override of the package, or one of the attributes that it now has."""
    own = target.package.rpartition(".")[2]
    attributes = "|".join(re.escape(path[-1]) for path in doors.values())
    reads = re.compile(rf"(?<![\w.-]){re.escape(own)}\.(?:override\w*|passthru|{attributes})\b".encode())
    names = Names.of(root)
    found = [
        PurePosixPath(path.relative_to(root))
        for path in map(Path, files_of(str(root / PACKAGES)))
        if reads.search(path.read_bytes()) and not path.is_relative_to(root / target.file.parent)
    ]
    return tuple(dict.fromkeys(names.package(path) for path in found if path.parts[1] == "by-name"))
