"""The options of commands that prove: the bindings to lift and the design, and how deep the proofs go."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, cast

import click

from toolkit.cli import options
from toolkit.cli.options import DEPTH, NIX
from toolkit.docker.plan import Strategy
from toolkit.lift.plan import FOLLOWED, Design
from toolkit.model import Depth, Tier
from toolkit.proposal.choosing import LiftRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.model import SourceRequest

DOCKER = "docker"
OTHER = "a TARGET other than docker"

DEEPER = (
    "--tier",
    "--reverse-dependencies",
    "--max-memory",
    "--timeout",
    "--build-args",
    "--builders",
    "--store",
    "--option",
)
"""What only docker's proofs have."""

_TIERS = ("isolated", "tree", "build", "vm")
_LEAST_MIB = 64


strategy_option = click.option(
    "--strategy",
    type=click.Choice([strategy.value for strategy in Strategy]),
    help="How the components leave dockerGen's let; by default as the builder allows.",
)

depth_options = options.together(
    options.remembered(
        "--sealed",
        group=DEPTH,
        is_flag=True,
        help="Run nothing with your rights: no --run, and no tier but isolated and tree, in which Nix reads nothing "
        "else, fetches nothing and has limits of time and memory.",
    ),
    options.remembered(
        "--tier",
        group=DEPTH,
        type=click.Choice(_TIERS),
        help="How deep to prove: the file alone (isolated), docker in the whole nixpkgs, real builds, "
        "NixOS in a virtual machine. Each level includes those before it; build and vm run what nixpkgs says with "
        "your rights. By default isolated; for a proposal from a whole nixpkgs on this machine also part of tree.",
    ),
    options.remembered(
        "--system",
        group=DEPTH,
        multiple=True,
        metavar="NAME",
        help="A system to evaluate or build for: with --tier tree, build or vm, or for a TARGET other than docker; may "
        "be repeated.",
    ),
    options.remembered(
        "--reverse-dependencies",
        group=DEPTH,
        deep=True,
        is_flag=True,
        help="Count the rebuilds in all of nixpkgs, which takes minutes and gigabytes. Needs --tier tree or deeper.",
    ),
    options.remembered(
        "--max-memory",
        group=DEPTH,
        deep=True,
        type=click.IntRange(min=_LEAST_MIB),
        metavar="MIB",
        help="The memory that all evaluations together may use; by default all that is free.",
    ),
    options.remembered(
        "--timeout",
        group=DEPTH,
        deep=True,
        type=options.Amount(min=0, min_open=True),
        metavar="SECONDS",
        help="The time limit of one evaluation.",
    ),
    options.remembered(
        "--build-args", group=NIX, deep=True, metavar="TEXT", help="Further arguments for nix-build, quoted as one."
    ),
    options.remembered(
        "--builders",
        group=NIX,
        deep=True,
        metavar="TEXT",
        help="The machines to build on, as for nix-build --builders.",
    ),
    options.remembered(
        "--store", group=NIX, deep=True, metavar="URL", help="The store to build in, as for nix-build --store."
    ),
    options.remembered(
        "--option",
        group=NIX,
        deep=True,
        nargs=2,
        multiple=True,
        metavar="NAME VALUE",
        help="A Nix setting for --tier build and vm.",
    ),
)
"""How deep the proofs go; `depth` returns it."""


def depth() -> Depth:
    """Return what the options of the running command ask for; raise click.UsageError where they contradict."""
    tier = Tier(options.asked("tier") or Tier.ISOLATED)
    if is_sealed() and tier.includes(Tier.BUILD):
        raise click.UsageError("--sealed requires --tier isolated or tree")
    words: list[str] = []
    for name in ("build_args", "builders", "store", "option"):
        if (value := options.asked(name)) is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if not tier.includes(Tier.BUILD):
            raise click.UsageError(f"{flag} requires --tier build or vm")
        words += _words(flag, value)
    for name in ("system", "reverse_dependencies", "max_memory", "timeout"):
        if options.asked(name) and not tier.includes(Tier.TREE):
            raise click.UsageError(f"--{name.replace('_', '-')} requires --tier tree, build or vm")
    return Depth(
        tier=tier,
        by_itself=not options.asked("tier"),
        systems=systems(),
        reverse_dependencies=bool(options.asked("reverse_dependencies")),
        max_memory=options.asked("max_memory"),
        timeout=options.asked("timeout"),
        nix_options=tuple(words),
    )


def systems() -> tuple[str, ...]:
    """Return the systems that the running command was given."""
    return tuple(dict.fromkeys(options.asked("system") or ()))


def is_sealed() -> bool:
    """Return whether the running command was given --sealed."""
    return bool(options.asked("sealed"))


def _words(flag: str, value: object) -> list[str]:
    if flag == "--build-args":
        try:
            return shlex.split(str(value))
        except ValueError as error:
            raise click.UsageError(f"--build-args: {str(error).lower()}") from error
    if isinstance(value, tuple):
        pairs = cast("tuple[tuple[str, str], ...]", value)
        return [word for pair in pairs for word in (flag, *pair)]
    return [flag, str(value)]


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
        "--as",
        "called",
        group=options.OWN,
        multiple=True,
        metavar="BINDING=NAME",
        help="Unless TARGET is docker: call this binding's attribute NAME; NAME alone is for a single binding. May be "
        "repeated.",
    ),
    options.remembered(
        "--design",
        group=options.OWN,
        type=click.Choice([design.value for design in Design]),
        help="Unless TARGET is docker: whether definitions stay in their let or move into the attribute, or an "
        "overrideAttrs around the builder's call sets what uses them; by default they move if they can follow src or "
        "version, else they stay.",
    ),
    options.remembered(
        "--follow",
        group=options.OWN,
        metavar="NAMES",
        help="Unless TARGET is docker: what a definition that moves takes from it: src, version or both.",
    ),
)
"""What and how to lift, for another target than docker; `lifting` returns it."""

LIFTING = ("--binding", "--as", "--design", "--follow")


def lifting(
    target: str,
    source: SourceRequest,
    *,
    out: Path,
    force: bool,
) -> LiftRequest:
    """Return what these options ask for; raise UsageError for what no definition can take over."""
    options.refuse_together(OTHER, *DEEPER)
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
        called=_called(options.asked("called") or ()),
        systems=systems(),
        out=out,
        force=force,
    )


def _called(names: Sequence[str]) -> dict[str, str]:
    """Return by binding the name of its attribute; raise UsageError for what is no name."""
    found: dict[str, str] = {}
    for given in names:
        binding, _, name = given.rpartition("=")
        if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
            raise click.UsageError(f"--as: '{given}' is no name of an attribute")
        found[binding] = name
    return found
