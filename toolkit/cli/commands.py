"""The command line: find a command by name, and turn errors into exit codes.

A command's module is imported only when that command runs.
"""

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from toolkit import __version__
from toolkit.cli import options, output
from toolkit.errors import (
    CommandError,
    NixSyntaxError,
    ToolkitError,
    UsageError,
    did_you_mean,
    reason_of,
)

# The one-line help texts are here, so that --help need not import every command.
COMMANDS = {
    "propose": "Write patches and an overlay that make packages overridable, and "
    "prove them.",
    "check": "Show how a change affects packages, or run the proofs of a proposal "
    "again.",
    "pr": "Prepare a pull request in your clone of nixpkgs: a branch and its text.",
    "overlay": "Write an overlay that makes a package of your nixpkgs overridable.",
    "reach": "Show for each override in your overlays whether it reaches the build.",
    "find": "Find packages that another package's file defines in a let.",
    "doctor": "Explain why rootless docker refuses a port below 1024, or does not "
    "start.",
    "track": "Show which branches and channels have a fix, and whether to keep your "
    "overlay.",
    "cache": "List the cache, or delete entries.",
    "schema": "Print the JSON Schema of unlet's output.",
}

EXIT_CODES = """\
Exit codes: 0 success, 1 a proof failed or unlet found a problem, \
2 usage, 3 an error that the
message explains, 4 a bug, 130 interrupted.
"""

UNEXPECTED = 4
INTERRUPTED = 130

_STDERR_LINES = 20
_LONGEST = 1000
_UNDECODABLE = re.compile("[^\\s'\"]*[\udc80-\udcff][^\\s'\"]*")
"""A name with bytes that are not UTF-8, as os.fsdecode represents them."""


class Commands(click.Group):
    """The click group of all commands of unlet; a command is imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return a command, or return None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"toolkit.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; raise UsageError with similar names if it is unknown."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = "'unlet --help' lists the commands"
            raise UsageError(
                f"unlet: no such command {args[0]!r}",
                hint=did_you_mean(args[0], COMMANDS, otherwise=hint),
            )
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the section of the help that lists the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@options.common
@click.option(
    "--version",
    is_flag=True,
    help="Show the version and exit. With --json, also list the sandboxes.",
)
@click.pass_context
def commands(ctx: click.Context, *, version: bool) -> int:
    """Find out why overrides of nixpkgs have no effect, and make packages overridable.

    If your override does nothing, start with reach; if rootless docker refuses a port,
    with doctor. Use find, propose and pr to contribute to nixpkgs, check to review a
    change, and track to wait for a fix.
    """
    if version:
        click.echo(_version())
        ctx.exit()
    if ctx.invoked_subcommand is not None:
        return 0
    if options.settings() != options.GlobalOptions():
        raise click.UsageError("no command given")
    click.echo(ctx.get_help())
    return 0


def _version() -> str:
    if not options.settings().json:
        return f"unlet {__version__}"
    from toolkit import documents, landlock  # noqa: PLC0415 - only this function needs the import

    return (
        documents.write({"unlet": __version__, "walls": landlock.walls()})
        .decode()
        .removesuffix("\n")
    )


def run(argv: Sequence[str]) -> int:
    """Run `unlet` with these arguments and return its exit code.

    With --json, an error is a document on stdout and a message on stderr.
    """
    try:
        status: object = commands.main(
            args=list(argv), prog_name="unlet", standalone_mode=False
        )
        sys.stdout.flush()
    except click.ClickException as error:
        return _report(_usage(error), argv)
    except ToolkitError as error:
        return _report(error, argv)
    except (click.Abort, KeyboardInterrupt):
        output.say("unlet: interrupted")
        return INTERRUPTED
    except OSError as error:
        # An error of the operating system: a full disk, a deleted file, too many open
        # files.
        subject = (
            os.fsdecode(error.filename)
            if isinstance(error.filename, str | bytes)
            else "unlet"
        )
        return _report(ToolkitError(f"{subject}: {reason_of(error)}"), argv)
    except Exception as error:  # noqa: BLE001 - the last handler of every error
        return _unexpected(error, argv)
    return status if isinstance(status, int) else 0


def _report(error: ToolkitError, argv: Sequence[str]) -> int:
    output.say(*describe(error))
    _document(error.exit_code, error, argv)
    return error.exit_code


def describe(error: ToolkitError) -> list[str]:
    """Return an error's message, details and hint as lines of limited length."""
    lines = [error.message]
    if isinstance(error, NixSyntaxError) and error.excerpt:
        lines += [f"  {line}" for line in error.excerpt.splitlines()]
    if isinstance(error, CommandError):
        said = [line for line in error.stderr.splitlines() if line.strip()]
        lines.append(f"command: {error.command}")
        if len(said) > 1:
            lines += [f"  {line}" for line in said[-_STDERR_LINES:]]
    if error.hint is not None:
        lines.append(f"hint: {error.hint}")
    return [line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …" for line in lines]


def _usage(error: click.ClickException) -> UsageError:
    """Return click's error as a UsageError in the form of unlet's messages."""
    message = error.format_message().strip().removesuffix(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else "unlet"
    hint = f"'{command} --help' lists the options"
    if isinstance(error, click.NoSuchOption) and context is not None:
        # click's message contains suggestions, in a form that depends on its version.
        message = f"no such option '{error.option_name}'"
        names = [name for option in context.command.params for name in option.opts]
        hint = did_you_mean(error.option_name, names, otherwise=hint)
    if isinstance(error, options.ChoiceError):
        hint = did_you_mean(error.value, error.choices, otherwise=hint)
    begin = message[:1] if message[1:2].isupper() else message[:1].lower()
    return UsageError(f"{command}: {begin}{message[1:]}", hint=hint)


def _unexpected(error: Exception, argv: Sequence[str]) -> int:
    if (
        isinstance(error, UnicodeEncodeError)
        and (name := _UNDECODABLE.search(error.object)) is not None
    ):
        return _report(
            ToolkitError(f"{name[0]}: is not UTF-8; unlet accepts only names that are"),
            argv,
        )
    import traceback  # noqa: PLC0415 - only a failed run needs the import

    output.say(
        *"".join(traceback.format_exception(error)).splitlines(),
        f"unlet: {type(error).__name__}: this is a bug in unlet {__version__}",
        "hint: please report it where you got unlet from, with the lines above and "
        "the command that you ran",
    )
    _document(UNEXPECTED, error, argv)
    return UNEXPECTED


def _document(exit_code: int, error: Exception, argv: Sequence[str]) -> None:
    # Search the arguments themselves, because click may have failed to parse them.
    if "--json" not in argv:
        return
    value: dict[str, object] = {
        "kind": type(error).__name__,
        "message": str(error),
        "exit_code": exit_code,
    }
    if isinstance(error, ToolkitError):
        value["hint"] = error.hint
    with contextlib.suppress(ToolkitError):
        output.write_json({"error": value})
