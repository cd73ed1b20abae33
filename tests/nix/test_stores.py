"""Stores on emulated machines: /nix is empty, and a nameless user runs Nix."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from msgspec import Struct

from toolkit.errors import ToolkitError
from toolkit.nix import evaluator, stores

ROOT = Path(__file__).parents[2]
UID = 54321
SOCKET = "/nix/var/nix/daemon-socket/socket"

ASK = """
import json, os, sys
from pathlib import Path
import platformdirs
from toolkit.errors import ToolkitError
from toolkit import process
from toolkit.nix import evaluator, stores
uid = int(sys.argv[1])
if uid:
    # Only now, as another user may not be able to read Python's modules.
    os.setgroups([]), os.setresgid(uid, uid, uid), os.setresuid(uid, uid, uid)
try:
    env = stores.environment()
    added = process.run(["nix-store", "--add", "home/file"], env=env).text
    print(json.dumps([env.get("NIX_REMOTE"), stores.physical(Path(added)).is_file()]))
except ToolkitError as error:
    print(json.dumps([error.message, error.exit_code]))
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can emulate a machine"
)


class Machine(Struct, frozen=True):
    """A machine whose users share a home in the directory."""

    directory: Path

    def ask(
        self, *before: str, uid: int, namespaces: bool = True, times: int = 1
    ) -> list[list[object]]:
        """Run shell commands as root, then ask for a store as often at once.

        Return the answers.
        """
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        if not namespaces:
            isolated += ["--user", "--map-users=0,0,65536", "--map-groups=0,0,65536"]
            before = ("echo 0 > /proc/sys/user/max_user_namespaces", *before)
        asked = shlex.join([sys.executable, "-c", ASK, str(uid)])
        script = [
            "set -e",
            "mount -t tmpfs -o mode=755 tmpfs /nix",
            *before,
            "asked=()",
        ]
        script += [f"{asked} & asked+=($!)"] * times
        done = subprocess.run(
            [*isolated, "bash", "-c", "\n".join([*script, 'wait "${asked[@]}"'])],
            cwd=self.directory,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.directory / "home"),
                "PYTHONPATH": str(ROOT),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    @property
    def own(self) -> list[object]:
        """The answer of a store of the user's own, in which something can be put."""
        return [f"local?root={self.directory}/home/.cache/unlet/nix", True]


@pytest.fixture
def machine() -> Generator[Machine]:
    # The directories of pytest are closed to other users.
    with tempfile.TemporaryDirectory(prefix="unlet-test-", dir="/var/tmp") as name:
        home = Path(name) / "home"
        home.mkdir()
        (home / "file").write_text("content")
        os.chown(home, UID, UID)
        Path(name).chmod(0o755)
        yield Machine(Path(name))


def serving(users: str) -> tuple[str, ...]:
    """Return the commands that start a daemon for these users, and wait for it."""
    start = f"NIX_CONFIG='allowed-users = {users}' nix-daemon 2>/dev/null &"
    return start, f"while ! test -S {SOCKET}; do sleep 0.05; done"


def test_root_without_a_store_gets_that_of_the_machine(machine: Machine) -> None:
    assert machine.ask(uid=0) == [[None, True]]


def test_store_that_several_want_at_once_is_made_once(machine: Machine) -> None:
    assert machine.ask(uid=0, times=6) == [[None, True]] * 6


def test_user_who_may_write_below_nix_gets_the_store_of_the_machine(
    machine: Machine,
) -> None:
    assert machine.ask(f"chown {UID} /nix", uid=UID) == [[None, True]]


def test_user_without_a_daemon_gets_a_store_of_their_own(machine: Machine) -> None:
    assert machine.ask(uid=UID, times=3) == [machine.own] * 3
    assert machine.ask("nix-store --init", uid=UID) == [machine.own]


def test_daemon_that_serves_the_user_is_used(machine: Machine) -> None:
    assert machine.ask(*serving("*"), uid=UID) == [[None, True]]


REFUSALS = {
    "the Nix daemon does not serve this user": serving("root"),
    f"this user may not open '{Path(SOCKET).parent}'": (
        *serving("*"),
        f"chmod 750 {Path(SOCKET).parent}",
    ),
    "no daemon answers": (),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_user_whom_the_daemon_refuses_gets_a_store_of_their_own_or_one_line(
    machine: Machine, reason: str
) -> None:
    assert machine.ask(*REFUSALS[reason], uid=UID) == [machine.own]
    without = (
        f"nix: {reason}, and this user cannot create a private store without "
        "user namespaces"
    )
    assert machine.ask(*REFUSALS[reason], uid=UID, namespaces=False) == [[without, 3]]


def test_own_store_that_cannot_be_made_is_one_line(machine: Machine) -> None:
    ((message, status),) = machine.ask(f"chown 0 {machine.directory}/home", uid=UID)
    assert status == 3
    assert (
        message
        == f"{machine.directory}/home/.cache/unlet: the cache cannot be written: "
        "permission denied"
    )


def test_physical_path_of_a_builders_link_stays_within_the_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "root/nix/store"
    (store / "x-built/bin").mkdir(parents=True)
    (store / "x-built/bin/file").touch()
    for name, target in (
        ("inside", "bin/file"),
        ("store", "/nix/store/y"),
        ("out", "/etc/passwd"),
        ("up", "../../.."),
    ):
        (store / "x-built" / name).symlink_to(target)
    (store / "x-directory").symlink_to("/etc")
    monkeypatch.setenv("NIX_REMOTE", f"local?root={tmp_path}/root")
    stores.store_variables.cache_clear()
    for name in ("bin/file", "inside", "store"):
        assert (
            stores.physical(Path("/nix/store/x-built", name))
            == store / "x-built" / name
        )
    for name in ("x-built/out", "x-built/up", "x-directory", "x-directory/passwd"):
        with pytest.raises(ToolkitError, match=r"points outside the Nix store, to '/"):
            stores.physical(Path("/nix/store", name))
    stores.store_variables.cache_clear()


def test_shells_are_put_into_the_store_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.store_variables.cache_clear()
    evaluator.tools()
    monkeypatch.setenv("NIX_REMOTE", f"local?root={tmp_path}")
    shell = Path(evaluator.tools().shell)
    assert (tmp_path / shell.relative_to("/")).is_file()
    stores.store_variables.cache_clear()
