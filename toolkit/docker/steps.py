"""What is proposed of docker: what the user can choose, and patches/docker.toml as values."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cache

from toolkit import patches
from toolkit.errors import ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import Step
from toolkit.report import pull_request
from toolkit.report.pull_request import Texts


class Demotion(StrEnum):
    """What becomes of rootlesskit in the wrapper's PATH."""

    SUFFIX = "suffix"
    DROP = "drop"


class OverlayKind(StrEnum):
    """Which overlay: `rewrap` makes a new wrapper around the finished docker, `patched` is the patched file."""

    REWRAP = "rewrap"
    PATCHED = "patched"


DESIGNS = (Design.MOVE, Design.HIDDEN)
"""How docker's components leave their let; `hidden` is for a builder that takes no function."""

LIFT, DEMOTE = "lift", "demote"
"""The steps of the proposal, by name."""

MODULE = "nixos-module"
"""The name of what is made of NixOS' module, in one commit that follows the steps."""


def steps(lift: Design | None, demotion: Demotion | None) -> tuple[Step, ...]:
    """Return the steps by the design of each; None leaves the step out."""
    chosen = {LIFT: lift, DEMOTE: demotion}
    return tuple(Step(name=name, design=value) for name, value in chosen.items() if value is not None)


def design_of(steps: Iterable[Step]) -> Design | None:
    """Return how the components leave the let; None if they stay. Raise ToolkitError for an unknown design."""
    found = _design(steps, LIFT, DESIGNS)
    return Design(found) if found is not None else None


def demotion_of(steps: Iterable[Step]) -> Demotion | None:
    """Return what becomes of rootlesskit; None if nothing does. Raise ToolkitError for an unknown design."""
    found = _design(steps, DEMOTE, tuple(Demotion))
    return Demotion(found) if found is not None else None


def _design(steps: Iterable[Step], name: str, known: Sequence[str]) -> str | None:
    found = next((step.design for step in steps if step.name == name), None)
    if found not in {None, *known}:
        raise ToolkitError(f"{name} '{found}' is unknown; known are {', '.join(known)}")
    return found


class ModulePlan(patches.Message, frozen=True, kw_only=True):
    """The commit for the NixOS module, and why: its option, with a description in Markdown, and the release note.

    `needs` are the further paths of nixpkgs that a checkout needs for it.
    """

    why: str
    option: str
    description: str
    note: str
    needs: tuple[str, ...]


class Plan(Texts, frozen=True, kw_only=True):
    """What is proposed to nixpkgs: patches/docker.toml; `sparse` are the paths of nixpkgs that a checkout needs."""

    sparse: tuple[str, ...]
    module: ModulePlan


@cache
def plan() -> Plan:
    """Read patches/docker.toml.

    Raise ToolkitError where it is missing, is no TOML, or has a field that is not as it should be.
    """
    return pull_request.read(patches.shipped() / "docker.toml", Plan)
