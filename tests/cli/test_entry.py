from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from toolkit import __version__
from toolkit.cli import entry
from toolkit.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Unlet


@pytest.mark.parametrize("arguments", [("--version",), ("-v", "--version")])
def test_version_is_one_line_on_stdout(unlet: Unlet, arguments: tuple[str, ...]) -> None:
    done = unlet(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"unlet {__version__}\n", "")


def test_version_imports_neither_click_nor_dataclasses(unlet: Unlet) -> None:
    done = unlet("--version", PYTHONPROFILEIMPORTTIME="1", PYTHONWARNINGS="")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "toolkit" in imported
    assert imported.isdisjoint({"click", "dataclasses", "rich", "toolkit.model"})


def test_help_names_every_command_and_exit_code_and_imports_no_workflow(unlet: Unlet) -> None:
    done = unlet("--help", PYTHONPROFILEIMPORTTIME="1", PYTHONWARNINGS="")
    for part in ("propose", "check", "inspect", "pins", "cache", "completion", "0 done", "130 interrupted"):
        assert part in done.stdout
    assert "toolkit.docker" not in done.stderr
    assert "rich" not in done.stderr


def test_no_command_at_all_shows_the_first_steps(unlet: Unlet) -> None:
    done = unlet()
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  unlet ")] == [
        "propose",
        "find",
        "doctor",
        "track",
    ]


def test_options_of_the_deeper_tiers_are_in_the_whole_help_alone(unlet: Unlet) -> None:
    short, whole = (unlet("propose", option).stdout for option in ("--help", "--help-all"))
    assert "--tier" in short
    assert "--max-memory" not in short
    assert "--max-memory" in whole
    for section in ("Options:", "Source:", "Depth:", "Nix:", "Output:", "Examples:"):
        assert f"\n{section}\n" in whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("frobnicate",), "unlet: no such command 'frobnicate'"),
        (("propos",), "unlet: no such command 'propos'; did you mean 'propose'?"),
        (("--json",), "unlet: no command given"),
        (("inspect",), "unlet inspect: missing argument 'FILE…'"),
        (("inspect", "--graph", "svg", "x"), "unlet inspect: invalid value for '--graph': 'svg' is not 'mermaid'"),
        (("inspect", "--graph", "mermaid", "x", "y"), "unlet inspect: --graph takes one FILE"),
        (("inspect", "--graph", "mermaid", "--json", "x"), "unlet inspect: --graph and --json exclude each other"),
        (("cache", "clean", "--unused-for", "-1"), "unlet cache clean: invalid value for '--unused-for'"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(unlet: Unlet, arguments: tuple[str, ...], message: str) -> None:
    done = unlet(*arguments)
    assert done.returncode == 2
    first, hint = done.stderr.splitlines()
    assert first.startswith(message)
    assert hint.startswith("hint: 'unlet")


def test_missing_file_is_one_line_and_status_3(unlet: Unlet) -> None:
    done = unlet("inspect", "nowhere.nix")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "nowhere.nix: no such file\n")


def test_syntax_error_shows_the_line_and_a_caret(unlet: Unlet) -> None:
    (unlet.cwd / "a.nix").write_text("{\n  a = = 1;\n}\n")
    done = unlet("inspect", "a.nix")
    assert done.returncode == 3
    message, line, caret = done.stderr.splitlines()
    assert message.startswith("a.nix:2:")
    assert line == "    a = = 1;"
    assert caret.strip() == "^"


@pytest.mark.parametrize("arguments", [("--json", "inspect", "nowhere.nix"), ("inspect", "nowhere.nix", "--json")])
def test_with_json_an_error_is_a_document_on_stdout_as_well(unlet: Unlet, arguments: tuple[str, ...]) -> None:
    done = unlet(*arguments)
    error = {"kind": "ToolkitError", "message": "nowhere.nix: no such file", "hint": None, "exit_code": 3}
    assert json.loads(done.stdout) == {"error": error}
    assert done.stderr == "nowhere.nix: no such file\n"


def test_with_json_wrong_usage_is_a_document_too(unlet: Unlet) -> None:
    done = unlet("inspect", "--json", "--frobnicate")
    assert json.loads(done.stdout)["error"]["exit_code"] == done.returncode == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_is_one_line_and_status_130(unlet: Unlet, number: signal.Signals) -> None:
    fifo = unlet.cwd / "never.nix"
    os.mkfifo(fifo)
    # Without warnings as errors: the signal may come between Python's opening of the file and its `with`.
    env = {**unlet.env, "PYTHONWARNINGS": ""}
    command = [*unlet.argv, "inspect", str(fifo)]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, encoding="utf-8")
    # Opened as soon as unlet has opened the other end, which then waits for what never comes.
    with process, fifo.open("wb"):
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.strip() == "unlet: interrupted"


def test_reader_that_is_gone_changes_neither_status_nor_stderr(unlet: Unlet, docker_nix: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*unlet.argv, "inspect", str(docker_nix)],
        env=unlet.env,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_full_disk_behind_stdout_is_an_error(unlet: Unlet, docker_nix: Path) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        command = [*unlet.argv, "inspect", str(docker_nix)]
        done = subprocess.run(command, env=unlet.env, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (3, b"standard output: cannot be written: No space left on device\n")


def test_failed_program_is_told_with_its_command_and_its_last_lines() -> None:
    stderr = "\n".join(f"line {number}" for number in range(1, 31))
    error = CommandError(["git", "am", "a b"], status=128, stderr=stderr, hint="try again")
    lines = entry.describe(error)
    assert lines[0] == "git: ended with status 128: line 30"
    assert lines[1] == "command: git am 'a b'"
    assert lines[2:-1] == [f"  line {number}" for number in range(11, 31)]
    assert lines[-1] == "hint: try again"
