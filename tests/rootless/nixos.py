"""A host as NixOS makes one, for as long as a test takes: namespaces of its own, so that nothing outside is changed.

It has an own /run with /run/wrappers/bin, an own /etc with an ordinary user, an own
network and own processes, which all end with it. The programs are those of this
machine; "packages" are directories of links to them.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from msgspec import Struct

from tests.rootless.engine import Engine
from toolkit import specimen

AS_USER = Path(__file__).with_name("as_user.py")
SECURITY_WRAPPER = Path(__file__).with_name("security-wrapper.c")
LAUNCHER = Path(__file__).with_name("launcher.c")
SET_UP = Path(__file__).with_name("set-up.sh")
ROOT = Path(__file__).parents[2]
MAKE_WRAPPER = specimen.path() / "pkgs/build-support/setup-hooks/make-wrapper.sh"

WRAPPERS = "/run/wrappers/bin"
WRAPPER_FILES = "/run/wrappers/wrappers.test"
KIT = "/run/store/0123456789abcdfghijklmnpqrsvwxyz-rootlesskit-2.0.2"
DOCKER = "/run/store/0123456789abcdfghijklmnpqrsvwxyz-docker-26.1.5"
SLIRP = "/run/store/0123456789abcdfghijklmnpqrsvwxyz-slirp4netns-1.2.1"
MOBY = "/run/store/moby/bin"
SECONDS = 60.0

# The driver of cgroups is for a daemon in a systemd session, and iptables for its
# containers' way out: neither has a part in publishing a port, and not every kernel has
# the latter.
OPTIONS = (
    *("--storage-driver", "vfs"),
    *("--exec-opt", "native.cgroupdriver=cgroupfs"),
    "--iptables=false",
    "--ip6tables=false",
    *("--shutdown-timeout", "2"),
)

# What a service of NixOS has on PATH behind the security wrappers, and the two programs
# that rootlesskit sets a network up with: not every release of the file has them in its
# wrapper. No rootlesskit is among them.
UNIT = (
    *(
        "cat",
        "chmod",
        "chown",
        "cp",
        "env",
        "find",
        "grep",
        "id",
        "ln",
        "ls",
        "mkdir",
        "mount",
        "mv",
    ),
    *("ip", "nsenter"),
    *(
        "readlink",
        "realpath",
        "rm",
        "rmdir",
        "sed",
        "sh",
        "stat",
        "systemctl",
        "test",
        "touch",
        "umount",
        "uname",
    ),
)

# Beside PATH: what root has on it, and where docker's own packages put what only
# dockerd runs.
_PLACES = (
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/libexec/docker",
    "/usr/share/docker.io/contrib",
)

_SYSTEMD = "/usr/lib/systemd/systemd --user --unit=basic.target"

_UNIT = """\
[Service]
Environment="PATH={path}"
{settings}
ExecStart={program} {options}
"""


@cache
def program(name: str) -> Path:
    """Return a program of this machine."""
    found = shutil.which(name, path=os.pathsep.join((os.environ["PATH"], *_PLACES)))
    assert found is not None, f"{name} is not installed"
    return Path(found)


def _compile(source: Path, target: Path, **texts: str) -> None:
    """Compile a program with texts of which it knows the names."""
    given = [f'-D{name}="{text}"' for name, text in texts.items()]
    subprocess.run(["gcc", "-O2", "-Wall", *given, source, "-o", target], check=True)


class Host(Struct, frozen=True, kw_only=True):
    """The host; `pid` is a process in its namespaces, `group` its control group."""

    pid: int
    group: str
    uid: int

    @property
    def root(self) -> Path:
        """Its root directory, seen from outside."""
        return Path(f"/proc/{self.pid}/root")

    @property
    def runtime(self) -> str:
        return f"/run/user/{self.uid}"

    @property
    def engine(self) -> Engine:
        return Engine(self / self.runtime / "docker.sock")

    def __truediv__(self, path: str | Path) -> Path:
        return self.root / str(path).lstrip("/")

    def start(
        self, *argv: str, user: bool = False, env: Mapping[str, str] | None = None
    ) -> list[str]:
        """Return the command that runs `argv` on the host, by root or by the ordinary user."""
        identity = self._identity if user else ()
        variables = {
            "PATH": f"{WRAPPERS}:/run/unit",
            "HOME": "/run/home",
            "XDG_RUNTIME_DIR": self.runtime,
            **(env or {}),
        }
        environment = [f"{name}={value}" for name, value in variables.items()]
        return [
            "nsenter",
            "--target",
            str(self.pid),
            "--all",
            *identity,
            "env",
            "-i",
            *environment,
            *argv,
        ]

    @property
    def _identity(self) -> tuple[str, ...]:
        return (
            "/usr/bin/setpriv",
            f"--reuid={self.uid}",
            f"--regid={self.uid}",
            "--init-groups",
        )

    def root_runs(self, *argv: str) -> str:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
        done = subprocess.run(
            self.start(*argv, env={"PATH": path}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def unlet(
        self,
        *arguments: str,
        prefix: tuple[str, ...] = (),
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `unlet` as the ordinary user."""
        identity = (str(self.uid), str(self.uid))
        python = (sys.executable, str(AS_USER), *identity, *arguments)
        variables = {
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(env or {}),
        }
        return subprocess.run(
            self.start(*prefix, *python, env=variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def doctor(self, *arguments: str, **env: str) -> dict[str, Any]:
        """Return the document of `unlet doctor`, with its exit code."""
        done = self.unlet("doctor", "--json", *arguments, env=env)
        assert done.stderr == ""
        document = json.loads(done.stdout)
        jsonschema.validate(
            document, json.loads((ROOT / "docs/schema/doctor.json").read_text())
        )
        return {**document, "exit": done.returncode}

    def package(self, directory: str, *names: str) -> None:
        """Make a package of programs of this machine."""
        (self / directory / "bin").mkdir(parents=True)
        for name in names:
            (self / directory / "bin" / name).symlink_to(program(name))

    def docker(
        self, prefix: list[str], suffix: list[str], *, form: str = "script"
    ) -> None:
        """Make a docker whose dockerd-rootless has these directories on PATH."""
        script = self / DOCKER / "libexec/docker/dockerd-rootless.sh"
        script.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(program("dockerd-rootless.sh"), script)
        script.chmod(0o755)
        wrapper = self / DOCKER / "bin/dockerd-rootless"
        wrapper.parent.mkdir(exist_ok=True)
        started = f"{DOCKER}/libexec/docker/dockerd-rootless.sh"
        if form == "elf":
            assert not suffix
            _compile(LAUNCHER, wrapper, PROGRAM=started, PREFIX=":".join(prefix))
            return
        flags = f"--prefix PATH : {':'.join(prefix)}" + (
            f" --suffix PATH : {':'.join(suffix)}" if suffix else ""
        )
        command = (
            f". {MAKE_WRAPPER}; makeWrapper {started} "
            f"{DOCKER}/bin/dockerd-rootless {flags}"
        )
        self.root_runs("env", "SHELL=/bin/bash", "bash", "-c", command)

    def security_wrapper(
        self, name: str, source: str = f"{KIT}/bin/rootlesskit"
    ) -> None:
        """Make a security wrapper as NixOS does; only root may read it."""
        target = self / WRAPPER_FILES / name
        _compile(SECURITY_WRAPPER, target, SOURCE=source)
        target.chmod(0o511)
        self.root_runs(
            "setcap", "cap_net_bind_service,cap_setpcap=ep", f"{WRAPPER_FILES}/{name}"
        )

    @contextmanager
    def daemon(
        self, program: str = f"{DOCKER}/bin/dockerd-rootless", **env: str
    ) -> Generator[subprocess.Popen[bytes]]:
        """Start the daemon from a shell; its output goes to /run/log."""
        with (self / "/run/log").open("wb") as log:
            started = subprocess.Popen(
                self.start(program, *self._options(), user=True, env=env),
                stdout=log,
                stderr=log,
            )
        try:
            yield started
        finally:
            started.terminate()
            started.wait(SECONDS)

    def _options(self) -> tuple[str, ...]:
        return (
            *OPTIONS,
            "--data-root",
            "/run/data",
            "--exec-root",
            f"{self.runtime}/docker",
        )

    def wait(self, started: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until the daemon answers."""
        end = time.monotonic() + SECONDS
        while not self.engine.ready():
            assert started is None or started.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.05)

    def fails(self, **env: str) -> str:
        """Start the daemon, wait until it has ended by itself, and return its log."""
        with self.daemon(**env) as started:
            assert started.wait(SECONDS) != 0
        return self.log

    @property
    def log(self) -> str:
        with suppress(OSError):
            return (self / "/run/log").read_text("utf-8", "replace")
        return ""

    def publish(self, port: int, image: bytes) -> str | None:
        """Publish a port of a container.

        Return what the daemon has against it, None if the container answers.
        """
        self.engine.import_image(image)
        self.engine.create("published", address="127.0.0.1", port=port)
        try:
            if (objection := self.engine.start("published")) is None:
                ask = f"busybox wget -qO- http://127.0.0.1:{port}"
                assert (
                    self.root_runs(
                        "sh",
                        "-c",
                        f"for i in 1 2 3 4 5; do {ask} && exit; sleep 1; done",
                    )
                    == "here"
                )
            return objection
        finally:
            self.engine.remove("published")

    @contextmanager
    def manager(self, settings: str = "") -> Generator[None]:
        """Run the user's systemd, with a docker.service."""
        unit = self / "/run/home/.config/systemd/user/docker.service"
        unit.parent.mkdir(parents=True)
        program = f"{DOCKER}/bin/dockerd-rootless"
        path = f"{WRAPPERS}:/run/unit"
        unit.write_text(
            _UNIT.format(
                path=path,
                settings=settings,
                program=program,
                options=" ".join(self._options()),
            )
        )
        # Only root may bring a process into the control group.
        join = (
            f"echo $$ > /sys/fs/cgroup/{self.group}/cgroup.procs; exec "
            f"{shlex.join(self._identity)} {_SYSTEMD}"
        )
        argv = self.start("sh", "-c", join, env={"PATH": "/usr/local/bin:/usr/bin"})
        started = subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            end = time.monotonic() + SECONDS
            while (
                not (self / self.runtime / "bus").exists()
                and not (self / self.runtime / "systemd/private").exists()
            ):
                assert time.monotonic() < end
                time.sleep(0.02)
            yield
        finally:
            started.terminate()
            started.wait(SECONDS)

    def systemctl(self, *arguments: str) -> str:
        env = {"PATH": "/usr/bin"}
        argv = self.start("systemctl", "--user", *arguments, user=True, env=env)
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@contextmanager
def nixos(name: str) -> Generator[Host]:
    """Make a host with a docker as nixpkgs has it, an ordinary user and no security wrapper but newuidmap's."""
    spaces = (
        "--mount",
        "--net",
        "--pid",
        "--ipc",
        "--fork",
        "--mount-proc",
        "--kill-child",
        "--propagation=private",
    )
    group = f"unlet-test-{name}"
    outer = subprocess.Popen(
        ["unshare", *spaces, "bash", SET_UP, group],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert outer.stdout is not None
        assert outer.stdout.readline() == "ready\n"
        children = (
            Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        )
        pid = int(children[0])
        entry = (
            Path("/proc", str(pid), "root", "etc", "passwd")
            .read_text()
            .partition("\nordinary:x:")[2]
        )
        host = Host(pid=pid, group=group, uid=int(entry.partition(":")[0]))
        _furnish(host)
        yield host
    finally:
        # Its first process ends with its standard input, and all others end with that
        # one.
        outer.communicate()
        _remove_group(group)


def _furnish(host: Host) -> None:
    for directory, mode in ((host.runtime, 0o700), ("/run/home", 0o700)):
        (host / directory).mkdir(parents=True, mode=mode)
        os.chown(host / directory, host.uid, host.uid)
    (host / "/run/data").mkdir()
    os.chown(host / "/run/data", host.uid, host.uid)
    (host / WRAPPER_FILES).mkdir(parents=True)
    (host / WRAPPERS).symlink_to(WRAPPER_FILES)
    for name in ("newuidmap", "newgidmap"):
        shutil.copy(program(name), host / WRAPPER_FILES / name)
        (host / WRAPPER_FILES / name).chmod(0o4511)
    (host / "/run/unit").mkdir()
    for name in UNIT:
        (host / "/run/unit" / name).symlink_to(program(name))
    host.package(KIT, "rootlesskit", "rootlesskit-docker-proxy")
    host.package(SLIRP, "slirp4netns")
    names = (
        "dockerd",
        "containerd",
        "containerd-shim-runc-v2",
        "runc",
        "docker-proxy",
        "docker-init",
    )
    host.package("/run/store/moby", *names, "ip", "nsenter", "unshare")
    host.docker([MOBY, f"{KIT}/bin", f"{SLIRP}/bin"], [])


def _remove_group(name: str) -> None:
    """Take the control group away, which outlives its namespace."""
    for top in Path("/sys/fs/cgroup").glob(f"**/{name}"):
        for directory in sorted(top.rglob("*/"), reverse=True):
            directory.rmdir()
        top.rmdir()
