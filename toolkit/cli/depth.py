"""The options that say how deep the proofs go, and the value that they become."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

import click

from toolkit.cli.options import DEPTH, NIX, Option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolkit.model import Depth

P = ParamSpec("P")
R = TypeVar("R")

_META = "toolkit.depth."
_TIERS = ("isolated", "tree", "build", "vm")
_LEAST_MIB = 64


def depth_options(function: Callable[P, R]) -> Callable[P, R]:
    """Add the options to a command; `depth` reads their values."""
    for option in (
        _option(
            "--option",
            group=NIX,
            deep=True,
            nargs=2,
            multiple=True,
            metavar="NAME VALUE",
            help="A Nix setting for --tier build and vm.",
        ),
        _option(
            "--store", group=NIX, deep=True, metavar="URL", help="The store to build in, as for nix-build --store."
        ),
        _option(
            "--builders",
            group=NIX,
            deep=True,
            metavar="TEXT",
            help="The machines to build on, as for nix-build --builders.",
        ),
        _option(
            "--build-args", group=NIX, deep=True, metavar="TEXT", help="Further arguments for nix-build, quoted as one."
        ),
        _option(
            "--timeout",
            group=DEPTH,
            deep=True,
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="The time limit of one evaluation.",
        ),
        _option(
            "--max-memory",
            group=DEPTH,
            deep=True,
            type=click.IntRange(min=_LEAST_MIB),
            metavar="MIB",
            help="The memory that all evaluations together may use; by default all that is free.",
        ),
        _option(
            "--reverse-dependencies",
            group=DEPTH,
            deep=True,
            is_flag=True,
            help="Count the rebuilds in all of nixpkgs, which takes minutes and gigabytes. Needs --tier tree or "
            "deeper.",
        ),
        _option(
            "--system",
            group=DEPTH,
            multiple=True,
            metavar="NAME",
            help="A system to evaluate or build for, with --tier tree, build or vm; may be repeated.",
        ),
        _option(
            "--tier",
            group=DEPTH,
            type=click.Choice(_TIERS),
            help="How deep to prove: the file alone (isolated), docker in the whole nixpkgs, real builds, "
            "NixOS in a virtual machine. Each level includes those before it; all but the first evaluate nixpkgs with "
            "your rights. By default isolated; for a proposal from a whole nixpkgs on this machine also part of tree.",
        ),
        _option(
            "--sealed",
            group=DEPTH,
            is_flag=True,
            help="Evaluate nothing with your rights: only the tier isolated runs, in which Nix reads no other file, "
            "fetches nothing and has limits of time and memory. The default of 'check --patch'.",
        ),
    ):
        function = option(function)
    return function


def depth() -> Depth:
    """Return what the options of the running command ask for; raise click.UsageError where they contradict."""
    from toolkit.model import Depth, Tier  # noqa: PLC0415 - --help does without

    given: Mapping[str, object] = click.get_current_context().meta
    tier = Tier(str(given.get(f"{_META}tier", Tier.ISOLATED)))
    if given.get(f"{_META}sealed") and tier is not Tier.ISOLATED:
        raise click.UsageError("--sealed requires --tier isolated")
    words: list[str] = []
    for name in ("build_args", "builders", "store", "option"):
        if (value := given.get(_META + name)) is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if not tier.includes(Tier.BUILD):
            raise click.UsageError(f"{flag} requires --tier build or vm")
        words += _words(flag, value)
    for name in ("system", "reverse_dependencies", "max_memory", "timeout"):
        if given.get(_META + name) and not tier.includes(Tier.TREE):
            raise click.UsageError(f"--{name.replace('_', '-')} requires --tier tree, build or vm")
    systems = given.get(f"{_META}system")
    memory = given.get(f"{_META}max_memory")
    timeout = given.get(f"{_META}timeout")
    return Depth(
        tier=tier,
        by_itself=f"{_META}tier" not in given and not given.get(f"{_META}sealed"),
        systems=tuple(dict.fromkeys(_texts(systems))),
        reverse_dependencies=bool(given.get(f"{_META}reverse_dependencies")),
        max_memory=memory if isinstance(memory, int) else None,
        timeout=timeout if isinstance(timeout, float) else None,
        nix_options=tuple(words),
    )


def is_sealed() -> bool:
    """Return whether the running command was given --sealed."""
    return bool(click.get_current_context().meta.get(f"{_META}sealed"))


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


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else ()


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value not in (None, (), False):
        ctx.meta[f"{_META}{param.name}"] = value


_option = partial(click.option, cls=Option, expose_value=False, callback=_remember)
