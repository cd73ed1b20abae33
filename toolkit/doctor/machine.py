"""Read the machine as an ordinary user.

It reads the user, the kernel's limits, systemd's service, and the running daemon.
"""

import os
import platform
import pwd
import re
import shlex
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, field

from toolkit import process
from toolkit.environment import TOOLS, variables
from toolkit.errors import CommandError, ToolkitError, reason_of

PORT_START = Path("sys/net/ipv4/ip_unprivileged_port_start")
NAMESPACES = Path("sys/user/max_user_namespaces")
CLONE = Path("sys/kernel/unprivileged_userns_clone")
APPARMOR = Path("sys/kernel/apparmor_restrict_unprivileged_userns")
TUN = Path("net/tun")
UNIT = "docker.service"
STATE_DIRECTORY = "DOCKERD_ROOTLESS_ROOTLESSKIT_STATE_DIR"

_PROPERTIES = "LoadState,ActiveState,SubState,Environment,ExecStart,NoNewPrivileges,FragmentPath,DropInPaths"
_SECONDS = 10.0

SERVICES = (*TOOLS, "DBUS_SESSION_BUS_ADDRESS", "DOCKER*", "XDG_*")
"""The variables that the user's service manager and rootless docker receive."""


class Account(Struct, frozen=True, kw_only=True):
    """A user of this machine."""

    name: str
    uid: int


class Machine(Struct, frozen=True, kw_only=True):
    """The places to read, the user of docker, and the user's environment."""

    user: Account
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    proc: Path = Path("/proc")
    etc: Path = Path("/etc")
    dev: Path = Path("/dev")
    wrappers: Path = Path("/run/wrappers/bin")

    @property
    def is_nixos(self) -> bool:
        """Return whether remedies are NixOS options."""
        return (self.etc / "NIXOS").exists()

    @property
    def runtime(self) -> Path:
        """The user's directory for sockets and process ids."""
        return Path(
            self.environment.get("XDG_RUNTIME_DIR") or f"/run/user/{self.user.uid}"
        )


def this_machine() -> Machine:
    """Return the machine that this process runs on.

    Raise ToolkitError unless it runs Linux, and for root, because rootless docker never
    runs as root.
    """
    if (system := platform.system()) != "Linux":
        raise ToolkitError(
            f"doctor: rootless docker needs Linux, and this is {system}",
            hint="'unlet doctor --elsewhere --log FILE' explains a log from another "
            "machine",
        )
    if os.geteuid() == 0:
        raise ToolkitError(
            "doctor: root cannot run a rootless docker",
            hint="run it as the user who runs the daemon, without sudo",
        )
    try:
        entry = pwd.getpwuid(os.geteuid())
    except KeyError:
        raise ToolkitError(
            f"doctor: /etc/passwd has no name for user {os.geteuid()}"
        ) from None
    return Machine(
        user=Account(name=entry.pw_name, uid=entry.pw_uid), environment=dict(os.environ)
    )


def number_in(path: Path, *, default: int) -> int:
    """Return the number in a file.

    Return `default` if the file has none or cannot be read.
    """
    with suppress(ValueError):
        return int(text_of(path) or "")
    return default


def text_of(path: Path) -> str | None:
    """Return the text of a file, or None if it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None


def runtime_problem(machine: Machine) -> str | None:
    """Return why the user's runtime directory is unusable, or None."""
    path = machine.runtime
    if not path.is_dir():
        return f"{path}: no such directory"
    return None if os.access(path, os.W_OK) else f"{path}: not writable"


def tun_problem(machine: Machine) -> str | None:
    """Return why the device for the container network is unusable, or None."""
    path = machine.dev / TUN
    try:
        if not stat.S_ISCHR(path.stat().st_mode):
            return f"{path}: is not a device file"
    except OSError as error:
        return f"{path}: {reason_of(error)}"
    return None if os.access(path, os.R_OK | os.W_OK) else f"{path}: permission denied"


def namespaces_problem(machine: Machine) -> str | None:
    """Try to create a user namespace as an ordinary user.

    Return why that fails, or None.
    """
    for setting in (NAMESPACES, CLONE):
        if number_in(machine.proc / setting, default=1) == 0:
            return f"{'.'.join(setting.parts[1:])} is 0"
    try:
        process.run(["unshare", "--user", "--map-root-user", "true"])
    except CommandError as error:
        return error.stderr.strip() or error.message
    except ToolkitError:
        return None
    return None


def apparmor_restricts(machine: Machine, program: Path | None) -> bool:
    """Return whether AppArmor denies user namespaces to `program`.

    It does if the restriction is on and no profile names the program. None stands for a
    program without a profile.
    """
    if number_in(machine.proc / APPARMOR, default=0) != 1:
        return False
    if program is None:
        return True
    return all(
        str(program) not in (text_of(profile) or "")
        for profile in (machine.etc / "apparmor.d").glob("*")
    )


class Service(Struct, frozen=True, kw_only=True):
    """The systemd user service that starts rootless docker.

    If `missing` has a reason, the other fields are empty.

    `environment` combines the manager's variables with the unit's.
    """

    missing: str = ""
    state: str = ""
    program: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    no_new_privileges: bool = False
    files: tuple[str, ...] = ()


