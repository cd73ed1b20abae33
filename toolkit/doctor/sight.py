"""All observations of one diagnosis, and the form of a conclusion from them.

The central question is which rootlesskit dockerd-rootless runs, given its wrappers and
its caller's PATH.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, field
from packaging.version import Version

from toolkit import files
from toolkit.doctor import machine as here
from toolkit.doctor import programs
from toolkit.doctor.machine import Daemon, Machine, Process, Service
from toolkit.doctor.programs import Program, Trial
from toolkit.doctor.symptoms import Remedy, causes
from toolkit.errors import ToolkitError
from toolkit.nix import wrappers
from toolkit.nix.wrappers import Wrapper

# The programs that dockerd-rootless.sh looks for, in this order, each on all of PATH.
_KITS = ("docker-rootlesskit", "rootlesskit")

# nixpkgs has the one, docker's own packages the other; Debian's is in a directory that
# no PATH contains.
_LAUNCHERS = ("dockerd-rootless", "dockerd-rootless.sh")
_PLACES = ("/usr/share/docker.io/contrib", "/run/current-system/sw/bin")
_NESTED = 8


class View(Struct, frozen=True, kw_only=True):
    """The programs that dockerd-rootless finds if `seen_by` starts it.

    `seen_by` is the `service`, the running `daemon`, or the `shell`. `candidates` are
    in the script's search order, without duplicates; `environment` is that of the
    script.
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
        """The program that dockerd-rootless uses as rootlesskit."""
        return self.candidates[0] if self.candidates else None

    def place(self, program: Program) -> str:
        """Return a program's position on PATH."""
        entries = self.path.split(":")
        directory = str(program.path.parent)
        return (
            f"entry {entries.index(directory) + 1} of {len(entries)}"
            if directory in entries
            else "on PATH"
        )

    def find(self, name: str) -> Program | None:
        """Return a program by name, as the script and its programs find it."""
        found = next(programs.locate(name, self.path), None)
        with suppress(ToolkitError):
            return programs.look(found) if found is not None else None
        return None


class Sight(Struct, frozen=True, kw_only=True):
    """All observations.

    The first of `views` is that of the daemon's next start. `trials` has the result of
    running each of its candidates that has the capability. `dockerd` belongs to the
    next start too; `version` is None if it prints none. Every program may listen on
    ports from `first_port` up; `port` is the user's port.
    """

    machine: Machine
    service: Service
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
        """The view of the daemon's next start."""
        return self.views[0]

    @property
    def everybody(self) -> bool:
        """Whether the port needs no capability."""
        return self.first_port <= self.port

    @property
    def bearers(self) -> tuple[Program, ...]:
        """The rootlesskits with the capability, in the order of the next start."""
        return tuple(program for program in self.next.candidates if self.bears(program))

    @property
    def shadowed(self) -> Program | None:
        """The first rootlesskit with the capability, if docker uses one without it."""
        taken = self.next.taken
        return (
            self.bearers[0]
            if self.bearers and taken is not None and not self.bears(taken)
            else None
        )

    @property
    def subject(self) -> Program | None:
        """The rootlesskit whose rights matter.

        It is the first one with the capability, else the one in use.
        """
        return self.bearers[0] if self.bearers else self.next.taken

    @property
    def fails(self) -> bool:
        """Return whether the first rootlesskit on PATH was started and failed."""
        trial = self.trials.get(self.subject.path) if self.subject is not None else None
        return (
            self.subject is self.next.taken and trial is not None and trial.status != 0
        )

    def bears(self, program: Program) -> bool:
        """Return whether a rootlesskit is meant for privileged ports.

        It has the capability, or is a security wrapper.
        """
        return (
            program.grants(programs.NET_BIND_SERVICE)
            or program.path.parent == self.machine.wrappers
        )

    def remedies(self, cause: str, **facts: str) -> tuple[Remedy, ...]:
        """Return the remedies for a cause on this machine.

        `facts` fill their placeholders; see symptoms.toml.
        """
        # What has to be done behind a command is a remark that a shell ignores.
        manual = {"restart": "# then restart the daemon"}
        restart = manual if self.service.missing else {}
        words = {
            "user": self.machine.user.name,
            "port": str(self.port),
            **restart,
            **facts,
        }
        return causes()[cause].remedies(nixos=self.machine.is_nixos, **words)

    @property
    def no_new_privileges(self) -> str | None:
        """The process that keeps programs from gaining rights, or None.

        Programs then gain neither capabilities nor another user's rights.
        """
        if self.service.no_new_privileges and self.next.seen_by == "service":
            return "the service has NoNewPrivileges=yes"
        if self.daemon is not None and self.daemon.child.no_new_privileges:
            return f"process {self.daemon.child.pid}, the daemon, has NoNewPrivs: 1"
        return None


class Role(StrEnum):
    """The role of a condition.

    CAUSE must be fixed, EFFECT disappears with the causes, and UNKNOWN was not
    examined.
    """

    CAUSE = "cause"
    EFFECT = "effect"
    UNKNOWN = "unknown"
    NOTE = "note"
    OK = "ok"


