"""No command does more than `tests/effects.toml` permits, whatever files it reads.

UNLET_EFFECTS is how many strangers are drawn, UNLET_SEED where the random numbers
begin, UNLET_HOSTILE how many attacks of `tests/hostile/` are traced, 0 for all. With
UNLET_EFFECTS, all runs of `runs.toml` are traced too, and root does them as root and as
somebody else.
"""

import compileall
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import pytest
from msgspec import structs

from tests.clones import edit, make_clone
from tests.effects import corpus, strangers, table
from tests.effects.runs import NOBODY, ROOT, RUNS, Run, Stage, Traced, staged
from tests.effects.strangers import Stranger
from tests.hostile.attacks import Attack

# Read here: within a test the environment is sealed.
WHOLE = "UNLET_EFFECTS" in os.environ
SIZE = int(os.environ.get("UNLET_EFFECTS", "4"))
SEED = int(os.environ.get("UNLET_SEED", "1"))
ATTACKS = int(os.environ.get("UNLET_HOSTILE", "1"))
FEW = ("check-range", "reach", "reach-sealed")
"""The runs that `pytest` tries."""
STATUSES = {0, 1, 2, 3, 10, 11}
USERS = (0, NOBODY) if os.geteuid() == 0 else (os.geteuid(),)

TABLE = table.read()


def benign() -> list[tuple[str, int]]:
    """Return the runs without strangers, and by whom."""
    names = RUNS if WHOLE else FEW
    return [(name, user) for name in names for user in (USERS if WHOLE else USERS[:1])]


@pytest.fixture(scope="session")
def cloned(upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a clone, which has a commit of its own, and its upstream."""
    assert shutil.which("strace"), "strace: not found; ./check installs it"
    # Else Python would do that in the first run.
    compileall.compile_dir(ROOT / "toolkit", quiet=2)
    directory = tmp_path_factory.mktemp("cloned")
    clone = make_clone(upstream, directory)
    edit(clone.top, 'version = "', 'version = "9')
    clone.git("commit", "--quiet", "--all", "--message=theirs")
    return directory


def judged(
    run: Callable[[Stage], Traced],
    permission: table.Permission,
    template: Path,
    user: int,
    record: Callable[[str, object], None],
) -> tuple[Traced, list[str]]:
    """Return a run and what it did beyond the table."""
    with staged(template, user=user) as stage:
        done = run(stage)
    record("effects", "runs")
    record("calls examined", done.calls)
    return done, table.violations(permission, done.outcome)


@pytest.mark.parametrize(("name", "user"), benign())
def test_a_command_does_what_the_table_permits(
    name: str,
    user: int,
    cloned: Path,
    record_property: Callable[[str, object], None],
) -> None:
    run = RUNS[name]
    done, beyond = judged(
        lambda stage: prepared(run, stage),
        TABLE.whole(run.command),
        cloned,
        user,
        record_property,
    )
    assert beyond == []
    assert done.status in run.statuses, done.complaints


# A program that does what `cache` may not, and unlet's own work.
PLANTED = """
import os, pathlib, socket, subprocess
home = pathlib.Path(os.environ["HOME"])
{act}
"""


@pytest.mark.parametrize(
    ("act", "shown"),
    [
        ("subprocess.run(['hg', 'x'])", "starts HOME/bin/hg x"),
        (
            "subprocess.run(['no-such-program'], check=False)",
            "no-such-program (refused)",
        ),
        ("(home / 'new').write_text('x')", "creates HOME/new"),
        ("(home / 'secret').open('r+').write('x')", "writes HOME/secret"),
        ("(home / 'secret').unlink()", "deletes HOME/secret"),
        ("(home / 'secret').rename('x')", "renames HOME/secret"),
        ("os.chdir(home); os.chmod('secret', 0o640)", "modes HOME/secret"),
        ("os.symlink(home, 'l'); os.chmod('l/secret', 0o640)", "modes HOME/secret"),
        (
            "os.link(home / 'secret', 'l'); open('l', 'r+').write('x')",
            "writes HOME/secret",
        ),
        ("(home / 'secret').read_text()", "reads HOME/secret"),
        (
            "socket.socket().connect_ex(('127.0.0.1', 9))",
            "connects 127.0.0.1:9 (refused)",
        ),
        (
            "open('../cache/unlet/x', 'wb').write(bytes(9 << 20))",
            "written: 9 MiB, more than 2 MiB",
        ),
        ("bytearray(400 << 20)", "memory: "),
    ],
)
def test_an_act_that_is_not_permitted_is_named(
    act: str, shown: str, cloned: Path
) -> None:
    command = structs.replace(TABLE.whole("cache"), starts=("PYTHON -c",), written=2)
    with staged(cloned, user=USERS[0]) as stage:
        (stage.top / "cache/unlet").mkdir()
        argv = [sys.executable, "-c", PLANTED.format(act="pass")]
        assert table.violations(command, stage.observed(argv, stage.here).outcome) == []
        argv = [sys.executable, "-c", PLANTED.format(act=act)]
        beyond = table.violations(command, stage.observed(argv, stage.here).outcome)
    assert any(shown in line for line in beyond), beyond


def prepared(run: Run, stage: Stage) -> Traced:
    stage.prepare(run.before)
    return stage.traced(run.line, Path(stage.filled(run.inside)))


@pytest.mark.parametrize(
    "stranger", strangers.strangers(SEED, SIZE), ids=lambda stranger: stranger.name
)
def test_no_stranger_makes_a_command_do_more(
    stranger: Stranger,
    cloned: Path,
    record_property: Callable[[str, object], None],
) -> None:
    user = Random(stranger.seed).choice(USERS)  # noqa: S311 - no secret
    done, beyond = judged(
        lambda stage: read(stranger, stage),
        TABLE.whole(stranger.command, of_strangers=True),
        cloned,
        user,
        record_property,
    )
    assert beyond == [], shlex.join(map(str, beyond))
    assert done.status in STATUSES, done.complaints[-3000:]
    assert "Traceback" not in done.complaints, done.complaints[-3000:]


@pytest.fixture(scope="session")
def proposal(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return what makes a proposal of docker that nobody has spoilt, once."""

    @cache
    def make() -> Path:
        out = tmp_path_factory.mktemp("proposed") / "out"
        words = ("propose", "--nixpkgs", "specimen", "--out", str(out))
        argv = [sys.executable, "-P", "-m", "toolkit", *words]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(argv, env=env, check=True, capture_output=True)
        return out

    return make


@pytest.mark.parametrize(
    "attack", corpus.chosen(SEED, ATTACKS), ids=lambda attack: attack.name
)
def test_no_attack_makes_a_command_do_more(
    attack: Attack,
    cloned: Path,
    proposal: Callable[[], Path],
    record_property: Callable[[str, object], None],
) -> None:
    user = Random(f"{SEED} {attack.name}").choice(USERS)  # noqa: S311 - no secret
    with staged(cloned, user=user) as stage:
        command, done = corpus.traced(attack, stage, proposal)
    record_property("effects", "runs")
    record_property("calls examined", done.calls)
    permission = TABLE.whole(command, of_strangers=True)
    assert table.violations(permission, done.outcome) == []
    assert done.status in STATUSES, done.complaints[-3000:]
    assert "Traceback" not in done.complaints, done.complaints[-3000:]


def read(stranger: Stranger, stage: Stage) -> Traced:
    if stranger.has_branch:
        stage.prepare('unlet pr --repo "$clone"')
    stranger.lay_out(stage)
    return stage.traced(stranger.line, Path(stage.filled(stranger.inside)))
