"""Each builtin of a sealed Nix is judged.

Those that do more than compute are tried with one wall alone.
"""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import Struct

from tests import cases
from toolkit import landlock
from toolkit.errors import CommandError
from toolkit.nix import evaluator, limits


class Builtins(Struct, frozen=True):
    pure: str
    known: list[str]
    doors: dict[str, list[str]]


BUILTINS = cases.read(__file__, Builtins)


def test_every_builtin_is_judged(tmp_path: Path) -> None:
    (tmp_path / "default.nix").write_text("builtins.attrNames builtins")
    with limits.sealed():
        names = evaluator.evaluate(tmp_path / "default.nix", {})
    assert isinstance(names, list)
    assert {*names} - {*BUILTINS.pure.split(), *BUILTINS.doors} == set()


@pytest.fixture
def theirs(sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's directory beside a HOME with secrets, and a PATH full of traps."""
    theirs = tmp_path / "theirs"
    (theirs / ".hg").mkdir(parents=True)
    (sealed / "secret").write_text("told")
    (sealed / "code.nix").write_text('"told"')
    for name, target in (("beside", "secret"), ("code.nix", "code.nix"), ("home", "")):
        (theirs / name).symlink_to(sealed / target)
    # In a clone a link that leads out is not in reach, not even by name.
    for place in (tmp_path / "clone", sealed):
        subprocess.run(["git", "init", "--quiet", place / "inner"], check=True)
        subprocess.run(
            ["git", "-C", place / "inner", "config", "x.token", "told"], check=True
        )
    for name in ("hg", "git", "ssh", "curl", "tar"):
        # What is in reach could be started as well.
        program = theirs / "bin" / name
        program.parent.mkdir(exist_ok=True)
        answer = 'case "$*" in *print0*) ;; status*) echo M ;; *) echo told ;; esac'
        program.write_text(f"#!/bin/sh\n{answer}\nenv >>{tmp_path}/started || :\n")
        program.chmod(0o755)
    monkeypatch.setenv("SECRET", "told")
    monkeypatch.setenv("PATH", f"{theirs}/bin:{os.environ['PATH']}")
    return theirs


@pytest.mark.parametrize("without", ["landlock", "settings"])
def test_doors_are_shut(  # noqa: PLR0913, PLR0917 - what pytest gives
    theirs: Path,
    sealed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    requests: tuple[str, list[str]],
    without: str,
) -> None:
    if without == "landlock":
        monkeypatch.setattr(landlock, "abi", lambda: 0)
    elif not landlock.abi():
        pytest.skip("this kernel has no Landlock")
    else:
        monkeypatch.setattr(
            limits, "CONFIGURATION", {"HOME": str(sealed), "PATH": os.environ["PATH"]}
        )
    url, asked = requests
    for name, given in (
        (name, given) for name, each in BUILTINS.doors.items() for given in each
    ):
        words = given.format(
            home=sealed, server=url.removeprefix("http://"), rev="1" * 40
        )
        file = (tmp_path / "clone" if "./inner" in given else theirs) / "default.nix"
        file.write_text(f"let got = builtins.{name} {words}; in got.branch or got")
        told: object = None
        with limits.sealed(), suppress(CommandError):
            # Some fetch only into a store.
            told = evaluator.answer(evaluator.evaluate_command(file, {}, keeps=True))
        assert told is None or name in BUILTINS.known, (name, given, told)
        assert "told" not in str(told)
        assert asked == [], (name, given)
        assert not (tmp_path / "started").exists(), (name, given)
