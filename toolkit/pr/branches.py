"""Make a branch in the user's clone that lifts what any package binds in a let."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit.errors import UsageError, only
from toolkit.model import SourceRequest
from toolkit.pr import making
from toolkit.pr.making import Making
from toolkit.proposal import texts
from toolkit.proposal.choosing import choose
from toolkit.proposal.proposing import write_down

if TYPE_CHECKING:
    from toolkit.contribution import PullRequest
    from toolkit.git.clone import Clone
    from toolkit.model import Progress
    from toolkit.pr import BranchOrder
    from toolkit.proposal.choosing import LiftRequest


def branch_name(target: str) -> str:
    """Return what the branch for a package is called by default."""
    return f"{re.sub(r'[^A-Za-z0-9_]+', '-', target).strip('-')}-overridable-parts"


def create(order: BranchOrder, request: LiftRequest, *, progress: Progress) -> PullRequest:
    """Prove the lift on the base, then make the branch; raise ToolkitError as `toolkit.pr.making` and `propose` do.

    The source and the output directory of the request are the clone's.
    """
    if order.onto:
        raise UsageError("--onto: the lift of a package is not ported", hint="make a branch with that --base")

    def find(clone: Clone, order: BranchOrder) -> Making:
        base, _ = making.find_bases(clone, order, progress=progress)
        source = SourceRequest(nixpkgs=str(clone.top), rev=base.name, offline=True)
        (outcome,) = choose([replace(request, source=source, force=False)], progress=progress)
        chosen = only(outcome)
        return Making(
            base=base,
            warnings=tuple(making.base_warnings(base)),
            prove=lambda at: write_down(chosen, at, progress=progress),
            commits=lambda report: making.series(report.proposal.target, report.proposal.commits),
            facts=lambda report, _commits, _ported: texts.facts(chosen, report),
        )

    return making.create(order, find, progress=progress)
