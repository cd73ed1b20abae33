from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.rootless.account import wait_for
from toolkit import rootless
from toolkit.errors import ToolkitError
from toolkit.rootless import Outcome, PortOutcome, Row
from toolkit.rootless.daemon import SUPERVISOR

if TYPE_CHECKING:
    from collections.abc import Generator

    from toolkit.rootless import Account, Host, Site

BUSYBOX = Path("/usr/bin/busybox")


@pytest.fixture
def site(host: Host, account: Account, place: Path) -> Generator[Site]:
    with rootless.site(host, account, busybox=BUSYBOX) as made:
        assert made.directory.parent == place
        made.add_wrappers((None,), rootlesskit=host.programs["rootlesskit"])
        yield made


@pytest.fixture
def wrapper(host: Host, site: Site) -> Path:
    """A dockerd-rootless that puts all programs of this machine behind the caller's PATH."""
    path = site.directory / "dockerd-rootless"
    programs = site.directory / "programs"
    programs.mkdir()
    for name, program in host.programs.items():
        (programs / name).symlink_to(program)
    path.write_text(f'#!/bin/sh\nPATH=$PATH:{programs} exec {host.programs["dockerd-rootless.sh"]} "$@"\n')
    path.chmod(0o755)
    return path


def test_container_answers_on_a_port_that_needs_no_capability(site: Site, wrapper: Path) -> None:
    ((answer, refusal),) = rootless.run(site, [Row(program=wrapper, wrapper=None)], ports=(8080, 80))
    assert answer == Outcome(kind=PortOutcome.ANSWERS)
    assert refusal.kind is PortOutcome.REFUSED
    assert "cannot expose privileged port 80" in refusal.detail


def test_daemon_that_ends_says_why(site: Site) -> None:
    program = site.directory / "broken"
    program.write_text("#!/bin/sh\necho something else >&2\necho >&2\nexit 7\n")
    program.chmod(0o755)
    ((outcome,),) = rootless.run(site, [Row(program=program, wrapper=None)], ports=(80,))
    assert outcome == Outcome(kind=PortOutcome.OTHER, detail="the daemon ended: something else")


def test_daemon_sees_nothing_of_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS", "--debug")
    monkeypatch.setenv("SECRET", "x")
    program = site.directory / "telling"
    program.write_text("#!/bin/sh\nenv | grep -Ev '^(PWD|SHLVL|_)=' | sort | cut -d= -f1 | tr '\\n' ' '\nid -un\n")
    program.chmod(0o755)
    (site.directory / "unit" / "cut").symlink_to("/usr/bin/cut")
    (site.directory / "unit" / "sort").symlink_to("/usr/bin/sort")
    (site.directory / "unit" / "tr").symlink_to("/usr/bin/tr")
    ((outcome,),) = rootless.run(site, [Row(program=program, wrapper=None)], ports=(80,))
    assert outcome.detail == f"the daemon ended: HOME LANG PATH XDG_RUNTIME_DIR {site.account.name}"


def test_failure_of_one_daemon_ends_the_others(site: Site, wrapper: Path) -> None:
    site.image.write_bytes(b"no image")
    with pytest.raises(ToolkitError, match="dockerd: POST /"):
        rootless.run(site, [Row(program=wrapper, wrapper=None)] * 4, ports=(8080,))


def test_daemon_that_waits_for_a_dead_child_is_ended(tmp_path: Path) -> None:
    """As rootlesskit does whose child is gone before it said that it is ready."""
    directory = tmp_path / "daemon"
    directory.mkdir()
    program = tmp_path / "waiting"
    program.write_text(f"#!/bin/sh\ntrap '' TERM\nmkfifo {directory}/ready\nread line <{directory}/ready\n")
    program.chmod(0o755)
    code = (
        f"import sys; sys.path.insert(0, {str(SUPERVISOR.parent)!r}); import supervisor; "
        "supervisor.TERM_SECONDS = 0.2; sys.exit(supervisor.main(sys.argv[1:]))"
    )
    identity = (str(os.getuid()), str(os.getgid()), str(os.getgid()))
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code, directory, *identity, "rootlesskit", program],
        stdin=subprocess.PIPE,
    ) as process:
        wait_for(directory, "ready")
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_directory_is_closed_to_others(site: Site, account: Account) -> None:
    assert site.directory.stat().st_mode & 0o777 == 0o711
    listed = subprocess.run(
        ["ls", site.directory], user=account.uid, group=account.gid, capture_output=True, check=False
    )
    assert listed.returncode != 0


def test_security_wrapper_gives_the_capability_to_what_it_runs(site: Site, host: Host, account: Account) -> None:
    site.add_wrappers(("rootlesskit",), rootlesskit=Path("/usr/bin/grep"))
    made = site.directory / "wrappers-rootlesskit" / "rootlesskit"
    status = _run_as(account, made, "CapEff", "/proc/self/status")
    assert int(status.stdout.split()[1], 16) == 1 << 10
    with pytest.raises(PermissionError):
        _run_as(replace(account, uid=65534, gid=65534), made)
    assert os.getxattr(made, "security.capability")
    assert host.programs["newuidmap"].samefile(made.parent / "newuidmap")


def _run_as(account: Account, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, user=account.uid, group=account.gid, extra_groups=[], capture_output=True, text=True, check=False
    )
