"""Requests about docker, and what comes of them."""

from collections.abc import Collection

from tests.proposal.nixpkgs import ALONE
from toolkit.docker import PACKAGE
from toolkit.docker.case import DockerCase
from toolkit.docker.claims import catalogue
from toolkit.docker.steps import DEMOTE, LIFT
from toolkit.errors import only
from toolkit.model import Progress, Proof, Report
from toolkit.proposal import proposing, prove
from toolkit.proposal.requests import Request


def designs(strategy: object = None, demotion: object = None) -> dict[str, str]:
    chosen = {LIFT: strategy, DEMOTE: demotion}
    return {step: str(design) for step, design in chosen.items() if design is not None}


def docker(
    *, strategy: str | None = None, demotion: str | None = None, **others: object
) -> Request:
    named = {"depth": ALONE, **others}
    return Request(target=PACKAGE, designs=designs(strategy, demotion), **named)  # type: ignore[arg-type] # by name


def propose(request: Request, *, progress: Progress) -> Report:
    (attempt,) = proposing.propose([request], progress=progress)
    return only(attempt.result)


def proved(
    case: DockerCase, names: Collection[str] = (), *, progress: Progress
) -> tuple[Proof, ...]:
    return prove.run(catalogue.claims(case), case, names, progress=progress)
