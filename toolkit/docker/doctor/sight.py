"""All that is looked at for one diagnosis, before anything is concluded from it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from toolkit.docker.doctor import views
from toolkit.docker.doctor.host import kernel, processes, programs
from toolkit.docker.doctor.host.service import service

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.docker.doctor.host.machine import Machine
    from toolkit.docker.doctor.host.processes import Daemon, Process
    from toolkit.docker.doctor.host.programs import Program, Trial
    from toolkit.docker.doctor.host.service import Service
    from toolkit.docker.doctor.views import Launcher, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen.

    `views` are those that there are, the one that counts for the daemon's next start first. `trials` has what became
    of running each program that could be taken there and has the capability. `dockerd` is found at the next start as
    well, `version` None where it does not tell. Everybody may listen on ports from `first_port` on; `port` is the one
    that is asked about.
    """

    machine: Machine
    service: Service
    launcher: Launcher
    daemon: Daemon | None
    own: Process | None
    views: tuple[View, ...]
    trials: dict[Path, Trial]
    dockerd: Path | None
    version: Version | None
    first_port: int
    port: int

    @property
    def next(self) -> View:
        """What the next start of the daemon finds."""
        return self.views[0]

    @property
    def everybody(self) -> bool:
        """Tell whether the port needs no capability."""
        return self.first_port <= self.port

    @property
    def bearers(self) -> tuple[Program, ...]:
        """The rootlesskits that have the capability, in the order in which they are found at the next start."""
        return tuple(program for program in self.next.candidates if self.bears(program))

    @property
    def shadowed(self) -> Program | None:
        """The first rootlesskit with the capability, where one without it is taken instead."""
        taken = self.next.taken
        return self.bearers[0] if self.bearers and taken is not None and not self.bears(taken) else None

    @property
    def subject(self) -> Program | None:
        """The rootlesskit whose rights are of interest: the one that has the capability, else the one that is taken."""
        return self.bearers[0] if self.bearers else self.next.taken

    def bears(self, program: Program) -> bool:
        """Tell whether a rootlesskit is for privileged ports: by its capability, or as a security wrapper without."""
        return program.grants(programs.NET_BIND_SERVICE) or program.path.parent == self.machine.wrappers

    @property
    def no_new_privileges(self) -> str | None:
        """Who forbids that a program gets capabilities or another user's rights, None for nobody."""
        if self.service.no_new_privileges and self.next.seen_by == "service":
            return "the service has NoNewPrivileges=yes"
        if self.daemon is not None and self.daemon.child.no_new_privileges:
            return f"process {self.daemon.child.pid}, the daemon, has NoNewPrivs: 1"
        return None


def sight(machine: Machine, *, docker: Path | None, port: int) -> Sight:
    """Look at the machine; raise ToolkitError where it has no rootless docker."""
    unit = service()
    launched = views.launcher(machine, unit, docker)
    running = processes.daemon(machine, unit.environment)
    seen = [views.of_shell(launched, machine)]
    if running is not None and (by_daemon := views.of_daemon(running)) is not None:
        # The running daemon may be of another docker than the one that is asked about.
        seen.insert(0 if docker is None else 1, by_daemon)
    if not unit.missing:
        seen.insert(0, views.of_service(launched, machine, unit))
    dockerd = next(programs.locate(seen[0].environment.get("DOCKERD") or "dockerd", seen[0].path), None)
    return Sight(
        machine=machine,
        service=unit,
        launcher=launched,
        daemon=running,
        own=processes.process(os.getpid()),
        views=tuple(seen),
        trials={
            program.path: programs.try_version(program.path)
            for program in seen[0].candidates
            if program.grants(programs.NET_BIND_SERVICE)
        },
        dockerd=dockerd,
        version=_version(dockerd) if dockerd is not None else None,
        first_port=kernel.first_unprivileged_port(machine),
        port=port,
    )


def _version(dockerd: Path) -> Version | None:
    said = f"{programs.try_version(dockerd).said} {dockerd.resolve()}"
    found = re.search(r"(?:version |-(?:moby|docker)-)(\d+\.\d+\.\d+)", said)
    return Version(found[1]) if found else None
