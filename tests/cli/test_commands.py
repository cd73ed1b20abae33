import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from toolkit import __version__, landlock
from toolkit.cli import commands
from toolkit.cli.commands import COMMANDS
from toolkit.cli.options import GROUPS
from toolkit.errors import CommandError, ToolkitError

FILE = ("propose", "--file")
PROPOSE = "propose --nixpkgs specimen --only nixos-module"
"""The proposal that takes the least time."""


def test_version_is_one_line_on_stdout_and_as_json_has_the_walls(unlet: Unlet) -> None:
    for arguments in (("--version",), ("-v", "--version")):
        done = unlet(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (
            0,
            f"unlet {__version__}\n",
            "",
        )
    assert json.loads(unlet("--version", "--json").stdout)["walls"] == list(
        landlock.walls()
    )


def test_start_imports_little_and_help_names_every_command_and_exit_code(
    unlet: Unlet,
) -> None:
    done = unlet("--version", PYTHONPROFILEIMPORTTIME="1", PYTHONWARNINGS="")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "toolkit" in imported
    assert imported.isdisjoint({"click", "msgspec", "rich", "toolkit.model"})
    done = unlet("--help", PYTHONPROFILEIMPORTTIME="1", PYTHONWARNINGS="")
    for part in ("propose", "check", "find", "cache", "0 success", "130 interrupted"):
        assert part in done.stdout
    assert "toolkit.docker" not in done.stderr
    assert "rich" not in done.stderr


def test_no_command_at_all_shows_the_help(unlet: Unlet) -> None:
    done = unlet()
    assert (done.returncode, done.stderr, done.stdout) == (
        0,
        "",
        unlet("--help").stdout,
    )


def test_options_of_the_deeper_tiers_are_in_the_whole_help_alone(unlet: Unlet) -> None:
    short, whole = (
        unlet("propose", option).stdout for option in ("--help", "--help-all")
    )
    assert "--tier" in short
    assert "--max-memory" not in short
    assert "--max-memory" in whole
    assert "[TARGET]\n" not in short.replace("[OPTIONS] [TARGET]\n", "")
    sections = [
        whole.index(f"\n{name}:\n") for name in (*GROUPS, "Recipes", "Examples")
    ]
    assert sections == sorted(sections)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_fits_a_page(unlet: Unlet, name: str) -> None:
    assert len(unlet(name, "--help", COLUMNS="80").stdout.splitlines()) <= 45


def test_syntax_error_shows_the_line_and_a_caret(unlet: Unlet) -> None:
    (unlet.cwd / "a.nix").write_text("{\n  a = = 1;\n}\n")
    done = unlet(*FILE, "a.nix")
    assert done.returncode == 3
    message, line, caret = done.stderr.splitlines()
    assert message.startswith("a.nix:2:")
    assert line == "    a = = 1;"
    assert caret.strip() == "^"


@pytest.mark.parametrize(
    "arguments", [("--json", *FILE, "nowhere.nix"), (*FILE, "nowhere.nix", "--json")]
)
def test_with_json_an_error_is_a_document_on_stdout_as_well(
    unlet: Unlet, arguments: tuple[str, ...]
) -> None:
    done = unlet(*arguments)
    error = {
        "kind": "ToolkitError",
        "message": "nowhere.nix: no such file or directory",
        "hint": None,
        "exit_code": 3,
    }
    assert json.loads(done.stdout) == {"error": error}
    assert done.stderr == "nowhere.nix: no such file or directory\n"
    done = unlet("find", "--json", "--frobnicate")
    assert json.loads(done.stdout)["error"]["exit_code"] == done.returncode == 2


def test_interrupt_while_modules_are_imported_is_one_line(
    unlet: Unlet, tmp_path: Path
) -> None:
    module = tmp_path / "modules" / "click.py"
    module.parent.mkdir()
    module.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = unlet("propose", PYTHONPATH=f"{module.parent}:{unlet.env['PYTHONPATH']}")
    assert (done.returncode, done.stdout, done.stderr) == (
        130,
        "",
        "unlet: interrupted\n",
    )


def test_signal_that_nohup_ignores_stays_ignored(unlet: Unlet) -> None:
    fifo = unlet.cwd / "late.nix"
    os.mkfifo(fifo)
    command = ["nohup", *unlet.argv, *FILE, str(fifo)]
    with subprocess.Popen(
        command, env=unlet.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with fifo.open("wb") as stream:
            process.send_signal(signal.SIGHUP)
            stream.write(b"{ }\n")
        assert process.wait(timeout=30) == 3


class TestStreamsThatAreClosed:
    """As a shell does it, which is one way for a daemon to start programs."""

    @staticmethod
    def run(
        unlet: Unlet, arguments: str, redirection: str
    ) -> subprocess.CompletedProcess[bytes]:
        command = f"{shlex.join(unlet.argv)} {arguments} {redirection}"
        return subprocess.run(
            ["bash", "-c", command],
            cwd=unlet.cwd,
            env=unlet.env,
            capture_output=True,
            check=False,
        )

    @pytest.mark.parametrize(
        ("arguments", "closed"),
        [
            (PROPOSE, False),
            ("--version", True),
            ("--help", True),
            ("find --help", False),
        ],
    )
    def test_result_that_nobody_gets_is_an_error(
        self, unlet: Unlet, arguments: str, *, closed: bool
    ) -> None:
        done = self.run(unlet, arguments, ">&-" if closed else ">/dev/full")
        reason = "bad file descriptor" if closed else "no space left on device"
        assert (done.returncode, done.stdout) == (3, b"")
        assert done.stderr.endswith(
            f"standard output: cannot be written: {reason}\n".encode()
        )
        assert (unlet.cwd / "proposal/report.json").exists() == arguments.startswith(
            "propose"
        )

    @pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2> >(exec true)"])
    def test_messages_that_nobody_reads_change_nothing(
        self, unlet: Unlet, redirection: str
    ) -> None:
        done = self.run(unlet, f"{PROPOSE} -v", redirection)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"passed" in done.stdout
        assert (unlet.cwd / "proposal/report.json").exists()
        assert (
            self.run(unlet, "propose --file nowhere.nix", redirection).returncode == 3
        )

    def test_nothing_at_all_is_open(self, unlet: Unlet) -> None:
        assert self.run(unlet, PROPOSE, "<&- >&- 2>&-").returncode == 3
        assert (unlet.cwd / "proposal/report.json").exists()


HOSTILE = "\x1b]0;x\x07\x9b2J\u202e\nhint: lie.nix"
SHOWN = r"\u001b]0;x\u0007\u009b2J\u202e\nhint: lie.nix"


def test_names_and_pieces_of_files_do_not_act_on_the_terminal(unlet: Unlet) -> None:
    assert unlet(*FILE, HOSTILE).stderr == f"{SHOWN}: no such file or directory\n"
    assert unlet(HOSTILE).stderr.startswith(f"unlet: no such command {HOSTILE!r}\n")
    assert (
        json.loads(unlet("--json", *FILE, HOSTILE).stdout)["error"]["message"]
        == f"{HOSTILE}: no such file or directory"
    )
    (unlet.cwd / "a.nix").write_text('{\n  a = = "\x1b[2J\u202e";\n}\n')
    assert (
        unlet(*FILE, "a.nix").stderr.splitlines()[1] == r'    a = = "\u001b[2J\u202e";'
    )


@pytest.mark.parametrize("verbose", [(), ("-v",)])
def test_broken_machine_is_one_line(unlet: Unlet, verbose: tuple[str, ...]) -> None:
    done = unlet("propose", "--nixpkgs", "specimen", *verbose, TMPDIR="/nonexistent")
    assert (done.returncode, done.stdout) == (3, "")
    assert (
        done.stderr.splitlines()[-1]
        == "TMPDIR: '/nonexistent' is not a writable directory"
    )


def test_reader_that_is_gone_changes_neither_status_nor_stderr(unlet: Unlet) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*unlet.argv, "find", "--quiet", "--nixpkgs", "specimen"],
        env=unlet.env,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_failed_program_is_told_with_its_last_lines_and_an_endless_message_cut() -> (
    None
):
    stderr = "\n".join(f"line {number}" for number in range(1, 31))
    error = CommandError(
        ["git", "am", "a b"], status=128, stderr=stderr, hint="try again"
    )
    lines = commands.describe(error)
    assert lines[0] == "git: ended with status 128: line 30"
    assert lines[1] == "command: git am 'a b'"
    assert lines[2:-1] == [f"  line {number}" for number in range(11, 31)]
    assert lines[-1] == "hint: try again"
    lines = commands.describe(ToolkitError("x" * 5000, hint="y" * 5000))
    assert [len(line) for line in lines] == [1002, 1002]
