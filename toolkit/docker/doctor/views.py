"""Which rootlesskit dockerd-rootless takes: through its wrappers, on the PATH of whoever starts it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.docker.doctor.host import programs
from toolkit.errors import ToolkitError
from toolkit.nix import wrappers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.docker.doctor.host.machine import Machine
    from toolkit.docker.doctor.host.processes import Daemon
    from toolkit.docker.doctor.host.programs import Program
    from toolkit.docker.doctor.host.service import Service
    from toolkit.model import PathOrder
    from toolkit.nix.wrappers import Wrapper

NAMES = ("docker-rootlesskit", "rootlesskit")
"""What dockerd-rootless.sh looks for, in this order, each on all of PATH."""

# nixpkgs has the one, docker's own packages the other; Debian's lies where no PATH leads.
_LAUNCHERS = ("dockerd-rootless", "dockerd-rootless.sh")
_PLACES = ("/usr/share/docker.io/contrib", "/run/current-system/sw/bin")
_NESTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A dockerd-rootless: the wrappers around it, outermost first, and the script within."""

    path: Path
    wrappers: tuple[Wrapper, ...]
    script: Path

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the script where the outermost wrapper was started in that of `caller`."""
        environment = dict(caller)
        for wrapper in self.wrappers:
            environment = wrapper.environment(environment)
        return environment

    @property
    def order(self) -> PathOrder:
        """What all wrappers together put before and behind the caller's PATH."""
        steps = tuple(step for wrapper in self.wrappers for step in wrapper.steps)
        return wrappers.Wrapper(form="script", program=str(self.script), steps=steps).order


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What dockerd-rootless finds: `candidates` in the order in which it would take them, without doubles.

    `environment` is that of the script.
    """

    seen_by: str
    environment: Mapping[str, str]
    candidates: tuple[Program, ...]

    @property
    def path(self) -> str:
        """The PATH of the script."""
        return self.environment.get("PATH", "")

    @property
    def taken(self) -> Program | None:
        """The program that becomes the daemon's rootlesskit."""
        return self.candidates[0] if self.candidates else None

    def find(self, name: str) -> Program | None:
        """Return a program as the script, and what it starts, finds it."""
        found = next(programs.locate(name, self.path), None)
        with suppress(ToolkitError):
            return programs.look(found) if found is not None else None
        return None


def launcher(machine: Machine, service: Service, wanted: Path | None) -> Launcher:
    """Return the dockerd-rootless in question: the wanted one, that of the service, or that of the shell.

    `wanted` is a package of docker or the program itself. Raise ToolkitError where there is none, or it cannot be
    read.
    """
    if wanted is not None:
        candidates = [wanted, *(wanted / directory / name for directory in ("bin", ".") for name in _LAUNCHERS)]
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            what = "is no docker with bin/dockerd-rootless" if wanted.exists() else "no such file or directory"
            raise ToolkitError(f"{wanted}: {what}", hint="docker-client has none; 'nix build nixpkgs#docker' has one")
        return _open(found)
    if service.program is not None:
        return _open(service.program)
    path = os.pathsep.join((machine.environment.get("PATH", ""), *_PLACES))
    for name in _LAUNCHERS:
        if (found := next(programs.locate(name, path), None)) is not None:
            return _open(found)
    raise ToolkitError(
        "doctor: there is no rootless docker here: no docker.service of the user, no dockerd-rootless on PATH",
        hint="--docker names one; on NixOS: virtualisation.docker.rootless.enable = true;",
    )


def caller(machine: Machine, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with what every login has."""
    return {"HOME": str(Path.home()), "XDG_RUNTIME_DIR": str(machine.runtime), **environment}


def of_service(launched: Launcher, machine: Machine, service: Service) -> View:
    """Return what the service finds when it is started next."""
    return _view("service", launched.environment(caller(machine, service.environment)))


def of_daemon(daemon: Daemon) -> View | None:
    """Return what the running daemon finds, with today's programs; None where its environment is closed to us."""
    environment = daemon.child.environment
    return None if environment is None else _view("daemon", environment)


def of_shell(launched: Launcher, machine: Machine) -> View:
    """Return what dockerd-rootless finds when this shell starts it."""
    return _view("shell", launched.environment(machine.environment))


def _view(seen_by: str, environment: Mapping[str, str]) -> View:
    found: dict[Path, Program] = {}
    for name in NAMES:
        for path in programs.locate(name, environment.get("PATH", "")):
            with suppress(ToolkitError):
                program = programs.look(path)
                found.setdefault(program.resolved, program)
    return View(seen_by=seen_by, environment=environment, candidates=tuple(found.values()))


def _open(path: Path) -> Launcher:
    read: list[Wrapper] = []
    program = path
    while len(read) < _NESTED:
        resolved = program.resolve()
        wrapper = wrappers.read(programs.content(resolved), name=str(program))
        if wrapper is None:
            return Launcher(path=path, wrappers=tuple(read), script=resolved)
        read.append(wrapper)
        program = Path(wrapper.program)
    raise ToolkitError(f"{path}: more than {_NESTED} wrappers within one another")
