"""The options of commands that lift packages of any file: the bindings, the design, what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli import options
from toolkit.cli.depth import DEEPER, systems
from toolkit.lift.plan import FOLLOWED, Design
from toolkit.package.choosing import LiftRequest

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.model import SourceRequest

DOCKER = "docker"


lifting_options = options.together(
    options.remembered(
        "--binding",
        "bindings",
        group=options.OWN,
        multiple=True,
        metavar="NAME",
        help="Unless TARGET is docker: lift this binding of its lets, not all packages in them. May be repeated.",
    ),
    options.remembered(
        "--design",
        group=options.OWN,
        type=click.Choice([design.value for design in Design]),
        help="Unless TARGET is docker: whether definitions stay in their let or move into the attribute, or an "
        "overrideAttrs around the builder's call sets what uses them; by default as the builder allows.",
    ),
    options.remembered(
        "--follow",
        group=options.OWN,
        metavar="NAMES",
        help="Unless TARGET is docker: what a definition that moves takes from it: src, version or both.",
    ),
)
"""What and how to lift, for another target than docker; `lifting` returns it."""

LIFTING = ("--binding", "--design", "--follow")


def lifting(
    target: str,
    source: SourceRequest,
    *,
    out: Path,
    force: bool,
) -> LiftRequest:
    """Return what these options ask for; raise UsageError for what no definition can take over."""
    options.refuse_together("a TARGET other than docker", *DEEPER)
    design, follow = options.asked("design"), options.asked("follow")
    followed = tuple(follow.split(",")) if follow is not None else ()
    if unknown := [name for name in followed if name not in FOLLOWED]:
        raise click.UsageError(f"--follow: '{unknown[0]}' is none of {', '.join(FOLLOWED)}")
    return LiftRequest(
        target=target,
        source=source,
        bindings=options.asked("bindings") or (),
        design=Design(design) if design is not None else None,
        follow=followed,
        systems=systems(),
        out=out,
        force=force,
    )
