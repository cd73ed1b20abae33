"""Findings about the right to listen on a port below 1024: has the program it, and does it get to use it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.docker.doctor import remedies
from toolkit.docker.doctor.diagnosis import Finding, State
from toolkit.docker.doctor.host import programs
from toolkit.docker.doctor.host.programs import NET_BIND_SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.docker.doctor.host.processes import Process
    from toolkit.docker.doctor.host.programs import Program
    from toolkit.docker.doctor.sight import Sight

PORT_DRIVER = "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER"
NET = "DOCKERD_ROOTLESS_ROOTLESSKIT_NET"

_CAPABILITY = "CAP_NET_BIND_SERVICE"

# Seconds by which the clock of files and that of processes may differ: the latter counts in ticks, from the boot on.
_CLOCKS = 0.5


def findings(sight: Sight) -> Iterator[Finding]:
    """Yield them: what the files say first, then what runs."""
    yield _sysctl(sight)
    for find in (_capability, _attributes, _nosuid, _no_new_privileges, _bounding_set, _security_wrapper):
        yield _unless_everybody(sight, find(sight))
    yield _unless_everybody(sight, _port_driver(sight))
    yield _ambient(sight)
    yield _unless_everybody(sight, _age(sight))


def _unless_everybody(sight: Sight, finding: Finding) -> Finding:
    """Where everybody may have the port, a missing capability is no cause; a wrapper that does not run is one."""
    if not sight.everybody or finding.state is not State.CAUSE:
        return finding
    subject = sight.subject
    trial = sight.trials.get(subject.path) if subject is not None else None
    fails = subject is sight.next.taken and trial is not None and trial.status != 0
    if finding.name == "no-new-privileges" or (fails and finding.name in {"nosuid", "security-wrapper"}):
        return finding
    return replace(finding, state=State.NOTE, remedy="")


def _sysctl(sight: Sight) -> Finding:
    evidence = (f"net.ipv4.ip_unprivileged_port_start = {sight.first_port}",)
    if sight.everybody:
        fact = f"every program may listen on port {sight.port}: no capability is needed"
        return Finding(name="sysctl", state=State.OK, fact=fact, evidence=evidence)
    fact = f"port {sight.port} needs {_CAPABILITY}"
    return Finding(name="sysctl", state=State.NOTE, fact=fact, evidence=evidence)


def _capability(sight: Sight) -> Finding:
    name, subject = "capability", sight.subject
    if subject is None:
        return Finding(name=name, state=State.EFFECT, fact="there is no rootlesskit that could have it")
    evidence = tuple(
        f"{each.path}: {each.capability if each.capability is not None else 'no capabilities'}"
        for each in sight.next.candidates
    )
    if subject.grants(NET_BIND_SERVICE):
        useless = sight.machine.wrappers != subject.path.parent and subject.source is None
        if useless and subject.capability is not None and not subject.capability.effective:
            fact = f"{subject.path} is permitted {_CAPABILITY}, but does not have it in effect"
            remedy = remedies.capability(sight, subject)
            return Finding(name=name, state=State.CAUSE, fact=fact, evidence=evidence, remedy=remedy)
        return Finding(name=name, state=State.OK, fact=f"{subject.path} has {_CAPABILITY}", evidence=evidence)
    if not subject.attributes:
        fact = f"{subject.path} cannot have {_CAPABILITY} where it lies"
        return Finding(name=name, state=State.EFFECT, fact=fact, evidence=evidence)
    lacks = "no rootlesskit on PATH has" if subject.path.parent != sight.machine.wrappers else f"{subject.path} lacks"
    if subject.capability is not None and subject.capability.root:
        lacks = f"{subject.path} has only for a user namespace"
    remedy = remedies.capability(sight, subject)
    return Finding(name=name, state=State.CAUSE, fact=f"{lacks} {_CAPABILITY}", evidence=evidence, remedy=remedy)


def _attributes(sight: Sight) -> Finding:
    name, subject = "extended-attributes", sight.subject
    if subject is None or subject.attributes:
        where = "there is no rootlesskit" if subject is None else f"{subject.resolved} can have capabilities"
        return Finding(name=name, state=State.OK, fact=where)
    point = programs.mount_point(subject.resolved)
    return Finding(
        name=name,
        state=State.CAUSE,
        fact=f"the file system of {subject.resolved} has no extended attributes, hence no capabilities",
        evidence=(f"mounted on {point}", "setcap on it says: Operation not supported"),
        remedy=f"put it on another file system, such as tmpfs, ext4, xfs or btrfs ({_options(sight)})",
    )


def _options(sight: Sight) -> str:
    return "security.wrappers makes it on a tmpfs" if sight.machine.is_nixos else "df -T names them"


def _nosuid(sight: Sight) -> Finding:
    name, subject = "nosuid", sight.subject
    if subject is None or subject.nosuid is None or not subject.grants(NET_BIND_SERVICE):
        fact = "the mount of rootlesskit does not matter, as it has no capability"
        if subject is not None and subject.grants(NET_BIND_SERVICE):
            fact = f"{programs.mount_point(subject.resolved)} is not mounted nosuid"
        return Finding(name=name, state=State.OK, fact=fact)
    return Finding(
        name=name,
        state=State.CAUSE,
        fact=f"{subject.path} lies on a mount with the option nosuid, which makes its capability void",
        evidence=(f"mounted nosuid: {subject.nosuid}", f"file: {subject.resolved}"),
        remedy=remedies.remount(subject.nosuid),
    )


def _no_new_privileges(sight: Sight) -> Finding:
    name = "no-new-privileges"
    if (who := sight.no_new_privileges) is None:
        return Finding(name=name, state=State.OK, fact="nothing forbids that programs get more rights")
    return Finding(
        name=name,
        state=State.CAUSE,
        fact=f"{who}: neither capabilities nor newuidmap's setuid bit count",
        evidence=tuple(f"unit: {file}" for file in sight.service.files),
        remedy="take NoNewPrivileges, and what implies it, out of the unit; systemctl --user cat docker shows it",
    )


def _bounding_set(sight: Sight) -> Finding:
    name = "bounding-set"
    process = sight.daemon.rootlesskit if sight.daemon is not None else sight.own
    if process is None:
        return Finding(name=name, state=State.NOTE, fact="/proc does not tell")
    evidence = (f"process {process.pid}: CapBnd {process.bounding:016x}",)
    if process.bounding >> NET_BIND_SERVICE & 1:
        return Finding(name=name, state=State.OK, fact=f"{_CAPABILITY} is within bounds", evidence=evidence)
    return Finding(
        name=name,
        state=State.CAUSE,
        fact=f"the bounding set lacks {_CAPABILITY}, so no program can get it",
        evidence=evidence,
        remedy="look who took it: a container without --cap-add=NET_BIND_SERVICE, or a CapabilityBoundingSet of a unit",
    )


def _security_wrapper(sight: Sight) -> Finding:
    """Run what has the capability, since a security wrapper for another's eyes closed can only be tried."""
    name, subject = "security-wrapper", sight.subject
    trial = sight.trials.get(subject.path) if subject is not None else None
    if subject is None or trial is None:
        gone = subject is not None and subject.source is not None and not subject.source.exists()
        if subject is not None and gone:
            return _gone(sight, subject, f"it runs {subject.source}")
        return Finding(name=name, state=State.OK, fact="there is none to try")
    evidence = tuple(f"{subject.path} --version: {line}" for line in trial.said.splitlines()[-3:])
    if "cannot run" in trial.said or (subject.source is not None and not subject.source.exists()):
        return _gone(sight, subject, *evidence)
    if "failed to inherit capabilities" in trial.said:
        return _without(sight, subject, evidence)
    if trial.status != 0:
        return Finding(
            name=name,
            state=State.CAUSE,
            fact=f"{subject.path} does not run",
            evidence=evidence,
            remedy=remedies.wrappers(sight),
        )
    return Finding(name=name, state=State.OK, fact=f"{subject.path} runs", evidence=evidence)


