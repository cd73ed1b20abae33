"""Options for the rewrite of a package, and for the extent of the proofs."""

import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from toolkit.cli import options, targets
from toolkit.cli.targets import design_choice
from toolkit.lift.plan import FOLLOWED
from toolkit.model import Depth, SourceRequest, Tier
from toolkit.proposal import recipes, registry
from toolkit.proposal.requests import Request

NAMES = registry.names()

depth_options = options.together(
    options.depth_value(
        "--sealed",
        is_flag=True,
        help="Run no code from nixpkgs with your user's rights; excludes --tier build.",
    ),
    options.remembered(
        "--tier",
        group=options.DEPTH,
        type=click.Choice([tier.value for tier in Tier]),
        metavar="TIER",
        help="tree: evaluate a whole nixpkgs (the default, except for "
        f"{NAMES}); build: also build packages, with your rights.",
    ),
    options.depth_value(
        "--system",
        multiple=True,
        metavar="NAME",
        help="Evaluate or build for this system; may be repeated.",
    ),
    options.bounds(
        timeout="The time limit of each evaluation, by default 60. For "
        f"{NAMES} without a whole nixpkgs: of all together, by default 50.",
        memory="The memory limit of each evaluation, by default 2048. For "
        f"{NAMES} without a whole nixpkgs: of all together.",
    ),
    options.remembered(
        "--build-args",
        group=options.NIX,
        deep=True,
        metavar="TEXT",
        help="Arguments for nix-build in one pair of quotes, such as '--builders …'.",
    ),
)
"""A decorator that adds the options for the extent of the proofs; `depth` returns their
values.
"""


def depth() -> Depth:
    """Return the tier, systems and limits of the proofs that the user's options set.

    Raise click.UsageError if options contradict each other.
    """
    named = options.asked("tier")
    options.allow()
    tier = Tier(named or Tier.TREE)
    if options.asked("sealed") and tier is Tier.BUILD:
        raise click.UsageError("--sealed and --tier build exclude each other")
    if tier is not Tier.BUILD:
        options.refuse_without("--tier build", "--build-args")
    return Depth(
        tier=tier,
        whole=named is not None,
        systems=systems(),
        max_memory=options.asked("max_memory"),
        timeout=options.asked("timeout"),
        nix_options=nix_options(),
    )


def nix_options() -> tuple[str, ...]:
    """Return the user's arguments for nix-build.

    Raise click.UsageError if their quotes are not valid in a shell.
    """
    try:
        return tuple(shlex.split(options.asked("build_args") or ""))
    except ValueError as error:
        raise click.UsageError(f"--build-args: {str(error).lower()}") from error


def systems() -> tuple[str, ...]:
    """Return the systems that the user named, without duplicates."""
    return tuple(dict.fromkeys(options.asked("system") or ()))


_deep = partial(options.own_value, deep=True)
_several = partial(options.own_value, multiple=True)

proposal_options = options.together(
    options.own_value(
        "--recipe",
        metavar="NAME",
        help="Apply a mechanical change: a name from 'propose "
        "--help-all', or a TOML file.",
    ),
    _several(
        "--binding",
        "bindings",
        metavar="NAME",
        help="Make only this part overridable: its name in the let. Not "
        f"for {NAMES}; may be repeated.",
    ),
    _deep(
        "--as",
        "called",
        multiple=True,
        metavar="BINDING=NAME",
        help="Call the attribute of the part BINDING by this NAME. Not "
        f"for {NAMES}; may be repeated.",
    ),
    _deep(
        "--design",
        metavar="DESIGN",
        type=design_choice,
        help="move: a part becomes an attribute of the package; stay: it "
        "stays in the let, and the package uses it through passthru; "
        "inner: the let moves into the function of finalAttrs; "
        f"hidden: it becomes a parameter of the file. {NAMES} accepts "
        "move and hidden; other packages accept all but hidden. By "
        "default, unlet chooses.",
    ),
    _deep(
        "--follow",
        metavar="NAMES",
        help="Make the parts take src, version or both (src,version) from "
        f"the package. Not for {NAMES}.",
    ),
)
"""A decorator that adds the options for the rewrite of a package; `proposed` returns
their values.
"""

limit_option = options.own_value(
    "--limit",
    deep=True,
    type=click.IntRange(1),
    metavar="N",
    help="With --recipe, change at most N packages; by default 25, or "
    "10 with final-attrs.",
)
"""A decorator that adds the option for the number of packages that a recipe changes;
`proposed` returns its value.
"""


def proposed(target: str, source: SourceRequest, *, out: Path, force: bool) -> Request:
    """Return the request for a package that the options describe.

    Raise click.UsageError for an option that does not apply to the package.
    """
    targets.require_fit(target)
    if (recipe := options.asked("recipe")) is not None:
        recipes.named(recipe)
    follow = options.asked("follow")
    followed = tuple(follow.split(",")) if follow is not None else ()
    if unknown := [name for name in followed if name not in FOLLOWED]:
        raise click.UsageError(
            f"--follow: '{unknown[0]}' is none of {', '.join(FOLLOWED)}"
        )
    return Request(
        target=target,
        source=source,
        bindings=options.asked("bindings") or (),
        designs=targets.designs(target),
        recipe=recipe,
        follow=followed,
        called=_called(options.asked("called") or ()),
        only=options.asked("only") or (),
        depth=depth(),
        out=out,
        force=force,
        limit=options.asked("limit"),
    )


def _called(given: Sequence[str]) -> dict[str, str]:
    """Return the names that the user gave as BINDING=NAME, by binding.

    Raise click.UsageError for an invalid NAME.
    """
    pairs = {each: each.rpartition("=") for each in given}
    is_name = re.compile(r"[A-Za-z_][\w-]*").fullmatch
    if wrong := [
        each
        for each, (binding, _, name) in pairs.items()
        if not binding or not is_name(name)
    ]:
        raise click.UsageError(
            f"--as: '{wrong[0]}' is not BINDING=NAME, with the name of an attribute"
        )
    return {binding: name for binding, _, name in pairs.values()}
