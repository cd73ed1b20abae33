"""What contradicts itself is one line that names it, and perhaps a hint."""

import shlex

import pytest
from msgspec import Struct

from tests import cases
from tests.cli.conftest import Unlet


class Table(Struct, frozen=True, kw_only=True):
    """Messages about lines, shared options, and those of `pr`, with the exit code."""

    lines: dict[str, str]
    shared: dict[str, str]
    pr: dict[str, tuple[int, str]]


TABLE = cases.read(__file__, Table)
SHARED = {
    f"{command} {options}": f"unlet {command}: {message}"
    for command in ("propose", "check")
    for options, message in TABLE.shared.items()
}


@pytest.mark.parametrize(("line", "message"), {**TABLE.lines, **SHARED}.items())
def test_wrong_usage_is_one_line_and_perhaps_a_hint(
    unlet: Unlet, line: str, message: str
) -> None:
    done = unlet(*shlex.split(line))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(message)
    assert [*done.stderr.splitlines()[1:]] == [
        each for each in done.stderr.splitlines() if each.startswith("hint: ")
    ]
    assert len(done.stderr.splitlines()) <= 2
    assert done.stdout == "" or "--json" in line
    assert [*unlet.cwd.iterdir()] == []
