"""Conditions that keep the daemon from starting, whatever port it publishes."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from packaging.version import Version

from toolkit.doctor import machine, programs
from toolkit.doctor.sight import Examined, Role, Sight, View, cause, note, ok
from toolkit.doctor.symptoms import by_hand, command

PROXY = "rootlesskit-docker-proxy"
# From this release on dockerd speaks to rootlesskit itself.
WITHOUT_PROXY = Version("28")

NET = "DOCKERD_ROOTLESS_ROOTLESSKIT_NET"
_NETWORK_PROGRAMS = ("slirp4netns", "pasta", "vpnkit")
# With it came rootlesskit 3, which has a network driver of its own; pasta is taken by
# itself if slirp4netns is missing.
WITHOUT_NETWORK_PROGRAM = Version("29.5")

# What rootlesskit maps: fewer than this and images with ordinary user ids do not
# unpack.
_ENOUGH = 65536


class SubordinateIds(Struct, frozen=True, kw_only=True):
    """The number of a user's subordinate ids in a file.

    `elsewhere` is true if nsswitch.conf(5) names another source than files.
    """

    path: Path
    count: int
    readable: bool
    elsewhere: bool


def subordinate_ids(
    account: machine.Account, directory: Path
) -> tuple[SubordinateIds, ...]:
    """Return a user's entries in `directory`/subuid and subgid."""
    switch = machine.text_of(directory / "nsswitch.conf") or ""
    sources = [
        line.split()[1:] for line in switch.splitlines() if line.startswith("subid:")
    ]
    owners = {account.name, str(account.uid)}
    found: list[SubordinateIds] = []
    for name in ("subuid", "subgid"):
        path = directory / name
        text = machine.text_of(path)
        entries = [
            re.fullmatch(r"([^:]+):\d+:(\d+)", line.strip())
            for line in (text or "").splitlines()
        ]
        found.append(
            SubordinateIds(
                path=path,
                count=sum(
                    int(entry[2]) for entry in entries if entry and entry[1] in owners
                ),
                readable=text is not None or not path.exists(),
                elsewhere=any(source != ["files"] for source in sources),
            )
        )
    return tuple(found)


def _rootlesskit(sight: Sight) -> Examined:
    taken = sight.next.taken
    evidence = tuple(line for view in sight.views for line in _found(view))
    if taken is None:
        fact = (
            f"the PATH of the {sight.next.seen_by} contains neither "
            "docker-rootlesskit nor rootlesskit"
        )
        return cause(fact, *evidence)
    return ok(f"the {sight.next.seen_by} uses {taken.path}", *evidence)


def _found(view: View) -> Iterator[str]:
    if view.taken is None:
        yield f"{view.seen_by}: has none on its PATH, which is {view.path or 'empty'}"
    for number, program in enumerate(view.candidates):
        verb = "uses" if number == 0 else "would use next"
        yield f"{view.seen_by}: {verb} {program.path}, {view.place(program)}"


def _proxy(sight: Sight) -> Examined:
    if sight.dockerd is None or sight.version is None:
        fact = (
            "PATH contains no dockerd"
            if sight.dockerd is None
            else f"{sight.dockerd} does not print its version"
        )
        return note(f"{fact}, so unlet does not know whether it needs {PROXY}")
    evidence = (f"{sight.dockerd}: version {sight.version}",)
    if sight.version >= WITHOUT_PROXY:
        return ok(f"dockerd {sight.version} does not need {PROXY}", *evidence)
    found = next(programs.locate(PROXY, sight.next.path), None)
    if found is not None:
        return ok(
            f"dockerd {sight.version} needs {PROXY}, which is on its PATH",
            *evidence,
            str(found),
        )
    return cause(
        f"dockerd {sight.version} needs {PROXY}, which is not on its PATH",
        *evidence,
        f"PATH: {sight.next.path}",
    )


def network(sight: Sight) -> str | None:
    """Return the network driver of the next start.

    It is the configured one, else the first one installed.
    """
    found = (each for each in _NETWORK_PROGRAMS if sight.next.find(each) is not None)
    return sight.next.environment.get(NET) or next(found, None)


