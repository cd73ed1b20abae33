"""A review: the judge's result for a change, and the claims about a target that it changes."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from toolkit.errors import ToolkitError
from toolkit.judge import SYSTEMS, judge
from toolkit.judge.asking import seconds
from toolkit.judge.differences import Judgement
from toolkit.model import Depth, Progress, Report
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.proposal.checking import check, completed, judged
from toolkit.proposal.registry import leaf_of, named, usual
from toolkit.proposal.requests import CheckRequest
from toolkit.sources import changes
from toolkit.sources.changes import FileEdit
from toolkit.sources.trees import NotWholeError


class Review(Struct, frozen=True, kw_only=True):
    """The result of a review; `report` has the claims, and `notes` explain their absence.

    `not_run`: requested claims could not be judged.
    """

    judgement: Judgement
    report: Report | None = None
    notes: tuple[str, ...] = ()
    not_run: bool = False


def review(request: CheckRequest, *, progress: Progress) -> Review | Report:
    """Judge a change, then prove the target's claims, if one is named, in the remaining time of each attribute.

    For a single file, return only the report of the claims. Raise ToolkitError for an unavailable change.
    """
    target, chosen = request.target or usual(), request.judging.systems
    systems = tuple(name for name in chosen if "-" in name) if chosen != SYSTEMS and target not in named() else ()
    change = completed(request.change, request.server, progress=progress)
    asked = replace(request, change=change, target=target, depth=Depth(systems=systems))
    try:
        found = changes.read(change, progress=progress)
    except NotWholeError:
        return check(asked, progress=progress)
    with limits.sharing(Allowance(seconds(nixos=request.judging.nixos))):
        judgement = judge(found, request.judging, progress=progress)
        if not request.target:
            return Review(judgement=judgement)
        try:
            report, note = _claims(asked, found.whole.edits, progress)
        except ToolkitError as error:
            notes = (f"{target}: its claims have not run, because {error.message}",)
            return Review(judgement=judgement, notes=notes, not_run=True)
        return Review(judgement=judgement, report=report, notes=(f"{target}: {note}",) if note is not None else ())


def _claims(request: CheckRequest, edits: Sequence[FileEdit], progress: Progress) -> tuple[Report | None, str | None]:
    """Return the claims about a target, or why there are none; raise ToolkitError if they cannot be judged."""
    if request.target not in named():
        return check(request, progress=progress), None
    leaf = leaf_of(request.target)
    own = [edit for edit in edits if edit.path == leaf.file]
    if not own:
        return None, "its file is not changed"
    if any(None in {edit.before, edit.after} for edit in own):
        return None, "its file is moved, added or taken away"
    series = leaf.foreign(request, progress=progress)
    note = leaf.unconcerned(series)
    return (judged(series, request, progress=progress), None) if note is None else (None, note)
