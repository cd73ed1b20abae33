"""The reference of the command line, made from the commands: docs/reference.md and the man page docs/unlet.1.

`python -m toolkit.cli.manual DIR` writes both into a directory.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit import __version__
from toolkit.cli.commands import COMMANDS, EXIT_CODES, commands
from toolkit.cli.options import DEPTH, NIX, OUTPUT, OWN, SOURCE, Option

if TYPE_CHECKING:
    from collections.abc import Iterator

DATE = "2026-11-25"
"""The date of the version, for the man page."""
GROUPS = (OWN, SOURCE, DEPTH, NIX, OUTPUT)


def reference() -> str:
    """Return docs/reference.md."""
    lines = [
        "# Reference",
        "",
        "All commands and options of `unlet`. `python -m toolkit.cli.manual docs` makes this page and the man page",
        "`unlet.1` from the commands. For the proofs see [proofs.md](proofs.md), for sources, written files and",
        "environment variables [files.md](files.md).",
        "",
        *_unwrapped(EXIT_CODES),
        "",
        "Every command takes these options, before or after its name:",
        *_table(OUTPUT, _everywhere()),
    ]
    for context, command in _commands():
        lines += ["", f"## {context.command_path}", "", *_unwrapped(command.help or "")]
        lines += ["", "```text", " ".join([context.command_path, *command.collect_usage_pieces(context)]), "```"]
        for group, rows in _groups(context, command).items():
            lines += _table(group, rows)
        if command.epilog:
            lines += ["", *_unwrapped(command.epilog)]
        if examples := getattr(command, "examples", ()):
            lines += ["", "```sh", *examples, "```"]
    return "\n".join(lines) + "\n"


def man_page() -> str:
    """Return unlet(1) in the language of man pages."""
    about = (commands.help or "").split("\n\n")
    lines = [
        f'.TH UNLET 1 "{DATE}" "unlet {__version__}" "User Commands"',
        ".SH NAME",
        r"unlet \- bring let\-bound packages of nixpkgs within reach of overrides, with proof",
        ".SH SYNOPSIS",
        r".B unlet \fICOMMAND\fR [\fIOPTIONS\fR]",
        ".SH DESCRIPTION",
        *(line for paragraph in about for line in (".PP", _roff(paragraph))),
        ".SH OPTIONS",
        "Every command takes these, before or after its name.",
        *_described(_everywhere()),
        ".SH COMMANDS",
    ]
    for context, command in _commands():
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [f".SS {_roff(context.command_path)} {_roff(usage)}", _roff(command.help or "")]
        for rows in _groups(context, command).values():
            lines += _described(rows)
        for example in getattr(command, "examples", ()):
            lines += [".PP", ".nf", f"    {_roff(example)}", ".fi"]
        if command.epilog:
            lines += [".PP", _roff(command.epilog)]
    lines += [".SH EXIT STATUS", _roff(EXIT_CODES)]
    return "\n".join(lines) + "\n"


def _commands() -> Iterator[tuple[click.Context, click.Command]]:
    """Yield each command, and each of its own, with a context that has its whole name."""
    top = click.Context(commands, info_name="unlet")
    for name in COMMANDS:
        if (command := commands.get_command(top, name)) is None:
            raise AssertionError(name)
        context = click.Context(command, info_name=name, parent=top)
        yield context, command
        if isinstance(command, click.Group):
            yield from (
                (click.Context(below, info_name=other, parent=context), below)
                for other, below in command.commands.items()
            )


def _groups(context: click.Context, command: click.Command) -> dict[str, list[tuple[str, str]]]:
    """Return the rows of a command's options by group, without those that every command has."""
    found = _rows(context, command)
    everywhere = {parameter.opts[-1] for parameter in commands.params}
    found[OUTPUT] = [row for row in found[OUTPUT] if not everywhere & set(row[0].replace(",", "").split())]
    return {group: rows for group, rows in found.items() if rows}


def _everywhere() -> list[tuple[str, str]]:
    """Return the rows of the options that every command has."""
    return _rows(click.Context(commands), commands)[OUTPUT]


def _rows(context: click.Context, command: click.Command) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
    for option in command.get_params(context):
        if not isinstance(option, click.Option) or {"--help", "--help-all", "--version"} & set(option.opts):
            continue
        if (record := option.get_help_record(context)) is not None:
            found[option.group if isinstance(option, Option) else GROUPS[0]].append(record)
    return found


def _table(group: str, rows: list[tuple[str, str]]) -> list[str]:
    """Return a table with a row for each option."""
    return ["", f"| {group} | |", "|---|---|", *(f"| `{_cell(names)}` | {_cell(text)} |" for names, text in rows)]


def _described(rows: list[tuple[str, str]]) -> list[str]:
    """Return a paragraph with a tag for each option."""
    return [line for names, text in rows for line in (".TP", rf"\fB{_roff(names)}\fR", _roff(text))]


def _unwrapped(text: str) -> list[str]:
    """Return text with each paragraph on one line."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n")).splitlines()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<nixpkgs>", "`<nixpkgs>`")


def _roff(text: str) -> str:
    escaped = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    # groff reads other bytes by the locale.
    escaped = "".join(sign if sign.isascii() else rf"\[u{ord(sign):04X}]" for sign in escaped)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def main() -> int:
    """Write both files into the directory that the command line names."""
    directory = Path(sys.argv[1])
    (directory / "reference.md").write_text(reference(), encoding="utf-8")
    (directory / "unlet.1").write_text(man_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
