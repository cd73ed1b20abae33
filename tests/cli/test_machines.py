"""A HOME, clone or cache that a user cannot write to, and files dated in the future."""

import os
import shutil
import stat
import sys
import sysconfig
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from tests.cli import fork
from tests.cli.conftest import ROOT, Unlet
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


def _is_open(path: Path) -> bool:
    """Return whether every user may enter a directory and those above it."""
    places = (path.resolve(), *path.resolve().parents)
    return all(place.stat().st_mode & stat.S_IXOTH for place in places)


def _python() -> str | None:
    """Return a Python of this version that every user may run, if there is one."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    names = (sys.executable, shutil.which(name, path=os.defpath), f"/usr/bin/{name}")
    paths = [Path(each).resolve() for each in names if each is not None]
    return next((str(path) for path in paths if path.exists() and _is_open(path)), None)


@pytest.fixture(scope="module")
def open_copies(forks: fork.Source) -> Generator[fork.Source]:
    """Copies of a process whose Python, packages and unlet another user can read.

    If ours cannot be read, they are copied; only a missing Python skips the test.
    """
    if all(map(_is_open, (ROOT, Path(sys.prefix), Path(sys.base_prefix)))):
        yield forks
        return
    if (python := _python()) is None:
        pytest.skip("no Python of this version can be run by another user")
    with TemporaryDirectory(prefix="unlet-test-") as name:
        top = Path(name)
        top.chmod(0o755)
        packages = shutil.copytree(sysconfig.get_path("purelib"), top / "packages")
        ignored = shutil.ignore_patterns("__pycache__", ".*", "proposal")
        copy = shutil.copytree(ROOT / "toolkit", top / "unlet/toolkit").parent
        for folder in ("patches", "overlays", "docs", "tests"):
            shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
        variables = {"PYTHONPATH": f"{copy}:{packages}", "PATH": os.environ["PATH"]}
        source = fork.Source({**variables, "LC_ALL": "C.UTF-8"}, python)
        yield source
        source.close()


@pytest.fixture
def theirs(unlet: Unlet, open_copies: fork.Source) -> Generator[Unlet]:
    """The command as it runs for nobody, whose HOME, cache and clone it has."""
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
        env = {**unlet.env, **places, "USER_ID": str(NOBODY)}
        yield replace(unlet, cwd=top / "work", env=env, forks=open_copies)


def _give(top: Path, user: int) -> None:
    for path in (top, *top.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def _contents(clone: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", WORDS)
def test_unwritable_place_is_one_line_and_dates_do_not_count(
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
