"""The options of commands that propose and prove: what is proposed of a target, and how deep the proofs go."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, cast

import click

from toolkit.cli import options
from toolkit.cli.options import DEPTH, NIX
from toolkit.docker.steps import DEMOTE, DESIGNS, LIFT, MODULE, Demotion
from toolkit.judge.everything import Engine
from toolkit.lift.plan import ASKED, FOLLOWED
from toolkit.model import Depth, Tier
from toolkit.proposal.requests import Request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.model import SourceRequest

DOCKER = "docker"
OTHER = "a TARGET other than docker"

OWN = ("--file", "--rootlesskit", "--only", "--kind")
"""What only docker has."""

LIFTING = ("--binding", "--as", "--follow")
"""What only other targets have."""

_TIERS = tuple(tier.value for tier in Tier)


depth_options = options.together(
    options.remembered(
        "--sealed",
        group=DEPTH,
        is_flag=True,
        help="Run nothing with your rights: no tier but isolated and tree, in which Nix reads nothing "
        "else, fetches nothing and has limits of time and memory.",
    ),
    options.remembered(
        "--tier",
        group=DEPTH,
        type=click.Choice(_TIERS),
        help="How deep to prove: the file alone (isolated), the package in the whole nixpkgs (tree), real builds "
        "(build); isolated is docker's. Each level includes those before it; "
        "build runs what nixpkgs says with your rights. By default isolated for docker, and part of tree for its "
        "proposal from a whole nixpkgs on this machine; tree for any other TARGET.",
    ),
    options.remembered(
        "--system",
        group=DEPTH,
        multiple=True,
        metavar="NAME",
        help="A system to evaluate or build for; for docker with --tier tree or build. May be repeated.",
    ),
    options.bounds(
        timeout="The time limit of one evaluation, in the tier isolated of all together; by default 60 and 50.",
        memory="The memory that all evaluations together may use; by default 2 GiB in the tier isolated, above it all "
        "that is free. For another TARGET than docker, what one evaluation may use, by default 2 GiB.",
    ),
    options.remembered(
        "--build-args", group=NIX, deep=True, metavar="TEXT", help="Further arguments for nix-build, quoted as one."
    ),
    options.remembered(
        "--builders",
        group=NIX,
        deep=True,
        metavar="TEXT",
        help="The machines to build on, or those that check --all evaluates on, as for nix-build --builders.",
    ),
    options.remembered(
        "--store",
        group=NIX,
        deep=True,
        metavar="URL",
        help="The store to build in, or the one that check --all evaluates in, as for nix-build --store.",
    ),
    options.remembered(
        "--option",
        group=NIX,
        deep=True,
        nargs=2,
        multiple=True,
        metavar="NAME VALUE",
        help="A Nix setting for --tier build, and for check --all.",
    ),
)
"""How deep the proofs go; `depth` returns it."""


def depth(target: str = DOCKER) -> Depth:
    """Return what the options of the running command ask for; raise click.UsageError where they contradict.

    A target other than docker is always evaluated in a whole nixpkgs.
    """
    named = options.asked("tier")
    options.allow()
    if not _is_docker(target) and named == Tier.ISOLATED:
        raise click.UsageError(f"{OTHER} and --tier {named} exclude each other")
    tier = Tier(named or (Tier.ISOLATED if _is_docker(target) else Tier.TREE))
    if is_sealed() and tier.includes(Tier.BUILD):
        raise click.UsageError("--sealed requires --tier isolated or tree")
    words = nix_options(None if tier.includes(Tier.BUILD) else "--tier build")
    if options.asked("system") and not tier.includes(Tier.TREE):
        raise click.UsageError("--system requires --tier tree or build")
    return Depth(
        tier=tier,
        by_itself=named is None,
        systems=systems(),
        max_memory=options.asked("max_memory"),
        timeout=options.asked("timeout"),
        nix_options=words,
    )


def nix_options(lacks: str | None) -> tuple[str, ...]:
    """Return the words for nix-build; raise click.UsageError for any if the command `lacks` what they are for."""
    words: list[str] = []
    for name in ("build_args", "builders", "store", "option"):
        if (value := options.asked(name)) is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if lacks is not None:
            raise click.UsageError(f"{flag} requires {lacks}")
        words += _words(flag, value)
    return tuple(words)


def engine() -> Engine | None:
    """Return what evaluates every attribute if the running command asks for that."""
    if not options.asked("everything"):
        nix_options("--all")
        return None
    return Engine(
        systems=systems(),
        max_memory=options.asked("max_memory"),
        timeout=options.asked("timeout"),
        options=nix_options(None),
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


_DESIGNS = tuple(design.value for design in dict.fromkeys((*ASKED, *DESIGNS)))

proposal_options = options.together(
    options.remembered(
        "--recipe",
        group=options.OWN,
        metavar="NAME",
        help="Make the commits of a recipe instead: one that --help lists, or the path of a TOML file.",
    ),
    options.remembered(
        "--set",
        "settings",
        group=options.OWN,
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of the recipe; may be repeated.",
    ),
    options.remembered(
        "--binding",
        "bindings",
        group=options.OWN,
        multiple=True,
        metavar="NAME",
        help="Lift only this binding (not for docker). May be repeated.",
    ),
    options.remembered(
        "--as",
        "called",
        group=options.OWN,
        multiple=True,
        metavar="BINDING=NAME",
        help="Name this binding's attribute (not for docker); NAME alone is for a single binding. May be repeated.",
    ),
    options.remembered(
        "--design",
        group=options.OWN,
        type=click.Choice(_DESIGNS),
        help="Whether definitions move into attributes of the package, stay in their let, or become hidden parameters; "
        "docker has move and hidden, any other TARGET stay and move. By default they move if they can follow src or "
        "version, else they stay; for docker as the builder allows.",
    ),
    options.remembered(
        "--follow",
        group=options.OWN,
        metavar="NAMES",
        help="What a definition that moves takes from the package (not for docker): src, version or both.",
    ),
)
"""What is proposed; `proposed` returns it."""

series_options = options.together(
    options.remembered(
        "--rootlesskit",
        group=options.OWN,
        type=click.Choice([demotion.value for demotion in Demotion]),
        help="For docker: where rootlesskit goes in the wrapper's PATH: after all else (suffix, the default), or "
        "nowhere. With 'drop', docker before 28 does not start.",
    ),
    options.remembered(
        "--only",
        group=options.OWN,
        multiple=True,
        type=click.Choice([LIFT, DEMOTE, MODULE]),
        help="For docker: make only this: the lift, the demotion of rootlesskit, or the NixOS module's option with its "
        "test and release note. May be repeated. By default propose makes the first two, and pr the lift.",
    ),
)
"""What a series may have besides; `proposed` returns it."""


def proposed(target: str, source: SourceRequest, *, out: Path, force: bool) -> Request:
    """Return what the options ask for of a target; raise UsageError for an option that it lacks."""
    if _is_docker(target):
        options.refuse_without(OTHER, *LIFTING)
    else:
        options.refuse_together(OTHER, *OWN)
    follow = options.asked("follow")
    followed = tuple(follow.split(",")) if follow is not None else ()
    if unknown := [name for name in followed if name not in FOLLOWED]:
        raise click.UsageError(f"--follow: '{unknown[0]}' is none of {', '.join(FOLLOWED)}")
    return Request(
        target=target,
        source=source,
        bindings=options.asked("bindings") or (),
        designs=designs(),
        recipe=options.asked("recipe"),
        settings=_settings(options.asked("settings") or ()),
        follow=followed,
        called=_called(options.asked("called") or ()),
        only=options.asked("only") or (),
        depth=depth(target),
        out=out,
        force=force,
    )


def _is_docker(target: str) -> bool:
    """Return whether a target is docker with its own series, and not one of the recipes for any package."""
    return target == DOCKER and options.asked("recipe") is None


def _settings(given: Sequence[str]) -> dict[str, str]:
    """Return the options of a recipe by name; raise UsageError for what is none."""
    found: dict[str, str] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise click.UsageError(f"--set: '{each}' is not KEY=VALUE")
        found[key] = value
    return found


def _called(names: Sequence[str]) -> dict[str, str]:
    """Return by binding the name of its attribute; raise UsageError for what is no name."""
    found: dict[str, str] = {}
    for given in names:
        binding, _, name = given.rpartition("=")
        if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
            raise click.UsageError(f"--as: '{given}' is no name of an attribute")
        found[binding] = name
    return found


def designs() -> dict[str, str]:
    """Return the designs that are asked for, by their step."""
    asked = {LIFT: options.asked("design"), DEMOTE: options.asked("rootlesskit")}
    return {step: design for step, design in asked.items() if design is not None}
