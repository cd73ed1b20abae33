"""Runs of commands under strace(1), each in its own directory, by root or another user.

`runs.toml` has the command lines; those before the last one of a run prepare for it,
without a trace.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Timer
from typing import TypedDict
from urllib.parse import urlsplit

from msgspec import Struct

from tests import cases, remotes
from tests.clones import NOTES, TARGET, copy_clone
from tests.effects import effect, table, trace
from tests.effects.effect import Effect, Names
from tests.effects.table import Outcome
from tests.forge import server
from toolkit import specimen

ROOT = Path(__file__).parents[2]
NOBODY = 65534
PLANTED = ("curl", "git-remote-hg", "git-remote-x", "hg", "ssh", "tar", "editor")
"""Programs at the beginning of PATH that nothing may start."""
# The most memory of a process counts from before it becomes another program; this one
# has little, unlike one that has read many traces.
_MEASURED = """
import os, sys
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as measured:
    print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, file=measured)
"""
_PATIENCE = 600
_SHELL = """
unlet() { "$python" -P -m toolkit "$@" || [ $? = 1 ]; }
edit() {
    sed -i 's/version = "/version = "9/; s/MINIMAL=ON/MINIMAL=OFF/' "$clone/$1"
}
"""
_IDENTITY = "[user]\n\tname = Jane Doe\n\temail = jane@example.org\n"


class Run(Struct, frozen=True, kw_only=True):
    """A command line, and the shell's script that prepares for it."""

    command: str
    """Its name in the table."""
    line: str
    before: str = ""
    inside: str = "{here}"
    """The directory that it runs in."""
    statuses: tuple[int, ...] = (0,)


class Runs(Struct, frozen=True, kw_only=True):
    """What `runs.toml` has, by name."""

    runs: dict[str, Run]


RUNS = cases.read(__file__, Runs).runs


class Stage(Struct, frozen=True, kw_only=True):
    """The directory around all that a run may see, and who runs it."""

    top: Path
    user: int
    forge: str
    """The URL of the server in place of GitHub."""
    remote: str
    """The URL of upstream's repository."""
    commits: tuple[str, str]
    """The last two of the clone."""

    @property
    def home(self) -> Path:
        return self.top / "home"

    @property
    def here(self) -> Path:
        return self.top / "here"

    @property
    def theirs(self) -> Path:
        return self.top / "theirs"

    @property
    def clone(self) -> Path:
        return self.top / "src/nixpkgs"

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": f"{self.home}/bin:{os.environ['PATH']}",
            "HOME": str(self.home),
            "TMPDIR": str(self.top / "tmp"),
            "XDG_CACHE_HOME": str(self.top / "cache"),
            "PYTHONPATH": str(ROOT),
            # All that the code compiles is compiled before.
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            # Nothing is asked for outside of this machine, not even an address.
            **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),
            "no_proxy": "127.0.0.1",
        }

    @property
    def places(self) -> Mapping[str, str]:
        """The paths of the table's names."""
        named = {
            "HOME": self.home,
            "TMP": self.top / "tmp",
            "CACHE": self.top / "cache/unlet",
            "XDG": self.top / "cache",
            "HERE": self.here,
            "TREE": self.top / "tree",
            "CLONE": self.clone,
            "SOURCES": self.clone.parent,
            "UPSTREAM": self.top / "NixOS/nixpkgs.git",
            "THEIRS": self.theirs,
            "OTHER": self.top / "other",
            "PRINTED": self.top / "printed",
            "CODE": ROOT,
            "VENV": Path(sys.prefix),
            "PYTHON": Path(sys.executable).resolve(),
            "STORE": Path("/nix"),
        }
        servers = {"FORGE": self.forge, "REMOTE": self.remote}
        return {
            **{name: str(path) for name, path in named.items()},
            **{name: urlsplit(url).netloc for name, url in servers.items()},
        }

    @property
    def variables(self) -> dict[str, str]:
        """The names in a command line, and in the shell of what prepares for it."""
        return {
            "here": str(self.here),
            "home": str(self.home),
            "tree": str(self.top / "tree"),
            "clone": str(self.clone),
            "upstream": self.places["UPSTREAM"],
            "theirs": self.places["THEIRS"],
            "forge": self.forge,
            "remote": self.remote,
            "commit": self.commits[0],
            "old": self.commits[1],
            "docker": TARGET,
            "notes": NOTES,
            "python": sys.executable,
        }

    def filled(self, text: str) -> str:
        """Return a text with the places of this stage."""
        for name, value in self.variables.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def words(self, line: str) -> list[str]:
        """Return the words of a command line of unlet's."""
        unlet = (sys.executable, "-P", "-m", "toolkit")
        return [*unlet, *map(self.filled, shlex.split(line))]

    def own(self) -> None:
        """Give all that is here to the user."""
        if self.user != os.geteuid():
            owner = f"{self.user}:{self.user}"
            # Git serves only what is its own.
            given = [path for path in self.top.iterdir() if path.name != "NixOS"]
            subprocess.run(["chown", "-hR", owner, *given], check=True)

    def prepare(self, script: str) -> None:
        """Run a shell's script without a trace; `unlet` in it is the command."""
        self.own()
        done = subprocess.run(
            ["sh", "-euc", f"{_SHELL}{script}"],
            cwd=self.here,
            env={**self.env, **self.variables},
            check=False,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            **self._user(),
        )
        assert done.returncode == 0, (script, done.stdout, done.stderr)

    def _user(self) -> "_User":
        is_own = self.user == os.geteuid()
        return (
            {}
            if is_own
            else {"user": self.user, "group": self.user, "extra_groups": ()}
        )

    def traced(self, line: str, inside: Path | None = None) -> "Traced":
        """Run a command line of unlet's under strace."""
        return self.observed(self.words(line), self.here if inside is None else inside)

    def observed(self, words: Sequence[str], inside: Path) -> "Traced":
        """Run a program under strace."""
        self.own()
        printed = self.top / "printed"
        kept, measured = printed / "trace", printed / "measured"
        names = Names.below(self.top)
        with (
            (printed / "out").open("wb") as out,
            (printed / "err").open("wb") as err,
        ):
            measuring = (sys.executable, "-I", "-S", "-c", _MEASURED, measured)
            run = subprocess.Popen(
                [*measuring, "strace", *trace.OPTIONS, "-o", kept, *words],
                cwd=inside,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
                **self._user(),
            )
            _wait(run)
        status, peak = map(int, measured.read_text().split())
        lines = kept.read_text(errors="surrogateescape").splitlines()
        kept.unlink()
        effects = effect.effects(lines, directory=str(inside), names=names)
        return Traced(
            calls=len(lines),
            status=status,
            printed=(printed / "out").read_text(errors="replace"),
            complaints=(printed / "err").read_text(errors="replace"),
            outcome=Outcome(
                effects=effects,
                peak=peak,
                places=self.places,
                programs=programs(),
            ),
        )


