"""Functions on strangers' bytes in processes of their own, bounded in size and time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import cases
from tests.test_process import wait_for_child, wait_until_gone
from toolkit import confined
from toolkit.confined import TOO_LARGE, Unread
from toolkit.docker import meaning
from toolkit.files import MAXIMUM_BYTES

pytestmark = pytest.mark.clock

GOOD = b"{ }: { }"


def length(content: bytes) -> int:
    return len(content)


def hungry(content: bytes) -> int:
    if content == b"memory":
        return len(bytearray(8 << 30))
    if content == b"depth":
        return hungry(content) + 1
    while content == b"time":
        pass
    if content == b"defect":
        raise ValueError(content.decode())
    return len(content)


def slow(content: bytes) -> str:
    time.sleep(max(float(content) - time.monotonic(), 0))
    return content.decode()


def chatty(content: bytes) -> list[str]:
    return [name for name in os.environ if content.decode() in name]


def test_results_have_the_order_of_the_contents_and_one_longer_than_any_file_is_not_read() -> (
    None
):
    contents = [b"x" * size for size in (5, 0, 70_000, 1)]
    assert confined.each(length, contents) == [5, 0, 70_000, 1]
    assert confined.each(length, []) == []
    long = b"a" * (MAXIMUM_BYTES + 1)
    assert confined.each(length, [long, b"a", long, long[1:], b"b"]) == [
        TOO_LARGE,
        1,
        TOO_LARGE,
        MAXIMUM_BYTES,
        1,
    ]


def test_content_that_is_too_much_keeps_no_other_from_being_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confined, "CPU_SECONDS", 0)
    contents = [b"a", b"memory", b"bb", b"depth", b"time", b"ccc"]
    assert confined.each(hungry, contents) == [1, TOO_LARGE, 2, TOO_LARGE, TOO_LARGE, 3]


def test_exception_of_the_function_keeps_no_other_content_from_being_read() -> None:
    one, defect, *others = confined.each(
        hungry, [b"a", b"defect", b"bb", b"defect", b"ccc"]
    )
    assert defect == Unread(
        "cannot be read because of a bug in unlet: ValueError: defect"
    )
    assert (one, others) == (1, [2, defect, 3])


def test_what_would_be_read_too_late_is_not_read() -> None:
    until = str(time.monotonic() + 2).encode()
    one, *others = confined.each(slow, [until, b"0", b"0"], seconds=1)
    assert one == until.decode()
    assert (
        others
        == [
            Unread(
                "is not read: reading the input took all of the 1 s that were allowed"
            )
        ]
        * 2
    )
    assert confined.each(slow, [b"0"], seconds=0) == [
        Unread("is not read: no time is left to read it")
    ]


def test_child_has_no_token_of_the_user_and_imports_nothing_from_where_it_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    assert confined.each(chatty, [b"TOKEN", b"PATH"]) == [[], []]
    (tmp_path / "toolkit").mkdir()
    (tmp_path / "toolkit" / "__init__.py").write_text(
        "raise SystemExit('the wrong one')\n"
    )
    monkeypatch.chdir(tmp_path)
    assert confined.each(length, [b"a"]) == [1]


HOSTILE = cases.read(__file__, dict[str, cases.Text])


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_file_is_read_or_refused_in_bounded_time(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confined, "CPU_SECONDS", 0)
    before = time.process_time()
    bad, good = confined.each(meaning.read, [cases.whole(HOSTILE[what]).encode(), GOOD])
    assert time.process_time() - before < 1
    assert isinstance(bad, Unread) or bad.reason is not None
    assert not isinstance(good, Unread)
    assert "unknown layout" in (good.reason or "")


@pytest.mark.parametrize(
    "call", ["confined.each(meaning.read, [text])", "Tree(text.decode(), name='x')"]
)
def test_interrupt_ends_a_child_in_the_middle_of_the_parser(
    call: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import signal, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from toolkit import confined\n"
        "from toolkit.docker import meaning\n"
        "from toolkit.nix.tree import Tree\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "confined.CPU_SECONDS = 100\n"
        "print('begun', flush=True)\n"
        "text = b'+'.join([b'1'] * 200_000)\n"
        f"{call}\n"
    )
    root = Path(confined.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, script, root],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.readline()
    child = wait_for_child(process.pid)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    process.wait(20)
    process.stdout.close()
    assert time.monotonic() - began < 5
    wait_until_gone(child)


def test_interrupt_that_comes_when_the_copy_has_just_ended_stays_an_interrupt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waitpid = os.waitpid

    def interrupted(child: int, options: int) -> tuple[int, int]:
        monkeypatch.undo()
        waitpid(child, options)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "waitpid", interrupted)
    with pytest.raises(KeyboardInterrupt):
        confined.ends(lambda: None, seconds=1)
