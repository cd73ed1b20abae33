"""Everything that is looked at for one diagnosis, and the form of an observation that is concluded from it.

The center is which rootlesskit dockerd-rootless takes: through its wrappers, on the PATH of whoever starts it.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, field
from packaging.version import Version

from toolkit.doctor import machine as here
from toolkit.doctor import programs
from toolkit.doctor.machine import Daemon, Machine, Process, Service
from toolkit.doctor.programs import Program, Trial
from toolkit.doctor.symptoms import causes
from toolkit.errors import ToolkitError
from toolkit.nix import wrappers
from toolkit.nix.wrappers import PathOrder, Wrapper

# The programs that dockerd-rootless.sh looks for, in this order, each on all of PATH.
_KITS = ("docker-rootlesskit", "rootlesskit")

# nixpkgs has the one, docker's own packages the other; Debian's is in a directory that no PATH contains.
_LAUNCHERS = ("dockerd-rootless", "dockerd-rootless.sh")
_PLACES = ("/usr/share/docker.io/contrib", "/run/current-system/sw/bin")
_NESTED = 8


class Launcher(Struct, frozen=True, kw_only=True):
    """A dockerd-rootless: the wrappers around it, outermost first, and the script inside."""

    path: Path
    wrappers: tuple[Wrapper, ...]
    script: Path

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the script if the outermost wrapper is started in that of `caller`."""
        environment = dict(caller)
        for wrapper in self.wrappers:
            environment = wrapper.environment(environment)
        return environment

    @property
    def order(self) -> PathOrder:
        """What all wrappers together put before and after the caller's PATH."""
        steps = tuple(step for wrapper in self.wrappers for step in wrapper.steps)
        return wrappers.Wrapper(form="script", program=str(self.script), steps=steps).order


class View(Struct, frozen=True, kw_only=True):
    """What dockerd-rootless finds if it is started by `seen_by`: the `service`, the running `daemon`, or the `shell`.

    `candidates` are in the order in which it would take them, without duplicates; `environment` is the script's.
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
        """Return a program as the script, and the programs it starts, find it."""
        found = next(programs.locate(name, self.path), None)
        with suppress(ToolkitError):
            return programs.look(found) if found is not None else None
        return None


class Sight(Struct, frozen=True, kw_only=True):
    """What was seen.

    The first of `views` is the one that counts for the daemon's next start. `trials` has the outcome of running each
    program that could be taken there and has the capability. `dockerd` is the one of the next start as well, `version`
    is None if it is not printed. Every program may listen on ports from `first_port` up; `port` is the one that was
    named.
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
        """Whether the port needs no capability."""
        return self.first_port <= self.port

    @property
    def bearers(self) -> tuple[Program, ...]:
        """The rootlesskits that have the capability, in the order in which the next start finds them."""
        return tuple(program for program in self.next.candidates if self.bears(program))

    @property
    def shadowed(self) -> Program | None:
        """The first rootlesskit with the capability, if one without it is taken instead."""
        taken = self.next.taken
        return self.bearers[0] if self.bearers and taken is not None and not self.bears(taken) else None

    @property
    def subject(self) -> Program | None:
        """The rootlesskit whose rights matter: the one that has the capability, else the one that is taken."""
        return self.bearers[0] if self.bearers else self.next.taken

    @property
    def fails(self) -> bool:
        """Whether the first rootlesskit on PATH was started and failed."""
        trial = self.trials.get(self.subject.path) if self.subject is not None else None
        return self.subject is self.next.taken and trial is not None and trial.status != 0

    def bears(self, program: Program) -> bool:
        """Return whether a rootlesskit is for privileged ports: it has the capability, or is a security wrapper."""
        return program.grants(programs.NET_BIND_SERVICE) or program.path.parent == self.machine.wrappers

    def remedies(self, cause: str, **facts: str) -> tuple[str, ...]:
        """Return what to do about a cause on this machine; `facts` are words for the remedies, see symptoms.toml."""
        restart = {"restart": "restart the daemon"} if self.service.missing else {}
        words = {"user": self.machine.user.name, "port": str(self.port), **restart, **facts}
        return causes()[cause].remedies(nixos=self.machine.is_nixos, **words)

    @property
    def no_new_privileges(self) -> str | None:
        """Who forbids that a program gets capabilities or another user's rights, None for nobody."""
        if self.service.no_new_privileges and self.next.seen_by == "service":
            return "the service has NoNewPrivileges=yes"
        if self.daemon is not None and self.daemon.child.no_new_privileges:
            return f"process {self.daemon.child.pid}, the daemon, has NoNewPrivs: 1"
        return None

    def position(self, view: View, program: Program) -> str:
        """Return where on PATH a program is, and whether the wrapper put it there."""
        entries = view.path.split(":")
        directory = str(program.path.parent)
        place = f"entry {entries.index(directory) + 1} of {len(entries)}" if directory in entries else "on PATH"
        try:
            order = self.launcher.order
        except ToolkitError:
            return place
        # The running daemon may have been started by another wrapper.
        known = tuple(entries[: len(order.prefix)]) == order.prefix
        if known and directory in order.prefix:
            return f"{place}, prefixed by the wrapper"
        if known and directory in order.suffix:
            return f"{place}, appended by the wrapper"
        return place