def _network_program(sight: Sight) -> Examined:
    found = sight.next.find(network(sight) or "")
    if found is not None:
        return ok(f"{found.path} can provide the network")
    if sight.next.environment.get(NET) or (
        sight.version is not None and sight.version >= WITHOUT_NETWORK_PROGRAM
    ):
        return ok("the network needs no slirp4netns, pasta or vpnkit")
    fact = (
        f"the PATH of the {sight.next.seen_by} contains none of "
        f"{', '.join(_NETWORK_PROGRAMS)}"
    )
    role = Role.CAUSE if sight.version is not None else Role.UNKNOWN
    return Examined(role=role, fact=fact, evidence=(f"PATH: {sight.next.path}",))


def _no_new_privileges(sight: Sight) -> Examined:
    if (reason := sight.no_new_privileges) is None:
        return ok("programs can gain privileges")
    units = (f"unit: {file}" for file in sight.service.files)
    return cause(
        f"{reason}: neither capabilities nor the setuid bit of newuidmap have an "
        "effect",
        *units,
    )


def _security_wrapper(sight: Sight) -> Examined:
    """Run the program that has the capability.

    Only root can read a security wrapper, so this can only try it.
    """
    subject = sight.subject
    trial = sight.trials.get(subject.path) if subject is not None else None
    gone = (
        subject is not None
        and subject.source is not None
        and not subject.source.exists()
    )
    if subject is None or (trial is None and not gone):
        return ok("no rootlesskit exists to try")
    output = trial.output if trial is not None else ""
    evidence = tuple(
        f"{subject.path} --version: {line}" for line in output.splitlines()[-3:]
    )
    # A wrapper that does not run is a cause even if every program may have the port: it
    # is the one that is used.
    role = Role.CAUSE if sight.fails or not sight.everybody else Role.NOTE
    fact, remedies = f"{subject.path} does not run", sight.remedies("security-wrapper")
    if gone or "cannot run" in output:
        source = f": {subject.source}" if subject.source is not None else ""
        fact = f"{subject.path} starts a program that no longer exists{source}"
        evidence = evidence or (f"it runs {subject.source}",)
    elif "failed to inherit capabilities" in output:
        if subject.nosuid is not None or sight.no_new_privileges is not None:
            role, fact, remedies = (
                Role.EFFECT,
                f"{subject.path} does not gain its capability, and refuses to run",
                (),
            )
        elif sight.own is not None and sight.own.no_new_privileges:
            role, fact = (
                Role.UNKNOWN,
                (
                    f"unlet cannot try {subject.path}, because this shell has "
                    "NoNewPrivs set"
                ),
            )
            remedies = (by_hand("run unlet in a shell outside of a sandbox"),)
        else:
            fact = f"{subject.path} does not gain its capability"
    elif trial is not None and trial.status == 0:
        role, fact, remedies = Role.OK, f"{subject.path} runs", ()
    return Examined(role=role, fact=fact, evidence=evidence, remedies=remedies)


def _usable(path: Path, problem: str | None) -> Examined:
    return ok(f"{path} can be used") if problem is None else cause(problem)


def _subordinate_ids(sight: Sight) -> Examined:
    user = sight.machine.user.name
    found = subordinate_ids(sight.machine.user, sight.machine.etc)
    evidence = tuple(
        f"{each.path}: {each.count} ids"
        if each.readable
        else f"{each.path}: not readable"
        for each in found
    )
    lacking = [each for each in found if each.count == 0]
    if any(each.elsewhere or not each.readable for each in lacking):
        role = Role.NOTE if sight.daemon is not None else Role.UNKNOWN
        fact = f"unlet cannot read the subordinate ids of {user} here"
        check = command(f"getsubids {user}; getsubids -g {user} # prints them")
        return Examined(role=role, fact=fact, evidence=evidence, remedies=(check,))
    if lacking:
        return cause(
            f"{user} has no subordinate ids in "
            f"{' and '.join(str(each.path) for each in lacking)}",
            *evidence,
        )
    if any(each.count < _ENOUGH for each in found):
        fact = (
            f"{user} has fewer than {_ENOUGH} subordinate ids, too few to unpack some "
            "images"
        )
        return note(fact, *evidence, remedies=sight.remedies("subordinate-ids"))
    return ok(f"{user} has subordinate ids", *evidence)


