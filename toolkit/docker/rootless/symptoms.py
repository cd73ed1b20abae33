"""What a rootless daemon writes when it cannot start, and what that means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """A text that gives a cause away.

    `about_path`: PATH lacks a program, which is what the wrapper decides. Everything else is about the machine,
    and then `hint` says what to do.
    """

    text: str
    cause: str
    about_path: bool = False
    hint: str = ""


NO_ROOTLESSKIT = Symptom(text="rootlesskit needs to be installed", cause="no rootlesskit on PATH", about_path=True)
NO_PROXY = Symptom(
    text="rootlesskit-docker-proxy not installed", cause="no rootlesskit-docker-proxy on PATH", about_path=True
)

SYMPTOMS = (
    NO_ROOTLESSKIT,
    NO_PROXY,
    Symptom(
        text="failed to inherit capabilities: Operation not permitted",
        cause="the security wrapper gets no capability",
        hint="set TMPDIR to a directory that is not mounted nosuid, and run without NoNewPrivileges",
    ),
    Symptom(
        text="write to uid_map failed: Operation not permitted",
        cause="newuidmap may not map ids",
        hint="as root: chmod u+s newuidmap newgidmap; a nosuid mount or NoNewPrivileges forbids it as well",
    ),
    Symptom(
        text="No subuid ranges found", cause="the user has no subordinate ids", hint="as root: usermod --add-subuids"
    ),
    Symptom(
        text="No subgid ranges found", cause="the user has no subordinate ids", hint="as root: usermod --add-subgids"
    ),
    # It is `ip tuntap` that says this, hence no name of the device.
    Symptom(
        text="\nopen: ",
        cause="/dev/net/tun cannot be used",
        hint="as root: chmod 666 /dev/net/tun; in a container: --device /dev/net/tun",
    ),
    Symptom(
        text="fork/exec /proc/self/exe: permission denied",
        cause="AppArmor forbids user namespaces",
        hint="as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    Symptom(
        text="fork/exec /proc/self/exe: no space left on device",
        cause="the kernel gives no more user namespaces",
        hint="as root: sysctl user.max_user_namespaces=15000",
    ),
)

PRIVILEGED = "cannot expose privileged port"
"""Docker's answer where rootlesskit may not bind the port."""


def recognise(log: str) -> Symptom | None:
    """Return the symptom that a daemon's log shows, if it is a known one."""
    return next((symptom for symptom in SYMPTOMS if symptom.text in f"\n{log}"), None)
