"""Options that several commands share, and functions that return their values."""

import os
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import click
from click.core import augment_usage_errors
from msgspec import Struct

from toolkit import files, patches
from toolkit.model import Server, SourceRequest
from toolkit.proposal import registry

Listed = Callable[[], tuple[str, list[tuple[str, str]]]]
"""A function that returns a section of --help-all: its title, and its rows."""

T = TypeVar("T", bound=Struct)
F = TypeVar("F", bound="Callable[..., Any]")

_META = "toolkit."

# The file that identifies a directory as nixpkgs.
_NIXPKGS = Path("pkgs/top-level/all-packages.nix")

OWN, SOURCE, DEPTH, NIX, OUTPUT, NAMED = GROUPS = (
    "Options",
    "Source",
    "Depth",
    "Nix",
    "Output",
    f"For {registry.names()} only",
)
"""The groups of options in --help, in order; the first group has the command's own
options.
"""


def _filled(text: str) -> str:
    """Return a command's help with its placeholders filled in.

    The placeholders stand for the names and properties of the packages in
    patches/targets.toml.
    """
    usual, *others = registry.named()
    gains = [
        f"With {name}{' (the default)' if name == usual else ''}, {named.gain}."
        for name, named in registry.named().items()
        if named.gain
    ]
    words = {
        "usual": usual,
        "names": registry.names(),
        "targets": ", ".join((f"{usual} (the default)", *others)),
        "gains": " ".join(gains),
    }
    for name, value in words.items():
        text = text.replace(f"{{{name}}}", value)
    return text


class ChoiceError(click.BadParameter):
    """A user's value for an option is not among the option's choices."""

    def __init__(
        self,
        message: str,
        ctx: click.Context,
        option: click.Option,
        value: str,
        choices: Sequence[str],
    ) -> None:
        super().__init__(message, ctx, option)
        self.value = value
        self.choices = choices


class Option(click.Option):
    """An option in a group of --help; it refuses empty values.

    Only --help-all shows a `deep` option, which few users need.
    """

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - click's
        group: str,
        deep: bool = False,
        **keywords: Any,  # noqa: ANN401 - click's
    ) -> None:
        super().__init__(*arguments, **keywords)
        self.group = group
        self.deep = deep

    def process_value(self, ctx: click.Context, value: Any) -> Any:  # noqa: ANN401 - click's
        """Return the value; raise click.UsageError for an empty text.

        Raise ChoiceError for a text that is not one of the option's choices.
        """
        texts = value if isinstance(value, list | tuple) else [value]
        if "" in texts:
            raise click.UsageError(f"{self.opts[0]} is empty", ctx)
        try:
            return super().process_value(ctx, value)
        except click.BadParameter as error:
            if not isinstance(self.type, click.Choice):
                raise
            known = [str(each) for each in self.type.choices]
            wrong = next((str(each) for each in texts if each not in known), "")
            raise ChoiceError(error.message, ctx, self, wrong, known) from error


