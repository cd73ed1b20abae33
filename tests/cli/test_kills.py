"""Runs that are ended at any moment leave nothing behind, and the clone as it was.

UNLET_KILLS is how many runs are ended, UNLET_SEED where the random numbers begin. Of a
run that had no chance to clean up, the next one does it.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from msgspec import Struct

from tests.cli.conftest import ROOT
from tests.clones import BRANCH, Clone, copy_clone, make_clone, snapshot
from toolkit.cache import VARIABLE

# Read here: within a test the environment is sealed.
SIZE = int(os.environ.get("UNLET_KILLS", "2"))
SEED = os.environ.get("UNLET_SEED", "1")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
COMMANDS = (
    "propose",
    "propose --force",
    "pr",
    "pr --remove",
    "overlay",
    "track",
    "find",
    "cache clean",
)
INTERRUPTED = 130
MARK = "UNLET_TESTED_AS"

# A shell that starts this in the background lets the interrupt be ignored.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from toolkit.__main__ import main; sys.exit(main())"
)


class Place(Struct, frozen=True, kw_only=True):
    """The places of a run: directory, clone, an environment with its own TMPDIR."""

    work: Path
    clone: Clone
    env: Mapping[str, str]

    @property
    def temporary(self) -> Path:
        return Path(self.env["TMPDIR"])

    @property
    def out(self) -> Path:
        return self.work / "out"

    def arguments(self, command: str) -> list[str]:
        return {
            "propose": [
                "propose",
                "notes-server",
                "--nixpkgs",
                "specimen",
                "--out",
                "out",
            ],
            "propose --force": [
                "propose",
                "notes-server",
                "--nixpkgs",
                "specimen",
                "--out",
                "out",
                "--force",
            ],
            "overlay --force": [
                "overlay",
                "--nixpkgs",
                "specimen",
                "--out",
                "out",
                "--force",
            ],
            "pr": ["pr", "--repo", str(self.clone.top)],
            "pr --remove": ["pr", "--repo", str(self.clone.top), "--remove"],
            "overlay": ["overlay", "--nixpkgs", "specimen", "--out", "out"],
            "track": [
                "track",
                "--git-dir",
                str(self.clone.top),
                "--ref",
                "upstream/master",
            ],
            "find": ["find", "--nixpkgs", "specimen"],
            "cache clean": ["cache", "clean"],
        }[command]

    def start(self, command: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", PROGRAM, *self.arguments(command)]
        return subprocess.Popen(
            argv,
            cwd=self.work,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, command: str) -> tuple[int, str]:
        """Run a command to its end; return its status and what it says on stderr."""
        with self.start(command) as process:
            _, said = process.communicate(timeout=300)
        return process.returncode, said

    def processes(self) -> list[int]:
        """Return the processes that come from a run here and have not ended."""
        found: list[int] = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"{MARK}={self.work}\0".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found


class Prepared(Struct, frozen=True, kw_only=True):
    """A directory for a command, and its result there if nobody ends it."""

    template: Path
    status: int
    seconds: float
    files: frozenset[str]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that all runs share: none of them may spoil it for the next."""
    return tmp_path_factory.mktemp("kills") / "cache"


@pytest.fixture
def prepared(
    upstream: Path, cache: Path, jane: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Prepared]:
    """Return what prepares for a command, once."""
    assert jane

    def prepare(command: str) -> Prepared:
        if command not in _PREPARED:
            template, copy = (
                tmp_path_factory.mktemp(what) for what in ("template", "copy")
            )
            place = place_in(template, make_clone(upstream, template), cache)
            if (
                first := {"propose --force": "propose", "pr --remove": "pr"}.get(
                    command
                )
            ) is not None:
                assert place.run(first)[0] == 0
            place = place_in(copy, copy_clone(template, copy), cache)
            if command in {"track", "find"}:
                # The first run fills the cache.
                place.run(command)
            began = time.monotonic()
            status, said = place.run(command)
            assert status in {0, 1}, said
            _PREPARED[command] = Prepared(
                template=template,
                status=status,
                seconds=time.monotonic() - began,
                files=frozenset(contents(place.out)),
            )
        return _PREPARED[command]

    return prepare


_PREPARED: dict[str, Prepared] = {}


def place_in(directory: Path, clone: Clone, cache: Path) -> Place:
    work, temporary = directory / "work", directory / "temporary"
    work.mkdir(exist_ok=True)
    temporary.mkdir(exist_ok=True)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        MARK: str(work),
        VARIABLE: str(cache),
    }
    return Place(work=work, clone=clone, env=env)


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("number", range(SIZE))
def test_run_that_is_ended_leaves_nothing(
    number: int,
    tmp_path: Path,
    cache: Path,
    prepared: Callable[[str], Prepared],
    record_property: Callable[[str, object], None],
) -> None:
    random = Random(f"{SEED} kill {number}")  # noqa: S311 - whoever knows the seed is to get the same
    command = COMMANDS[number % len(COMMANDS)]
    ending = random.choice(SIGNALS)
    usual = prepared(command)
    place = place_in(tmp_path, copy_clone(usual.template, tmp_path), cache)
    if command == "cache clean":
        # The others go on using theirs.
        shutil.copytree(cache, tmp_path / "cache", symlinks=True)
        place = place_in(tmp_path, place.clone, tmp_path / "cache")
    before, theirs, old = snapshot(place.clone), users(place.clone), contents(place.out)
    with place.start(command) as process:
        time.sleep(random.random() * usual.seconds)
        process.send_signal(ending)
        _, said = process.communicate(timeout=60)
    status = process.returncode
    record_property(
        command, f"{ending.name} {'too late' if status == usual.status else 'in time'}"
    )
    # Python's own start ends as any program does; there is nothing to clean up yet.
    assert status in {usual.status, INTERRUPTED, -ending}, said
    if status == INTERRUPTED:
        assert said.strip() == "unlet: interrupted"
    require_no_process(place, within=60 if ending is signal.SIGKILL else 2)
    if status == -signal.SIGKILL:
        for path in (*place.temporary.iterdir(), *place.work.iterdir()):
            # Too young it might be what another run has just begun with.
            os.utime(path, (0, 0), follow_symlinks=False)
        again, said = place.run(
            command if command not in {"propose", "overlay"} else f"{command} --force"
        )
        assert again in {usual.status, 3}, said
        require_no_process(place, within=2)
    elif command != "pr --remove" and status != usual.status:
        assert snapshot(place.clone) == before
    assert users(place.clone) == theirs
    assert [path.name for path in place.temporary.iterdir()] == []
    assert {path.name for path in place.work.iterdir()} <= {"out"}
    new = contents(place.out)
    assert new == old or new.keys() == usual.files
    if command in {"pr", "pr --remove"}:
        again, said = place.run("pr --remove")
        assert again in {0, 3}, said
        assert (
            f"refs/heads/{BRANCH}"
            not in place.clone.git("for-each-ref", "--format=%(refname)").split()
        )
        assert not place.clone.beside.exists()
        assert not (place.clone.common / "unlet").exists()


def users(clone: Clone) -> dict[str, object]:
    """Return all that is in a clone but the branch that was made for its user."""
    return snapshot(clone, branch=BRANCH, worktree=clone.beside)


def require_no_process(place: Place, *, within: float) -> None:
    """Wait some seconds for the end of what a run has started."""
    deadline = time.monotonic() + within
    while (left := place.processes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
