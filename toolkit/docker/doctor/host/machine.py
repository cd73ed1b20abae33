"""Where a machine tells about itself, and who is asking."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.docker.rootless import Account, account
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The places that are read, the user whose docker it is, and the environment of the user's shell."""

    user: Account
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    proc: Path = Path("/proc")
    etc: Path = Path("/etc")
    dev: Path = Path("/dev")
    wrappers: Path = Path("/run/wrappers/bin")

    @property
    def is_nixos(self) -> bool:
        """Tell whether its settings are NixOS options."""
        return (self.etc / "NIXOS").exists()

    @property
    def runtime(self) -> Path:
        """The user's directory for sockets and pids."""
        return Path(self.environment.get("XDG_RUNTIME_DIR") or f"/run/user/{self.user.uid}")


def this_machine() -> Machine:
    """Return the machine that this process runs on.

    Raise ToolkitError where it is not Linux, and for root, who has no rootless docker.
    """
    if (system := platform.system()) != "Linux":
        raise ToolkitError(
            f"doctor: rootless docker runs on Linux, and this is {system}",
            hint="'unlet doctor --elsewhere --log FILE' explains the log of another machine",
        )
    if os.geteuid() == 0:
        raise ToolkitError(
            "doctor: root has no rootless docker", hint="run it as the user whose daemon it is, without sudo"
        )
    try:
        user = account()
    except KeyError:
        raise ToolkitError(f"doctor: user {os.geteuid()} has no name in /etc/passwd") from None
    return Machine(user=user, environment=dict(os.environ))