class GroupedCommand(click.Command):
    """A command whose --help shows its options in groups, then its examples.

    --help-all adds the `listed` sections. In each sequence in `apart`, the first option
    excludes the other options.
    """

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - click's
        examples: Sequence[str] = (),
        listed: Sequence[Listed] = (),
        apart: Sequence[Sequence[str]] = (),
        **keywords: Any,  # noqa: ANN401 - click's
    ) -> None:
        super().__init__(*arguments, **keywords)
        self.help = _filled(self.help or "")
        self.examples = tuple(examples)
        self.listed = tuple(listed)
        self.apart = tuple(apart)
        if any(isinstance(option, Option) and option.deep for option in self.params):
            self.params.append(
                click.Option(
                    ["--help-all"],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_show_all,
                    help="Show all options.",
                )
            )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, so that errors of click's parser name this command."""
        with augment_usage_errors(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's
        """Run the command, or raise click.UsageError for exclusive options."""
        for option, *others in self.apart:
            if given(option):
                refuse_together(option, *others)
        return super().invoke(ctx)

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the options, with one section for each group, and the examples."""
        groups: dict[str, list[tuple[str, str]]] = {OWN: []}
        for option in self.get_params(ctx):
            # click also returns a record for an argument, which consists of its name
            # alone.
            record = (
                option.get_help_record(ctx)
                if isinstance(option, click.Option)
                else None
            )
            if record is None or (
                isinstance(option, Option) and option.deep and not ctx.meta.get(_ALL)
            ):
                continue
            groups.setdefault(
                option.group if isinstance(option, Option) else OWN, []
            ).append(record)
        for name in GROUPS:
            if rows := groups.get(name):
                with formatter.section(name):
                    formatter.write_dl(rows)
        for name, rows in (
            each() for each in (self.listed if ctx.meta.get(_ALL) else ())
        ):
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


def asked(name: str) -> Any:  # noqa: ANN401 - the type depends on the option
    """Return the value of a shared option, or None if the user did not give it.

    The option may come before or after the command's name.
    """
    return click.get_current_context().meta.get(_META + name)


def given(option: str) -> bool:
    """Return whether the user gave an option on the command line of this command."""
    context = click.get_current_context()
    return any(
        context.get_parameter_source(parameter.name or "")
        is click.core.ParameterSource.COMMANDLINE
        for parameter in context.command.params
        if option in parameter.opts
    )


def together(*added: Callable[[Any], Any]) -> Callable[[F], F]:
    """Return a decorator that applies several decorators for options, in this order."""

    def add(function: F) -> F:
        for option in reversed(added):
            function = option(function)
        return function

    return add


def gathered(kind: type[T]) -> Callable[[Callable[[T], int]], Callable[..., int]]:
    """Return a decorator that passes all option values as one value of `kind`."""

    def gather(function: Callable[[T], int]) -> Callable[..., int]:
        @wraps(function)
        def command(**values: Any) -> int:  # noqa: ANN401 - click's
            return function(kind(**values))

        return command

    return gather


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    # The option may come before or after the command's name; its absence in one place
    # must not unset its value.
    if value not in (None, (), False):
        ctx.meta[f"{_META}{param.name}"] = value


command = partial(click.command, cls=GroupedCommand)
remembered = partial(click.option, cls=Option, expose_value=False, callback=_remember)
grouped = partial(click.option, cls=Option)
several = partial(click.option, multiple=True, metavar="NAME")
own_value = partial(remembered, group=OWN)
source_option = partial(grouped, group=SOURCE)
source_value = partial(remembered, group=SOURCE)
depth_value = partial(remembered, group=DEPTH, deep=True)
output_option = partial(grouped, group=OUTPUT)
_global_option = partial(remembered, group=OUTPUT)
_deep_source = partial(source_value, deep=True)

PATH = click.Path(path_type=Path)
MIB = click.IntRange(64, 1 << 24)
"""The range of sizes in MiB; Nix needs the minimum to start."""

SECONDS = click.FloatRange(0, 1e7, min_open=True)
"""The range of times in seconds; a wait can last at most four months."""


class GlobalOptions(Struct, frozen=True, kw_only=True):
    """The values of the options that all commands have."""

    json: bool = False
    verbose: bool = False
    quiet: bool = False


def settings() -> GlobalOptions:
    """Return the values of the global options for the running command."""
    names = ("json", "verbose", "quiet")
    return GlobalOptions(
        **{name: asked(name) for name in names if asked(name) is not None}
    )


common = together(
    _global_option(
        "--json", is_flag=True, help="Print one JSON document and nothing else."
    ),
    _global_option(
        "-v",
        "--verbose",
        deep=True,
        is_flag=True,
        help="Print each command that unlet runs, ready to paste.",
    ),
    _global_option(
        "-q", "--quiet", deep=True, is_flag=True, help="Print only problems."
    ),
)
"""A decorator that adds the global options to a command or a group; `settings` returns
their values.
"""

nixpkgs = source_value(
    "--nixpkgs",
    metavar="WHERE",
    help="A directory or clone, <nixpkgs>, flake.lock, npins' "
    "sources.json, a git URL, or 'specimen', unlet's small "
    "package set. By default, the checkout that you are in.",
)
revision = source_value(
    "--rev", metavar="REV", help="A commit, branch or tag of nixpkgs."
)
offline = source_value(
    "--offline",
    is_flag=True,
    help="Use only the cache and this machine, never the network.",
)
_FILES = (PurePosixPath(*each.file.parts[-2:]) for each in registry.named().values())
_FILE_HELP = f"A {' or '.join(map(str, _FILES))} on its own, without a nixpkgs."
_PIN_HELP = (
    "A commit that unlet knows by this name; 'unlet propose --help-all' lists them."
)
source = together(
    nixpkgs,
    revision,
    remembered(
        "--file", group=NAMED, deep=True, type=PATH, metavar="FILE", help=_FILE_HELP
    ),
    _deep_source("--pin", metavar="NAME", help=_PIN_HELP),
    offline,
)
"""A decorator that adds the options that name a nixpkgs; `source_request` returns their
values.
"""


_DISK_HELP = "The most MiB that a sealed evaluation may write; by default 256."


def bounds(*, timeout: str, memory: str) -> Callable[[F], F]:
    """Return a decorator that adds the options for the limits of evaluations.

    `allow` applies the values. `timeout` and `memory` are help texts.
    """
    return together(
        depth_value("--max-memory", type=MIB, metavar="MIB", help=memory),
        depth_value("--max-disk", type=MIB, metavar="MIB", help=_DISK_HELP),
        depth_value("--timeout", type=SECONDS, metavar="SECONDS", help=timeout),
    )


def allow() -> None:
    """Apply the limits that the user gave to all evaluations of the running command."""
    from toolkit.nix import limits  # noqa: PLC0415 - --help does not need the import

    given = (asked("timeout"), asked("max_memory"), asked("max_disk"))
    click.get_current_context().with_resource(limits.allowing(*given))


_URL_HELP = "The {} of another GitHub server, such as https://HOST/{}."
_COMMAND_HELP = (
    "A command that prints your GitHub token; by default, the "
    "token is $GITHUB_TOKEN, $GH_TOKEN or that of 'gh auth "
    "token'."
)
server = together(
    _deep_source(
        "--repo",
        metavar="OWNER/NAME",
        help="Read this repository instead of NixOS/nixpkgs.",
    ),
    _deep_source(
        "--api-url", metavar="URL", help=_URL_HELP.format("REST API", "api/v3")
    ),
    _deep_source("--raw-url", metavar="URL", help=_URL_HELP.format("raw files", "raw")),
    _deep_source("--token-command", metavar="COMMAND", help=_COMMAND_HELP),
)
"""A decorator that adds the options that name a GitHub server; `server_request` returns
their values.
"""
SERVER = ("--repo", "--api-url", "--raw-url", "--token-command")


def written(kind: str) -> Callable[[F], F]:
    """Return a decorator that adds the options for the output directory.

    The directory's default name is `kind`.
    """
    return together(
        output_option(
            "--out",
            type=PATH,
            metavar="DIR",
            default=Path(kind),
            callback=_beside,
            help=f"The directory to write; by default {kind}, or ../{kind} in a "
            "checkout of nixpkgs.",
        ),
        output_option("--force", is_flag=True, help=f"Replace an existing {kind}."),
    )


def _beside(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """Return the directory of results to write.

    Inside a checkout of nixpkgs, the default is a directory beside the checkout.
    """
    named = (
        ctx.get_parameter_source(param.name or "")
        is not click.core.ParameterSource.DEFAULT
    )
    here = None if named else checkout()
    place = Path(os.path.relpath(here.parent / value)) if here is not None else value
    files.refuse_in_repository(place)
    return place


def checkout() -> Path | None:
    """Return the checkout of nixpkgs around the current directory, or None."""
    directory = Path.cwd()
    return next(
        (
            place
            for place in (directory, *directory.parents)
            if (place / _NIXPKGS).is_file()
        ),
        None,
    )


def source_request() -> SourceRequest:
    """Return the nixpkgs that the user named, or the checkout around here.

    Raise click.UsageError if the options contradict each other.
    """
    if given("--file"):
        refuse_together("--file", "--nixpkgs", "--rev", "--pin")
    where, file, rev = asked("nixpkgs"), asked("file"), asked("rev")
    if given("--pin"):
        refuse_together("--pin", "--nixpkgs", "--rev")
        pins = {pin.name: pin.commit for pin in patches.upstream().pins}
        if (rev := pins.get(asked("pin"))) is None:
            raise click.UsageError(
                f"--pin: there is no pin '{asked('pin')}'; use {', '.join(pins)}"
            )
    elif where is None and file is None and (here := checkout()) is not None:
        where = str(here)
    return SourceRequest(
        nixpkgs=where, rev=rev, file=file, offline=bool(asked("offline"))
    )


def server_request() -> Server:
    """Return the GitHub server that the user's options describe."""
    names = ("api_url", "raw_url", "token_command")
    return Server(repository=asked("repo"), **{name: asked(name) for name in names})


def refuse_together(option: str, *others: str) -> None:
    """Raise click.UsageError if the user gave `option` and one of `others`."""
    for name in filter(given, others):
        raise click.UsageError(
            f"{option} and {name} exclude each other", click.get_current_context()
        )


def refuse_without(option: str, *others: str) -> None:
    """Raise click.UsageError if the user gave one of `others` without `option`."""
    for name in filter(given, others):
        raise click.UsageError(f"{name} requires {option}", click.get_current_context())
