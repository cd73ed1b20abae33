"""Options that several commands share, and the values that they become."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct

from toolkit import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.model import Server, SourceRequest

Listed = Callable[[], tuple[str, list[tuple[str, str]]]]
"""What returns a section of --help: its name, and rows of a name and a text."""

F = TypeVar("F", bound="Callable[..., Any]")

_META = "toolkit."

# What a directory is known to be a nixpkgs by.
_NIXPKGS = Path("pkgs/top-level/all-packages.nix")

LEAST_MIB, MOST_MIB = 64, 1 << 24
"""Nix does not start with less; more than 16 TiB is no memory."""

_MOST = 1e7
"""As seconds four months: what waits takes no longer time, and no number of days is larger."""

OWN, SOURCE, DEPTH, NIX, OUTPUT = "Options", "Source", "Depth", "Nix", "Output"
"""The groups of options in --help; the first are the command's own."""


class Option(click.Option):
    """An option that --help shows in a group, or, if it is for the deeper tiers alone, --help-all."""

    def __init__(self, *arguments: Any, group: str, deep: bool = False, **keywords: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*arguments, **keywords)
        self.group = group
        self.deep = deep


class GroupedCommand(click.Command):
    """A command whose --help shows its options in groups, and below them what is `listed`, and examples.

    What is `listed_deep` is in --help-all alone.
    """

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - click's
        examples: Sequence[str] = (),
        listed: Sequence[Listed] = (),
        listed_deep: Sequence[Listed] = (),
        **keywords: Any,  # noqa: ANN401 - click's
    ) -> None:
        super().__init__(*arguments, **keywords)
        self.examples = tuple(examples)
        self.listed = tuple(listed)
        self.listed_deep = tuple(listed_deep)
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
        groups: dict[str, list[tuple[str, str]]] = {OWN: []}
        for option in self.get_params(ctx):
            # click has a record for an argument too, with its name alone.
            record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
            if record is None or (isinstance(option, Option) and option.deep and not ctx.meta.get(_ALL)):
                continue
            groups.setdefault(option.group if isinstance(option, Option) else OWN, []).append(record)
        for name in (OWN, SOURCE, DEPTH, NIX, OUTPUT):
            if rows := groups.get(name):
                with formatter.section(name):
                    formatter.write_dl(rows)
        for name, rows in (each() for each in (*self.listed, *(self.listed_deep if ctx.meta.get(_ALL) else ()))):
            if rows:
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