def _wait(run: subprocess.Popen[bytes]) -> None:
    """Wait for a process, which leads a group, and end that if it takes too long."""
    timer = Timer(_PATIENCE, os.killpg, (run.pid, signal.SIGKILL))
    timer.start()
    try:
        run.wait()
    except BaseException:
        os.killpg(run.pid, signal.SIGKILL)
        raise
    finally:
        timer.cancel()


class _User(TypedDict, total=False):
    user: int
    group: int
    extra_groups: Sequence[int]


class Traced(Struct, frozen=True, kw_only=True):
    """A run that was traced: how it ended, what it printed, and what it did."""

    calls: int
    """How many lines the trace has."""
    status: int
    printed: str
    complaints: str
    outcome: Outcome

    @property
    def effects(self) -> Sequence[Effect]:
        return self.outcome.effects


@contextmanager
def staged(template: Path, *, user: int) -> Generator[Stage]:
    """Yield a stage with a clone of nixpkgs, its upstream and fork, and a tree."""
    # Below a directory of pytest's nobody else could do anything.
    top = Path(tempfile.mkdtemp(prefix="effects-")).resolve()
    try:
        clone = copy_clone(template, top)
        top.chmod(0o755)
        shutil.copytree(specimen.path(), top / "tree")
        for name in ("home/bin", "tmp", "cache", "here", "theirs", "printed"):
            (top / name).mkdir(parents=True)
        home = top / "home"
        (home / ".gitconfig").write_text(_IDENTITY)
        (home / "secret").write_text("nobody reads this\n")
        for name in PLANTED:
            (home / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
            (home / "bin" / name).chmod(0o755)
        with (
            contextmanager(server.serving)(clone.upstream) as forge,
            remotes.serving(clone.upstream.parent) as remote,
        ):
            url = f"{remote.url}/{clone.upstream.name}"
            clone.git("remote", "set-url", "upstream", url)
            base = {"ref": "master", "repo": {"clone_url": url}}
            forge.pull(7, head="newer", base=base)
            last, before = clone.git("log", "-2", "--format=%H").splitlines()
            yield Stage(
                top=top,
                user=user,
                forge=forge.url,
                remote=url,
                commits=(last, before),
            )
    finally:
        # Nobody may write to the directories of a store.
        subprocess.run(["chmod", "-R", "u+rwX", top], check=False, capture_output=True)
        shutil.rmtree(top)


@cache
def programs() -> Mapping[str, Sequence[str]]:
    """Return the real paths of the programs that the table names."""
    paths = {
        name: [str(Path(path).resolve())]
        for name in {"git", *table.programs(table.read())}
        if (path := shutil.which(name)) is not None
    }
    core = subprocess.run(
        ["git", "--exec-path"], check=True, capture_output=True, text=True
    ).stdout.strip()
    # Git starts its parts by their places, and by `git`.
    paths["git"].append(str((Path(core) / "git").resolve()))
    for name in ("git-remote-http", "git-remote-https"):
        paths[name] = [str((Path(core) / name).resolve())]
    return paths
