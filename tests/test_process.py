import contextvars
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from toolkit import files, process
from toolkit.errors import CommandError, LimitError, ToolkitError
from toolkit.process import Command, run

# A shell whose child is a program of its own; the child's process id is in the file
# `pid`.
PARENT = ("sh", "-c", "sleep 60 & echo $! > pid; wait")


def is_alive(pid: int) -> bool:
    """Return whether a process runs.

    One that has ended and that nobody has waited for does not.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(") ")[2][0] not in "ZX"


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.01)


def working_below(parent: int, name: str | None = None) -> list[int]:
    """Return the processes of a name that a process has started, or one of its own, and that have worked a while."""
    found: dict[int, list[str]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            before, _, after = status.read_text().rpartition(")")
            found[int(status.parent.name)] = [*before.split("(", 1), *after.split()]
    parents = {number: int(fields[3]) for number, fields in found.items()}
    return [
        number
        for number, fields in found.items()
        if name in {None, fields[1]}
        and int(fields[13]) > 10
        and parent in {parents[number], parents.get(parents[number])}
    ]


def wait_for_child(parent: int, name: str | None = None) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if there := working_below(parent, name):
            return there[0]
        time.sleep(0.05)
    raise AssertionError(f"{parent} has started no {name or 'child'}")


def read_pid(directory: Path) -> int:
    deadline = time.monotonic() + 60
    while (
        not (directory / "pid").exists() or not (directory / "pid").read_text().strip()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int((directory / "pid").read_text())


def interruptible(directory: Path, script: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    return subprocess.Popen(
        command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True
    )


def test_run_returns_what_the_program_wrote() -> None:
    done = run(["sh", "-c", "printf 'a\\n\\377\\n'; echo b >&2"])
    assert done.stdout == b"a\n\xff\n"
    assert done.text == "a\n\N{REPLACEMENT CHARACTER}"
    assert (done.status, done.stderr) == (0, "b\n")
    assert run(["sh", "-c", "exit 7"], ok=(0, 7)).status == 7
    assert run(["sh", "-c", "exit 9"], ok=None).status == 9


def test_stdin_and_stdout_may_be_larger_than_a_pipe_and_stdin_is_empty_when_none_is_given() -> (
    None
):
    content = os.urandom(1 << 20)
    assert run(["cat"], stdin=content).stdout == content
    assert run(["cat"]).stdout == b""


def test_what_a_child_that_stays_does_not_read_is_not_waited_for(
    tmp_path: Path,
) -> None:
    script = "exec 3<&0; sleep 60 <&3 >/dev/null 2>&1 & echo $! > pid"
    run(["sh", "-c", script], cwd=tmp_path, stdin=bytes(1 << 20), timeout=10)
    os.kill(read_pid(tmp_path), signal.SIGKILL)


def test_an_unexpected_end_raises_with_argv_status_and_stderr() -> None:
    with pytest.raises(
        CommandError, match=r"^sh: ended with status 7: last words$"
    ) as raised:
        run(["sh", "-c", "echo first >&2; echo last words >&2; exit 7"])
    assert (raised.value.argv[0], raised.value.status) == ("sh", 7)
    assert raised.value.stderr == "first\nlast words\n"
    with pytest.raises(CommandError, match=r"was ended by signal 9"):
        run(["sh", "-c", "kill -9 $$"])


def test_a_missing_program_is_named_with_the_package_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        ToolkitError, match=r"^nix-instantiate: not found on PATH$"
    ) as raised:
        run(["nix-instantiate", "--version"])
    assert raised.value.hint is not None
    assert "nix-bin" in raised.value.hint


def test_a_program_that_cannot_be_started_is_one_line(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("no program\n")
    with pytest.raises(ToolkitError, match=r"cannot be started: permission denied"):
        run([str(program)])
    program.chmod(0o755)
    with pytest.raises(ToolkitError, match=r"cannot be started: exec format error"):
        run([str(program)])
    with pytest.raises(
        ToolkitError, match=r"cannot run in '.*gone': no such directory"
    ):
        run(["true"], cwd=tmp_path / "gone")


def test_env_is_all_that_a_program_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMOVED", "2")
    assert (
        run(["sh", "-c", 'echo "${REMOVED-none}:$ADDED"'], env={"ADDED": "3"}).text
        == "none:3"
    )
    assert "REMOVED" not in run(["env"]).text


def test_program_is_looked_for_neither_in_the_directory_nor_on_a_path_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "env").write_text("#!/bin/sh\necho theirs\n")
    (tmp_path / "env").chmod(0o755)
    monkeypatch.setenv("PATH", f":.:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert "theirs" not in run(["env"], cwd=tmp_path).text
    assert run(["env"], env={"PATH": os.devnull}).text == "PATH=/dev/null"


@pytest.mark.clock
@pytest.mark.parametrize(
    ("script", "fact"),
    [
        (PARENT[-1], r"sh: was ended by signal 15: still running after 0\.3 s"),
        # A child keeps the output open.
        ("sleep 60 & echo $! > pid", r"still running after 0\.3 s"),
        (
            "trap '' TERM; echo $$ > pid; while :; do sleep 1; done",
            r"still running after 0\.3 s",
        ),
    ],
)
def test_a_time_out_ends_the_program_and_its_children(
    tmp_path: Path, script: str, fact: str
) -> None:
    with pytest.raises(CommandError, match=fact):
        process.execute(
            Command(argv=("sh", "-c", script), cwd=tmp_path, timeout=0.3, grace=0.1)
        )
    wait_until_gone(read_pid(tmp_path))


def test_a_program_that_writes_too_much_is_ended(tmp_path: Path) -> None:
    endless = ("sh", "-c", "echo $$ > pid; echo why >&2; exec yes")
    with pytest.raises(
        CommandError, match=r"it wrote more than the 100000 bytes that are allowed"
    ) as raised:
        process.execute(Command(argv=endless, cwd=tmp_path, most=100_000))
    assert raised.value.stderr.startswith("why\n")
    wait_until_gone(read_pid(tmp_path))
    assert (
        len(
            process.execute(
                Command(argv=("head", "-c", "100000", "/dev/zero"), most=100_000)
            ).stdout
        )
        == 100_000
    )


def test_the_end_of_a_long_stderr_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_KEPT_BYTES", 1 << 20)
    done = run(["sh", "-c", "yes | head -c 5000000 >&2; echo last >&2"])
    assert 1 << 20 <= len(done.stderr) < (1 << 20) + 65536
    assert done.stderr.endswith("y\nlast\n")


@pytest.mark.parametrize("grace", [0.0, 3.0])
def test_a_program_that_has_nothing_to_tidy_up_is_not_asked_to_end(
    tmp_path: Path, grace: float
) -> None:
    script = (
        "trap 'touch asked; exit' TERM; echo $$ > pid; while :; do sleep 0.01; done"
    )
    with pytest.raises(CommandError):
        process.execute(
            Command(argv=("sh", "-c", script), cwd=tmp_path, timeout=0.5, grace=grace)
        )
    wait_until_gone(read_pid(tmp_path))
    assert (tmp_path / "asked").exists() is bool(grace)


@pytest.mark.parametrize("woken", [True, False])
@pytest.mark.parametrize(
    "call",
    [
        "run(command)",
        "with ending_together(): side_by_side(run, [command, ('sleep', '60')])",
    ],
)
def test_an_interrupt_ends_the_program_and_its_children(
    tmp_path: Path, call: str, *, woken: bool
) -> None:
    # If another thread gets the signal, it is as if it came just before the main thread
    # blocked.
    elsewhere = (
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
    )
    script = (
        "import signal, threading, time\n"
        "from toolkit.parallel import *\n"
        "from toolkit.process import *\n"
        f"{'' if woken else elsewhere}command = {PARENT!r}\n{call}\n"
    )
    with interruptible(tmp_path, script) as python:
        child = read_pid(tmp_path)
        assert is_alive(child)
        python.send_signal(signal.SIGINT)
        _, stderr = python.communicate(timeout=10)
    assert "KeyboardInterrupt" in stderr
    wait_until_gone(child)


def test_an_interrupt_at_any_moment_leaves_no_program(tmp_path: Path) -> None:
    # The interrupt comes a little later each time, while the program is being started
    # or just after.
    script = (
        "import os, signal, sys, threading\n"
        "from toolkit import process\n"
        "threading.Timer(float(sys.argv[1]), os.kill, (os.getpid(), "
        "signal.SIGINT)).start()\n"
        f"process.run({PARENT!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for number in range(6):
        directory = tmp_path / str(number)
        directory.mkdir()
        command = [sys.executable, "-c", script, str(number / 1000)]
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert "KeyboardInterrupt" in done.stderr
        if (directory / "pid").exists() and (directory / "pid").read_text().strip():
            wait_until_gone(read_pid(directory))


@pytest.mark.clock
@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_bounded_program_ends_though_nobody_is_left_to_end_it(tmp_path: Path) -> None:
    script = (
        "from toolkit.process import *\n"
        'spin = ("sh", "-c", "echo $$ > pid; while :; do :; done")\n'
        "execute(Command(argv=spin, timeout=1, memory=256))\n"
    )
    with interruptible(tmp_path, script) as python:
        child = read_pid(tmp_path)
        deadline = time.monotonic() + 60
        while resource.prlimit(child, resource.RLIMIT_CPU)[0] == resource.RLIM_INFINITY:
            assert time.monotonic() < deadline, "no limit"
            time.sleep(0.01)
        python.kill()
    wait_until_gone(child)


@pytest.mark.parametrize("inner", [False, True])
def test_the_programs_of_a_block_end_with_it_and_with_the_block_around_it(
    tmp_path: Path, *, inner: bool
) -> None:
    ended: list[CommandError] = []
    threads: list[threading.Thread] = []

    def work() -> None:
        with (
            pytest.raises(CommandError) as caught,
            process.ending_together() if inner else nullcontext(),
        ):
            run(PARENT, cwd=tmp_path)
        ended.append(caught.value)

    def block() -> None:
        with process.ending_together():
            threads.append(
                threading.Thread(target=contextvars.copy_context().run, args=(work,))
            )
            threads[0].start()
            read_pid(tmp_path)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        block()
    threads[0].join(5)
    assert [error.status for error in ended] == [-signal.SIGTERM]
    wait_until_gone(read_pid(tmp_path))


def test_each_line_of_stderr_comes_while_the_program_runs() -> None:
    lines: list[tuple[str, float]] = []
    began = time.monotonic()
    done = run(
        ["sh", "-c", r"printf '10%%\r' >&2; sleep 0.3; printf '20%%\rdone\nrest' >&2"],
        on_stderr=lambda line: lines.append((line, time.monotonic() - began)),
    )
    assert [line for line, _ in lines] == ["10%", "20%", "done", "rest"]
    assert lines[1][1] - lines[0][1] > 0.2
    assert done.stderr == "10%\r20%\rdone\nrest"


def test_an_echoed_command_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "with space"
    directory.mkdir()
    monkeypatch.setenv("NIX_CONFIG", "here")
    lines: list[str] = []
    program = directory / "nix-x"
    program.write_text('#!/bin/sh\npwd; echo "$ADDED" "${NIX_CONFIG-none}" "$1"\n')
    program.chmod(0o755)
    with process.echoing(lines.append):
        done = run([str(program), "it's $HOME"], cwd=directory, env={"ADDED": "a b"})
    run(["true"])
    (line,) = lines
    pasted = subprocess.run(
        ["sh", "-c", line], cwd="/", capture_output=True, check=True
    )
    assert (
        pasted.stdout == done.stdout == f"{directory}\na b none it's $HOME\n".encode()
    )


def test_a_program_does_not_hold_a_lock_of_ours(tmp_path: Path) -> None:
    with files.locked(tmp_path):
        started = process.begin(Command(argv=("cat",)))
    with started, files.locked(tmp_path, wait=False):
        assert started.poll() is None


def test_a_program_has_no_terminal() -> None:
    with suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDONLY))
    done = run(["sh", "-c", "exec 2>/dev/null; (: < /dev/tty) || echo none"])
    assert done.text == "none"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(
            "import signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
            "with open('file', 'wb') as file:\n"
            "    for _ in range(40): file.write(bytes(1 << 20))",
            id="one file",
        ),
        pytest.param(
            "import time\n"
            "for number in range(40): open(str(number), 'wb').write(bytes(1 << 20))\n"
            "time.sleep(30)",
            id="many files",
        ),
        pytest.param(
            "import subprocess, sys\n"
            "more = \"for n in range(40): open(str(n), 'wb').write(bytes(1 << 20))\"\n"
            "wait = 'import time; time.sleep(30)'\n"
            "subprocess.run([sys.executable, '-c', more + '\\n' + wait])",
            id="a child",
        ),
    ],
)
def test_program_that_writes_more_than_it_may_is_ended(
    tmp_path: Path, code: str
) -> None:
    argv = (sys.executable, "-c", code)
    began = time.monotonic()
    with pytest.raises(LimitError) as raised:
        process.execute(Command(argv=argv, cwd=tmp_path, writes=20))
    assert (
        raised.value.limit == "it wrote more than the 20 MiB to files that are allowed"
    )
    assert time.monotonic() - began < 25


def test_program_may_print_more_than_it_may_write(tmp_path: Path) -> None:
    argv = (sys.executable, "-c", "import sys; sys.stdout.write('x' * (30 << 20))")
    done = process.execute(Command(argv=argv, cwd=tmp_path, writes=20))
    assert len(done.stdout) == 30 << 20
