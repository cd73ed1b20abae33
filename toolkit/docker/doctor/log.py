"""A log that the user names: its text, and what the symptoms in it may come from."""

from __future__ import annotations

import sys
from shlex import quote
from typing import TYPE_CHECKING

from toolkit.docker.doctor.diagnosis import Log, LogEntry, Role, Suspect
from toolkit.docker.rootless import symptoms
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence
    from pathlib import Path

    from toolkit.docker.doctor.diagnosis import Examined
    from toolkit.docker.doctor.machine import Machine
    from toolkit.docker.rootless.symptoms import PossibleCause

# Of a longer log the end is examined: it has the daemon's last start.
MAXIMUM_BYTES = 8 << 20

_JOURNAL = b"LPKSHHRH"
_TEXT_LENGTH = 240


def read_log(path: Path) -> str:
    """Return the text of a file, or of standard input for `-`; raise ToolkitError for anything but text.

    What is too far from the end is left out, but for its line feeds: the numbers of lines stay.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read()
        else:
            with path.open("rb") as stream:
                content = stream.read(len(_JOURNAL))
                if content == _JOURNAL:
                    hint = f"journalctl --file {quote(str(path))} | unlet doctor --log -"
                    raise ToolkitError(f"{name}: is a journal file of systemd, not text", hint=hint)
                content += stream.read()
    except OSError as error:
        raise ToolkitError(f"{name}: {(error.strerror or str(error)).lower()}") from None
    if not content.strip():
        raise ToolkitError(f"{name}: is empty", hint="journalctl --user -u docker -b | unlet doctor --log -")
    if b"\0" in content:
        raise ToolkitError(f"{name}: is a binary file")
    left_out = content[:-MAXIMUM_BYTES].count(b"\n")
    return "\n" * left_out + content[-MAXIMUM_BYTES:].decode("utf-8", "replace")


def explain(
    text: str, *, name: str, port: int, machine: Machine | None = None, conditions: Sequence[Examined] = ()
) -> Log:
    """Recognise what a log shows; `machine` and `conditions` are those of this host, None if the log is of another."""
    roles = {condition.name: condition.role for condition in conditions}
    lines = [line.rstrip() for line in text.removesuffix("\n").split("\n")]
    entries = tuple(
        LogEntry(
            name=sign.symptom.name,
            line=sign.lines[-1] + 1,
            count=len(sign.lines),
            text=_excerpt(lines[sign.lines[-1]].strip(), sign.symptom.pattern),
            suspects=tuple(_suspect(cause, roles.get(cause.name), machine, port) for cause in sign.symptom.causes),
        )
        for sign in symptoms.recognise(lines)
    )
    return Log(name=name, lines=len(lines), entries=entries)


def _excerpt(line: str, pattern: re.Pattern[str]) -> str:
    """Return a line, or the part of a long one around what was recognised."""
    found = pattern.search(line)
    if found is None or len(line) <= _TEXT_LENGTH:
        return line
    start = max(0, min(found.start() - _TEXT_LENGTH // 3, len(line) - _TEXT_LENGTH))
    return ("…" if start else "") + line[start : start + _TEXT_LENGTH]


def _suspect(cause: PossibleCause, role: Role | None, machine: Machine | None, port: int) -> Suspect:
    facts = {"port": str(port)} | ({"user": machine.user.name} if machine is not None else {})
    known = machine is not None
    return Suspect(
        name=cause.name,
        fact=cause.fact,
        check=cause.check,
        here={Role.CAUSE: True, Role.OK: False}.get(role) if role is not None else None,
        remedies=cause.remedies(nixos=machine is not None and machine.is_nixos, **facts),
        on_nixos=cause.remedies(nixos=True, **facts) if not known and cause.nixos else (),
    )