def _gone(sight: Sight, subject: Program, *evidence: str) -> Finding:
    return Finding(
        name="security-wrapper",
        state=State.CAUSE,
        fact=f"{subject.path} runs a program that is gone"
        + (f": {subject.source}" if subject.source is not None else ""),
        evidence=evidence,
        remedy=remedies.wrappers(sight),
    )


def _without(sight: Sight, subject: Program, evidence: tuple[str, ...]) -> Finding:
    """Say why the capability is void for this process: by the mount, or by what it may not do itself."""
    name = "security-wrapper"
    if subject.nosuid is not None or sight.no_new_privileges is not None:
        fact = f"{subject.path} gets no capability, and refuses to run"
        return Finding(name=name, state=State.EFFECT, fact=fact, evidence=evidence)
    if sight.own is not None and sight.own.no_new_privileges:
        fact = f"{subject.path} cannot be tried: this shell has NoNewPrivs set"
        remedy = "run unlet in a shell outside of a sandbox"
        return Finding(name=name, state=State.UNKNOWN, fact=fact, evidence=evidence, remedy=remedy)
    fact = f"{subject.path} gets no capability"
    remedy = remedies.wrappers(sight)
    return Finding(name=name, state=State.CAUSE, fact=fact, evidence=evidence, remedy=remedy)


