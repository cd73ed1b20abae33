"""Findings about what any rootless daemon needs of the machine, whatever port it publishes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.docker.doctor import remedies
from toolkit.docker.doctor.diagnosis import Finding, State
from toolkit.docker.doctor.host import kernel
from toolkit.docker.doctor.host.programs import SETUID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.docker.doctor.sight import Sight


def findings(sight: Sight) -> Iterator[Finding]:
    """Yield them in the order in which the daemon's start needs them."""
    yield _subordinate_ids(sight)
    yield _newuidmap(sight)
    yield _user_namespaces(sight)
    yield _apparmor(sight)
    yield _tun(sight)


def _subordinate_ids(sight: Sight) -> Finding:
    name, user = "subordinate-ids", sight.machine.user.name
    found = kernel.subordinate_ids(sight.machine)
    evidence = tuple(f"{each.path}: {each.count} ids" if each.readable else f"{each.path}: closed" for each in found)
    remedy = remedies.subordinate_ids(sight)
    lacking = [each for each in found if each.count == 0]
    if any(each.elsewhere or not each.readable for each in lacking):
        state = State.NOTE if sight.daemon is not None else State.UNKNOWN
        fact = f"where {user}'s subordinate ids are cannot be read here"
        check = f"getsubids {user} and getsubids -g {user} list them"
        return Finding(name=name, state=state, fact=fact, evidence=evidence, remedy=check)
    if lacking:
        fact = f"{user} has no subordinate ids in {' and '.join(str(each.path) for each in lacking)}"
        return Finding(name=name, state=State.CAUSE, fact=fact, evidence=evidence, remedy=remedy)
    if not all(each.enough for each in found):
        fact = f"{user} has fewer than 65536 subordinate ids: some images will not unpack"
        return Finding(name=name, state=State.NOTE, fact=fact, evidence=evidence, remedy=remedy)
    return Finding(name=name, state=State.OK, fact=f"{user} has subordinate ids", evidence=evidence)


def _newuidmap(sight: Sight) -> Finding:
    evidence: list[str] = []
    for program in ("newuidmap", "newgidmap"):
        found = sight.next.find(program)
        if found is None:
            return _newuidmap_cause(
                sight, program, f"{program} is not on PATH of the {sight.next.seen_by}", (f"PATH: {sight.next.path}",)
            )
        able = found.setuid or (found.capability is not None and found.capability.grants(SETUID - (program[3] == "g")))
        rights = "setuid root" if found.setuid else f"capabilities {found.capability}"
        if not able:
            fact = f"{found.path} is neither setuid root nor has it capabilities"
            return _newuidmap_cause(sight, program, fact, (f"file: {found.resolved}",))
        if found.nosuid is not None:
            fact = f"{found.path} lies on a mount with the option nosuid"
            cause = _newuidmap_cause(sight, program, fact, (f"mounted nosuid: {found.nosuid}",))
            return replace(cause, remedy=remedies.remount(found.nosuid))
        evidence.append(f"{found.path}: {rights}")
    return Finding(
        name="newuidmap", state=State.OK, fact="newuidmap and newgidmap may map ids", evidence=tuple(evidence)
    )


def _newuidmap_cause(sight: Sight, program: str, fact: str, evidence: tuple[str, ...]) -> Finding:
    remedy = remedies.setuid(sight, program)
    return Finding(name="newuidmap", state=State.CAUSE, fact=fact, evidence=evidence, remedy=remedy)


def _user_namespaces(sight: Sight) -> Finding:
    name = "user-namespaces"
    if sight.daemon is not None:
        return Finding(name=name, state=State.OK, fact="the daemon that runs has one")
    problem = kernel.namespaces_problem(sight.machine)
    if problem is None:
        return Finding(name=name, state=State.OK, fact=f"{sight.machine.user.name} can make one")
    setting = "kernel.unprivileged_userns_clone" if "clone" in problem else "user.max_user_namespaces"
    remedy = remedies.sysctl(sight, setting, 1 if "clone" in problem else 15000)
    if kernel.apparmor_restricts(sight.machine, None):
        return Finding(name=name, state=State.NOTE, fact=f"unshare gets none, as AppArmor may want: {problem}")
    fact = f"{sight.machine.user.name} gets no user namespace: {problem}"
    return Finding(name=name, state=State.CAUSE, fact=fact, remedy=f"{remedy} (in a container: --privileged)")


def _apparmor(sight: Sight) -> Finding:
    name, setting = "apparmor", "kernel.apparmor_restrict_unprivileged_userns"
    taken = sight.next.taken
    program = None if taken is None else (taken.source or taken.resolved)
    if not kernel.apparmor_restricts(sight.machine, program):
        return Finding(name=name, state=State.OK, fact="AppArmor does not keep user namespaces from rootlesskit")
    if sight.daemon is not None:
        return Finding(name=name, state=State.OK, fact="AppArmor restricts user namespaces, but the daemon has one")
    return Finding(
        name=name,
        state=State.CAUSE,
        fact="AppArmor keeps user namespaces from programs without a profile, rootlesskit among them",
        evidence=(f"{setting} = 1", f"no file in {sight.machine.etc / 'apparmor.d'} names {program}"),
        remedy=f"write a profile that allows it userns, or {remedies.sysctl(sight, setting, 0)}",
    )


def _tun(sight: Sight) -> Finding:
    problem = kernel.tun_problem(sight.machine)
    if problem is None:
        return Finding(name="tun", state=State.OK, fact=f"{sight.machine.dev / kernel.TUN} can be used")
    path = sight.machine.dev / kernel.TUN
    remedy = "as root: modprobe tun (in a container: --device /dev/net/tun)"
    if path.exists():
        remedy = f"as root: chmod 666 {path}"
    return Finding(name="tun", state=State.CAUSE, fact=problem, remedy=remedy)
