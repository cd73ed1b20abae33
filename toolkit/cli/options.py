"""Options that several commands share, and the values that they become."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toolkit.model import SourceRequest

P = ParamSpec("P")
R = TypeVar("R")

_META = "toolkit."

# What a directory is known to be a nixpkgs by.
_NIXPKGS = Path("pkgs/top-level/all-packages.nix")

SOURCE, DEPTH, NIX, OUTPUT = "Source", "Depth", "Nix", "Output"
"""The groups of options in --help, after those that are the command's own."""


class Option(click.Option):
    """An option that --help shows in a group, or, if it is for the deeper tiers alone, --help-all."""

    def __init__(self, *arguments: Any, group: str, deep: bool = False, **keywords: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*arguments, **keywords)
        self.group = group
        self.deep = deep


class GroupedCommand(click.Command):
    """A command whose --help shows its options in groups, and examples below them."""

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **keywords: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*arguments, **keywords)
        self.examples = tuple(examples)
        if any(isinstance(option, Option) and option.deep for option in self.params):
            self.params.append(
                click.Option(
                    ["--help-all"],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_show_all,
                    help="Show all options, also those that few need.",
                )
            )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section for each group."""
        groups: dict[str, list[tuple[str, str]]] = {"Options": []}
        for option in self.get_params(ctx):
            # click has a record for an argument too, with its name alone.
            record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
            if record is None or (isinstance(option, Option) and option.deep and not ctx.meta.get(_ALL)):
                continue
            groups.setdefault(option.group if isinstance(option, Option) else "Options", []).append(record)
        for name in ("Options", SOURCE, DEPTH, NIX, OUTPUT):
            if rows := groups.get(name):
                with formatter.section(name):
                    formatter.write_dl(rows)
        if self.examples:
            with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
                for line in self.examples:
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")


_ALL = f"{_META}help-all"


def _show_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001 - click's signature
    if value:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def command(
    name: str,
    *,
    examples: Sequence[str] = (),
    **keywords: Any,  # noqa: ANN401 - click's
) -> Callable[[Callable[..., Any]], GroupedCommand]:
    """Make a command of a function, as click.command does; `examples` are whole command lines."""
    return click.command(name, cls=GroupedCommand, examples=examples, **keywords)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalOptions:
    """What the global options ask for, wherever on the command line they stood.

    `color` is `auto`, `always` or `never`.
    """

    json: bool = False
    verbose: bool = False
    quiet: bool = False
    color: str = "auto"


def settings() -> GlobalOptions:
    """Return the settings of the command that is running."""
    meta = click.get_current_context().meta
    return GlobalOptions(
        **{name: meta[_META + name] for name in ("json", "verbose", "quiet", "color") if _META + name in meta}
    )


def common(function: Callable[P, R]) -> Callable[P, R]:
    """Add the global options to a command or to the group of commands."""
    for option in (
        _global_option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            help="When to use colours: on a terminal unless NO_COLOR is set (auto), always, or never.",
        ),
        _global_option("-q", "--quiet", is_flag=True, help="Print only problems."),
        _global_option("-v", "--verbose", is_flag=True, help="Print each command that is run, ready to paste."),
        _global_option("--json", is_flag=True, help="Print one JSON document and nothing else."),
    ):
        function = option(function)
    return function


def source(function: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say where the docker file is; `source_request` takes their values."""
    for option in (
        source_option("--offline", is_flag=True, help="Use only the cache and this machine, not the network."),
        source_option(
            "--pin", metavar="NAME", shell_complete=_complete_pin, help="A known commit; 'unlet pins' lists them."
        ),
        source_option(
            "--file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A docker/default.nix without the tree around it.",
        ),
        source_option("--rev", metavar="REV", help="A commit, branch or tag."),
        source_option(
            "--nixpkgs",
            metavar="WHERE",
            help="A directory or git clone, <nixpkgs>, a flake.lock, npins' sources.json, a git URL, or 'specimen': "
            "a small tree that comes with unlet. By default the checkout that you are in. Tiers other than isolated "
            "evaluate it with your rights: see --sealed.",
        ),
    ):
        function = option(function)
    return function


