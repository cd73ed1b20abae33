"""`unlet completion`: the script that makes a shell complete unlet's commands and options."""

import click
from click.shell_completion import get_completion_class

from toolkit.cli import options, output
from toolkit.cli.commands import commands
from toolkit.errors import UsageError


@options.command("completion", examples=("unlet completion bash > ~/.local/share/bash-completion/completions/unlet",))
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@options.common
def command(*, shell: str) -> int:
    """Print the completion script for bash, zsh or fish."""
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"completion: click knows no shell '{shell}'")
    script = kind(commands, {}, "unlet", "_UNLET_COMPLETE")
    # Not `source()`, which for bash runs the bash that it finds to look at its version.
    output.write_text(script.source_template % script.source_vars())
    return 0
