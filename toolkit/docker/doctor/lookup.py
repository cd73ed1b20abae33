"""Findings about PATH: who looks where, what is found first, and what that hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.doctor import remedies
from toolkit.docker.doctor.diagnosis import Finding, State
from toolkit.docker.doctor.host import programs
from toolkit.docker.rootless.hosts import PROXY, WITHOUT_PROXY
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.docker.doctor.host.programs import Program
    from toolkit.docker.doctor.sight import Sight
    from toolkit.docker.doctor.views import View


def findings(sight: Sight) -> Iterator[Finding]:
    """Yield them in the order in which the daemon's start meets them."""
    yield _wrapper(sight)
    yield _service(sight)
    yield _rootlesskit(sight)
    yield _shadowed(sight)
    yield _proxy(sight)


def _wrapper(sight: Sight) -> Finding:
    launcher = sight.launcher
    evidence = [f"runs {launcher.script}"]
    evidence += [
        f"wrapper as {'an ELF file' if wrapper.form == 'elf' else 'a script'} around {wrapper.program}"
        for wrapper in launcher.wrappers
    ]
    try:
        order = launcher.order
    except ToolkitError as error:
        return Finding(name="wrapper", state=State.UNKNOWN, fact=error.message, evidence=tuple(evidence))
    for what, entries in (("in front of PATH", order.prefix), ("behind PATH", order.suffix)):
        evidence += [f"{what}: {entry}" for entry in entries]
    fact = f"{launcher.path} adds {len(order.prefix)} entries in front of PATH and {len(order.suffix)} behind it"
    if not launcher.wrappers:
        fact = f"{launcher.path} leaves PATH as it is"
    return Finding(name="wrapper", state=State.OK, fact=fact, evidence=tuple(evidence))


def _service(sight: Sight) -> Finding:
    service = sight.service
    if service.missing:
        return Finding(name="service", state=State.NOTE, fact=f"no service was looked at: {service.missing}")
    evidence = [f"ExecStart: {service.program}", f"PATH: {service.environment.get('PATH', '')}"]
    evidence += [f"unit: {file}" for file in service.files]
    if service.stale:
        return Finding(
            name="service",
            state=State.NOTE,
            fact="the unit's files have changed, and systemd has not read them again",
            evidence=tuple(evidence),
            remedy="systemctl --user daemon-reload && systemctl --user restart docker",
        )
    return Finding(name="service", state=State.OK, fact=f"docker.service is {service.state}", evidence=tuple(evidence))


def _rootlesskit(sight: Sight) -> Finding:
    evidence = tuple(line for view in sight.views for line in _told(sight, view))
    taken = sight.next.taken
    if taken is None:
        return Finding(
            name="rootlesskit",
            state=State.CAUSE,
            fact=f"no docker-rootlesskit and no rootlesskit is on PATH of the {sight.next.seen_by}",
            evidence=evidence,
            remedy=remedies.missing(sight),
        )
    fact = f"the {sight.next.seen_by} takes {taken.path}"
    return Finding(name="rootlesskit", state=State.OK, fact=fact, evidence=evidence)


def _told(sight: Sight, view: View) -> Iterator[str]:
    if view.taken is None:
        yield f"{view.seen_by}: none, PATH is {view.path or 'empty'}"
    for number, program in enumerate(view.candidates):
        what = "takes" if number == 0 else "hides"
        yield f"{view.seen_by}: {what} {program.path}, {_where(sight, view, program)}"


def _where(sight: Sight, view: View, program: Program) -> str:
    entries = view.path.split(":")
    directory = str(program.path.parent)
    place = f"entry {entries.index(directory) + 1} of {len(entries)}" if directory in entries else "on PATH"
    try:
        order = sight.launcher.order
    except ToolkitError:
        return place
    # The running daemon may have been started by another wrapper.
    known = tuple(entries[: len(order.prefix)]) == order.prefix
    if known and directory in order.prefix:
        return f"{place}, put in front by the wrapper"
    if known and directory in order.suffix:
        return f"{place}, put behind by the wrapper"
    return place


def _shadowed(sight: Sight) -> Finding:
    hidden, taken = sight.shadowed, sight.next.taken
    if hidden is None or taken is None:
        fact = "nothing with the capability is hidden" if sight.next.candidates else "there is nothing to hide"
        return Finding(name="shadowed", state=State.OK, fact=fact)
    return Finding(
        name="shadowed",
        state=State.NOTE if sight.everybody else State.CAUSE,
        fact=f"{taken.path} hides {hidden.path}, which is for privileged ports",
        evidence=tuple(
            f"{program.path}: {_where(sight, sight.next, program)}, {_capability(program)}"
            for program in (taken, hidden)
        ),
        remedy=remedies.shadowed(sight, hidden),
    )


def _capability(program: Program) -> str:
    return f"capabilities {program.capability}" if program.capability is not None else "without capabilities"


def _proxy(sight: Sight) -> Finding:
    name = "docker-proxy"
    if sight.dockerd is None or sight.version is None:
        fact = "no dockerd is on PATH" if sight.dockerd is None else f"{sight.dockerd} does not tell its version"
        return Finding(name=name, state=State.NOTE, fact=f"{fact}, so whether it needs {PROXY} is unknown")
    evidence = (f"{sight.dockerd}: version {sight.version}",)
    if sight.version >= WITHOUT_PROXY:
        return Finding(
            name=name, state=State.OK, fact=f"dockerd {sight.version} does without {PROXY}", evidence=evidence
        )
    found = next(programs.locate(PROXY, sight.next.path), None)
    if found is not None:
        fact = f"dockerd {sight.version} needs {PROXY}, and finds it"
        return Finding(name=name, state=State.OK, fact=fact, evidence=(*evidence, str(found)))
    return Finding(
        name=name,
        state=State.CAUSE,
        fact=f"dockerd {sight.version} needs {PROXY}, which is not on its PATH: it will not start",
        evidence=(*evidence, f"PATH: {sight.next.path}"),
        remedy="keep rootlesskit's package on PATH, behind the rest: by --suffix PATH in the wrapper",
    )