def service() -> Service:
    """Ask systemd for the user's docker.service."""
    if process.find("systemctl") is None:
        return Service(missing="this system has no systemctl")
    try:
        shown = _show(_PROPERTIES, UNIT)
        if shown.get("LoadState") != "loaded":
            return Service(
                missing=(
                    f"this user has no {UNIT}: "
                    f"{shown.get('LoadState', 'unknown').replace('-', ' ')}"
                )
            )
        manager = _show("Environment")
    except CommandError as error:
        return Service(
            missing=(error.stderr.strip() or error.message).splitlines()[-1].strip()
        )
    except ToolkitError as error:
        return Service(missing=error.message)
    start = re.search(r"\{ path=(\S+) ;", shown.get("ExecStart", ""))
    return Service(
        state=f"{shown.get('ActiveState', 'unknown')} "
        f"({shown.get('SubState', 'unknown')})",
        program=Path(start[1]) if start else None,
        environment=_variables(manager.get("Environment", ""))
        | _variables(shown.get("Environment", "")),
        no_new_privileges=shown.get("NoNewPrivileges") == "yes",
        files=tuple(
            filter(
                None, (shown.get("FragmentPath"), *shown.get("DropInPaths", "").split())
            )
        ),
    )


def _show(properties: str, *units: str) -> dict[str, str]:
    argv = ["systemctl", "--user", "show", *units, "--property", properties]
    text = process.run(argv, env=variables(SERVICES), timeout=_SECONDS).text
    return {
        name: value
        for name, _, value in (line.partition("=") for line in text.splitlines())
    }


def _variables(text: str) -> dict[str, str]:
    """Read `A=b "C=d e"`, the form in which systemctl shows an Environment."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return {name: value for name, _, value in (word.partition("=") for word in words)}


class Process(Struct, frozen=True, kw_only=True):
    """A process: its capabilities as bits, and its start in seconds since the epoch.

    The capabilities are the effective and the bounding ones. `environment` is the
    initial one; None if it cannot be read.
    """

    pid: int
    parent: int
    command: tuple[str, ...]
    effective: int
    bounding: int
    no_new_privileges: bool
    started: float
    environment: Mapping[str, str] | None

    def has(self, bit: int) -> bool:
        """Return whether the capability is effective in the process."""
        return bool(self.effective >> bit & 1)


class Daemon(Struct, frozen=True, kw_only=True):
    """A running rootless docker.

    It is rootlesskit, which binds the ports, and its child process around dockerd.
    """

    rootlesskit: Process
    child: Process

    def option(self, name: str) -> str | None:
        """Return the value of an option with which rootlesskit was started."""
        words = self.rootlesskit.command
        for word, following in zip(words, (*words[1:], ""), strict=True):
            if word == f"--{name}":
                return following
            if word.startswith(f"--{name}="):
                return word.partition("=")[2]
        return None


def process_of(pid: int, proc: Path = Path("/proc")) -> Process | None:
    """Return a process.

    Return None if it does not exist, or if not even its public facts can be read.
    """
    place = proc / str(pid)
    try:
        status = dict(
            re.findall(
                r"(?m)^(\w+):\s*(.*)$", (place / "status").read_text("utf-8", "replace")
            )
        )
        command = (place / "cmdline").read_bytes()
        # The name, in brackets, may contain anything: proc(5).
        fields = (
            (place / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        )
    except OSError:
        return None
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf(
        "SC_CLK_TCK"
    )
    return Process(
        pid=pid,
        parent=int(fields[1]),
        command=tuple(os.fsdecode(command).split("\0")[:-1]),
        effective=int(status.get("CapEff", "0"), 16),
        bounding=int(status.get("CapBnd", "0"), 16),
        no_new_privileges=status.get("NoNewPrivs") == "1",
        started=time.time() - age,
        environment=_environment(place),
    )


def daemon(machine: Machine, service: Mapping[str, str]) -> Daemon | None:
    """Return the user's running rootless docker, or None.

    `service` is the service's environment: like the shell's, it may name another
    directory for rootlesskit's state.
    """
    for environment in (service, machine.environment):
        state = Path(
            environment.get(STATE_DIRECTORY) or machine.runtime / "dockerd-rootless"
        )
        with suppress(OSError, ValueError):
            child = process_of(int((state / "child_pid").read_text()), machine.proc)
            parent = (
                process_of(child.parent, machine.proc) if child is not None else None
            )
            # The file may be left over from a daemon that was killed, and its number
            # belong to another process now.
            if (
                child is not None
                and parent is not None
                and "rootlesskit" in Path((*parent.command, "")[0]).name
            ):
                return Daemon(rootlesskit=parent, child=child)
    return None


def _environment(place: Path) -> dict[str, str] | None:
    try:
        content = (place / "environ").read_bytes()
    except OSError:
        return None
    pairs = (
        variable.partition("=")
        for variable in os.fsdecode(content).split("\0")
        if variable
    )
    return {name: value for name, _, value in pairs}
