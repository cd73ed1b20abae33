"""No stranger's file gets anything out of the machine, hangs a command, or ends it with a traceback.

UNLET_HOSTILE is how many attacks of the corpus are tried, 0 for all; UNLET_SEED is what
the corpus is made from.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from random import Random

import pytest

from tests.cli import fork
from tests.cli.conftest import ROOT, forks
from tests.forge.server import Forge, serving
from tests.hostile.attacks import Attack, Stage, attacks

__all__ = ["forks"]

# Read here: within a test the environment is sealed.
SIZE = int(os.environ.get("UNLET_HOSTILE", "10"))
SEED = int(os.environ.get("UNLET_SEED", "1"))

BOUND_SECONDS = 60.0
PATIENCE = 5 * BOUND_SECONDS
MOST_MIB = 2400
"""The heap of an evaluation, what it may have beside that, and Nix itself."""
PLANTED = ("curl", "git-remote-x", "hg", "ssh", "tar")
WALLS = ("", "landlock", "settings")
"""Which wall is taken away."""
SECRET = "unlet-c0ffee-nobody-is-told-this"  # noqa: S105 - it is no password
STATUSES = {0, 1, 2, 3, 10, 11}
_LONGEST_LINE = 1100
_TOLD = ("home/secret", "home/.netrc", "home/flake.nix", "home/named", "*.git/config")
"""Where the secret is written by the attacks themselves."""
_MOST_READ = 8 << 20


def chosen() -> list[Attack]:
    """Return the share of the corpus that is tried, the same for the same seed."""
    found = attacks(SEED)
    if not SIZE or len(found) <= SIZE:
        return found
    sample = Random(SEED).sample(found, SIZE)  # noqa: S311 - no secret
    return [attack for attack in found if attack in sample or attack.shown is not None]


@pytest.fixture(scope="session")
def propose(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return what makes a proposal of docker that nobody has spoilt, once.

    Few attacks need one.
    """

    @cache
    def make() -> Path:
        directory = tmp_path_factory.mktemp("proposed")
        (directory / "tmp").mkdir()
        env = {**_environment(directory), "NIX_PATH": ""}
        argv = [
            sys.executable,
            "-m",
            "toolkit",
            "propose",
            "--nixpkgs",
            "specimen",
            "--out",
            str(directory / "out"),
        ]
        subprocess.run(argv, env=env, check=True, capture_output=True)
        return directory / "out"

    return make


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "NIX_PATH": f"secret={home}",
        "SECRET": SECRET,
        "GITHUB_TOKEN": SECRET,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


@pytest.fixture
def serve() -> Generator[Callable[[Path], Forge]]:
    with ExitStack() as stack:
        start = contextmanager(serving)
        yield lambda repository: stack.enter_context(start(repository))


@pytest.fixture
def stage(
    tmp_path: Path, propose: Callable[[], Path], serve: Callable[[Path], Forge]
) -> Stage:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    secret = home / "secret"
    secret.write_text(f"{SECRET}\n")
    secret.chmod(0o600)
    (home / "flake.nix").write_text(f'{{ outputs = _: {{ told = "{SECRET}"; }}; }}\n')
    (home / ".netrc").write_text(f"machine localhost login x password {SECRET}\n")
    for name in ("bin", "tmp"):
        (home / name).mkdir()
    for name in PLANTED:
        program = home / "bin" / name
        program.write_text(f'#!/bin/sh\necho "$0 $*" >>{home}/started\ncat {secret}\n')
        program.chmod(0o755)
    return Stage(work=work, secret=secret, propose=propose, serve=serve)


def test_corpus_is_large_and_names_are_its_own() -> None:
    names = [attack.name for attack in attacks(SEED)]
    assert len(names) >= 300
    assert [attack.name for attack in attacks(SEED)] == names


@pytest.mark.parametrize("attack", chosen(), ids=lambda attack: attack.name)
def test_attack_gets_nothing_and_ends(
    attack: Attack,
    stage: Stage,
    forks: fork.Source,
    record_property: Callable[[str, object], None],
) -> None:
    work, home = stage.work, stage.secret.parent
    arguments = attack.make(stage)
    stored = _stored()
    began = time.monotonic()
    # A run that needs all of this time does not end by itself.
    without = Random(f"{SEED} {attack.name}").choice(WALLS)  # noqa: S311 - as above
    done = forks.run(
        arguments,
        cwd=work,
        env={**_environment(home), "WITHOUT": without},
        timeout=PATIENCE,
    )
    seconds = time.monotonic() - began
    record_property("attacks", f"of exit code {done.returncode}")
    said = done.stdout + done.stderr
    assert done.returncode in STATUSES, (
        arguments,
        done.returncode,
        done.stderr[-3000:],
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert attack.shown is None or re.fullmatch(attack.shown, said), said
    assert SECRET not in said, (without, said)
    assert not (home / "started").exists(), (without, (home / "started").read_text())
    assert "\x1b" not in said
    assert forks.peak < MOST_MIB << 10
    assert max(map(len, done.stderr.splitlines()), default=0) <= _LONGEST_LINE
    assert _holding(work, home) == []
    assert _holding(*(Path("/nix/store") / name for name in _stored() - stored)) == []
    if seconds > BOUND_SECONDS:
        record_property("attacks", f"that took over {BOUND_SECONDS:g} s")


def _stored() -> set[str]:
    try:
        return {
            name
            for name in os.listdir("/nix/store")  # noqa: PTH208 - names are enough
            if not name.startswith("tmp-")
        }
    except OSError:
        return set()


def _holding(*places: Path) -> list[str]:
    """Return the files, and the names of files, that have the secret, but for the one that it was written to."""
    found: list[str] = []
    for path in chain(
        places,
        *(
            place.rglob("*")
            for place in places
            if place.is_dir() and not place.is_symlink()
        ),
    ):
        if (
            path.is_symlink()
            or not path.is_file()
            or any(path.match(each) for each in _TOLD)
        ):
            continue
        if (
            path.stat().st_size < _MOST_READ
            and os.access(path, os.R_OK)
            and SECRET.encode() in path.read_bytes()
        ):
            found.append(str(path))
    return found


def test_runner_sees_a_secret_that_got_out(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/secret").write_text(SECRET)
    (tmp_path / "kept").mkdir()
    assert _holding(tmp_path) == []
    (tmp_path / "kept/report.json").write_text(f'{{"reason": "{SECRET}"}}')
    assert _holding(tmp_path) == [str(tmp_path / "kept/report.json")]
