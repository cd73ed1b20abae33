"""A review: the judge's result for a change, and the claims about a target that it changes."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit.errors import ToolkitError
from toolkit.judge import SYSTEMS, JudgeRequest, judge
from toolkit.judge.asking import seconds
from toolkit.judge.differences import Judgement
from toolkit.model import Depth, Progress, Report, Server
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.proposal.checking import check, completed, judged
from toolkit.proposal.registry import leaf_of, named, usual
from toolkit.proposal.requests import CheckRequest
from toolkit.sources import changes
from toolkit.sources.changes import Change, ChangeRequest, FileEdit
from toolkit.sources.trees import NotWholeError


class ReviewRequest(Struct, frozen=True, kw_only=True):
    """A change, how to judge it, and a package whose claims are judged too.

    `server` has the commits of a pull request, None if a clone has them.
    """

    change: ChangeRequest
    judging: JudgeRequest = field(default_factory=JudgeRequest)
    target: str | None = None
    bindings: tuple[str, ...] = ()
    server: Server | None = None


class Review(Struct, frozen=True, kw_only=True):
    """The result of a review; `report` has the claims, and `notes` explain their absence.

    `not_run`: requested claims could not be judged.
    """

    judgement: Judgement
    report: Report | None = None
    notes: tuple[str, ...] = ()
    not_run: bool = False


def review(request: ReviewRequest, *, progress: Progress) -> Review | Report:
    """Judge a change, then prove the claims in the remaining time of each attribute.

    For a single file, return only the report of the claims. Raise ToolkitError for an unavailable change.
    """
    request = replace(request, change=completed(request.change, request.server, progress=progress))
    try:
        change = changes.read(request.change, progress=progress)
    except NotWholeError:
        part = request.target or usual()
        return check(_claims(request, part), progress=progress)
    with limits.sharing(Allowance(seconds(nixos=request.judging.nixos))):
        return _reviewed(change, request, progress)


def _reviewed(change: Change, request: ReviewRequest, progress: Progress) -> Review:
    judgement = judge(change, request.judging, progress=progress)
    target = request.target
    if target is None:
        return Review(judgement=judgement)
    edits = {edit.path: edit for edit in change.whole.edits}
    try:
        report, note = _about_target(target, request, edits, progress)
    except ToolkitError as error:
        notes = (f"{target}: its claims have not run, because {error.message}",)
        return Review(judgement=judgement, notes=notes, not_run=True)
    return Review(judgement=judgement, report=report, notes=(f"{target}: {note}",) if note is not None else ())


def _about_target(
    target: str, request: ReviewRequest, edits: Mapping[PurePosixPath, FileEdit], progress: Progress
) -> tuple[Report | None, str | None]:
    """Return the claims about a target, or why there are none; raise ToolkitError if they cannot be judged."""
    asked = _claims(request, target)
    if target not in named():
        return check(asked, progress=progress), None
    leaf = leaf_of(target)
    if leaf.file not in edits:
        return None, "its file is not changed"
    if any(edit.path == leaf.file and None in {edit.before, edit.after} for edit in edits.values()):
        return None, "its file is moved, added or taken away"
    series = leaf.foreign(asked, progress=progress)
    note = leaf.unconcerned(series)
    return (judged(series, asked, progress=progress), None) if note is None else (None, note)


def _claims(request: ReviewRequest, target: str) -> CheckRequest:
    chosen = request.judging.systems
    systems = tuple(name for name in chosen if "-" in name) if chosen != SYSTEMS else ()
    return CheckRequest(
        target=target,
        change=request.change,
        bindings=request.bindings,
        depth=Depth() if target in named() else Depth(systems=systems),
    )
