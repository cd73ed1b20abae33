"""Find out why a port below 1024 stays closed.

The question is which rootlesskit has the capability, and whether docker uses that one.
"""

import shlex
import time
from collections.abc import Callable, Mapping

from toolkit.doctor import programs, start
from toolkit.doctor.programs import NET_BIND_SERVICE, Program
from toolkit.doctor.sight import Examined, Role, Sight, cause, note, ok
from toolkit.doctor.symptoms import command
from toolkit.nix.stores import STORE

PORT_DRIVER = "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER"

_CAPABILITY = "CAP_NET_BIND_SERVICE"

# Seconds by which the clock of files and that of processes may differ: the latter
# counts in ticks, from the boot on.
_CLOCKS = 0.5


def _shadowed(sight: Sight) -> Examined:
    hidden, taken = sight.shadowed, sight.next.taken
    if hidden is None or taken is None:
        return ok("no rootlesskit without the capability precedes one that has it")
    fact = (
        f"{taken.path} precedes {hidden.path} on PATH, but only the latter may use "
        "privileged ports"
    )
    places = (
        f"{each.path}: {sight.next.place(each)}, {_rights(each)}"
        for each in (taken, hidden)
    )
    return cause(fact, *places, hidden=str(hidden.path))


def _rights(program: Program) -> str:
    return (
        f"capabilities {program.capability}"
        if program.capability is not None
        else "no capabilities"
    )


def _nosuid(sight: Sight) -> Examined:
    subject = sight.subject
    if subject is None or not subject.grants(NET_BIND_SERVICE):
        return ok("no rootlesskit has a capability that a mount option could disable")
    if subject.nosuid is None:
        return ok(f"{programs.mount_point(subject.resolved)} is mounted without nosuid")
    return cause(
        f"{subject.path} is on a mount with the option nosuid, which disables its "
        "capability",
        f"mounted nosuid: {subject.nosuid}",
        f"file: {subject.resolved}",
        point=str(subject.nosuid),
    )


def _capability(sight: Sight) -> Examined:
    subject = sight.subject
    if subject is None:
        return Examined(
            role=Role.EFFECT,
            fact="no rootlesskit exists that could have the capability",
        )
    evidence = tuple(f"{each.path}: {_rights(each)}" for each in sight.next.candidates)
    if subject.grants(NET_BIND_SERVICE):
        own = sight.machine.wrappers != subject.path.parent and subject.source is None
        if not own or subject.capability is None or subject.capability.effective:
            return ok(f"{subject.path} has {_CAPABILITY}", *evidence)
        fact = (
            f"the kernel permits {subject.path} {_CAPABILITY}, but the file does "
            "not make it effective"
        )
    elif subject.capability is not None and subject.capability.root:
        fact = f"{subject.path} has {_CAPABILITY} only inside a user namespace"
    elif subject.path.parent == sight.machine.wrappers:
        fact = f"{subject.path} lacks {_CAPABILITY}"
    else:
        fact = f"no rootlesskit on PATH has {_CAPABILITY}"
    return cause(fact, *evidence, grant=_grant(subject))


def _grant(program: Program) -> str:
    """Return the command that gives a rootlesskit the capability.

    For a file of the Nix store, the command copies it first.
    """
    path = program.resolved
    if not path.is_relative_to(STORE):
        return f"setcap cap_net_bind_service=ep {shlex.quote(str(path))}"
    copy = "/usr/local/bin/docker-rootlesskit"
    return (
        f"install {shlex.quote(str(path))} {copy} && sudo setcap "
        f"cap_net_bind_service=ep {copy}"
    )


def _bounding_set(sight: Sight) -> Examined:
    process = sight.daemon.rootlesskit if sight.daemon is not None else sight.own
    if process is None:
        return note("/proc cannot be read")
    evidence = (f"process {process.pid}: CapBnd {process.bounding:016x}",)
    if process.bounding >> NET_BIND_SERVICE & 1:
        return ok(f"the bounding set has {_CAPABILITY}", *evidence)
    return cause(
        f"the bounding set lacks {_CAPABILITY}, so no program can gain it", *evidence
    )


