"""The reference of the command line, made from the commands: docs/reference.md and the man page docs/unlet.1.

`python -m tests.manual DIR` writes both into a directory.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from tests import cases
from toolkit import __version__
from toolkit.cli.commands import COMMANDS, EXIT_CODES, commands
from toolkit.cli.options import GROUPS, OWN, Option

DATE = "2026-12-03"
"""The date of the version, for the man page."""
ENVIRONMENT = cases.read(__file__, dict[str, str])
_Rows = dict[str, list[tuple[str, str]]]
_REPEATED = re.compile(r"(; may|\. May) be repeated")


def reference() -> str:
    """Return docs/reference.md."""
    lines = [
        "# Reference",
        "",
        (
            "`python -m tests.manual docs` makes this page and the man page from the "
            "commands."
        ),
        (
            "README has the [exit codes](../README.md#exit-codes). Options with `…` may "
            "be repeated."
        ),
        "The `--help` of a command explains its arguments.",
        "",
        "Every command takes these options, before or after its name:",
        *_lists(
            {
                "": [
                    row
                    for rows in _rows(click.Context(commands)).values()
                    for row in rows
                ]
            }
        ),
        "",
        "Several commands share these options:",
        *_lists(shared := _shared()),
    ]
    for context in _contexts():
        command = context.command
        lines += [
            "",
            f"## {context.command_path}",
            "",
            " ".join((command.help or "").partition("\n\n")[0].split()),
        ]
        arguments = command.collect_usage_pieces(context)[1:]
        if arguments:
            lines += ["", f"`{context.command_path} {' '.join(arguments)}`"]
        rows = _rows(context)
        own = [row for group in rows for row in rows[group] if row not in shared[group]]
        lines += _lists({"": own})
        if names := list(_names(rows, shared)):
            lines += ["", f"Shared: {', '.join(names)}."]
    lines += ["", "## JSON", ""]
    lines += [
        (
            "Each document has a number `schema`. A new field keeps it; a removed or "
            "changed one does not."
        ),
        "",
        *_schemas(),
    ]
    lines += ["", "## Environment", *_lists({"": [*ENVIRONMENT.items()]})]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def man_page() -> str:
    """Return unlet(1) in the language of man pages."""
    about = (commands.help or "").split("\n\n")
    lines = [
        f'.TH UNLET 1 "{DATE}" "unlet {__version__}" "User Commands"',
        ".SH NAME",
        r"unlet \- make let\-bound packages of nixpkgs overridable, with proof",
        ".SH SYNOPSIS",
        r".B unlet \fICOMMAND\fR [\fIOPTIONS\fR]",
        ".SH DESCRIPTION",
        *(line for paragraph in about for line in (".PP", _roff(paragraph))),
        ".SH OPTIONS",
        "Every command takes these, before or after its name.",
        *_tagged(_rows(click.Context(commands))),
        ".SH COMMANDS",
    ]
    for context in _contexts():
        command = context.command
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [
            f".SS {_roff(context.command_path)} {_roff(usage)}",
            _roff(command.help or ""),
        ]
        lines += _tagged(_rows(context))
        for example in getattr(command, "examples", ()):
            lines += [".PP", ".nf", f"    {_roff(example)}", ".fi"]
        if command.epilog:
            lines += [".PP", _roff(command.epilog)]
    lines += [".SH EXIT STATUS", _roff(EXIT_CODES)]
    lines += [".SH ENVIRONMENT", *_tagged({"": [*ENVIRONMENT.items()]})]
    return "\n".join(lines) + "\n"


def _schemas() -> Iterator[str]:
    """Yield an item for each schema: its file, its document, its number."""
    for path in sorted((Path(__file__).parents[1] / "docs/schema").iterdir()):
        schema = json.loads(path.read_text())
        number = schema["properties"]["schema"]["const"]
        yield f"- [{path.name}](schema/{path.name}), {number}: {schema['title']}"


def _contexts() -> Iterator[click.Context]:
    """Yield the context of each command, with its whole name."""
    top = click.Context(commands, info_name="unlet")
    for name in COMMANDS:
        command = commands.get_command(top, name)
        assert command is not None, name
        yield click.Context(command, info_name=name, parent=top)


def _rows(context: click.Context) -> _Rows:
    """Return names and help of a command's options by group, without those that every command has."""
    rows: _Rows = {group: [] for group in GROUPS}
    everywhere = (
        {each.opts[-1] for each in commands.params}
        if context.command is not commands
        else set[str]()
    )
    for option in context.command.get_params(context):
        if not isinstance(option, click.Option) or {
            "--help",
            "--help-all",
            "--version",
            *everywhere,
        } & {*option.opts}:
            continue
        if (record := option.get_help_record(context)) is not None:
            rows[option.group if isinstance(option, Option) else OWN].append(record)
    return {group: found for group, found in rows.items() if found}


def _shared() -> _Rows:
    """Return what several commands take, by group."""
    rows = [
        (group, row)
        for context in _contexts()
        for group, found in _rows(context).items()
        for row in found
    ]
    shared = dict.fromkeys(each for each, count in Counter(rows).items() if count > 1)
    return {name: [row for group, row in shared if group == name] for name in GROUPS}


def _names(rows: _Rows, shared: _Rows) -> Iterator[str]:
    """Yield the groups whose shared options a command takes, and the options of groups that it takes in part."""
    for group, found in shared.items():
        taken = [row for row in found if row in rows.get(group, ())]
        if taken and taken == found:
            yield f"all of {group}"
        else:
            # Without their values.
            yield from (f"`{names.split(', ')[-1].split()[0]}`" for names, _ in taken)


def _lists(groups: _Rows) -> Iterator[str]:
    """Yield a list for each group, with an item for each option."""
    for group, rows in groups.items():
        if rows:
            yield from ("", *((f"{group}:", "") if group else ()))
            yield from (
                f"- `{names}{'…' * bool(_REPEATED.search(text))}`: {_plain(text)}"
                for names, text in rows
            )


def _tagged(groups: _Rows) -> Iterator[str]:
    """Yield a paragraph with a tag for each option."""
    for names, text in (row for rows in groups.values() for row in rows):
        yield from (".TP", rf"\fB{_roff(names)}\fR", _roff(text))


def _plain(text: str) -> str:
    text = re.sub(
        r" *\[(?:(default: [^;\]]*); )?[^\]]*(?:<=?x|x>=?)[^\]]*\]",
        r" [\1]",
        _REPEATED.sub("", text),
    ).replace(" []", "")
    return " ".join(text.split()).replace("<nixpkgs>", "`<nixpkgs>`")


def _roff(text: str) -> str:
    escaped = (
        " ".join(text.split())
        .replace("\\", r"\e")
        .replace("-", r"\-")
        .replace("'", r"\(aq")
    )
    # groff reads other bytes by the locale.
    escaped = "".join(
        sign if sign.isascii() else rf"\[u{ord(sign):04X}]" for sign in escaped
    )
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    for name, text in {"reference.md": reference(), "unlet.1": man_page()}.items():
        (Path(sys.argv[1]) / name).write_text(text, encoding="utf-8")
