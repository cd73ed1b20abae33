"""A HOME, a clone or a cache that an ordinary user cannot write to, and files that are dated in the future."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from tests.cli.conftest import Unlet
from tests.clones import commit_all, edit
from tests.remotes import NOBODY
from toolkit import specimen
from toolkit.cache import VARIABLE

LATER = (4_000_000_000, 4_000_000_000)
WORDS = {
    "find": ("find", "notes-server", "--nixpkgs"),
    "check": ("check", "--system", "x86_64-linux", "--git-dir"),
    "propose": ("propose", "notes-server", "--out", "out", "--nixpkgs"),
}
REFUSED = (
    ": the cache cannot be written: permission denied\nhint: UNLET_CACHE_DIR sets "
)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can run a command as another user"
)


@pytest.fixture
def theirs(unlet: Unlet) -> Generator[Unlet]:
    """The command as it runs for nobody, in a directory whose HOME, cache and clone are nobody's."""
    with TemporaryDirectory(prefix="unlet-test-") as name:
        top = Path(name)
        for part in ("home", "home/cache", "work", "temporary"):
            (top / part).mkdir()
        tree = commit_all(shutil.copytree(specimen.path(), top / "tree"))
        edit(tree, "4.2.0", "4.2.1")
        _give(top, NOBODY)
        home = str(top / "home")
        places = {
            "HOME": home,
            VARIABLE: f"{home}/cache",
            "XDG_CONFIG_HOME": home,
            "TMPDIR": f"{name}/temporary",
        }
        yield replace(
            unlet, cwd=top / "work", env={**unlet.env, **places, "USER_ID": str(NOBODY)}
        )


def _give(top: Path, user: int) -> None:
    for path in (top, *top.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def _contents(clone: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", WORDS)
def test_what_cannot_be_written_is_one_line_and_dates_do_not_count(
    theirs: Unlet, command: str
) -> None:
    top = theirs.cwd.parent
    clone, cache = top / "tree", top / "home/cache"
    arguments = (*WORDS[command], str(clone))
    first = theirs(*arguments)
    assert first.returncode == 0, first.stderr
    for kind in (
        ("later", "clone", "cache", "home") if command == "find" else ("clone", "home")
    ):
        shutil.rmtree(theirs.cwd / "out", ignore_errors=True)
        match kind:
            case "later":
                for path in (*clone.rglob("*"), *(top / "home").rglob("*")):
                    os.utime(path, LATER, follow_symlinks=False)
            case "clone":
                for path in (clone, *clone.rglob("*")):
                    path.chmod(path.stat().st_mode & ~0o222)
            case "cache":
                _give(cache, 0)
            case _:
                shutil.rmtree(cache)
                (top / "home").chmod(0o500)
        before = _contents(clone)
        done = theirs(*arguments)
        if kind in {"home", "cache"}:
            assert (done.returncode, done.stdout) == (3, ""), kind
            assert REFUSED in done.stderr, kind
        else:
            said = (first.returncode, first.stdout, first.stderr)
            assert (done.returncode, done.stdout, done.stderr) == said, kind
        assert _contents(clone) == before
