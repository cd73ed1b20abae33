"""Make a branch with docker's series in the user's clone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.docker.plan import plan
from toolkit.docker.pr import evidence, grounds
from toolkit.pr import create as branches
from toolkit.pr.create import Making

if TYPE_CHECKING:
    from toolkit.docker.requests import BranchRequest
    from toolkit.git.clone import Clone
    from toolkit.model import Progress, PullRequest
    from toolkit.pr.writing import BranchOrder


def create(request: BranchRequest, *, progress: Progress) -> PullRequest:
    """Prove the series on the base, then make the branch; raise ToolkitError as `toolkit.pr.create` does."""

    def find(clone: Clone, order: BranchOrder) -> Making:
        asked = replace(request, branch=order.branch, base=order.base, trailers=order.trailers)
        ground = grounds.find(clone, asked, progress=progress)
        return Making(
            base=ground.base,
            warnings=ground.warnings,
            prove=lambda at: evidence.prove(ground, asked, at=at, progress=progress),
            port=lambda report: evidence.port_onto(ground, report, progress=progress),
            commits=lambda report: evidence.commits(ground, asked, report),
            facts=lambda report, commits, ported: evidence.facts(ground, asked, report, commits, ported),
            directories=lambda _report: (plan().target.parent,),
        )

    return branches.create(request, find, progress=progress)
