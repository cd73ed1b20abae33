"""The text of a log that the user names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from pathlib import Path

# The end of a longer log is read: it has the last start of the daemon.
MAXIMUM_BYTES = 32 << 20

_JOURNAL = b"LPKSHHRH"


def read_log(path: Path) -> str:
    """Return the text of a file, or of standard input for `-`; raise ToolkitError for what is no text."""
    name = "standard input" if str(path) == "-" else str(path)
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read()
        else:
            with path.open("rb") as stream:
                content = stream.read(len(_JOURNAL))
                if content == _JOURNAL:
                    hint = f"journalctl --file {path} | unlet doctor --log -"
                    raise ToolkitError(f"{name}: is a file of systemd's journal, no text", hint=hint)
                content += stream.read()
    except OSError as error:
        raise ToolkitError(f"{name}: {(error.strerror or str(error)).lower()}") from None
    if not content.strip():
        raise ToolkitError(f"{name}: is empty", hint="journalctl --user -u docker -b | unlet doctor --log -")
    if b"\0" in content:
        raise ToolkitError(f"{name}: is binary")
    return content[-MAXIMUM_BYTES:].decode("utf-8", "replace")
