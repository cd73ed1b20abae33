"""What is proposed of docker: what the user can choose, and patches/docker.toml as values."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from toolkit import patches
from toolkit.errors import ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import Step
from toolkit.report import pull_request
from toolkit.report.pull_request import Texts

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path

E = TypeVar("E", bound=StrEnum)

TEST_FILE = "docker-rootless-ports.nix"
"""The name of the NixOS test, here and in nixos/tests/."""


class Demotion(StrEnum):
    """What becomes of rootlesskit in the wrapper's PATH."""

    SUFFIX = "suffix"
    DROP = "drop"


class Extra(StrEnum):
    """A commit that the series has on request alone, in the order in which they follow the first two."""

    NIXOS_TEST = "nixos-test"
    NIXOS_MODULE = "nixos-module"
    RELEASE_NOTE = "release-note"


class OverlayKind(StrEnum):
    """Which overlay: `rewrap` makes a new wrapper around the finished docker, `patched` is the patched file."""

    REWRAP = "rewrap"
    PATCHED = "patched"


DESIGNS = (Design.MOVE, Design.HIDDEN)
"""How docker's components leave their let; `hidden` is for a builder that takes no function."""

LIFT, DEMOTE = "lift", "demote"
"""The steps of the proposal, by name."""


def steps(lift: Design | None, demotion: Demotion | None) -> tuple[Step, ...]:
    """Return the steps by the design of each; None leaves the step out."""
    chosen = {LIFT: lift, DEMOTE: demotion}
    return tuple(Step(name=name, design=value) for name, value in chosen.items() if value is not None)


def design_of(steps: Iterable[Step]) -> Design | None:
    """Return how the components leave the let; None if they stay. Raise ToolkitError for an unknown design."""
    return next((design(step.design) for step in steps if step.name == LIFT), None)


def design(name: str) -> Design:
    """Return docker's design of a name; raise ToolkitError for another."""
    if name not in DESIGNS:
        raise ToolkitError(f"design '{name}' is unknown; known are {', '.join(DESIGNS)}")
    return Design(name)


def demotion_of(steps: Iterable[Step]) -> Demotion | None:
    """Return what becomes of rootlesskit; None if nothing does. Raise ToolkitError for an unknown design."""
    return next((_known(Demotion, step.design) for step in steps if step.name == DEMOTE), None)


def extras_of(names: Iterable[str]) -> tuple[Extra, ...]:
    """Return the extras of these names; raise ToolkitError for an unknown one."""
    return tuple(_known(Extra, name) for name in names)


def _known(kind: type[E], name: str) -> E:
    if name not in set(kind):
        raise ToolkitError(f"{kind.__name__.lower()} '{name}' is unknown; known are {', '.join(kind)}")
    return kind(name)


class ModulePlan(Struct, frozen=True, kw_only=True):
    """The option of the NixOS module, its description in Markdown, and what the release notes say of it.

    `released` is the message of the commit with that note alone.
    """

    option: str
    description: str
    note: str
    released: patches.Message


class Plan(Texts, frozen=True, kw_only=True):
    """What is proposed to nixpkgs: patches/docker.toml.

    `sparse` are the paths of nixpkgs that a checkout needs, `notes` are items of the release notes.
    """

    sparse: tuple[str, ...]
    module: ModulePlan
    notes: dict[Demotion, str]

    def message(self, step: Step) -> patches.Message:
        """Return the message of the commit that makes a step."""
        return self.of(replace(step, design=design(step.design)) if step.name == LIFT else step)

    def needed(self, extras: Iterable[Extra]) -> tuple[str, ...]:
        """Return the paths of nixpkgs that a checkout needs where these extras are wanted too."""
        return tuple(dict.fromkeys([*self.sparse, *(path for extra in extras for path in self.extras[extra].needs)]))


@cache
def plan() -> Plan:
    """Read patches/docker.toml.

    Raise ToolkitError where it is missing, is no TOML, or has a field that is not as it should be.
    """
    return read_plan(patches.shipped() / "docker.toml")


def read_plan(path: Path) -> Plan:
    """Read a file like patches/docker.toml; raise ToolkitError as `plan` does."""
    found = pull_request.read(path, Plan)
    steps = {(each.name, each.design) for each in found.steps}
    wanted: dict[str, tuple[Iterable[str], Container[str]]] = {
        LIFT: (DESIGNS, {design for name, design in steps if name == LIFT}),
        DEMOTE: (Demotion, {design for name, design in steps if name == DEMOTE}),
        "extras": (Extra, found.extras),
        "notes": (Demotion, found.notes),
    }
    for table, (kind, given) in wanted.items():
        if missing := [name for name in kind if name not in given]:
            raise ToolkitError(f"{path}: '{table}' lacks '{missing[0]}'")
    return found


def ports_test() -> Path:
    """Return where the NixOS test is that can be added to the series."""
    return patches.shipped() / TEST_FILE
