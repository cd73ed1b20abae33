"""A lift of one package as its claims see it, without a proposal around it."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from toolkit.lift.outcome import Lifted
from toolkit.model import Source
from toolkit.proposal.choosing import LiftCase, Opened
from toolkit.proposal.judged import Judging
from toolkit.proposal.lifted import Asking
from toolkit.proposal.prove import Stage
from toolkit.proposal.requests import Request
from toolkit.proposal.target import Target


def lift_case(
    target: PurePosixPath,
    stages: Sequence[Stage],
    *,
    lifted: Lifted,
    asking: Asking,
    judging: Judging,
) -> LiftCase:
    package = asking.own.package
    request = Request(target=package)
    source = Source(
        origin="a test", content=stages[0].content, directory=asking.trees[0]
    )
    return LiftCase(
        request=request,
        source=source,
        package=package,
        target=target,
        stages=tuple(stages),
        opened=Opened(
            request=request, source=source, target=Target(package=package, file=target)
        ),
        lifted=lifted,
        asking=asking,
        judging=judging,
    )