class Examined(Struct, frozen=True, kw_only=True):
    """The result of one check of the machine: a fact in one line, and its evidence.

    `name` comes from the diagnosis. A cause, or a possible one, gets the remedies that
    symptoms.toml lists for its name, filled with `words`, unless it has its own
    `remedies`, the best first.
    """

    role: Role
    fact: str
    evidence: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] | None = None
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    name: str = ""


def ok(fact: str, *evidence: str) -> Examined:
    """Return a result without a problem."""
    return Examined(role=Role.OK, fact=fact, evidence=evidence)


def note(fact: str, *evidence: str, remedies: tuple[Remedy, ...] = ()) -> Examined:
    """Return a result that is worth knowing but requires no action."""
    return Examined(role=Role.NOTE, fact=fact, evidence=evidence, remedies=remedies)


def cause(fact: str, *evidence: str, **words: str) -> Examined:
    """Return a result that must be fixed."""
    return Examined(role=Role.CAUSE, fact=fact, evidence=evidence, words=words)


def sight(machine: Machine, *, docker: Path | None, port: int) -> Sight:
    """Examine the machine; raise ToolkitError if it has no rootless docker."""
    unit = here.service()
    launched = launcher(machine, unit, docker)
    running = here.daemon(machine, unit.environment)
    seen = [_view("shell", launched.environment(machine.environment))]
    if running is not None and running.child.environment is not None:
        # The running daemon may belong to a docker other than the one that was named.
        seen.insert(
            0 if docker is None else 1, _view("daemon", running.child.environment)
        )
    if not unit.missing:
        login = {"HOME": str(Path.home()), "XDG_RUNTIME_DIR": str(machine.runtime)}
        seen.insert(
            0, _view("service", launched.environment({**login, **unit.environment}))
        )
    dockerd = next(
        programs.locate(seen[0].environment.get("DOCKERD") or "dockerd", seen[0].path),
        None,
    )
    return Sight(
        machine=machine,
        service=unit,
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
        first_port=here.number_in(machine.proc / here.PORT_START, default=1024),
        port=port,
    )


def launcher(machine: Machine, service: Service, wanted: Path | None) -> Wrapper:
    """Return the dockerd-rootless to examine.

    It is the user's choice, the service's, or the shell's. `wanted` is a docker package
    or the program itself. Raise ToolkitError if none exists or it cannot be read.
    """
    if wanted is not None:
        candidates = [
            wanted,
            *(
                wanted / directory / name
                for directory in ("bin", ".")
                for name in _LAUNCHERS
            ),
        ]
        found = next((path for path in candidates if path.is_file()), None)
        if found is None:
            fact = (
                "contains no bin/dockerd-rootless"
                if wanted.exists()
                else "no such file or directory"
            )
            raise ToolkitError(
                f"{wanted}: {fact}",
                hint="docker-client contains none; 'nix build nixpkgs#docker' has one",
            )
        return _open(found)
    if service.program is not None:
        return _open(service.program)
    path = os.pathsep.join((machine.environment.get("PATH", ""), *_PLACES))
    for name in _LAUNCHERS:
        if (found := next(programs.locate(name, path), None)) is not None:
            return _open(found)
    raise ToolkitError(
        "doctor: no rootless docker found: the user has no docker.service, and PATH "
        "has no dockerd-rootless",
        hint=(
            "choose one with --docker, or install it. NixOS: "
            "virtualisation.docker.rootless.enable = true; and rebuild. Debian: "
            "apt install docker.io rootlesskit slirp4netns uidmap "
            "dbus-user-session, then as the user "
            "/usr/share/docker.io/contrib/dockerd-rootless-setuptool.sh install"
        ),
    )


def _open(path: Path) -> Wrapper:
    """Return all wrappers of a script as one, the outermost first.

    For the script itself, return one that changes nothing.
    """
    read = Wrapper(program=str(path))
    for _ in range(_NESTED):
        content = files.read(Path(read.program).resolve(), most=programs.WRAPPER_BYTES)
        if (wrapper := wrappers.read(content, name=read.program)) is None:
            return read
        read = Wrapper(program=wrapper.program, steps=read.steps + wrapper.steps)
    raise ToolkitError(f"{path}: wraps more than {_NESTED} wrappers inside one another")


def _view(seen_by: str, environment: Mapping[str, str]) -> View:
    found: dict[Path, Program] = {}
    for name in _KITS:
        for path in programs.locate(name, environment.get("PATH", "")):
            with suppress(ToolkitError):
                program = programs.look(path)
                found.setdefault(program.resolved, program)
    return View(
        seen_by=seen_by, environment=environment, candidates=tuple(found.values())
    )


def _version(dockerd: Path) -> Version | None:
    output = f"{programs.try_version(dockerd).output} {dockerd.resolve()}"
    found = re.search(r"(?:version |-(?:moby|docker)-)(\d+\.\d+\.\d+)", output)
    return Version(found[1]) if found else None
