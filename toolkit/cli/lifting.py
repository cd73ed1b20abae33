"""The options of commands that lift packages of any file: the bindings, the design, what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from toolkit.cli.depth import depth
from toolkit.lift.plan import FOLLOWED, Design
from toolkit.package.choosing import LiftRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolkit.model import SourceRequest

DOCKER = "docker"

_F = TypeVar("_F", bound="Callable[..., Any]")


def lifting_options(function: _F) -> _F:
    """Add the options to a command; they are for another target than docker."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def lifting(
    target: str,
    source: SourceRequest,
    *,
    bindings: tuple[str, ...],
    design: str | None,
    follow: str | None,
    out: Path,
    force: bool,
) -> LiftRequest:
    """Return what these options ask for; raise UsageError for what no definition can take over."""
    followed = tuple(follow.split(",")) if follow is not None else ()
    if unknown := [name for name in followed if name not in FOLLOWED]:
        raise click.UsageError(f"--follow: '{unknown[0]}' is none of {', '.join(FOLLOWED)}")
    return LiftRequest(
        target=target,
        source=source,
        bindings=bindings,
        design=Design(design) if design is not None else None,
        follow=followed,
        systems=depth().systems,
        out=out,
        force=force,
    )


_OPTIONS = (
    click.option(
        "--binding",
        "bindings",
        multiple=True,
        metavar="NAME",
        help="Unless TARGET is docker: lift this binding of its lets, not all packages in them. May be repeated.",
    ),
    click.option(
        "--design",
        type=click.Choice([design.value for design in Design]),
        help="Unless TARGET is docker: whether definitions stay in their let or move into the attribute, or an "
        "overrideAttrs around the builder's call sets what uses them; by default as the builder allows.",
    ),
    click.option(
        "--follow",
        metavar="NAMES",
        help="Unless TARGET is docker: what a definition that moves takes from it: src, version or both.",
    ),
)
