from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from toolkit import rootless

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolkit.rootless import Host

    Launch = Callable[..., str]


@pytest.fixture
def run(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launch:
    monkeypatch.setenv("UNLET_CACHE_DIR", str(tmp_path / "cache"))

    def launch(*words: str, program: str = "/usr/bin/env", arguments: tuple[str, ...] = (), **env: str) -> str:
        wrapper = tmp_path / "wrapper"
        told = "".join(f"{word}\0" for word in ("", "what to launch:", program, *words, "--"))
        wrapper.write_bytes(rootless.launcher(host).read_bytes() + told.encode() + b"\n# and more\n\0")
        wrapper.chmod(0o755)
        done = subprocess.run([wrapper, *arguments], env=env, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return launch


def test_prefix_and_suffix_surround_what_there_is(run: Launch) -> None:
    flags = ("--prefix", "PATH", ":", "/a:/b", "--suffix", "PATH", ":", "/c")
    assert run(*flags, PATH="/usual") == "PATH=/a:/b:/usual:/c\n"


def test_unset_list_becomes_the_value_without_a_separator(run: Launch) -> None:
    assert run("--prefix", "LIST", ":", "/a") == "LIST=/a\n"
    assert run("--suffix", "LIST", ":", "/a") == "LIST=/a\n"


def test_variables_are_set_and_unset_in_order(run: Launch) -> None:
    flags = ("--set", "A", "", "--set-default", "B", "mine", "--set-default", "C", "mine", "--unset", "D")
    assert run(*flags, A="theirs", B="theirs", D="theirs").splitlines() == ["A=", "B=theirs", "C=mine"]


@pytest.mark.parametrize(
    ("flags", "name"),
    [((), "/bin/sh"), (("--argv0", "other"), "other"), (("--inherit-argv0",), "wrapper")],
)
def test_program_is_called_by_the_name_that_is_asked_for(run: Launch, flags: tuple[str, ...], name: str) -> None:
    said = run(*flags, program="/bin/sh", arguments=("-c", "tr '\\0' ' ' </proc/$$/cmdline; exit"))
    assert said.split()[0].endswith(name)


def test_arguments_are_passed_on(run: Launch) -> None:
    assert run(program="/usr/bin/printf", arguments=("%s|", "a b", "", "--")) == "a b||--|"


def test_flag_that_it_does_not_know_and_program_that_is_gone_are_told(run: Launch) -> None:
    assert run("--chdir", "/") == "launcher: --chdir: Operation not supported\n"
    assert run(program="/nix/store/gone") == "launcher: /nix/store/gone: No such file or directory\n"