def _newuidmap(sight: Sight) -> Examined:
    rights: list[str] = []
    for program in ("newuidmap", "newgidmap"):
        found = sight.next.find(program)
        bit = programs.SETUID - (program == "newgidmap")
        if found is None:
            fact, evidence = (
                f"the PATH of the {sight.next.seen_by} does not contain {program}",
                f"PATH: {sight.next.path}",
            )
        elif not found.setuid and not found.grants(bit):
            fact, evidence = (
                f"{found.path} has neither the setuid bit nor capabilities",
                f"file: {found.resolved}",
            )
        elif found.nosuid is not None:
            fact, evidence = (
                f"{found.path} is on a mount with the option nosuid",
                f"mounted nosuid: {found.nosuid}",
            )
        else:
            rights.append(
                f"{found.path}: "
                f"{'setuid root' if found.setuid else f'capabilities {found.capability}'}"
            )
            continue
        if found is not None and found.nosuid is not None:
            remedies = sight.remedies("nosuid", point=str(found.nosuid))
            return Examined(
                role=Role.CAUSE, fact=fact, evidence=(evidence,), remedies=remedies
            )
        return cause(fact, evidence, file=program)
    return ok("newuidmap and newgidmap can map ids", *rights)


def _user_namespaces(sight: Sight) -> Examined:
    user = sight.machine.user.name
    if sight.daemon is not None:
        return ok("the running daemon has a user namespace")
    problem = machine.namespaces_problem(sight.machine)
    if problem is None:
        return ok(f"{user} can create user namespaces")
    if machine.apparmor_restricts(sight.machine, None):
        return note(
            f"unshare cannot create a namespace, perhaps because of AppArmor: {problem}"
        )
    remedies = (*sight.remedies("user-namespaces"), *sight.remedies("outer-container"))
    return Examined(
        role=Role.CAUSE,
        fact=f"{user} cannot create user namespaces: {problem}",
        remedies=remedies,
    )


def _apparmor(sight: Sight) -> Examined:
    taken = sight.next.taken
    program = None if taken is None else (taken.source or taken.resolved)
    if not machine.apparmor_restricts(sight.machine, program):
        return ok("AppArmor lets rootlesskit create user namespaces")
    if sight.daemon is not None:
        return ok("AppArmor restricts user namespaces, but the running daemon has one")
    return cause(
        "AppArmor blocks user namespaces for programs without a profile, such as "
        "this rootlesskit",
        "kernel.apparmor_restrict_unprivileged_userns = 1",
        f"no file in {sight.machine.etc / 'apparmor.d'} contains a profile for "
        f"{program}",
    )


def _service(sight: Sight) -> Examined:
    service = sight.service
    if service.missing:
        return note(
            f"unlet did not examine the user's docker.service: {service.missing}"
        )
    units = (f"unit: {file}" for file in service.files)
    path = f"PATH: {service.environment.get('PATH', '')}"
    return ok(
        f"docker.service is {service.state}",
        f"ExecStart: {service.program}",
        path,
        *units,
    )


CHECKS: Mapping[str, Callable[[Sight], Examined]] = {
    "rootlesskit": _rootlesskit,
    "docker-proxy": _proxy,
    "network-program": _network_program,
    "no-new-privileges": _no_new_privileges,
    "security-wrapper": _security_wrapper,
    "session": lambda sight: _usable(
        sight.machine.runtime, machine.runtime_problem(sight.machine)
    ),
    "subordinate-ids": _subordinate_ids,
    "newuidmap": _newuidmap,
    "user-namespaces": _user_namespaces,
    "apparmor": _apparmor,
    "tun": lambda sight: _usable(
        sight.machine.dev / machine.TUN, machine.tun_problem(sight.machine)
    ),
    "service": _service,
}
"""The conditions by name, the most important first; the last is never a cause."""
