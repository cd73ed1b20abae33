"""Whose daemon it is: an ordinary user, as dockerd-rootless.sh refuses root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

from toolkit.errors import ToolkitError


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @property
    def groups(self) -> tuple[int, ...]:
        """All groups the user is in."""
        return tuple(os.getgrouplist(self.name, self.gid))


def account() -> Account:
    """Return this process's user; for root, the user who called sudo.

    Raise ToolkitError where that is nobody.
    """
    if os.geteuid() != 0:
        return _named(pwd.getpwuid(os.geteuid()))
    name = os.environ.get("SUDO_USER", "root")
    try:
        found = _named(pwd.getpwnam(name))
    except KeyError:
        raise ToolkitError(f"SUDO_USER: there is no user '{name}'") from None
    if found.uid == 0:
        raise ToolkitError(
            "rootless docker: root cannot have one", hint="run it with sudo as the user whose daemon it will be"
        )
    return found


def _named(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
