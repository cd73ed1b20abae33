"""The kernel's wall: what a confined program can still reach."""

import socket
import sys
from pathlib import Path

import pytest

from toolkit import landlock, process
from toolkit.errors import CommandError, ToolkitError
from toolkit.landlock import Confinement

pytestmark = pytest.mark.skipif(
    not landlock.abi(), reason="this kernel has no Landlock"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("read")
    (tmp_path / "secret").write_text("told")
    (tmp_path / "in/link").symlink_to(tmp_path / "secret")
    return tmp_path


def shell(line: str, reach: Confinement) -> str:
    return process.run(["sh", "-c", line], within=reach).text


def test_only_what_is_named_can_be_started(place: Path) -> None:
    program = landlock.started(Path(sys.executable).resolve())
    assert program is not None
    line = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    for reach, message in (
        (Confinement(read=landlock.python()), None),
        (Confinement(read=landlock.python(), run=program), "denied"),
    ):
        done = process.run([sys.executable, "-c", line, "true"], within=reach, ok=None)
        assert (done.status == 0) == (message is None)
        assert message is None or "PermissionError" in done.stderr
    (place / "script").write_text("#!/bin/sh\n")
    assert landlock.started(place / "script") is None


def test_only_what_is_named_can_be_read(place: Path) -> None:
    reach = Confinement(read=(place / "in",))
    assert shell(f"cat {place}/in/file", reach) == "read"
    for path in ("secret", "in/link", "in/../secret"):
        with pytest.raises(CommandError, match="Permission denied"):
            shell(f"cat {place}/{path}", reach)
    assert shell(f"cat {place}/secret", Confinement(read=(place / "secret",))) == "told"
    assert (place / "secret").read_text() == "told"


def test_only_what_is_named_can_be_written(place: Path) -> None:
    with pytest.raises(CommandError, match="Permission denied"):
        shell(f"echo > {place}/in/new", Confinement(read=(place / "in",)))
    shell(
        f"echo new > {place}/in/new && mkdir {place}/in/d",
        Confinement(write=(place / "in",)),
    )
    assert (place / "in/new").read_text() == "new\n"


@pytest.mark.parametrize(
    "line",
    [
        "cat /proc/self/environ",
        "cat /etc/passwd",
        "ls /root",
        "ls /home",
        "ls /sys",
        "ls /",
    ],
)
def test_nothing_of_the_machine_can_be_read(line: str) -> None:
    process.run(["sh", "-c", line])
    with pytest.raises(CommandError, match="Permission denied"):
        shell(line, Confinement())


@pytest.mark.skipif(landlock.abi() < 4, reason="this kernel's Landlock knows no TCP")
def test_no_server_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            "import socket; socket.create_connection(('127.0.0.1', "
            f"{server.getsockname()[1]}))"
        )
        process.run([sys.executable, "-c", code])
        with pytest.raises(CommandError, match="Permission denied"):
            process.run(
                [sys.executable, "-c", code], within=Confinement(read=landlock.python())
            )


def test_process_itself_is_not_confined_and_a_kernel_without_it_changes_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        shell("true", Confinement())
    assert (place / "secret").read_text() == "told"
    assert shell(f"cat {place}/secret", Confinement(read=(place,))) == "told"
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    assert shell(f"cat {place}/secret", Confinement()) == "told"


def test_program_that_is_not_there_is_reported() -> None:
    with pytest.raises(ToolkitError, match="not found on PATH"):
        process.run(["unlet-no-such-program"], within=Confinement())