class Role(StrEnum):
    """What a condition means: CAUSE has to be fixed, EFFECT goes away with the causes, UNKNOWN was not examined."""

    CAUSE = "cause"
    EFFECT = "effect"
    UNKNOWN = "unknown"
    NOTE = "note"
    OK = "ok"


class Observation(Struct, frozen=True, kw_only=True):
    """What one look at the machine gives, before it is named.

    `words` fill the remedies that symptoms.toml has for the condition: a cause, or what may be one, gets those unless
    it has `remedies` of its own.
    """

    role: Role
    fact: str
    evidence: tuple[str, ...] = ()
    remedies: tuple[str, ...] | None = None
    words: Mapping[str, str] = field(default_factory=dict[str, str])


def ok(fact: str, *evidence: str) -> Observation:
    """Return the answer that all is well."""
    return Observation(role=Role.OK, fact=fact, evidence=evidence)


def note(fact: str, *evidence: str, remedies: tuple[str, ...] = ()) -> Observation:
    """Return an answer that is worth knowing and needs nothing to be done."""
    return Observation(role=Role.NOTE, fact=fact, evidence=evidence, remedies=remedies)


def cause(fact: str, *evidence: str, **words: str) -> Observation:
    """Return the answer that something has to be fixed."""
    return Observation(role=Role.CAUSE, fact=fact, evidence=evidence, words=words)


def sight(machine: Machine, *, docker: Path | None, port: int) -> Sight:
    """Look at the machine; raise ToolkitError if it has no rootless docker."""
    unit = here.service()
    launched = launcher(machine, unit, docker)
    running = here.daemon(machine, unit.environment)
    seen = [_view("shell", launched.environment(machine.environment))]
    if running is not None and running.child.environment is not None:
        # The running daemon may belong to a docker other than the one that was named.
        seen.insert(0 if docker is None else 1, _view("daemon", running.child.environment))
    if not unit.missing:
        login = {"HOME": str(Path.home()), "XDG_RUNTIME_DIR": str(machine.runtime)}
        seen.insert(0, _view("service", launched.environment({**login, **unit.environment})))
    dockerd = next(programs.locate(seen[0].environment.get("DOCKERD") or "dockerd", seen[0].path), None)
    return Sight(
        machine=machine,
        service=unit,
        launcher=launched,
        daemon=running,
        own=here.process_of(os.getpid()),
        views=tuple(seen),
        trials={
            program.path: programs.try_version(program.path)
            for program in seen[0].candidates
            if program.grants(programs.NET_BIND_SERVICE)
        },
        dockerd=dockerd,
        version=_version(dockerd) if dockerd is not None else None,
        first_port=here.first_unprivileged_port(machine),
        port=port,
    )


def launcher(machine: Machine, service: Service, wanted: Path | None) -> Launcher:
    """Return the dockerd-rootless in question: the wanted one, that of the service, or that of the shell.

    `wanted` is a docker package or the program itself. Raise ToolkitError if there is none, or it cannot be read.
    """
    if wanted is not None:
        candidates = [wanted, *(wanted / directory / name for directory in ("bin", ".") for name in _LAUNCHERS)]
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            fact = "contains no bin/dockerd-rootless" if wanted.exists() else "no such file or directory"
            raise ToolkitError(f"{wanted}: {fact}", hint="docker-client has none; 'nix build nixpkgs#docker' has one")
        return _open(found)
    if service.program is not None:
        return _open(service.program)
    path = os.pathsep.join((machine.environment.get("PATH", ""), *_PLACES))
    for name in _LAUNCHERS:
        if (found := next(programs.locate(name, path), None)) is not None:
            return _open(found)
    raise ToolkitError(
        "doctor: no rootless docker found: the user has no docker.service, and PATH has no dockerd-rootless",
        hint="name one with --docker, or install it. NixOS: virtualisation.docker.rootless.enable = true; and rebuild. "
        "Debian: apt install docker.io rootlesskit slirp4netns uidmap dbus-user-session, then as the user "
        "/usr/share/docker.io/contrib/dockerd-rootless-setuptool.sh install",
    )


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
    raise ToolkitError(f"{path}: more than {_NESTED} nested wrappers")


def _view(seen_by: str, environment: Mapping[str, str]) -> View:
    found: dict[Path, Program] = {}
    for name in _KITS:
        for path in programs.locate(name, environment.get("PATH", "")):
            with suppress(ToolkitError):
                program = programs.look(path)
                found.setdefault(program.resolved, program)
    return View(seen_by=seen_by, environment=environment, candidates=tuple(found.values()))


def _version(dockerd: Path) -> Version | None:
    output = f"{programs.try_version(dockerd).output} {dockerd.resolve()}"
    found = re.search(r"(?:version |-(?:moby|docker)-)(\d+\.\d+\.\d+)", output)
    return Version(found[1]) if found else None
