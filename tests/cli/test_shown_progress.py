"""Progress on stderr: a spinner on a terminal, lines elsewhere."""

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import time
from toolkit.cli import options, output

output.FIRST_LINE = output.NEXT_LINE = 0.05
output.install()
with output.working(options.GlobalOptions(quiet={quiet})) as progress:
    progress.step("reading nixpkgs")
    time.sleep(0.4)
"""
_LINE = "unlet: reading nixpkgs"


@pytest.mark.parametrize(
    ("is_terminal", "variables", "is_spinner"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "CI": "true"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_only_a_terminal_that_may_move_its_cursor_gets_a_spinner(
    *, is_terminal: bool, variables: dict[str, str], is_spinner: bool
) -> None:
    ours, theirs = os.openpty() if is_terminal else os.pipe()
    subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(quiet=False)],
        env={"PYTHONPATH": os.pathsep.join(sys.path), **variables},
        stderr=theirs,
        check=True,
        timeout=30,
    )
    printed = os.read(ours, 1 << 16).decode()
    os.close(ours)
    os.close(theirs)
    if is_spinner:
        assert "\x1b[" in printed
        assert _LINE not in printed
    else:
        assert printed.splitlines() == [_LINE]


def test_quiet_prints_no_progress() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(quiet=True)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == b""
