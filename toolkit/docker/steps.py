"""The proposal for docker: the user's choices, and patches/docker.toml as values."""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache

from toolkit import patches
from toolkit.errors import ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import Message, Step
from toolkit.report import pull_request
from toolkit.report.pull_request import Texts


class Demotion(StrEnum):
    """The new place of rootlesskit in the wrapper's PATH."""

    SUFFIX = "suffix"
    DROP = "drop"


class OverlayKind(StrEnum):
    """The kind of overlay.

    `rewrap` creates a new wrapper around the cached docker; `patched` uses the patched
    file.
    """

    REWRAP = "rewrap"
    PATCHED = "patched"


DESIGNS = (Design.MOVE, Design.HIDDEN)
"""The designs for docker's components.

`hidden` is for a builder that accepts no function.
"""

LIFT, DEMOTE = "lift", "demote"
"""The steps of the proposal, by name."""

MODULE = "nixos-module"
"""The name of the step for NixOS' module, one commit that follows the others."""


def steps(lift: Design | None, demotion: Demotion | None) -> tuple[Step, ...]:
    """Return a step for each given design; None omits the step."""
    chosen = {LIFT: lift, DEMOTE: demotion}
    return tuple(
        Step(name=name, design=value)
        for name, value in chosen.items()
        if value is not None
    )


def design_of(steps: Iterable[Step]) -> Design | None:
    """Return the design that moves the components out of the let, or None."""
    return next((Design(step.design) for step in steps if step.name == LIFT), None)


def demotion_of(steps: Iterable[Step]) -> Demotion | None:
    """Return the new place of rootlesskit, or None if it stays.

    Raise ToolkitError for an unknown design.
    """
    found = next((step.design for step in steps if step.name == DEMOTE), None)
    if found not in {None, *Demotion}:
        raise ToolkitError(f"{DEMOTE} cannot be '{found}'; use {', '.join(Demotion)}")
    return Demotion(found) if found is not None else None


class ModulePlan(Message, frozen=True, kw_only=True):
    """The commit for the NixOS module: its reason, its option, and the release note.

    The option has a description in Markdown. `needs` are further paths that a checkout
    of nixpkgs needs for it.
    """

    why: str
    option: str
    description: str
    note: str
    needs: tuple[str, ...]


class Plan(Texts, frozen=True, kw_only=True):
    """The proposal in patches/docker.toml.

    `sparse` are the paths that a checkout of nixpkgs needs.
    """

    sparse: tuple[str, ...]
    module: ModulePlan


@cache
def plan() -> Plan:
    """Return patches/docker.toml."""
    return pull_request.read(patches.shipped() / "docker.toml", Plan)
