"""The commands by name. A command's module is imported when the command is used, and for nothing else."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

import click

from toolkit import __version__
from toolkit.cli import options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# For --help and for completion, which would otherwise import every workflow for one line each.
COMMANDS = {
    "propose": "Write a patch series, one diff and an overlay for a nixpkgs, and prove them.",
    "check": "Prove a proposal again, or prove someone else's patch of the same file.",
    "pr": "Prepare a pull request in your clone of nixpkgs: a branch and its text.",
    "overlay": "Write an overlay for your nixpkgs, and prove it there.",
    "find": "Find packages that other packages bind in a let, out of reach of any override.",
    "inspect": "Show where a docker file binds each component.",
    "doctor": "Explain why rootless docker refuses a port below 1024, or does not start.",
    "track": "Show whether upstream has fixed docker, and whether you can remove your overlay.",
    "pins": "List the known nixpkgs commits, or complete their entries.",
    "cache": "List or clean the cache.",
    "completion": "Print the completion script for a shell.",
}

EXIT_CODES = """\
Exit codes: 0 done, 1 a proof failed or a check differs, 2 usage, 3 an error that the message explains,
4 a bug, 130 interrupted.
"""


FIRST_STEPS = """\
nixpkgs binds some packages inside a let … in, where no override reaches them. unlet takes
them out, and proves with Nix that they can be overridden and that nothing else changes.

  unlet propose --nixpkgs specimen   try it offline, on docker in a small tree that comes with unlet
  unlet find --nixpkgs DIR           list the packages of a nixpkgs that others bind in a let
  unlet doctor                       explain why rootless docker refuses port 80 on this machine
  unlet track                        show whether upstream has fixed docker

'unlet --help' lists all commands.
"""


class Commands(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"toolkit.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; name the nearest one if there is none of that name."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and (near := get_close_matches(name, COMMANDS, n=1)):
            raise click.UsageError(f"no such command '{name}'; did you mean '{near[0]}'?", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the commands' section of the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name or a global option."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for completion alone

        names = [CompletionItem(name, help=about) for name, about in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@options.common
@click.version_option(__version__, message="unlet %(version)s")
@click.pass_context
def commands(ctx: click.Context) -> int:
    """Take packages out of the let … in that nixpkgs binds them in, so that they can be overridden, and prove it.

    For docker, it also moves rootlesskit in PATH, so that rootless containers can publish ports below 1024.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    if options.settings() != options.GlobalOptions():
        raise click.UsageError("no command given")
    click.echo(FIRST_STEPS, nl=False)
    return 0