class Amount(click.FloatRange):
    """A number of seconds or days that is one, and that a clock can add: neither nan nor inf."""

    def __init__(self, least: float, *, min_open: bool = False) -> None:
        super().__init__(least, _MOST, min_open=min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        """Return the number, or fail."""
        if not math.isfinite(click.FLOAT.convert(value, param, ctx)):
            self.fail(f"{value!r} is not a number with an end", param, ctx)
        return super().convert(value, param, ctx)


def asked(name: str) -> Any:  # noqa: ANN401 - of the type that the option has
    """Return the value of an option that commands share, wherever on the command line it stood; None if it did not."""
    return click.get_current_context().meta.get(_META + name)


def given(option: str) -> bool:
    """Return whether the running command was given an option, such as `--file`."""
    context = click.get_current_context()
    return any(
        context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        for parameter in context.command.params
        if option in parameter.opts
    )


def together(*added: Callable[[Any], Any]) -> Callable[[F], F]:
    """Return what adds options to a command, in this order."""

    def add(function: F) -> F:
        for option in reversed(added):
            function = option(function)
        return function

    return add


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    # An option can stand before and after the command's name; what is not given must not undo what is.
    if value not in (None, (), False):
        ctx.meta[f"{_META}{param.name}"] = value


remembered = partial(click.option, cls=Option, expose_value=False, callback=_remember)
source_option = partial(click.option, cls=Option, group=SOURCE)
source_value = partial(remembered, group=SOURCE)
output_option = partial(click.option, cls=Option, group=OUTPUT)
_global_option = partial(remembered, group=OUTPUT)


class GlobalOptions(Struct, frozen=True, kw_only=True):
    """What the global options ask for, wherever on the command line they stood.

    `color` is `auto`, `always` or `never`.
    """

    json: bool = False
    verbose: bool = False
    quiet: bool = False
    color: str = "auto"


def settings() -> GlobalOptions:
    """Return the settings of the command that is running."""
    names = ("json", "verbose", "quiet", "color")
    return GlobalOptions(**{name: asked(name) for name in names if asked(name) is not None})


def _complete_pin(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    from toolkit import patches  # noqa: PLC0415 - for completion alone

    return [pin.name for pin in patches.upstream().pins if pin.name.startswith(incomplete)]


common = together(
    _global_option("--json", is_flag=True, help="Print one JSON document and nothing else."),
    _global_option("-v", "--verbose", is_flag=True, help="Print each command that is run, ready to paste."),
    _global_option("-q", "--quiet", is_flag=True, help="Print only problems."),
    _global_option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        help="When to use colours: on a terminal unless NO_COLOR is set (auto), always, or never.",
    ),
)
"""The global options, for a command or the group of commands; `settings` returns their values."""


source = together(
    source_value(
        "--nixpkgs",
        metavar="WHERE",
        help="A directory or git clone, <nixpkgs>, a flake.lock, npins' sources.json, a git URL, or 'specimen': "
        "a small tree that comes with unlet. By default the checkout that you are in.",
    ),
    source_value("--rev", metavar="REV", help="A commit, branch or tag."),
    source_value(
        "--file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A docker/default.nix without the tree around it.",
    ),
    source_value(
        "--pin",
        metavar="NAME",
        shell_complete=_complete_pin,
        help="A known commit; 'unlet propose --help-all' lists them.",
    ),
    source_value("--offline", is_flag=True, help="Use only the cache and this machine, not the network."),
)
"""Where the docker file is; `source_request` returns it."""


def bounds(*, timeout: str, memory: str) -> Callable[[F], F]:
    """Add the options that raise the limits of strangers' files; `allow` sets them."""
    return together(
        remembered(
            "--max-memory", group=DEPTH, deep=True, type=click.IntRange(LEAST_MIB, MOST_MIB), metavar="MIB", help=memory
        ),
        remembered("--timeout", group=DEPTH, deep=True, type=Amount(0, min_open=True), metavar="SECONDS", help=timeout),
    )


def allow() -> None:
    """Let evaluations take what the running command was given, until it ends."""
    from toolkit.nix import limits  # noqa: PLC0415 - --help does without

    click.get_current_context().with_resource(limits.allowing(asked("timeout"), asked("max_memory")))


server = together(
    source_value("--repo", deep=True, metavar="OWNER/NAME", help="Read this repository instead of NixOS/nixpkgs."),
    source_value(
        "--api-url",
        deep=True,
        metavar="URL",
        help="The REST API of another GitHub server, such as https://HOST/api/v3.",
    ),
    source_value(
        "--raw-url",
        deep=True,
        metavar="URL",
        help="The raw files of another GitHub server, such as https://HOST/raw.",
    ),
    source_value(
        "--token-command",
        deep=True,
        metavar="COMMAND",
        help="A command that prints the token; by default $GITHUB_TOKEN, $GH_TOKEN or 'gh auth token' provides it.",
    ),
)
"""Which server knows of pull requests, and who asks it; `server_request` returns it."""


def written(kind: str) -> Callable[[F], F]:
    """Add the options for the directory that is written, which by default is called after what is in it."""
    return together(
        output_option(
            "--out",
            type=click.Path(path_type=Path),
            metavar="DIR",
            default=Path(kind),
            callback=_beside,
            help=f"The directory to write; it appears complete or not at all. By default {kind}, or ../{kind} in a "
            "checkout of nixpkgs.",
        ),
        output_option("--force", is_flag=True, help=f"Replace an existing {kind} in the output directory."),
    )


def _beside(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """Return the directory to write: if none is named, not in a checkout of nixpkgs, but beside it."""
    named = ctx.get_parameter_source(param.name or "") is not click.core.ParameterSource.DEFAULT
    here = None if named else checkout()
    place = Path(os.path.relpath(here.parent / value)) if here is not None else value
    files.refuse_in_repository(place)
    return place


def checkout() -> Path | None:
    """Return the nixpkgs that the current directory is in, None if it is in none."""
    directory = Path.cwd()
    return next((place for place in (directory, *directory.parents) if (place / _NIXPKGS).is_file()), None)


def source_request() -> SourceRequest:
    """Return the request that the options of `source` make; raise click.UsageError where they contradict.

    If none of them names a source, it is the nixpkgs that the current directory is in.
    """
    from toolkit.model import SourceRequest  # noqa: PLC0415 - --help does without

    if given("--file"):
        refuse_together("--file", "--nixpkgs", "--rev", "--pin")
    if given("--pin"):
        refuse_together("--pin", "--nixpkgs", "--rev")
    for name in ("nixpkgs", "rev", "pin"):
        if asked(name) == "":
            raise click.UsageError(f"--{name} is empty")
    nixpkgs, file, pin = asked("nixpkgs"), asked("file"), asked("pin")
    if nixpkgs is None and file is None and pin is None and (here := checkout()) is not None:
        nixpkgs = str(here)
    return SourceRequest(nixpkgs=nixpkgs, rev=asked("rev"), file=file, pin=pin, offline=bool(asked("offline")))


def source_words() -> list[str]:
    """Return the options of `source` as the user gave them, for a command that goes on with the same nixpkgs."""
    named = {f"--{name}": asked(name) for name in ("nixpkgs", "rev", "file", "pin")}
    words = [word for name, value in named.items() if value is not None for word in (name, str(value))]
    return [*words, *(["--offline"] if asked("offline") else [])]


def server_request() -> Server:
    """Return the server that the options of `server` name."""
    from toolkit.model import Server  # noqa: PLC0415 - --help does without

    names = ("api_url", "raw_url", "token_command")
    return Server(repository=asked("repo"), **{name: asked(name) for name in names})


def refuse_together(option: str, *others: str) -> None:
    """Raise click.UsageError if one of `others` was given: each contradicts `option`."""
    for name in filter(given, others):
        raise click.UsageError(f"{option} and {name} exclude each other")


def refuse_without(option: str, *others: str) -> None:
    """Raise click.UsageError if one of `others` was given: each needs `option`."""
    for name in filter(given, others):
        raise click.UsageError(f"{name} requires {option}")


def complete_package(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Return the packages that begin so in the nixpkgs on the command line, or the one that the user is in."""
    from toolkit import specimen  # noqa: PLC0415 - for completion alone, as the next
    from toolkit.lift.locating import Names  # noqa: PLC0415

    named = ctx.meta.get(f"{_META}nixpkgs")
    root = specimen.path() if named == "specimen" else Path(named).expanduser() if named else checkout()
    if root is None or not (root / _NIXPKGS).is_file():
        return []
    return sorted({name for name in Names.of(root).all(root) if name.startswith(incomplete)})