def server(function: Callable[P, R]) -> Callable[P, R]:
    """Add the options that say which server knows of pull requests, and who asks it."""
    for option in (
        source_option(
            "--token-command",
            deep=True,
            metavar="COMMAND",
            help="A command that prints the token; by default $GITHUB_TOKEN, $GH_TOKEN or 'gh auth token' provides it.",
        ),
        source_option(
            "--raw-url",
            deep=True,
            metavar="URL",
            help="The raw files of another GitHub server, such as https://HOST/raw.",
        ),
        source_option(
            "--api-url",
            deep=True,
            metavar="URL",
            help="The REST API of another GitHub server, such as https://HOST/api/v3.",
        ),
        source_option("--repo", deep=True, metavar="OWNER/NAME", help="Read this repository instead of NixOS/nixpkgs."),
    ):
        function = option(function)
    return function


def written(kind: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add the options for the directory that is written, which by default is called after what is in it."""

    def add(function: Callable[P, R]) -> Callable[P, R]:
        force = output_option("--force", is_flag=True, help=f"Replace an existing {kind} in the output directory.")
        out = output_option(
            "--out",
            type=click.Path(path_type=Path),
            metavar="DIR",
            default=Path(kind),
            callback=_beside,
            help=f"The directory to write; it appears complete or not at all. By default {kind}, or ../{kind} in a "
            "checkout of nixpkgs.",
        )
        return out(force(function))

    return add


def _beside(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """Return the directory to write: if none is named, not in a checkout of nixpkgs, but beside it."""
    named = ctx.get_parameter_source(param.name or "") is not click.core.ParameterSource.DEFAULT
    here = None if named else checkout()
    return Path(os.path.relpath(here.parent / value)) if here is not None else value


def checkout() -> Path | None:
    """Return the nixpkgs that the current directory is in, None if it is in none."""
    directory = Path.cwd()
    return next((place for place in (directory, *directory.parents) if (place / _NIXPKGS).is_file()), None)


def source_request(
    *, nixpkgs: str | None, rev: str | None, file: Path | None, pin: str | None, offline: bool
) -> SourceRequest:
    """Return the request that the options of `source` make; raise click.UsageError where they contradict.

    If none of them names a source, it is the nixpkgs that the current directory is in.
    """
    from toolkit.model import SourceRequest  # noqa: PLC0415 - --help does without

    given = {"--nixpkgs": nixpkgs, "--rev": rev, "--pin": pin}
    if file is not None:
        refuse_together("--file", given)
    if pin is not None:
        refuse_together("--pin", {"--nixpkgs": nixpkgs, "--rev": rev})
    for name, value in given.items():
        if value == "":
            raise click.UsageError(f"{name} is empty")
    if nixpkgs is None and file is None and pin is None and (here := checkout()) is not None:
        nixpkgs = str(here)
    return SourceRequest(nixpkgs=nixpkgs, rev=rev, file=file, pin=pin, offline=offline)


def refuse_together(option: str, others: Mapping[str, object]) -> None:
    """Raise click.UsageError where one of `others`, by name, was given: each contradicts `option`."""
    for name, value in others.items():
        if value is not None:
            raise click.UsageError(f"{option} and {name} exclude each other")


def refuse_without(option: str, others: Mapping[str, object]) -> None:
    """Raise click.UsageError where one of `others`, by name, was given: each needs `option`."""
    for name, value in others.items():
        if value is not None:
            raise click.UsageError(f"{name} requires {option}")


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    # The option can stand before and after the command's name; what is not given must not undo what is.
    if value:
        ctx.meta[f"{_META}{param.name}"] = value


source_option = partial(click.option, cls=Option, group=SOURCE)
output_option = partial(click.option, cls=Option, group=OUTPUT)
_global_option = partial(output_option, expose_value=False, callback=_remember)


def complete_package(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Return the packages that begin so in the nixpkgs on the command line, or the one that the user is in."""
    from toolkit import specimen  # noqa: PLC0415 - for completion alone, as the next
    from toolkit.lift.naming import Names  # noqa: PLC0415

    asked = ctx.params.get("nixpkgs")
    root = specimen.path() if asked == "specimen" else Path(asked).expanduser() if asked else checkout()
    if root is None or not (root / _NIXPKGS).is_file():
        return []
    return sorted({name for name in Names.of(root).all(root) if name.startswith(incomplete)})


def _complete_pin(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    from toolkit import patches  # noqa: PLC0415 - for completion alone

    return [pin.name for pin in patches.upstream().pins if pin.name.startswith(incomplete)]
