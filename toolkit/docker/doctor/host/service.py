"""The systemd user service that starts rootless docker, as the user's service manager has it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import process as programs
from toolkit.errors import CommandError, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIT = "docker.service"

_PROPERTIES = "LoadState,ActiveState,SubState,Environment,ExecStart,NoNewPrivileges,FragmentPath,DropInPaths"
_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service; where `missing` says why there is none, the other fields are empty.

    `environment` is that of the manager with the unit's own on top. `stale` says that the unit's files have changed
    since the manager read them.
    """

    missing: str = ""
    state: str = ""
    program: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    no_new_privileges: bool = False
    files: tuple[str, ...] = ()
    stale: bool = False


def service() -> Service:
    """Ask systemd for the user's docker.service."""
    if programs.find("systemctl") is None:
        return Service(missing="there is no systemctl")
    try:
        shown = _show(_PROPERTIES + ",NeedDaemonReload", UNIT)
        if shown.get("LoadState") != "loaded":
            return Service(missing=f"the user has no {UNIT}: {shown.get('LoadState', 'unknown').replace('-', ' ')}")
        manager = _show("Environment")
    except CommandError as error:
        return Service(missing=_last_line(error.stderr))
    except ToolkitError as error:
        return Service(missing=error.message)
    start = re.search(r"\{ path=(\S+) ;", shown.get("ExecStart", ""))
    return Service(
        state=f"{shown.get('ActiveState', 'unknown')} ({shown.get('SubState', 'unknown')})",
        program=Path(start[1]) if start else None,
        environment=_variables(manager.get("Environment", "")) | _variables(shown.get("Environment", "")),
        no_new_privileges=shown.get("NoNewPrivileges") == "yes",
        files=tuple(filter(None, (shown.get("FragmentPath"), *shown.get("DropInPaths", "").split()))),
        stale=shown.get("NeedDaemonReload") == "yes",
    )


def _show(properties: str, *units: str) -> dict[str, str]:
    argv = ["systemctl", "--user", "show", *units, "--property", properties]
    text = programs.run(argv, timeout=_SECONDS).text
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in pairs}


def _variables(text: str) -> dict[str, str]:
    """Read `A=b "C=d e"`, the form of systemctl's Environment."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    pairs = (word.partition("=") for word in words)
    return {name: value for name, _, value in pairs}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "systemctl failed"
