"""What rootless docker writes when something is wrong, and what may be behind each text.

Gathered from dockerd-rootless.sh, RootlessKit, shadow's newuidmap, libcap's setcap, iproute2 and NixOS' security
wrapper. A suspect bears the name of the finding that tells whether this host has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.docker.doctor.diagnosis import Log, State, Suspect, Symptom

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolkit.docker.doctor.diagnosis import Finding

_TEXT_LENGTH = 240

_CHECKS = {
    "shadowed": (
        "another rootlesskit comes first on PATH, such as that which dockerd-rootless' wrapper puts in front",
        "tr '\\0' '\\n' < /proc/$(cat $XDG_RUNTIME_DIR/dockerd-rootless/child_pid)/environ | grep ^PATH=",
    ),
    "capability": (
        "no rootlesskit has CAP_NET_BIND_SERVICE",
        "getcap $(realpath /run/wrappers/bin/*rootlesskit $(command -v rootlesskit))",
    ),
    "nosuid": (
        "the program with the capability lies on a mount with the option nosuid",
        "findmnt -no OPTIONS -T $(realpath /run/wrappers/bin)",
    ),
    "no-new-privileges": (
        "the service has NoNewPrivileges, or runs in a sandbox",
        "systemctl --user show docker -p NoNewPrivileges",
    ),
    "daemon-age": (
        "the daemon was started before the security wrapper was there",
        "systemctl --user restart docker",
    ),
    "rootlesskit": (
        "PATH has no rootlesskit",
        "systemctl --user show docker -p Environment, and what the wrapper in ExecStart adds to it",
    ),
    "docker-proxy": (
        "dockerd before 28 needs rootlesskit-docker-proxy, and its PATH has none",
        "dockerd --version; command -v rootlesskit-docker-proxy",
    ),
    "newuidmap": (
        "newuidmap is missing on PATH, not setuid root, or on a nosuid mount",
        "ls -l $(realpath $(command -v newuidmap newgidmap))",
    ),
    "subordinate-ids": ("the user has no subordinate ids", "grep $USER /etc/subuid /etc/subgid"),
    "extended-attributes": (
        "the file system has no extended attributes",
        "df -T on the file that setcap names",
    ),
    "security-wrapper": (
        "the security wrapper runs a program that was collected as garbage, or is of an older system",
        "ls the program that it names",
    ),
    "bounding-set": ("the capability was taken out of the bounding set", "grep CapBnd /proc/self/status"),
    "tun": ("/dev/net/tun is missing or closed", "ls -l /dev/net/tun"),
    "apparmor": (
        "AppArmor keeps user namespaces from programs without a profile",
        "sysctl kernel.apparmor_restrict_unprivileged_userns",
    ),
    "user-namespaces": (
        "the kernel gives ordinary users no user namespace",
        "sysctl user.max_user_namespaces kernel.unprivileged_userns_clone; unshare --user true",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A text: `pattern` matches within a line, `follows` within one of the lines behind it."""

    name: str
    pattern: re.Pattern[str]
    suspects: tuple[str, ...]
    follows: re.Pattern[str] | None = None


def _known(name: str, pattern: str, *suspects: str, follows: str | None = None) -> _Known:
    after = re.compile(follows) if follows is not None else None
    return _Known(name=name, pattern=re.compile(pattern), suspects=suspects, follows=after)


_SYMPTOMS = (
    # The script runs with `set -x`, hence the echo of the command that is about to say it.
    _known("rootlesskit-missing", r"(?<!echo ')(?<!echo )rootlesskit needs to be installed", "rootlesskit"),
    _known("proxy-missing", r"rootlesskit-docker-proxy not installed", "docker-proxy"),
    _known(
        "privileged-port",
        r"cannot expose privileged port \d+",
        *("shadowed", "capability", "nosuid", "no-new-privileges", "bounding-set", "daemon-age", "extended-attributes"),
    ),
    _known("newuidmap-missing", r'"?new[ug]idmap"?:? executable file not found|new[ug]idmap.*not found', "newuidmap"),
    _known(
        "newuidmap-refused",
        r"new[ug]idmap: write to [ug]id_map failed: Operation not permitted",
        *("newuidmap", "no-new-privileges"),
    ),
    _known("subordinate-ids-missing", r"[Nn]o sub[ug]id ranges found", "subordinate-ids"),
    _known(
        "attributes-unsupported",
        r"(?:setcap|[Ff]ailed to set capabilities on file).*Operation not supported",
        "extended-attributes",
    ),
    _known(
        "capability-not-inherited",
        r"failed to inherit capabilities: Operation not permitted",
        *("nosuid", "no-new-privileges", "bounding-set"),
    ),
    _known("source-gone", r"cannot run [`'\"].+['\"]: No such file or directory", "security-wrapper"),
    _known(
        "tun-unusable",
        r"\bopen: (?:Permission denied|No such (?:file or directory|device))",
        "tun",
        follows="setting up tap",
    ),
    _known("user-namespace-refused", r"fork/exec /proc/self/exe: permission denied", "apparmor"),
    _known(
        "user-namespace-unavailable",
        r"fork/exec /proc/self/exe: (?:operation not permitted|no space left on device|invalid argument)",
        "user-namespaces",
    ),
)


def read(text: str, *, name: str, findings: Sequence[Finding]) -> Log:
    """Recognise what a log shows; `findings` are those about this host, empty where the log is of another."""
    here = {finding.name: finding.state for finding in findings}
    lines = text.splitlines()
    return Log(name=name, lines=len(lines), symptoms=tuple(_recognised(lines, here)))


def _recognised(lines: Sequence[str], here: Mapping[str, State]) -> Iterator[Symptom]:
    for known in _SYMPTOMS:
        numbers = [number for number, line in enumerate(lines) if known.pattern.search(line)]
        if known.follows is not None:
            ends = [number for number, line in enumerate(lines) if known.follows.search(line)]
            numbers = [number for number in numbers if any(end >= number for end in ends)]
        if numbers:
            yield Symptom(
                name=known.name,
                line=numbers[0] + 1,
                count=len(numbers),
                text=lines[numbers[0]].strip()[:_TEXT_LENGTH],
                suspects=tuple(_suspect(name, here.get(name)) for name in known.suspects),
            )


def _suspect(name: str, state: State | None) -> Suspect:
    fact, check = _CHECKS[name]
    seen = {State.CAUSE: True, State.OK: False}
    return Suspect(name=name, fact=fact, check=check, here=seen.get(state) if state is not None else None)
