"""Runs a command line and turns each failure into one message and an exit code."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import click

from toolkit import __version__
from toolkit.cli import output
from toolkit.cli.commands import commands
from toolkit.errors import CommandError, NixSyntaxError, ToolkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

UNEXPECTED = 4
INTERRUPTED = 130

_STDERR_LINES = 20


def run(argv: Sequence[str]) -> int:
    """Run `unlet` with these arguments and return its exit code.

    With --json, an error is a document on stdout as well as a message on stderr.
    """
    # So that a plain kill and the end of a terminal clean up as Ctrl-C does; what nohup ignores stays ignored.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        status: object = commands.main(args=list(argv), prog_name="unlet", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _report(_usage(error), argv)
    except ToolkitError as error:
        return _report(error, argv)
    except (click.Abort, KeyboardInterrupt):
        output.say("unlet: interrupted")
        return INTERRUPTED
    except OSError as error:
        return _report(_environment(error), argv)
    except Exception as error:  # noqa: BLE001 - the one place where everything ends
        return _unexpected(error, argv)
    return status if isinstance(status, int) else 0


def _report(error: ToolkitError, argv: Sequence[str]) -> int:
    output.say(*describe(error))
    _document(error.exit_code, error, argv)
    return error.exit_code


def describe(error: ToolkitError) -> list[str]:
    """Return the lines that tell people of an error."""
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
    return lines


def _undecodable(error: UnicodeEncodeError) -> str | None:
    """Return the name of a file that is why a text cannot be encoded, None for another reason."""
    text, place = error.object, error.start
    if not "\udc80" <= text[place] <= "\udcff":
        return None
    before, behind = (re.split(r"[\s'\"]", part) for part in (text[:place], text[place:]))
    return before[-1] + behind[0]


def _usage(error: click.ClickException) -> UsageError:
    """Return click's error in our form."""
    message = error.format_message().strip().removesuffix(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else "unlet"
    begin = message[:1] if message[1:2].isupper() else message[:1].lower()
    return UsageError(f"{command}: {begin}{message[1:]}", hint=f"'{command} --help' lists the options")


def _environment(error: OSError) -> ToolkitError:
    """Return the error that names the fault of the machine: a full disk, a file that is gone, too many of them."""
    subject = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "unlet"
    return ToolkitError(f"{subject}: {(error.strerror or str(error)).lower()}")


def _unexpected(error: Exception, argv: Sequence[str]) -> int:
    if isinstance(error, UnicodeEncodeError) and (name := _undecodable(error)) is not None:
        return _report(ToolkitError(f"{name}: is not UTF-8; unlet writes down only names that are"), argv)
    import traceback  # noqa: PLC0415 - not for a run that ends well

    output.say(
        *"".join(traceback.format_exception(error)).splitlines(),
        f"unlet: {type(error).__name__}: this is a bug in unlet {__version__}",
        "hint: please report it where you got unlet from, with the lines above and the command that you ran",
    )
    _document(UNEXPECTED, error, argv)
    return UNEXPECTED


def _document(exit_code: int, error: Exception, argv: Sequence[str]) -> None:
    # Looked up in the arguments, since the error may be that they cannot be read.
    if "--json" not in argv:
        return
    value: dict[str, object] = {"kind": type(error).__name__, "message": str(error), "exit_code": exit_code}
    if isinstance(error, ToolkitError):
        value["hint"] = error.hint
    if isinstance(error, NixSyntaxError):
        value["excerpt"] = error.excerpt
    if isinstance(error, CommandError):
        value |= {"command": list(error.argv), "status": error.status, "stderr": error.stderr}
    with contextlib.suppress(ToolkitError):
        output.write_json({"error": value})
