import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.test_process import PARENT, read_pid, wait_until_gone
from toolkit import process
from toolkit.errors import CommandError, ToolkitError
from toolkit.parallel import beside, side_by_side
from toolkit.process import Command, Completed


def run_all(commands: Sequence[Command]) -> list[Completed]:
    with process.ending_together():
        return side_by_side(process.execute, commands)


def test_commands_run_side_by_side_and_results_keep_the_order() -> None:
    began = time.monotonic()
    results = run_all(
        [Command(argv=("sh", "-c", f"sleep 0.{5 - n}; echo {n}")) for n in range(4)]
    )
    assert [result.text for result in results] == ["0", "1", "2", "3"]
    assert time.monotonic() - began < 1.3


def test_the_first_failure_ends_the_others(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(CommandError, match=r"sh: ended with status 3: oh"):
        run_all(
            [
                Command(argv=PARENT, cwd=tmp_path),
                Command(
                    argv=(
                        "sh",
                        "-c",
                        "while ! test -s pid; do :; done; echo oh >&2; exit 3",
                    ),
                    cwd=tmp_path,
                ),
                Command(argv=("sleep", "60")),
            ]
        )
    assert time.monotonic() - began < 5
    wait_until_gone(read_pid(tmp_path))


def test_commands_that_run_side_by_side_are_echoed() -> None:
    lines: list[str] = []
    with process.echoing(lines.append):
        run_all([Command(argv=("true",)), Command(argv=("echo", "x"))])
    assert sorted(lines) == ["echo x", "true"]


def test_what_is_done_beside_is_waited_for_and_its_failure_raised() -> None:
    done: list[str] = []

    def slow() -> None:
        time.sleep(0.2)
        done.append("slow")

    with beside(slow):
        done.append("quick")
    assert done == ["quick", "slow"]
    with beside(lambda: len(done)) as result:
        assert result() == result() == 2
    with (
        pytest.raises(CommandError, match=r"sh: ended with status 3"),
        beside(lambda: process.run(["sh", "-c", "exit 3"])),
    ):
        pass


def test_a_failure_ends_what_is_done_beside(tmp_path: Path) -> None:
    began = time.monotonic()

    def long() -> None:
        process.execute(Command(argv=PARENT, cwd=tmp_path))

    def fail() -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        raise ToolkitError("oh")

    with pytest.raises(ToolkitError, match="oh"), beside(long):
        fail()
    assert time.monotonic() - began < 5
    wait_until_gone(read_pid(tmp_path))