def _port_driver(sight: Sight) -> Finding:
    name = "port-driver"
    environment = sight.next.environment
    running = sight.daemon.option(name) if sight.daemon is not None else None
    driver = environment.get(PORT_DRIVER) or (None if environment.get(NET) == "pasta" else "builtin")
    evidence = [f"{PORT_DRIVER} of the {sight.next.seen_by}: {environment.get(PORT_DRIVER) or 'not set'}"]
    if running is not None:
        evidence.append(f"the running rootlesskit: --port-driver={running}")
    if sight.next.seen_by == "daemon" and running is not None:
        driver = running
    if driver == "builtin":
        fact = "the port driver is builtin, which uses the capability"
        return Finding(name=name, state=State.OK, fact=fact, evidence=tuple(evidence))
    if driver is None:
        fact = "with the network 'pasta' the port driver depends on docker's version"
        return Finding(name=name, state=State.UNKNOWN, fact=fact, evidence=tuple(evidence), remedy=_builtin(sight))
    return Finding(
        name=name,
        state=State.CAUSE,
        fact=f"the port driver is {driver}, for which rootlesskit's capability does nothing",
        evidence=tuple(evidence),
        remedy=_builtin(sight),
    )


def _builtin(sight: Sight) -> str:
    return f"set {PORT_DRIVER}=builtin in the service, then {remedies.restart(sight)}"


def _ambient(sight: Sight) -> Finding:
    name = "daemon"
    if sight.daemon is None:
        state = f", docker.service is {sight.service.state}" if sight.service.state else ""
        fact = f"none runs{state}: this is about its next start"
        remedy = ""
        if sight.service.state.startswith("failed"):
            remedy = "journalctl --user -u docker -b | unlet doctor --log - tells why it failed"
        return Finding(name=name, state=State.NOTE, fact=fact, remedy=remedy)
    kit = sight.daemon.rootlesskit
    evidence = (
        f"process {kit.pid}: {' '.join(kit.command[:1])}, CapEff {kit.effective:016x}",
        f"process {sight.daemon.child.pid}: its child",
    )
    if _has(kit):
        fact = f"the daemon that runs has {_CAPABILITY}"
        return Finding(name=name, state=State.OK, fact=fact, evidence=evidence)
    fact = f"the daemon that runs lacks {_CAPABILITY}"
    state = State.NOTE if sight.everybody else State.EFFECT
    return Finding(name=name, state=state, fact=fact, evidence=evidence, remedy=remedies.restart(sight))


def _age(sight: Sight) -> Finding:
    """Compare the daemon that runs with what its next start takes; one that has the capability is well as it is."""
    name, taken = "daemon-age", sight.next.taken
    if sight.daemon is None or taken is None:
        return Finding(name=name, state=State.OK, fact="no daemon runs that could be too old")
    kit = sight.daemon.rootlesskit
    started = time.strftime("%F %T", time.localtime(kit.started))
    changed = time.strftime("%F %T", time.localtime(taken.changed))
    evidence = (f"the daemon was started {started}", f"{taken.path} is of {changed}")
    older = taken.changed > kit.started + _CLOCKS
    if _has(kit) or not taken.grants(NET_BIND_SERVICE):
        fact = "a restart would give the daemon nothing that it has not"
        return Finding(name=name, state=State.OK, fact=fact, evidence=evidence)
    by_daemon = next((view.taken for view in sight.views if view.seen_by == "daemon"), None)
    other = by_daemon is not None and by_daemon.resolved != taken.resolved
    if not older and not other:
        return Finding(name=name, state=State.OK, fact="the daemon is younger than its rootlesskit", evidence=evidence)
    return Finding(
        name=name,
        state=State.CAUSE,
        fact=f"the daemon is older than {taken.path}, which its next start will take"
        if older
        else f"the daemon was started with another PATH: its next start will take {taken.path}",
        evidence=evidence,
        remedy=remedies.restart(sight),
    )


def _has(process: Process) -> bool:
    return bool(process.effective >> NET_BIND_SERVICE & 1)