def _port_driver(sight: Sight) -> Examined:
    environment = sight.next.environment
    running = sight.daemon.option("port-driver") if sight.daemon is not None else None
    network = start.network(sight)
    driver = environment.get(PORT_DRIVER) or ("builtin" if network != "pasta" else None)
    if (
        driver is None
        and sight.version is not None
        and sight.version >= start.WITHOUT_NETWORK_PROGRAM
    ):
        driver = "implicit"
    evidence = [
        (
            f"{PORT_DRIVER} of the {sight.next.seen_by}: "
            f"{environment.get(PORT_DRIVER) or 'not set'}"
        )
    ]
    if network is not None:
        evidence.append(
            "network driver: "
            f"{network}{'' if environment.get(start.NET) else ', the first on PATH'}"
        )
    if running is not None:
        evidence.append(f"the running rootlesskit: --port-driver={running}")
    if sight.next.seen_by == "daemon" and running is not None:
        driver = running
    role, fact = (
        Role.CAUSE,
        f"the port driver is {driver}, which ignores rootlesskit's capability",
    )
    if driver == "builtin":
        role, fact = Role.OK, "the port driver is builtin, which uses the capability"
    elif driver is None:
        role, fact = (
            Role.UNKNOWN,
            (
                "with the network driver pasta, the port driver depends on docker's "
                "version"
            ),
        )
    return Examined(role=role, fact=fact, evidence=tuple(evidence))


def _daemon_age(sight: Sight) -> Examined:
    """Compare the running daemon with the programs that its next start would use.

    A daemon that has the capability needs no restart.
    """
    taken = sight.next.taken
    if sight.daemon is None or taken is None:
        return ok("no daemon is running, so none can be outdated")
    kit = sight.daemon.rootlesskit
    started = time.strftime("%F %T", time.localtime(kit.started))
    changed = time.strftime("%F %T", time.localtime(taken.changed))
    evidence = (
        f"the daemon was started at {started}",
        f"{taken.path} was changed at {changed}",
    )
    if kit.has(NET_BIND_SERVICE) or not taken.grants(NET_BIND_SERVICE):
        return ok("a restart would not change the daemon's programs", *evidence)
    by_daemon = next(
        (view.taken for view in sight.views if view.seen_by == "daemon"), None
    )
    if taken.changed > kit.started + _CLOCKS:
        fact = (
            f"the daemon started before {taken.path} changed; the next start will "
            "use it"
        )
    elif by_daemon is not None and by_daemon.resolved != taken.resolved:
        fact = (
            "the daemon was started with another PATH; the next start will use "
            f"{taken.path}"
        )
    else:
        return ok("the daemon started after its rootlesskit changed", *evidence)
    return cause(fact, *evidence)


def _daemon(sight: Sight) -> Examined:
    if sight.daemon is None:
        state = (
            f", docker.service is {sight.service.state}" if sight.service.state else ""
        )
        failed = sight.service.state.startswith("failed")
        log = command(
            "journalctl --user -u docker -b | unlet doctor --log - # why it failed"
        )
        remedies = (log,) if failed else ()
        return note(
            f"no daemon is running{state}; this describes its next start",
            remedies=remedies,
        )
    kit = sight.daemon.rootlesskit
    evidence = (
        f"process {kit.pid}: {' '.join(kit.command[:1])}, CapEff {kit.effective:016x}",
        f"process {sight.daemon.child.pid}: its child",
    )
    if kit.has(NET_BIND_SERVICE):
        return ok(f"the running daemon has {_CAPABILITY}", *evidence)
    return Examined(
        role=Role.NOTE if sight.everybody else Role.EFFECT,
        fact=f"the running daemon lacks {_CAPABILITY}",
        evidence=evidence,
        remedies=sight.remedies("daemon-age"),
    )


def _sysctl(sight: Sight) -> Examined:
    evidence = (f"net.ipv4.ip_unprivileged_port_start = {sight.first_port}",)
    if sight.everybody:
        return ok(
            f"every program may listen on port {sight.port} without a capability",
            *evidence,
        )
    return note(f"port {sight.port} needs {_CAPABILITY}", *evidence)


CHECKS: Mapping[str, Callable[[Sight], Examined]] = {
    "shadowed": _shadowed,
    "nosuid": _nosuid,
    "capability": _capability,
    "bounding-set": _bounding_set,
    "port-driver": _port_driver,
    "daemon-age": _daemon_age,
    "daemon": _daemon,
    "sysctl": _sysctl,
}
"""The conditions by name, the most important first."""
