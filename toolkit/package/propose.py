"""From names of packages to a proven patch series, diff and overlay of each that lift what its file binds in a let."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from toolkit import files, nix, patches, sources
from toolkit import propose as proposals
from toolkit.errors import ToolkitError, UsageError
from toolkit.lift.plan import Design
from toolkit.package import patched, texts
from toolkit.package.case import LiftCase
from toolkit.package.choosing import Opened, choose, choose_together
from toolkit.package.target import find_targets
from toolkit.patches import Proposed
from toolkit.propose import Draft, Order, write
from toolkit.prove import Stage
from toolkit.report import pull_request
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from toolkit.model import Progress, Report
    from toolkit.package.choosing import Chosen, LiftRequest
    from toolkit.package.target import Target
    from toolkit.sources.trees import NixpkgsTree

T = TypeVar("T")


class Work(Struct, frozen=True, kw_only=True):
    """A package with the commits that Nix says are right."""

    found: Opened
    chosen: Chosen

    @property
    def content(self) -> bytes:
        """The new content of the package's file."""
        return self.chosen.commits[-1].content


class Attempt(Struct, frozen=True, kw_only=True):
    """What came of one target: the report of the proposal in `out`, or the error that keeps it from being made."""

    target: str
    out: Path
    result: Report | ToolkitError


def propose(requests: Sequence[LiftRequest], *, progress: Progress) -> Iterator[Attempt]:
    """Write the proposals of requests for the same source, each whole or not at all, and yield what came of each.

    Several go below the directory that they name, each into one that is called after its package. Raise ToolkitError
    for a source or a directory that cannot be used. A proof that fails is no error: it is in the report.
    """
    out, force = requests[0].out, requests[0].force
    if len(requests) == 1:
        files.ensure_free(out, force=force)
    elif not out.is_dir():
        files.ensure_free(out)
    for request, work in zip(requests, begin(requests, progress=progress), strict=True):
        if isinstance(work, ToolkitError):
            yield Attempt(target=request.target, out=out, result=work)
            continue
        place = out if len(requests) == 1 else out / work.found.target.package
        place.parent.mkdir(exist_ok=True)
        written = partial(write_down, work, place, progress=progress)
        yield Attempt(target=request.target, out=place, result=_tried(written))


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


def only(outcome: T | ToolkitError) -> T:
    """Return what came of a single target; raise it if it is an error."""
    if isinstance(outcome, ToolkitError):
        raise outcome
    return outcome


def _tried(make: Callable[[], T]) -> T | ToolkitError:
    try:
        return make()
    except ToolkitError as error:
        return error


def begin(requests: Sequence[LiftRequest], *, progress: Progress) -> Iterator[Work | ToolkitError]:
    """Find the packages of one source, rewrite their files and lay out the changed trees.

    Yield for each the error that keeps it from being proposed, and raise the one of the source.
    """
    source = requests[0].source
    if any(request.follow and request.design not in {None, Design.MOVE} for request in requests):
        raise UsageError(
            "--follow: goes with --design move only", hint="a definition that stays sees no final attributes"
        )
    progress.step("reading nixpkgs")
    root = trees.as_they_are(source, progress=progress)
    own = [_tried(partial(_own, request)) for request in requests]
    names = [
        each.package if isinstance(each, Proposed) else request.target
        for request, each in zip(requests, own, strict=True)
    ]
    found = [
        _tried(partial(_open, request, proposed, target, progress=progress))
        for request, proposed, target in zip(requests, own, find_targets(root, names), strict=True)
    ]
    if not (opened := [each for each in found if isinstance(each, Opened)]):
        yield from (each for each in found if isinstance(each, ToolkitError))
        return
    tree = trees.whole(opened[0].source, offline=source.offline, progress=progress)
    known = choose_together(tree, opened, progress=progress)
    for each in found:
        yield each if isinstance(each, ToolkitError) else _tried(partial(_work, each, tree, known, progress=progress))


def _work(found: Opened, tree: NixpkgsTree, known: Mapping[Target, Chosen], *, progress: Progress) -> Work:
    return Work(found=found, chosen=known.get(found.target) or choose(found, tree, progress=progress))


def _own(request: LiftRequest) -> Proposed | None:
    """Return the proposal with commits of its own that is asked for, if it is one."""
    proposed = patches.proposal(request.target)
    if proposed is not None and (request.bindings or request.design or request.follow):
        raise UsageError(f"{request.target}: is a proposal with commits of its own, and lifts no bindings")
    return proposed


def _open(
    request: LiftRequest,
    proposed: Proposed | ToolkitError | None,
    target: Target | ToolkitError,
    *,
    progress: Progress,
) -> Opened:
    """Read the file of a package."""
    proposed, target = only(proposed), only(target)
    source = sources.resolve(request.source, target=target.file, sparse=(), progress=progress)
    progress.step("rewriting")
    nix.parse_text(source.content, name=str(target.file))
    try:
        text = source.content.decode()
    except UnicodeDecodeError as error:
        raise ToolkitError(f"{target.file}: is not UTF-8") from error
    return Opened(request=request, source=source, target=target, text=text, proposed=proposed)


def draft(work: Work, at: Path) -> Draft[LiftCase]:
    """Return the proposal as git writes it down; its overlay will be in the directory `at`."""
    source, target, chosen = work.found.source, work.found.target, work.chosen
    doors = chosen.lifted.doors
    beside = patched.files(chosen.roots[0], target, work.content)
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
